"""What the webhooks of a clone fill in and refuse; texts as recorded on KubeVirt v1.9."""

from __future__ import annotations

import re
from typing import Any

import pytest

from kubevirt_sandbox.kubevirt.admission.mac_address import length_of_mac
from kubevirt_sandbox.storage.status import ApiError

from .world import CLONES, NAMESPACE, World, a_clone

WILDCARD = (
    "cannot contain a wildcard character (*); "
    "FilterRules: WildcardChar can be only at the end of the filter"
)
NEGATION = (
    "cannot contain a negation character (!); "
    "FilterRules: NegationChar can be only used at the beginning of the filter"
)
SAME_NAME = "Target name cannot be equal to source name when both are VirtualMachines"


def refusal(world: World, clone: dict[str, Any]) -> ApiError:
    with pytest.raises(ApiError) as caught:
        world.registry.create(CLONES, NAMESPACE, clone)
    return caught.value


def causes(error: ApiError) -> list[tuple[str, str]]:
    assert (error.code, error.reason) == (422, "Invalid")
    return [(item["field"], item["message"]) for item in error.status["details"]["causes"]]


def with_source(**source: str) -> dict[str, Any]:
    clone = a_clone("bad", target="x")
    clone["spec"]["source"] = source
    return clone


@pytest.mark.parametrize(
    ("clone", "expected"),
    [
        pytest.param(
            a_clone("bad", target="t", labelFilters=["a*b"]),
            [("spec.labels", f"spec.labels filter a*b is invalid: {WILDCARD}")],
            id="wildcard in the middle",
        ),
        pytest.param(
            a_clone("bad", target="t", annotationFilters=["a!b"]),
            [("spec.annotations", f"spec.annotations filter a!b is invalid: {NEGATION}")],
            id="negation in the middle",
        ),
        pytest.param(
            a_clone("bad", target="t", labelFilters=["!"]),
            [("spec.labels", "a negation character is not a valid filter")],
            id="negation alone",
        ),
        pytest.param(
            a_clone(
                "bad",
                target="t",
                template={"labelFilters": ["a*b", "!"], "annotationFilters": ["x!", "**"]},
            ),
            [
                (
                    "spec.template.annotations",
                    f"spec.template.annotations filter x! is invalid: {NEGATION}",
                ),
                (
                    "spec.template.annotations",
                    f"spec.template.annotations filter ** is invalid: {WILDCARD}",
                ),
                ("spec.template.labels", f"spec.template.labels filter a*b is invalid: {WILDCARD}"),
                ("spec.template.labels", "a negation character is not a valid filter"),
            ],
            id="several template filters: annotations first",
        ),
        pytest.param(
            a_clone("bad", target="vm-cirros"),
            [("spec.target.name", SAME_NAME)],
            id="target is the source",
        ),
        *(
            pytest.param(
                a_clone("bad", target="t", newMacAddresses={"default": address}),
                [
                    (
                        "spec.newMacAddresses.default",
                        f"interface default has malformed MAC address ({address}).",
                    )
                ],
                id=f"MAC {address}",
            )
            for address in ("00-11-22", "zz", "00:11:22:33:44:55:66:77")
        ),
        pytest.param(
            a_clone("bad", target="t", patches=["{not json"]),
            [("spec.patches[0]", "patch is not valid JSON ({not json)")],
            id="patch that is not JSON",
        ),
        pytest.param(
            a_clone("bad", target="t", patches=["5", "NaN"]),
            [("spec.patches[1]", "patch is not valid JSON (NaN)")],
            id="a number is JSON, NaN is not",
        ),
        pytest.param(
            with_source(apiGroup="kubevirt.io", kind="Pod", name="vm-cirros"),
            [("spec.Source.Kind", "Source kind is not supported")],
            id="kind of the source",
        ),
        pytest.param(
            with_source(kind="VirtualMachine", name="vm-cirros"),
            [("spec.Source.APIGroup", "Source's APIGroup cannot be empty")],
            id="no group of the source",
        ),
        pytest.param(
            with_source(apiGroup="kubevirt.io", kind="VirtualMachine", name=""),
            [("spec.Source.Name", "Source's name cannot be empty")],
            id="empty name of the source",
        ),
    ],
)
def test_recorded_refusals_name_field_and_rule(
    still_world: World, clone: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    assert causes(refusal(still_world, clone)) == expected
    assert still_world.names(CLONES) == []


def test_a_target_of_another_kind_is_refused(still_world: World) -> None:
    clone = a_clone("bad", target="x")
    clone["spec"]["target"]["kind"] = "VirtualMachineInstance"
    assert causes(refusal(still_world, clone)) == [
        ("spec.Target.Kind", "Target kind is not supported")
    ]


def test_several_mistakes_come_in_one_status(still_world: World) -> None:
    clone = a_clone(
        "bad-many",
        target="vm-cirros",
        labelFilters=["a*b"],
        newMacAddresses={"default": "zz"},
        patches=["{"],
    )
    label = f"spec.labels filter a*b is invalid: {WILDCARD}"
    mac = "interface default has malformed MAC address (zz)."
    patch = "patch is not valid JSON ({)"
    assert refusal(still_world, clone).status == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": 'admission webhook "vm-clone-validator.kubevirt.io" denied the request: '
        f"{label}, {SAME_NAME}, {mac}, {patch}",
        "reason": "Invalid",
        "details": {
            "causes": [
                {"reason": "FieldValueInvalid", "message": label, "field": "spec.labels"},
                {"reason": "FieldValueInvalid", "message": SAME_NAME, "field": "spec.target.name"},
                {
                    "reason": "FieldValueInvalid",
                    "message": mac,
                    "field": "spec.newMacAddresses.default",
                },
                {"reason": "FieldValueInvalid", "message": patch, "field": "spec.patches[0]"},
            ]
        },
        "code": 422,
    }


@pytest.mark.parametrize("field", ["labelFilters", "annotationFilters"])
def test_an_empty_filter_crashes_the_webhook(still_world: World, field: str) -> None:
    error = refusal(still_world, a_clone("bad", target="t", **{field: [""]}))
    assert (error.code, error.reason) == (500, "InternalError")
    assert str(error).startswith(
        'Internal error occurred: failed calling webhook "vm-clone-validator.kubevirt.io": '
        'failed to call webhook: Post "https://'
    )
    assert str(error).endswith('/vm-clone-validate-create?timeout=10s": EOF')


@pytest.mark.parametrize(
    ("spec", "complaint"),
    [
        (
            {"labelFilters": "app"},
            "string into Go struct field VirtualMachineCloneSpec.spec.labelFilters "
            "of type []string",
        ),
        (
            {"labelFilters": [5]},
            "number into Go struct field VirtualMachineCloneSpec.spec.labelFilters of type string",
        ),
        (
            {"newMacAddresses": []},
            "array into Go struct field VirtualMachineCloneSpec.spec.newMacAddresses "
            "of type map[string]string",
        ),
        (
            {"target": {"apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": 12345}},
            "number into Go struct field .spec.target.name of type string",
        ),
        (
            {"newSMBiosSerial": True, "labelFilters": {}},
            "object into Go struct field VirtualMachineCloneSpec.spec.labelFilters "
            "of type []string",
        ),
    ],
)
def test_a_wrong_type_is_refused_by_the_mutating_webhook(
    still_world: World, spec: dict[str, Any], complaint: str
) -> None:
    clone = a_clone("bad", target="t")
    clone["spec"].update(spec)
    error = refusal(still_world, clone)
    assert (error.code, error.reason) == (400, "")
    assert str(error) == (
        'admission webhook "virtualmachineclones-mutator.kubevirt.io" denied the request: '
        f"json: cannot unmarshal {complaint}"
    )


@pytest.mark.parametrize(
    "target",
    [
        None,
        {"apiGroup": "kubevirt.io", "kind": "VirtualMachine"},
        {"apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": ""},
    ],
)
def test_a_target_without_a_name_gets_one(
    still_world: World, target: dict[str, str] | None
) -> None:
    clone = a_clone("t-none", labelFilters=[])
    if target is not None:
        clone["spec"]["target"] = target
    stored = still_world.registry.create(CLONES, NAMESPACE, clone)["spec"]
    name = stored["target"].pop("name")
    assert stored["target"] == {"apiGroup": "kubevirt.io", "kind": "VirtualMachine"}
    assert re.fullmatch(r"clone-vm-cirros-[bcdfghjklmnpqrstvwxz2-9]{5}", name)
    # The webhook writes the spec anew, and Go leaves an empty list out.
    assert "labelFilters" not in stored


def test_three_unnamed_targets_get_three_names(still_world: World) -> None:
    stored = [still_world.clone(name) for name in ("t-s1", "t-s2", "t-s3")]
    assert len({item["spec"]["target"]["name"] for item in stored}) == 3


def test_a_named_target_leaves_the_spec_as_it_was(still_world: World) -> None:
    clone = a_clone("c", target="t", labelFilters=[], newMacAddresses={"default": ""})
    stored = still_world.registry.create(CLONES, NAMESPACE, clone)
    assert stored["spec"] == clone["spec"]


def test_a_changed_spec_is_judged_like_a_new_one(still_world: World) -> None:
    still_world.clone("p-plain", target="p-plain-t")
    still_world.change(CLONES, "p-plain", lambda obj: obj["spec"].update(newSMBiosSerial="LATE"))
    with pytest.raises(ApiError) as caught:
        still_world.change(
            CLONES, "p-plain", lambda obj: obj["spec"]["target"].update(name="vm-cirros")
        )
    assert causes(caught.value) == [("spec.target.name", SAME_NAME)]


def test_the_snapshot_gate_is_on_unless_it_is_disabled(still_world: World) -> None:
    still_world.gates(featureGates=[], disabledFeatureGates=["Snapshot"])
    error = refusal(still_world, a_clone("g-off", target="t"))
    assert (error.code, error.reason, str(error)) == (
        400,
        "",
        'admission webhook "vm-clone-validator.kubevirt.io" denied the request: '
        "snapshot feature gate is not enabled",
    )
    still_world.gates(featureGates=[], disabledFeatureGates=[])
    still_world.clone("g-off", target="t")
    still_world.gates(featureGates=["Snapshot"], disabledFeatureGates=["Snapshot"])
    still_world.clone("g-both", target="t")


@pytest.mark.parametrize(
    ("address", "size"),
    [
        ("02:00:00:00:00:01", 6),
        ("02-00-00-00-00-9A", 6),
        ("0200.0000.0001", 6),
        ("00:11:22:33:44:55:66:77", 8),
        ("-".join(["00"] * 20), 20),
        ("02:00-00:00:00:01", None),
        ("02:00:00:00:00", None),
        ("020000000001", None),
        ("02:00:00:00:00:01:", None),
        ("02:00:00:00:00:0\n", None),
        ("٠٢:00:00:00:00:01", None),
        ("2:0:0:0:0:1", None),
    ],
)
def test_macs_are_read_as_go_reads_them(address: str, size: int | None) -> None:
    assert length_of_mac(address) == size
