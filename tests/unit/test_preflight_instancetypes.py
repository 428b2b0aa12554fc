"""What the checks say of a source's instance type and preference. Recordings 23 and 27."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_virt_clone.clone.checks.facts import Facts, Finding, as_started
from kubectl_virt_clone.clone.checks.instancetypes import (
    instancetype_findings,
    matched,
    preferred_state_findings,
    revision_of,
)
from kubectl_virt_clone.objects.resource import Listing, Lookup
from tests.unit.builders import malformed, read
from tests.unit.test_preflight import a_clone, a_kubevirt, a_vm

SMALL = {"kind": "VirtualMachineInstancetype", "name": "small"}
SNAPSHOT = "VirtualMachineSnapshot"
ONE, FOUR = {"cpu": {"guest": 1}}, {"cpu": {"guest": 4}}


def typed(field: str = "instancetype", *, created: bool = False, **matcher: Any) -> dict[str, Any]:
    vm = a_vm()
    vm["spec"][field] = {**SMALL, **matcher}
    kept = {"controllerRevisionRef": {"name": "web-small-v1beta1-1-1"}}
    return {**vm, "status": {"created": created, f"{field}Ref": kept}}


def told(vm: Any, kind: str = "VirtualMachine", **types: Lookup) -> list[Finding]:
    named = {name.replace("_", " "): lookup for name, lookup in types.items()}
    facts = Facts(namespace="ns", source=Lookup(vm), types=named)
    return read(instancetype_findings(a_clone(kind=kind), facts))


def test_a_matcher_names_a_resource_and_without_a_kind_that_of_the_cluster() -> None:
    resource, name = matched(typed(), "instancetype") or (None, "")
    assert resource
    assert (resource.qualified, resource.kind, name) == (
        "virtualmachineinstancetypes.instancetype.kubevirt.io",
        "VirtualMachineInstancetype",
        "small",
    )
    for field, kind in (
        ("instancetype", "VirtualMachineClusterInstancetype"),
        ("preference", "VirtualMachineClusterPreference"),
    ):
        resource, _ = matched(typed(field, kind=""), field) or (None, "")
        assert resource
        assert resource.kind == kind
    assert matched(a_vm(), "instancetype") is None


def test_the_revision_is_the_one_that_is_named_or_the_one_that_was_kept() -> None:
    assert revision_of(typed(revisionName="mine"), "instancetype") == "mine"
    assert revision_of(typed(), "instancetype") == "web-small-v1beta1-1-1"
    assert revision_of(a_vm(), "instancetype") == ""


def test_a_type_that_is_gone_and_one_that_is_another_now_are_told() -> None:
    then, now = Lookup({"data": {"spec": ONE}}), Lookup({"spec": FOUR})
    message = 'there is no VirtualMachineInstancetype "small": the target could never start'
    assert told(typed(), instancetype=Lookup(), instancetype_revision=then) == [
        Finding("instancetype-missing", "error", message)
    ]
    message = (
        'the VirtualMachineInstancetype "small" is not what it was when "s" got it: the target'
        " gets what it is now"
    )
    assert told(typed(), instancetype=now, instancetype_revision=then) == [
        Finding("instancetype-changed", "warning", message)
    ]
    why = "the VirtualMachineInstancetype can't be read: no"
    assert told(typed(), instancetype=Lookup(unreadable="no")) == [
        Finding("instancetype-missing", "unknown", why)
    ]


@pytest.mark.parametrize(
    "well",
    [
        {
            "instancetype": Lookup({"spec": ONE}),
            "instancetype_revision": Lookup({"data": {"spec": ONE}}),
        },
        {"instancetype": Lookup({"spec": ONE}), "instancetype_revision": Lookup()},
        {"instancetype": Lookup({"spec": ONE})},
        {},
    ],
)
def test_a_type_that_is_there_and_the_same_is_well(well: dict[str, Lookup]) -> None:
    assert told(typed(), **well) == []


def test_a_started_vm_keeps_what_it_has_and_a_snapshot_too() -> None:
    gone = {"instancetype": Lookup(), "instancetype_revision": Lookup({"data": {"spec": ONE}})}
    assert told(typed(created=True), **gone) == []
    assert told(typed(), SNAPSHOT, **gone) == told(None, **gone) == told(a_vm(), **gone) == []


def test_a_revision_that_the_spec_names_has_to_be_there() -> None:
    message = (
        'the revision "mine" of the VirtualMachineInstancetype "small" does not exist: KubeVirt'
        " can't take a snapshot of the VM"
    )
    pinned = typed(revisionName="mine")
    assert told(pinned, instancetype=Lookup(), instancetype_revision=Lookup()) == [
        Finding("revision-missing", "error", message)
    ]
    there = Lookup({"data": {"spec": ONE}})
    assert told(pinned, instancetype=Lookup(), instancetype_revision=there) == []


def test_the_copy_of_a_started_vm_names_its_revisions() -> None:
    started = as_started(typed(created=True), None)
    assert started["spec"]["instancetype"] == {**SMALL, "revisionName": "web-small-v1beta1-1-1"}
    pinned = as_started(typed(created=True, revisionName="mine"), None)
    assert pinned["spec"]["instancetype"]["revisionName"] == "mine"
    assert as_started(typed(), None) == typed()


def state(
    vm: Any, preference: dict[str, Any], version: str = "v1.9.0", kind: str = "VirtualMachine"
) -> list[Finding]:
    kubevirt = a_kubevirt(version)
    facts = Facts(source=Lookup(vm), kubevirt=kubevirt, types={"preference": Lookup(preference)})
    return read(preferred_state_findings(a_clone(kind=kind), facts))


@pytest.mark.parametrize(
    ("what", "spec"),
    [
        ("TPM", {"devices": {"preferredTPM": {"persistent": True}}}),
        ("EFI", {"firmware": {"preferredEfi": {"persistent": True}}}),
    ],
)
def test_state_that_a_preference_asks_for_is_left_behind(what: str, spec: Any) -> None:  # [23]
    vm = typed("preference", kind="VirtualMachineClusterPreference", name="with-tpm")
    message = (
        f'the source keeps its {what} state in a volume of its own, as the preference "with-tpm"'
        " has it: KubeVirt leaves that behind, and the target begins with none"
    )
    assert state(vm, {"spec": spec}) == [Finding("backend-storage", "warning", message)]
    assert state(vm, {"spec": {}}) == state(vm, {"spec": spec}, kind=SNAPSHOT) == []
    assert state(None, {"spec": spec}) == state(vm, {"spec": spec}, "v1.1.0") == []
    domain = vm["spec"]["template"]["spec"].setdefault("domain", {})
    domain |= {
        "devices": {"tpm": {"persistent": True}},
        "firmware": {"bootloader": {"efi": {"a": 1}}},
    }
    assert state(vm, {"spec": spec}) == []  # another finding tells of its own


def test_malformed_objects_are_judged_too() -> None:
    for vm in malformed(typed(revisionName="mine")):
        facts = Facts(
            source=Lookup(vm), types={"instancetype": Lookup(vm)}, kubevirt=Listing((vm,))
        )
        for find in (instancetype_findings, preferred_state_findings):
            assert isinstance(list(find(a_clone(), facts)), list)
        assert isinstance(as_started(vm, Lookup(vm)) if isinstance(vm, dict) else {}, dict)
