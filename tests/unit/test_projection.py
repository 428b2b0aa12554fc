"""What KubeVirt makes of a source: as recorded on v1.9, unless a comment says that it was read."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest

from kubectl_virt_clone.clone.spec.filters import Decision
from kubectl_virt_clone.clone.target.projection import (
    PATCHED,
    REMOVED,
    InterfaceMac,
    Projection,
    project,
)
from kubectl_virt_clone.clone.target.restore_rules import (
    VolumeClaim,
    claim_name,
    completed,
    restored,
)
from tests.unit.builders import Object, malformed

UID_MARK = "restore.kubevirt.io/lastRestoreUID"
OBSERVED = {
    "kubevirt.io/latest-observed-api-version": "v1",
    "kubevirt.io/storage-observed-api-version": "v1",
}
PCI = {"kubevirt.io/pci-topology-version": "v3"}
LABELS = {"app": "cirros", "app.kubernetes.io/name": "cirros", "myapp": "one", "tier": "test"}
ANNOTATIONS = {
    "example.com/owner": "team-a",
    "example.com/ticket": "T-1",
    **OBSERVED,
    "note": "hello",
}
TEMPLATE_LABELS = {
    "app": "cirros",
    "app.kubernetes.io/name": "cirros",
    "kubevirt.io/vm": "vm-cirros",
    "myapp": "one",
}
TEMPLATE_ANNOTATIONS = {
    "example.com/owner": "team-a",
    **PCI,
    "sidecar.example.com/inject": "false",
}
FIRMWARE = {"serial": "SN-0001", "uuid": "5d307ca9-b3ef-428c-8861-06e72d69f223"}
GENERATED_FIRMWARE = {"serial": "<generated>", "uuid": "<generated>"}
DOMAIN = "/spec/template/spec/domain"


def a_source(*volumes: Object, **spec: Any) -> Object:
    """vm-cirros as it is stored, with other volumes and with other fields of its spec."""
    return {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachine",
        "metadata": {
            "annotations": dict(ANNOTATIONS),
            "creationTimestamp": "2026-11-22T07:54:12Z",
            "finalizers": ["kubevirt.io/virtualMachineControllerFinalize"],
            "generation": 1,
            "labels": dict(LABELS),
            "managedFields": [],
            "name": "vm-cirros",
            "namespace": "default",
            "resourceVersion": "355",
            "uid": "8f3da70e-3201-490a-b0e4-bbae54729f28",
        },
        "spec": {
            "runStrategy": "Halted",
            "template": {
                "metadata": {
                    "annotations": dict(TEMPLATE_ANNOTATIONS),
                    "labels": dict(TEMPLATE_LABELS),
                },
                "spec": {
                    "architecture": "amd64",
                    "domain": {
                        "devices": {
                            "interfaces": [
                                {
                                    "macAddress": "02:00:00:00:00:01",
                                    "masquerade": {},
                                    "name": "default",
                                }
                            ]
                        },
                        "firmware": dict(FIRMWARE),
                    },
                    "volumes": list(volumes),
                },
            },
            **spec,
        },
        "status": {"printableStatus": "Stopped"},
    }


def a_clone(target: str = "copy", **spec: Any) -> Object:
    return {
        "apiVersion": "clone.kubevirt.io/v1beta1",
        "kind": "VirtualMachineClone",
        "metadata": {"name": "clone-1", "namespace": "default"},
        "spec": {
            "source": {"apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": "vm-cirros"},
            **({"target": {"kind": "VirtualMachine", "name": target}} if target else {}),
            **spec,
        },
    }


def domain_of(projection: Projection) -> Any:
    return projection.target["spec"]["template"]["spec"]["domain"]


def maps_of(projection: Projection) -> list[Any]:
    """Labels and annotations of the target and of its template, None where there are none."""
    metadata = projection.target["metadata"]
    template = projection.target["spec"]["template"]["metadata"]
    return [part.get(key) for part in (metadata, template) for key in ("labels", "annotations")]


def kept(*keys: str) -> tuple[Decision, ...]:
    return tuple(Decision(key, kept=True, by="") for key in sorted(keys))


def test_a_clone_without_wishes_is_the_source_with_what_kubevirt_generates() -> None:
    source = a_source()
    assert project(source, a_clone()) == Projection(
        target={
            "apiVersion": "kubevirt.io/v1",
            "kind": "VirtualMachine",
            "metadata": {
                "annotations": {**ANNOTATIONS, UID_MARK: "<generated>"},
                "labels": LABELS,
                "name": "copy",
                "namespace": "default",
            },
            "spec": {
                "runStrategy": "Halted",
                "template": {
                    "metadata": {"annotations": TEMPLATE_ANNOTATIONS, "labels": TEMPLATE_LABELS},
                    "spec": {
                        "architecture": "amd64",
                        "domain": {
                            "devices": {"interfaces": [{"masquerade": {}, "name": "default"}]},
                            "firmware": GENERATED_FIRMWARE,
                        },
                        "volumes": [],
                    },
                },
            },
        },
        labels=kept(*LABELS),
        annotations=kept(*ANNOTATIONS),
        template_labels=kept(*TEMPLATE_LABELS),
        template_annotations=kept(*TEMPLATE_ANNOTATIONS),
        macs=(InterfaceMac("default", "02:00:00:00:00:01", ""),),
        serial_before="SN-0001",
        serial_after="<generated>",
        uuid_before="5d307ca9-b3ef-428c-8861-06e72d69f223",
        uuid_after="<generated>",
        run_strategy_before="Halted",
        run_strategy_after="Halted",
        volumes=(),
        others=(),
        patches=(),
        generated=(
            "/metadata/annotations/restore.kubevirt.io~1lastRestoreUID",
            f"{DOMAIN}/firmware/serial",
            f"{DOMAIN}/firmware/uuid",
        ),
        problems=(),
    )
    assert source == a_source()


@pytest.mark.parametrize(
    ("spec", "labels", "annotations", "template_labels", "template_annotations"),
    [
        ({"labelFilters": ["!foo"]}, [], None, None, None),
        ({"labelFilters": ["*", "!app"]}, ["tier"], None, None, None),
        ({"labelFilters": ["^app$"]}, ["app"], None, None, None),
        ({"labelFilters": []}, [], None, None, None),
        (
            {"annotationFilters": ["example.com/*"]},
            None,
            ["example.com/owner", "example.com/ticket", *OBSERVED],
            None,
            None,
        ),
        (
            {"annotationFilters": ["*", "!example.com/*"]},
            None,
            [*OBSERVED, "note"],
            None,
            None,
        ),
        (
            {"template": {"labelFilters": ["*", "!myapp"], "annotationFilters": ["!x"]}},
            None,
            None,
            ["app", "app.kubernetes.io/name", "kubevirt.io/vm"],
            list(PCI),
        ),
    ],
)
def test_filters_keep_what_they_kept_on_a_live_control_plane(
    spec: Object,
    labels: list[str] | None,
    annotations: list[str] | None,
    template_labels: list[str] | None,
    template_annotations: list[str] | None,
) -> None:
    expected = [
        _only(LABELS, labels),
        {**_only(ANNOTATIONS, annotations), UID_MARK: "<generated>"},
        _only(TEMPLATE_LABELS, template_labels),
        _only(TEMPLATE_ANNOTATIONS, template_annotations),
    ]
    assert maps_of(project(a_source(), a_clone(**spec))) == [part or None for part in expected]


def _only(pairs: dict[str, str], keys: list[str] | None) -> dict[str, str]:
    return pairs if keys is None else {key: pairs[key] for key in keys}


def test_each_key_names_the_filter_that_decided() -> None:
    projection = project(a_source(), a_clone(labelFilters=["app", "!name"]))
    assert projection.labels == (
        Decision("app", kept=True, by="app"),
        Decision("app.kubernetes.io/name", kept=False, by="!name"),
        Decision("myapp", kept=True, by="app"),
        Decision("tier", kept=False, by=""),
    )


def test_annotations_that_kubevirt_writes_again_are_kept() -> None:
    projection = project(a_source(), a_clone(annotationFilters=["note"]))
    assert [decision for decision in projection.annotations if decision.kept] == [
        *kept(*OBSERVED),
        Decision("note", kept=True, by="note"),
    ]


def test_an_empty_list_of_filters_is_none_when_kubevirt_names_the_target() -> None:
    projection = project(a_source(), a_clone("", labelFilters=[]))
    assert projection.target["metadata"]["labels"] == LABELS
    assert projection.labels == kept(*LABELS)


def test_an_unnamed_target_has_a_generated_name() -> None:
    projection = project(a_source(), a_clone("", labelFilters=["tier"]))
    assert projection.target["metadata"]["labels"] == {"tier": "test"}
    assert projection.target["metadata"]["name"] == "clone-vm-cirros-<generated>"
    assert "/metadata/name" in projection.generated


@pytest.mark.parametrize(
    ("addresses", "interface", "after"),
    [
        (
            {"default": "02-00-00-00-00-9A"},
            {"macAddress": "02-00-00-00-00-9A"},
            "02-00-00-00-00-9A",
        ),
        ({"default": ""}, {}, ""),
        ({"nosuch": "02-00-00-00-00-98"}, {}, ""),
    ],
)
def test_an_interface_has_the_mac_it_was_given_or_none(
    addresses: Object, interface: Object, after: str
) -> None:
    projection = project(a_source(), a_clone(newMacAddresses=addresses))
    assert domain_of(projection)["devices"]["interfaces"] == [
        {**interface, "masquerade": {}, "name": "default"}
    ]
    assert projection.macs == (InterfaceMac("default", "02:00:00:00:00:01", after),)


def test_a_serial_is_set_where_the_source_has_firmware() -> None:
    projection = project(a_source(), a_clone(newSMBiosSerial="SN-X"))
    assert domain_of(projection)["firmware"] == {"serial": "SN-X", "uuid": "<generated>"}
    assert (projection.serial_before, projection.serial_after) == ("SN-0001", "SN-X")


def test_a_serial_for_a_source_without_firmware_is_ignored() -> None:
    source = a_source()
    del source["spec"]["template"]["spec"]["domain"]["firmware"]
    projection = project(source, a_clone(newSMBiosSerial="SN-X"))
    assert domain_of(projection)["firmware"] == GENERATED_FIRMWARE
    assert (projection.serial_before, projection.uuid_before) == ("", "")


@pytest.mark.parametrize(
    ("run", "after", "strategies"),
    [
        ({"runStrategy": "Always"}, {"runStrategy": "Halted"}, ("Always", "Halted")),
        # Read in restore.go: the target keeps the field that its source has.
        ({"running": True, "runStrategy": None}, {"running": False}, ("Always", "Halted")),
        (
            {"running": None, "runStrategy": "Manual"},
            {"runStrategy": "Halted"},
            ("Manual", "Halted"),
        ),
    ],
)
def test_a_target_is_halted_whatever_its_source_is(
    run: Object, after: Object, strategies: tuple[str, str]
) -> None:
    source = a_source(**run)
    source["spec"] = {key: value for key, value in source["spec"].items() if value is not None}
    projection = project(source, a_clone())
    spec = projection.target["spec"]
    assert {key: spec[key] for key in ("running", "runStrategy") if key in spec} == after
    assert (projection.run_strategy_before, projection.run_strategy_after) == strategies


def test_the_users_patches_come_last() -> None:
    patches = [
        '{"op":"add","path":"/spec/template/metadata/labels/extra","value":"yes"}',
        '{ "op": "replace", "path": "/spec/runStrategy", "value": "Manual" }',
        f'{{"op":"replace","path":"{DOMAIN}/firmware/serial","value":"SN-P"}}',
        f'{{"op":"add","path":"{DOMAIN}/devices/interfaces/0/macAddress","value":"02-00-00-00-00-77"}}',
    ]
    clone = a_clone(newSMBiosSerial="SN-X", template={"labelFilters": []}, patches=patches)
    projection = project(a_source(), clone)
    assert projection.target["spec"]["template"]["metadata"]["labels"] == {"extra": "yes"}
    assert projection.run_strategy_after == "Manual"
    assert projection.serial_after == "SN-P"
    assert projection.macs[0].after == "02-00-00-00-00-77"
    assert projection.problems == ()


def test_a_label_can_be_added_by_a_patch_only_where_the_source_has_labels() -> None:
    patch = '{"op":"add","path":"/metadata/labels/extra","value":"yes"}'
    bare = a_source()
    del bare["metadata"]["labels"]
    stripped = project(a_source(), a_clone(labelFilters=["!x"], patches=[patch]))
    refused = project(bare, a_clone(patches=[patch]))
    assert stripped.target["metadata"]["labels"] == {"extra": "yes"}
    assert "labels" not in refused.target["metadata"]
    [problem] = refused.problems
    assert problem.startswith(f"the patch {patch} does not apply: ")


def test_an_annotation_can_be_added_by_a_patch_to_any_source() -> None:
    patch = '{"op":"add","path":"/metadata/annotations/extra","value":"yes"}'
    bare = a_source()
    del bare["metadata"]["annotations"]
    projection = project(bare, a_clone(patches=[patch]))
    assert projection.target["metadata"]["annotations"] == {"extra": "yes", UID_MARK: "<generated>"}


PVC = {"name": "data", "persistentVolumeClaim": {"claimName": "disk-good", "hotpluggable": True}}
DATA_VOLUME = {"name": "root", "dataVolume": {"name": "root-dv", "hotpluggable": True}}
DUMP = {"name": "dump", "memoryDump": {"claimName": "dump-claim", "hotpluggable": True}}
IMAGE = {"name": "image", "containerDisk": {"image": "registry.invalid/disk:1"}}


def test_volumes_get_claims_of_their_own() -> None:
    source = a_source(PVC, DATA_VOLUME, DUMP, IMAGE)
    projection = project(source, a_clone())
    assert projection.volumes == (
        VolumeClaim("data", "disk-good", "restore-<generated>-data"),
        VolumeClaim("root", "root-dv", "restore-<generated>-root"),
        VolumeClaim("dump", "dump-claim", ""),
    )
    assert projection.target["spec"]["template"]["spec"]["volumes"] == [
        {
            "name": "data",
            "persistentVolumeClaim": {
                "claimName": "restore-<generated>-data",
                "hotpluggable": True,
            },
        },
        {"name": "root", "persistentVolumeClaim": {"claimName": "restore-<generated>-root"}},
        IMAGE,
    ]
    assert projection.generated[-2:] == (
        "/spec/template/spec/volumes/0/persistentVolumeClaim/claimName",
        "/spec/template/spec/volumes/1/persistentVolumeClaim/claimName",
    )


def test_a_data_volume_of_a_template_is_renamed_with_it() -> None:
    templates = [{"metadata": {"name": "other"}}, {"metadata": {"name": "root-dv"}, "spec": {}}]
    source = a_source(DATA_VOLUME, dataVolumeTemplates=templates)
    projection = project(source, a_clone(volumeNamePolicy="PrefixTargetName"))
    assert projection.volumes == (VolumeClaim("root", "root-dv", "copy-root"),)
    assert projection.target["spec"]["dataVolumeTemplates"] == [
        {"metadata": {"name": "other"}},
        {"metadata": {"name": "copy-root"}, "spec": {}},
    ]
    assert projection.target["spec"]["template"]["spec"]["volumes"] == [
        {"name": "root", "dataVolume": {"name": "copy-root", "hotpluggable": True}}
    ]


def test_volumes_whose_names_are_shortened_are_not_mixed_up() -> None:
    other = {"name": "other", "dataVolume": {"name": "other-dv"}}
    source = a_source(DATA_VOLUME, other, dataVolumeTemplates=[{"metadata": {"name": "root-dv"}}])
    projection = project(source, a_clone("x" * 63, volumeNamePolicy="PrefixTargetName"))
    assert projection.target["spec"]["template"]["spec"]["volumes"] == [
        {"name": "root", "dataVolume": {"name": f"{'x' * 49}-3511893f-root", "hotpluggable": True}},
        {"name": "other", "persistentVolumeClaim": {"claimName": f"{'x' * 48}-3511893f-other"}},
    ]


LONG = "twenty-characters-ab-"


@pytest.mark.parametrize(
    ("target", "policy", "name"),
    [
        ("copy", "", "restore-<generated>-data"),
        ("copy", "RandomizeNames", "restore-<generated>-data"),
        ("copy", "PrefixTargetName", "copy-data"),
        ("x" * 58, "PrefixTargetName", f"{'x' * 58}-data"),
        # The next three are those of recording 53.
        (f"{LONG * 2}twenty-charactery", "PrefixTargetName", f"{LONG * 2}twenty--394f059f-data"),
        (f"{LONG * 4}twenty-character", "PrefixTargetName", f"{LONG * 2}twenty--6e16b17a-data"),
        ("n" * 250, "PrefixTargetName", f"{'n' * 49}-a4ba52ed-data"),
        ("clone-vm-<generated>", "PrefixTargetName", "clone-vm-<generated>-data"),
        (f"clone-{'x' * 46}-<generated>", "PrefixTargetName", f"clone-{'x' * 46}-<generated>-data"),
        (f"clone-{'x' * 47}-<generated>", "PrefixTargetName", "<generated>"),
    ],
)
def test_a_claim_is_named_by_the_policy(target: str, policy: str, name: str) -> None:
    assert claim_name(target, "data", policy) == name


@pytest.mark.parametrize(
    ("target", "volume", "name"),
    [
        ("short", f"{LONG * 2}twenty-characters-aby", "short-7d0a33b5"),
        (
            "a-target-of-25-characters",
            f"{LONG * 2}twenty-chara",
            "a-target-of-25-characters-08eac1ad",
        ),
    ],
)
def test_a_long_volume_is_left_out_of_the_name_of_its_claim_as_in_recording_53(
    target: str, volume: str, name: str
) -> None:
    assert claim_name(target, volume, "PrefixTargetName") == name


def test_the_revision_of_an_instance_type_is_generated() -> None:
    matcher = {"kind": "VirtualMachineInstancetype", "name": "small", "revisionName": "vm-small-1"}
    projection = project(a_source(instancetype=matcher), a_clone())
    assert projection.target["spec"]["instancetype"] == matcher | {"revisionName": "<generated>"}
    assert "/spec/instancetype/revisionName" in projection.generated


def test_a_target_is_cloned_again_with_a_new_mark() -> None:
    source = a_source()
    source["metadata"]["annotations"][UID_MARK] = "tmp-restore-1-2"
    projection = project(source, a_clone(annotationFilters=[]))
    assert projection.target["metadata"]["annotations"] == {**OBSERVED, UID_MARK: "<generated>"}
    assert Decision(UID_MARK, kept=True, by="") in projection.annotations


ONE_COLON = 'patch format is not valid - one ":" expected in a single key-value json patch: '


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        (
            {"newMacAddresses": {"default": "02:00:00:00:00:99"}},
            f'{ONE_COLON}"value":"02:00:00:00:00:99"',
        ),
        ({"newSMBiosSerial": "SN:1"}, f'{ONE_COLON}"value":"SN:1"'),
        (
            {"patches": ['{"op":"replace","path":"/metadata/name","value":"other"}']},
            'patching is valid only for elements under /spec/ only: "path":"/metadata/name"',
        ),
        (
            {"patches": ['{"op":"add","path":"/spec/running","value":true}']},
            "spec.running and spec.runStrategy can't both be set, so KubeVirt refuses the target",
        ),
        (
            {"patches": ['{"op":"remove","path":"/spec/runStrategy"}']},
            "neither spec.running nor spec.runStrategy is set, so KubeVirt refuses the target",
        ),
        (
            {
                "patches": [
                    f'{{"op":"add","path":"{DOMAIN}/devices/interfaces/0/macAddress","value":"zz"}}'
                ]
            },
            '"zz" of the interface default is not a MAC address, so KubeVirt refuses the target',
        ),
    ],
)
def test_a_target_that_will_not_be_made_has_its_reason(spec: Object, problem: str) -> None:
    assert project(a_source(), a_clone(**spec)).problems == (problem,)


LABEL_RULE = "it needs letters, digits, -, _ and ., and begins and ends with a letter or digit"
STRATEGIES = "Always, Halted, Manual, Once, RerunOnFailure, WaitAsReceiver"
GUEST = "/spec/template/spec"
OBSERVED_KEY = "kubevirt.io/storage-observed-api-version"


def a_patch(op: str, path: str, *value: object) -> str:
    return json.dumps({"op": op, "path": path, **({"value": value[0]} if value else {})})


@pytest.mark.parametrize(
    ("patch", "fault"),
    [
        (a_patch("remove", "/spec/template"), "there is no spec.template"),
        (a_patch("add", "/spec/template", None), "there is no spec.template"),
        (a_patch("replace", "/spec/template", "x"), "spec.template is not an object"),
        (a_patch("remove", GUEST), "there is no spec.template.spec"),
        (a_patch("remove", DOMAIN), "there is no spec.template.spec.domain"),
        (
            a_patch("replace", "/spec/runStrategy", "Bogus"),
            f'spec.runStrategy "Bogus" is none of {STRATEGIES}',
        ),
        (a_patch("replace", "/spec/runStrategy", 5), "spec.runStrategy is not a string"),
        (
            a_patch("add", "/metadata/labels/k", 7),
            'metadata.labels: the value of "k" is not a string',
        ),
        (
            a_patch("add", "/metadata/labels/k", "bad value!"),
            f'metadata.labels: the value "bad value!" is not valid; {LABEL_RULE}',
        ),
        (
            a_patch("add", "/metadata/labels/bad key", "v"),
            f'metadata.labels: the key "bad key" is not valid; {LABEL_RULE}',
        ),
        (
            a_patch("add", "/metadata/annotations/a b", "v"),
            f'metadata.annotations: the key "a b" is not valid; {LABEL_RULE}',
        ),
        (
            a_patch("add", "/metadata/annotations/k", []),
            'metadata.annotations: the value of "k" is not a string',
        ),
        (
            a_patch("add", "/spec/template/metadata/labels/k", "bad value!"),
            f'spec.template.metadata.labels: the value "bad value!" is not valid; {LABEL_RULE}',
        ),
        (
            a_patch("replace", "/spec/template/metadata/labels", "x"),
            "spec.template.metadata.labels is not an object",
        ),
        (
            a_patch("add", "/spec/dataVolumeTemplates", "y"),
            "spec.dataVolumeTemplates is not a list",
        ),
        (a_patch("add", f"{GUEST}/hostname", 5), "spec.template.spec.hostname is not a string"),
        (
            a_patch("add", f"{GUEST}/volumes/0", "x"),
            "spec.template.spec.volumes[0] is not an object",
        ),
        (
            a_patch("add", f"{GUEST}/volumes/-", None),
            "spec.template.spec.volumes[0] is not an object",
        ),
        (
            a_patch("replace", f"/metadata/annotations/{OBSERVED_KEY.replace('/', '~1')}", 5),
            f'metadata.annotations: the value of "{OBSERVED_KEY}" is not a string',
        ),
        (a_patch("replace", DOMAIN, "x"), "spec.template.spec.domain is not an object"),
        (
            a_patch("replace", f"{DOMAIN}/devices/interfaces", {}),
            "spec.template.spec.domain.devices.interfaces is not a list",
        ),
        (
            a_patch("add", f"{GUEST}/terminationGracePeriodSeconds", True),
            "spec.template.spec.terminationGracePeriodSeconds is not a whole number",
        ),
    ],
)
def test_a_patch_may_bring_about_a_target_that_is_refused(patch: str, fault: str) -> None:
    projection = project(a_source(), a_clone(patches=[patch]))
    assert projection.problems == (f"{fault}, so KubeVirt refuses the target",)


def test_what_the_source_has_is_not_held_against_the_target() -> None:
    source = a_source(template={"metadata": {"labels": {"a b": "c"}}, "spec": {"hostname": 5}})
    patch = a_patch("add", "/spec/template/metadata/labels/k", "v")
    assert project(source, a_clone(patches=[patch])).problems == ()


def test_a_key_that_a_patch_sets_or_removes_is_told_from_what_filters_do() -> None:
    patches = [
        a_patch("add", "/metadata/labels/app", "x"),
        a_patch("add", "/metadata/labels/new", "1"),
        a_patch("add", "/metadata/labels/tier", "test"),
        a_patch("remove", "/metadata/annotations/note"),
        a_patch("remove", f"/metadata/annotations/{next(iter(OBSERVED)).replace('/', '~1')}"),
        a_patch("remove", "/spec/template/metadata/labels"),
    ]
    projection = project(a_source(), a_clone(labelFilters=["tier", "myapp"], patches=patches))
    assert projection.patches == tuple(patches)
    assert projection.labels == (
        Decision("app", kept=True, by=PATCHED),
        Decision("app.kubernetes.io/name", kept=False, by=""),
        Decision("myapp", kept=True, by="myapp"),
        Decision("new", kept=True, by=PATCHED),
        Decision("tier", kept=True, by="tier"),
    )
    assert projection.annotations == (
        *kept("example.com/owner", "example.com/ticket", *OBSERVED),
        Decision("note", kept=False, by=PATCHED),
    )
    assert projection.template_labels == tuple(
        Decision(key, kept=False, by=PATCHED) for key in sorted(TEMPLATE_LABELS)
    )
    assert projection.template_annotations == kept(*TEMPLATE_ANNOTATIONS)


def test_an_interface_or_a_volume_may_be_a_patchs() -> None:
    patches = [
        a_patch("replace", f"{DOMAIN}/devices/interfaces/0/name", "other"),
        a_patch("remove", f"{GUEST}/volumes/0"),
        a_patch("add", f"{GUEST}/volumes/-", PVC | {"name": "more"}),
        a_patch("add", f"{GUEST}/volumes/-", IMAGE),
    ]
    projection = project(a_source(PVC, DATA_VOLUME), a_clone(patches=patches))
    assert projection.macs == (
        InterfaceMac("default", "02:00:00:00:00:01", REMOVED),
        InterfaceMac("other", "", ""),
    )
    assert projection.volumes == (
        VolumeClaim("data", "disk-good", ""),
        VolumeClaim("root", "root-dv", "restore-<generated>-root"),
        VolumeClaim("more", "", "disk-good"),
    )


def test_a_null_is_no_value_but_an_empty_label() -> None:
    patches = [
        a_patch("add", "/metadata/labels/empty", None),
        a_patch("add", "/spec/template/metadata/annotations/empty", None),
        a_patch("add", f"{GUEST}/hostname", None),
        a_patch("replace", f"{DOMAIN}/firmware", None),
    ]
    projection = project(a_source(), a_clone(patches=patches))
    labels, _, _, template_annotations = maps_of(projection)
    assert labels == {**LABELS, "empty": ""}
    assert template_annotations == {**TEMPLATE_ANNOTATIONS, "empty": ""}
    assert "hostname" not in projection.target["spec"]["template"]["spec"]
    assert domain_of(projection)["firmware"] == GENERATED_FIRMWARE
    assert projection.problems == ()


def test_kubevirt_writes_its_own_over_a_patch() -> None:
    source = a_source()
    source["spec"]["template"]["spec"]["domain"]["machine"] = {"type": "q35"}
    patches = [
        a_patch("replace", f"/metadata/annotations/{OBSERVED_KEY.replace('/', '~1')}", "v9"),
        a_patch("remove", f"{GUEST}/architecture"),
        a_patch("replace", DOMAIN, {}),
    ]
    projection = project(source, a_clone(patches=patches))
    assert projection.target["metadata"]["annotations"][OBSERVED_KEY] == "v1"
    assert projection.annotations == kept(*ANNOTATIONS)
    assert projection.target["spec"]["template"]["spec"] == {
        "architecture": "<generated>",
        "domain": {"firmware": GENERATED_FIRMWARE, "machine": {"type": "<generated>"}},
        "volumes": [],
    }
    assert projection.problems == ()


def test_kubevirt_writes_its_annotation_into_a_template_that_has_no_metadata() -> None:
    patch = a_patch("remove", "/spec/template/metadata")
    older = a_source()
    del older["spec"]["template"]["metadata"]["annotations"]
    templates = [
        project(source, a_clone(patches=[patch])).target["spec"]["template"]
        for source in (a_source(), older)
    ]
    assert [template.get("metadata") for template in templates] == [{"annotations": PCI}, None]


def test_a_patch_that_does_not_apply_leaves_the_target_without_the_users_patches() -> None:
    patches = [
        '{"op":"replace","path":"/spec/runStrategy","value":"Manual"}',
        '{"op":"replace","path":"/spec/nosuch/x","value":1}',
    ]
    projection = project(a_source(), a_clone(patches=patches))
    assert projection.run_strategy_after == "Halted"
    [problem] = projection.problems
    assert problem.startswith(f"the patch {patches[1]} does not apply: ")


def test_what_the_restore_writes_is_halted_and_has_neither_nulls_nor_dumps() -> None:
    source = a_source(PVC, DUMP, running=None)
    del source["metadata"]["namespace"]
    vm, claims = restored(source, "copy", "PrefixTargetName")
    assert claims == (
        VolumeClaim("data", "disk-good", "copy-data"),
        VolumeClaim("dump", "dump-claim", ""),
    )
    assert vm["metadata"] == {
        "annotations": {**ANNOTATIONS, UID_MARK: "<generated>"},
        "labels": LABELS,
        "name": "copy",
    }
    assert vm["spec"].keys() == {"template", "runStrategy"}
    assert vm["spec"]["runStrategy"] == "Halted"


def test_the_fault_of_a_serial_is_told_in_its_own_letters() -> None:
    assert project(a_source(), a_clone(newSMBiosSerial="é:b")).problems == (
        f'{ONE_COLON}"value":"é:b"',
    )


def test_only_a_revision_that_the_source_has_is_copied() -> None:
    preference = {"name": "linux", "revisionName": "vm-linux-1"}
    source = a_source(instancetype={"name": "small"}, preference=preference)
    spec = project(source, a_clone()).target["spec"]
    assert (spec["instancetype"], spec["preference"]) == (
        {"name": "small"},
        {"name": "linux", "revisionName": "<generated>"},
    )


def test_a_null_in_a_list_is_no_value() -> None:
    source = a_source({"name": "image", "containerDisk": {"image": "x", "path": None}, "pvc": None})
    assert project(source, a_clone()).target["spec"]["template"]["spec"]["volumes"] == [
        {"name": "image", "containerDisk": {"image": "x"}}
    ]


def test_an_empty_map_is_not_stored_and_a_machine_stays_what_it_is() -> None:
    source = a_source()
    source["spec"]["template"]["metadata"] = {"labels": {"a": "b"}, "annotations": {}}
    source["spec"]["template"]["spec"]["domain"]["machine"] = {"type": "q35"}
    projection = project(source, a_clone())
    assert projection.target["spec"]["template"]["metadata"] == {"labels": {"a": "b"}}
    assert domain_of(projection)["machine"] == {"type": "q35"}


def test_annotations_that_a_patch_makes_a_text_are_left_so() -> None:
    patch = a_patch("replace", "/spec/template/metadata/annotations", "x")
    projection = project(a_source(), a_clone(patches=[patch]))
    assert maps_of(projection)[3] == "x"
    assert projection.problems == (
        "spec.template.metadata.annotations is not an object, so KubeVirt refuses the target",
    )


@pytest.mark.parametrize("annotations", ["x", 7, ["x"]])
def test_annotations_that_are_no_map_are_not_completed(annotations: Any) -> None:
    vm = {"metadata": {"annotations": annotations}}
    assert completed(vm, a_source()) == vm


def test_a_malformed_source_or_clone_has_a_projection_too() -> None:
    source = a_source(
        PVC, DATA_VOLUME, DUMP, dataVolumeTemplates=[{"metadata": {"name": "root-dv"}}]
    )
    clone = a_clone(
        labelFilters=["*"],
        template={"labelFilters": ["!app"]},
        newMacAddresses={"default": "02-00-00-00-00-99"},
        newSMBiosSerial="SN",
        patches=['{"op":"remove","path":"/spec/runStrategy"}'],
        volumeNamePolicy="PrefixTargetName",
    )
    for broken in malformed(source):
        before = deepcopy(broken)
        assert isinstance(project(broken, clone), Projection)
        assert broken == before
    for broken in malformed(clone):
        assert isinstance(project(source, broken), Projection)


@pytest.mark.parametrize(
    ("version", "ids", "null"),
    [
        ((1, 4), False, True),
        ((1, 5), False, True),
        ((1, 6), True, True),
        ((1, 8), True, True),
        ((1, 9), True, False),
        (None, True, False),
    ],
)
def test_the_target_is_what_the_release_writes_as_in_recordings_70_and_71(
    version: tuple[int, int] | None, ids: bool, null: bool
) -> None:
    source = a_source(DATA_VOLUME, dataVolumeTemplates=[{"metadata": {"name": "root-dv"}}, "odd"])
    source["spec"]["template"]["spec"]["domain"] = {}
    target = project(source, a_clone("copy", volumeNamePolicy="PrefixTargetName"), version).target
    generated = {"firmware": {"serial": "<generated>", "uuid": "<generated>"}}
    template = target["spec"]["template"]
    assert template["spec"]["domain"] == (generated if ids else {})
    written = {"creationTimestamp": None} if null else {}
    assert template.get("metadata", {}) == {**written, **_metadata_of(source)}
    first, odd = target["spec"]["dataVolumeTemplates"]
    assert (first["metadata"], odd) == ({**written, "name": "copy-root"}, "odd")


def _metadata_of(source: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = source["spec"]["template"].get("metadata", {})
    return found


def test_older_releases_keep_the_firmware_that_a_source_has() -> None:
    source = a_source()
    source["spec"]["template"]["spec"]["domain"] = {"firmware": {"serial": "S", "uuid": ""}}
    target = project(source, a_clone(), (1, 4)).target
    assert "uuid" not in target["spec"]["template"]["spec"]["domain"]["firmware"]
