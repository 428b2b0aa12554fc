"""The VM that a restore makes or overwrites, as KubeVirt 1.9's restore controller does it."""

from __future__ import annotations

from functools import reduce
from typing import Any

import pytest

from kubevirt_sandbox.kubevirt.controllers.restored_vm import (
    claim_names,
    new_target,
    overwritten_target,
    prefixed_name,
)
from kubevirt_sandbox.kubevirt.go_json_patch import PatchError

Obj = dict[str, Any]
MARK = {"restore.kubevirt.io/lastRestoreUID": "r-uid-1"}


def a_restore(*patches: str, **spec: Any) -> Obj:
    return {
        "metadata": {"name": "r", "namespace": "default", "uid": "uid-1"},
        "spec": {"target": {"name": "t"}, "patches": list(patches), **spec},
    }


def a_content(metadata: Obj | None = None, volumes: tuple[Obj, ...] = (), **spec: Any) -> Obj:
    template = {"spec": {"domain": {}, **({"volumes": list(volumes)} if volumes else {})}}
    vm = {"metadata": {"name": "s", **(metadata or {})}, "spec": {"template": template, **spec}}
    backed_up = [
        item["name"] for item in volumes if item.keys() & {"dataVolume", "persistentVolumeClaim"}
    ]
    backups = [{"volumeName": name} for name in backed_up]
    return {"spec": {"source": {"virtualMachine": vm}, "volumeBackups": backups}}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ({"runStrategy": "Always"}, {"runStrategy": "Halted"}),
        ({"running": True}, {"running": False}),
        ({"running": False}, {"running": False}),
    ],
)
def test_a_new_target_is_halted_in_the_spelling_of_its_source(source: Obj, expected: Obj) -> None:
    spec = new_target(a_restore(), a_content(**source))["spec"]
    assert spec == {"template": {"spec": {"domain": {}}}, **expected}


@pytest.mark.parametrize(
    ("present", "expected"),
    [
        ({"runStrategy": "Manual"}, {"runStrategy": "Manual"}),
        ({"running": False}, {"running": False}),
    ],
)
def test_an_overwritten_vm_keeps_its_run_strategy_and_metadata(present: Obj, expected: Obj) -> None:
    vm = {"metadata": {"name": "s", "labels": {"new": "1"}}, "spec": {"template": {}, **present}}
    content = a_content({"labels": {"old": "1"}}, runStrategy="Always")
    assert overwritten_target(a_restore('{"op":"frob"}'), content, vm) == {
        "metadata": {"name": "s", "labels": {"new": "1"}, "annotations": MARK},
        "spec": {"template": {"spec": {"domain": {}}}, **expected},
    }


def test_a_new_target_takes_labels_and_annotations_and_nothing_else_of_the_metadata() -> None:
    metadata = {"labels": {"a": "1"}, "annotations": {"b": "2"}, "finalizers": ["f"], "uid": "u"}
    assert new_target(a_restore(), a_content(metadata))["metadata"] == {
        "name": "t",
        "namespace": "default",
        "labels": {"a": "1"},
        "annotations": {"b": "2", **MARK},
    }


def test_annotations_are_always_there_to_be_patched() -> None:
    patch = '{"op":"add","path":"/metadata/annotations/b","value":"2"}'
    metadata = new_target(a_restore(patch), a_content())["metadata"]
    assert metadata["annotations"] == {"b": "2", **MARK}


def test_labels_are_there_to_be_patched_only_if_the_source_has_any() -> None:
    patch = '{"op":"add","path":"/metadata/labels/b","value":"2"}'
    removed = '{"op":"remove","path":"/metadata/labels/a"}'
    labelled = new_target(a_restore(removed, patch), a_content({"labels": {"a": "1"}}))
    assert labelled["metadata"]["labels"] == {"b": "2"}
    with pytest.raises(PatchError) as caught:
        new_target(a_restore(patch), a_content({"labels": {}}))
    assert str(caught.value) == (
        f"error patching VM t: failed to apply patch for VM [\n{patch}\n]: add operation does not "
        'apply: doc is missing path: "/metadata/labels/b": missing value'
    )


def test_volumes_move_to_the_restored_claims() -> None:
    volumes = (
        {"name": "pvc", "persistentVolumeClaim": {"claimName": "c", "hotpluggable": True}},
        {"name": "templated", "dataVolume": {"name": "dv-1", "hotpluggable": True}},
        {"name": "bare", "dataVolume": {"name": "dv-2", "hotpluggable": True}},
        {"name": "dump", "memoryDump": {"claimName": "d"}},
        {"name": "image", "containerDisk": {"image": "i"}},
    )
    templates = [{"metadata": {"name": name}, "spec": {}} for name in ("other", "dv-1")]
    spec = new_target(a_restore(), a_content(volumes=volumes, dataVolumeTemplates=templates))[
        "spec"
    ]
    assert spec["template"]["spec"]["volumes"] == [
        {
            "name": "pvc",
            "persistentVolumeClaim": {"claimName": "restore-uid-1-pvc", "hotpluggable": True},
        },
        {
            "name": "templated",
            "dataVolume": {"name": "restore-uid-1-templated", "hotpluggable": True},
        },
        {"name": "bare", "persistentVolumeClaim": {"claimName": "restore-uid-1-bare"}},
        {"name": "image", "containerDisk": {"image": "i"}},
    ]
    names = [item["metadata"]["name"] for item in spec["dataVolumeTemplates"]]
    assert names == ["other", "restore-uid-1-templated"]


def test_only_prefixed_claim_names_are_shortened() -> None:
    content = a_content(volumes=({"name": "v" * 60, "persistentVolumeClaim": {"claimName": "c"}},))
    prefixed = a_restore(volumeRestorePolicy="PrefixTargetName")
    assert claim_names(a_restore(), content) == {"v" * 60: f"restore-uid-1-{'v' * 60}"}
    assert claim_names(prefixed, content) == {"v" * 60: f"t-{'v' * 60}"}


def test_a_prefixed_name_keeps_its_suffix_within_63_characters() -> None:
    assert prefixed_name("copy", "data") == "copy-data"
    assert prefixed_name("b" * 58, "data") == f"{'b' * 58}-data"
    assert prefixed_name("a" * 59, "data") == f"{'a' * 49}-{fnv_1a('a' * 59)}-data"


def test_a_suffix_without_room_for_a_base_is_hashed_as_well() -> None:
    suffix = "s" * 62
    assert prefixed_name("a", suffix) == f"a-{fnv_1a(f'a-{suffix}')}"
    assert prefixed_name("a" * 60, suffix) == "a" * 54 + "-" + fnv_1a("a" * 60 + "-" + suffix)


def fnv_1a(value: str) -> str:
    """The published definition, with its published example."""
    assert _fold("foobar") == 0xBF9CF968
    return f"{_fold(value):08x}"


def _fold(value: str) -> int:
    return reduce(
        lambda known, byte: ((known ^ byte) * 16777619) % 2**32, value.encode(), 2166136261
    )
