"""A request becomes a manifest, and a manifest of the user's is checked before it is sent."""

from copy import deepcopy

import pytest

from kubectl_virt_clone.clone.api import SNAPSHOTS, VIRTUAL_MACHINES, Reference, named, target_name
from kubectl_virt_clone.clone.spec.manifest import (
    CloneRequest,
    build_clone,
    chosen_name,
    generated_name,
    read_clone,
    unserved_fields,
)
from kubectl_virt_clone.errors import ManifestError
from tests.unit.builders import WRONG, a_clone, malformed, without

VM = Reference(VIRTUAL_MACHINES, "vm-cirros")


def first(choices):
    return choices[0]


def test_the_least_request_names_a_source_and_nothing_else():
    assert build_clone(CloneRequest(source=VM, name="nightly"), choose=first) == {
        "apiVersion": "clone.kubevirt.io/v1beta1",
        "kind": "VirtualMachineClone",
        "metadata": {"name": "nightly"},
        "spec": {
            "source": {"apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": "vm-cirros"}
        },
    }


def test_every_part_of_a_request_has_its_field():
    request = CloneRequest(
        source=Reference(SNAPSHOTS, "before-upgrade"),
        name="nightly",
        namespace="vms",
        target="copy",
        label_filters=("*", "!app"),
        annotation_filters=("example.com/*",),
        template_label_filters=("tier",),
        template_annotation_filters=("!note",),
        new_mac_addresses=(("default", "02-00-00-00-00-99"), ("net-1", "02-00-00-00-00-98")),
        new_smbios_serial="SN-1",
        patches=('{"op":"remove","path":"/spec/running"}',),
        volume_name_policy="PrefixTargetName",
    )
    assert build_clone(request, choose=first) == {
        "apiVersion": "clone.kubevirt.io/v1beta1",
        "kind": "VirtualMachineClone",
        "metadata": {"name": "nightly", "namespace": "vms"},
        "spec": {
            "source": {
                "apiGroup": "snapshot.kubevirt.io",
                "kind": "VirtualMachineSnapshot",
                "name": "before-upgrade",
            },
            "target": {"apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": "copy"},
            "labelFilters": ["*", "!app"],
            "annotationFilters": ["example.com/*"],
            "template": {"labelFilters": ["tier"], "annotationFilters": ["!note"]},
            "newMacAddresses": {"default": "02-00-00-00-00-99", "net-1": "02-00-00-00-00-98"},
            "newSMBiosSerial": "SN-1",
            "patches": ['{"op":"remove","path":"/spec/running"}'],
            "volumeNamePolicy": "PrefixTargetName",
        },
    }


def test_the_keys_stand_in_the_order_in_which_a_person_writes_them():
    request = CloneRequest(
        source=VM,
        target="copy",
        label_filters=("*",),
        annotation_filters=("*",),
        template_label_filters=("*",),
        new_mac_addresses=(("default", "02-00-00-00-00-99"),),
        new_smbios_serial="1",
        patches=('{"op":"remove","path":"/spec/running"}',),
        volume_name_policy="RandomizeNames",
    )
    clone = build_clone(request, choose=first)
    assert [*clone, *clone["spec"]] == [
        *("apiVersion", "kind", "metadata", "spec"),
        *("source", "target", "labelFilters", "annotationFilters", "template"),
        *("newMacAddresses", "newSMBiosSerial", "patches", "volumeNamePolicy"),
    ]


def test_an_unnamed_clone_gets_a_name_as_virtctl_gives_it():
    clone = build_clone(CloneRequest(source=VM), choose=first)
    assert clone["metadata"] == {"name": "clone-bbbbb"}


@pytest.mark.parametrize(
    ("obj", "name"),
    [
        ({"metadata": {"name": "a"}}, "virtualmachineclone.clone.kubevirt.io/a"),
        ({"metadata": {"generateName": "a-"}}, "virtualmachineclone.clone.kubevirt.io/a-"),
        (
            {"apiVersion": "snapshot.kubevirt.io/v1", "kind": "VirtualMachineSnapshot"},
            "virtualmachinesnapshot.snapshot.kubevirt.io/",
        ),
        ({"apiVersion": "v1", "kind": "Event", "metadata": {"name": "a"}}, "event/a"),
    ],
)
def test_an_object_is_named_as_kubectl_names_it_in_its_answers(obj, name):
    assert named(obj) == name


def test_a_name_that_the_server_would_generate_is_generated_at_once():
    clone = {"metadata": {"generateName": "nightly-", "labels": {"a": "b"}}, "spec": {"x": 1}}
    assert chosen_name(clone, choose=first) == {
        "metadata": {"generateName": "nightly-", "labels": {"a": "b"}, "name": "nightly-bbbbb"},
        "spec": {"x": 1},
    }


@pytest.mark.parametrize(
    "metadata", [{"name": "a", "generateName": "b"}, {"name": "a"}, {}, {"generateName": ""}, None]
)
def test_a_clone_with_a_name_or_without_a_prefix_for_one_stays_as_it_is(metadata):
    clone = {"metadata": metadata}
    assert chosen_name(clone, choose=first) is clone


def test_a_generated_name_uses_the_letters_and_digits_that_kubernetes_uses():
    alphabets = []

    def remember(choices):
        alphabets.append(choices)
        return choices[-1]

    assert (generated_name(remember), set(alphabets)) == (
        "clone-99999",
        {"bcdfghjklmnpqrstvwxz2456789"},
    )


@pytest.mark.parametrize("version", ["v1beta1", "v1alpha1"])
def test_a_manifest_of_each_version_is_read_as_it_is(version):
    manifest = {**a_clone(), "apiVersion": f"clone.kubevirt.io/{version}"}
    assert read_clone(manifest) == manifest


def test_a_manifest_may_leave_its_name_to_the_server():
    manifest = without(a_clone(metadata={"generateName": "nightly-"}), "metadata", "name")
    assert read_clone(manifest) == manifest


def test_reading_a_manifest_changes_its_addresses_and_leaves_the_original_alone():
    manifest = a_clone(spec={"newMacAddresses": {"default": "02:00:00:00:00:99"}})
    original = deepcopy(manifest)
    clone = read_clone(manifest)
    assert (clone["spec"]["newMacAddresses"], manifest) == (
        {"default": "02-00-00-00-00-99"},
        original,
    )


EXPECTED = (
    'expected kind "VirtualMachineClone" in clone.kubevirt.io/v1beta1 or clone.kubevirt.io/v1alpha1'
)
NAMELESS = "VirtualMachineClone has no metadata.name and no metadata.generateName"
OBJECT = "virtualmachineclone.clone.kubevirt.io/clone-1"


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (None, "the document is not a Kubernetes object"),
        ("text", "the document is not a Kubernetes object"),
        (["item"], "the document is not a Kubernetes object"),
        ({}, "Object 'Kind' is missing in the document"),
        ({**a_clone(), "kind": ""}, "Object 'Kind' is missing in the document"),
        ({"kind": "Pod"}, f'{EXPECTED}, found kind "Pod" in ""'),
        (
            {**a_clone(), "kind": "VirtualMachine", "apiVersion": "kubevirt.io/v1"},
            f'{EXPECTED}, found kind "VirtualMachine" in "kubevirt.io/v1"',
        ),
        (
            {**a_clone(), "apiVersion": "clone.kubevirt.io/v1"},
            f'{EXPECTED}, found kind "VirtualMachineClone" in "clone.kubevirt.io/v1"',
        ),
        (without(a_clone(), "metadata"), NAMELESS),
        (without(a_clone(), "metadata", "name"), NAMELESS),
        (a_clone(metadata={"name": 5}), NAMELESS),
        ({**a_clone(), "metadata": "text"}, NAMELESS),
        (
            a_clone(spec={"labelFilters": ["*", "a*b"]}),
            f'{OBJECT}: spec.labelFilters: filter "a*b": * can stand only at the end',
        ),
        (
            a_clone(spec={"annotationFilters": [""]}),
            f"{OBJECT}: spec.annotationFilters: a filter can't be empty",
        ),
        (
            a_clone(spec={"template": {"labelFilters": ["x!"]}}),
            f'{OBJECT}: spec.template.labelFilters: filter "x!": ! can stand only at the beginning',
        ),
        (
            a_clone(spec={"template": {"annotationFilters": ["!"]}}),
            f'{OBJECT}: spec.template.annotationFilters: "!" alone is not a filter;'
            " write !KEY to leave KEY out",
        ),
        (
            a_clone(spec={"newMacAddresses": {"default": "zz"}}),
            f'{OBJECT}: spec.newMacAddresses.default: "zz" is not a MAC address;'
            " write one like 02-00-00-00-00-01",
        ),
        (
            a_clone(spec={"patches": ['{"op":"frob"}', "{"]}),
            f"{OBJECT}: spec.patches[1]: the patch {{ is not JSON: Expecting property name"
            " enclosed in double quotes: line 1 column 2 (char 1)",
        ),
    ],
)
def test_a_manifest_that_would_be_refused_or_would_hang_is_refused_here(document, message):
    with pytest.raises(ManifestError) as refusal:
        read_clone(document)
    assert str(refusal.value) == f"error: {message}"


def test_what_only_the_server_can_judge_is_left_to_it():
    spec = {"labelFilters": "app", "newMacAddresses": {"a": None, "b": 5, "c": ""}, "patches": 5}
    manifest = a_clone(spec={**spec, "nosuchfield": 1, "template": ["text"]})
    assert read_clone(manifest) == manifest


def test_a_malformed_manifest_is_read_or_refused_and_nothing_else():
    outcomes = set()
    whole = a_clone(spec={"labelFilters": ["*"], "newMacAddresses": {"a": "02-00-00-00-00-01"}})
    for document in [*malformed(whole), *WRONG]:
        try:
            outcomes.add(read_clone(document)["kind"])
        except ManifestError:
            outcomes.add("refused")
    assert outcomes == {"VirtualMachineClone", "refused"}


def test_a_patch_that_hangs_the_restore_only_is_left_to_the_findings():
    """The clone's webhook asks for JSON and nothing more (KubeVirt 1.9)."""
    manifest = a_clone(spec={"patches": ["5", "[]", '{"op":"frob","path":"/spec/x"}', 5, None]})
    assert read_clone(manifest) == manifest


ALL_FIELDS = {"template": {}, "patches": [], "volumeNamePolicy": None, "nosuchfield": 1}


@pytest.mark.parametrize(
    ("spec", "fields", "unserved"),
    [
        (ALL_FIELDS, None, []),
        (ALL_FIELDS, {"template", "patches", "volumeNamePolicy"}, []),
        (
            ALL_FIELDS,
            {"source", "target"},
            [("template", "1.2"), ("patches", "1.6"), ("volumeNamePolicy", "1.8")],
        ),
        (ALL_FIELDS, {"source", "template", "patches"}, [("volumeNamePolicy", "1.8")]),
        ({"patches": ["x"]}, {"source", "template"}, [("patches", "1.6")]),
        ({"newSMBiosSerial": "x"}, {"source"}, []),
    ],
)
def test_a_field_that_the_server_lacks_is_named_with_the_release_that_brought_it(
    spec, fields, unserved
):
    known = None if fields is None else frozenset(fields)
    assert unserved_fields(a_clone(spec=spec), known) == unserved


def test_no_field_is_found_in_a_malformed_spec_that_was_not_in_the_whole_one():
    for clone in (*malformed(a_clone(spec=ALL_FIELDS)), *WRONG):
        found = {field for field, _ in unserved_fields(clone, frozenset())}
        assert found <= ALL_FIELDS.keys(), clone


@pytest.mark.parametrize(
    ("clone", "name"),
    [
        (a_clone(), OBJECT),
        ({"metadata": {"generateName": "nightly-"}}, OBJECT.replace("clone-1", "nightly-")),
        ({"metadata": {"name": 5}}, OBJECT.replace("clone-1", "")),
        ({}, OBJECT.replace("clone-1", "")),
    ],
)
def test_a_clone_is_named_as_kubectl_names_it(clone, name):
    assert named(clone) == name


@pytest.mark.parametrize(
    ("clone", "name"),
    [
        (a_clone(), "vm-cirros-clone"),
        (without(a_clone(), "spec", "target"), ""),
        (a_clone(spec={"target": None}), ""),
    ],
)
def test_the_target_is_the_one_that_the_spec_names(clone, name):
    assert target_name(clone) == name
