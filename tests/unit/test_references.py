"""What the user typed for a source or a target becomes a Reference."""

import pytest

from kubectl_virt_clone.clone.api import (
    CLONES,
    EVENTS,
    RESTORES,
    SNAPSHOTS,
    VIRTUAL_MACHINES,
    Reference,
    parse_clone,
    parse_kind,
    parse_reference,
)
from kubectl_virt_clone.errors import InvalidValue
from kubectl_virt_clone.objects.resource import Resource


@pytest.mark.parametrize(
    ("text", "resource"),
    [
        ("vm", VIRTUAL_MACHINES),
        ("VM", VIRTUAL_MACHINES),
        ("VirtualMachine", VIRTUAL_MACHINES),
        ("virtualmachines", VIRTUAL_MACHINES),
        ("vmsnapshot", SNAPSHOTS),
        ("snapshot", SNAPSHOTS),
        ("VirtualMachineSnapshot", SNAPSHOTS),
        ("virtualmachinesnapshots", SNAPSHOTS),
        ("vms", VIRTUAL_MACHINES),
        ("vmsnapshots", SNAPSHOTS),
        ("virtualmachine.kubevirt.io", VIRTUAL_MACHINES),
        ("virtualmachines.v1.kubevirt.io", VIRTUAL_MACHINES),
        ("virtualmachinesnapshot.snapshot.kubevirt.io", SNAPSHOTS),
        ("VirtualMachineSnapshot.v1beta1.Snapshot.kubevirt.io", SNAPSHOTS),
    ],
)
def test_a_kind_is_known_in_every_spelling(text, resource):
    assert parse_kind(text) == resource


@pytest.mark.parametrize(
    ("text", "kind", "reference"),
    [
        ("web", None, Reference(VIRTUAL_MACHINES, "web")),
        ("vm/web", None, Reference(VIRTUAL_MACHINES, "web")),
        ("VM/web", None, Reference(VIRTUAL_MACHINES, "web")),
        ("vmsnapshot/nightly", None, Reference(SNAPSHOTS, "nightly")),
        ("nightly", SNAPSHOTS, Reference(SNAPSHOTS, "nightly")),
        ("vmsnapshot/nightly", SNAPSHOTS, Reference(SNAPSHOTS, "nightly")),
        ("virtualmachine.kubevirt.io/web", None, Reference(VIRTUAL_MACHINES, "web")),
    ],
)
def test_a_reference_is_a_kind_and_a_name(text, kind, reference):
    assert parse_reference(text, kind) == reference


@pytest.mark.parametrize(
    ("text", "kind", "reason"),
    [
        ("", None, "the name is empty"),
        ("vm/", None, "the name is empty"),
        ("/web", None, '"/web" names no kind before the /; write vm/web or web'),
        ("pod/web", None, '"pod" can\'t be cloned; a source is one of vm, vmsnapshot'),
        ("a/vm/web", None, '"a/vm" can\'t be cloned; a source is one of vm, vmsnapshot'),
        ("vm.apps/web", None, '"vm.apps" can\'t be cloned; a source is one of vm, vmsnapshot'),
        *(
            (f"{kind}/web", None, f'"{kind}" can\'t be cloned; a source is one of vm, vmsnapshot')
            for kind in (
                "vm.snapshot.kubevirt.io",
                "vm.v1",
                "vm.v1.kubevirt.io.x",
                "vm.kubevirtXio",
            )
        ),
        (
            "vm/web",
            SNAPSHOTS,
            '"vm/web" is a VirtualMachine, but the type asked for is VirtualMachineSnapshot',
        ),
    ],
)
def test_what_is_no_reference_is_refused_with_its_reason(text, kind, reason):
    with pytest.raises(InvalidValue) as refusal:
        parse_reference(text, kind)
    assert refusal.value.reason == reason


@pytest.mark.parametrize(
    ("reference", "text"),
    [
        (Reference(VIRTUAL_MACHINES, "web"), "vm/web"),
        (Reference(SNAPSHOTS, "nightly"), "vmsnapshot/nightly"),
    ],
)
def test_a_reference_is_shown_as_it_is_typed(reference, text):
    assert (str(reference), parse_reference(text)) == (text, reference)


@pytest.mark.parametrize(
    ("resource", "api_version", "qualified", "kind"),
    [
        (
            CLONES,
            "clone.kubevirt.io/v1beta1",
            "virtualmachineclones.clone.kubevirt.io",
            "VirtualMachineClone",
        ),
        (VIRTUAL_MACHINES, "kubevirt.io/v1", "virtualmachines.kubevirt.io", "VirtualMachine"),
        (
            SNAPSHOTS,
            "snapshot.kubevirt.io/v1beta1",
            "virtualmachinesnapshots.snapshot.kubevirt.io",
            "VirtualMachineSnapshot",
        ),
        (
            RESTORES,
            "snapshot.kubevirt.io/v1beta1",
            "virtualmachinerestores.snapshot.kubevirt.io",
            "VirtualMachineRestore",
        ),
    ],
)
def test_the_resources_are_those_that_kubevirt_serves(resource, api_version, qualified, kind):
    assert (resource.api_version, resource.qualified, resource.kind) == (
        api_version,
        qualified,
        kind,
    )


def test_a_resource_has_the_names_that_urls_and_messages_use():
    resource = Resource("clone.kubevirt.io", "v1beta1", "virtualmachineclones", "Clone")
    assert (resource.singular, resource.api_version, resource.qualified) == (
        "clone",
        "clone.kubevirt.io/v1beta1",
        "virtualmachineclones.clone.kubevirt.io",
    )


def test_a_resource_of_the_core_group_has_no_group_in_its_names():
    assert (EVENTS.api_version, EVENTS.qualified) == ("v1", "events")


@pytest.mark.parametrize(
    "kind",
    [
        "virtualmachineclone.clone.kubevirt.io",
        "virtualmachineclones.v1beta1.clone.kubevirt.io",
        "virtualmachineclone",
        "VirtualMachineClones",
        "vmclone",
        "vmclones",
    ],
)
def test_a_clone_may_be_named_with_its_kind(kind):
    assert parse_clone(f"{kind}/nightly") == parse_clone("nightly") == "nightly"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("vmclone/", "a name can't be empty"),
        ("vmclone/..", '".." can\'t be a name'),
        ("vmclone/a/b", '"a/b" can\'t be a name'),
        *(
            (text, f'"{text}" can\'t be a name')
            for text in ("vm/web", "vmclone.example.com/web", "/web", ".", "a%2fb", "a\tb")
        ),
    ],
)
def test_what_names_no_clone_is_refused(text, reason):
    with pytest.raises(InvalidValue) as refusal:
        parse_clone(text)
    assert refusal.value.reason == reason
