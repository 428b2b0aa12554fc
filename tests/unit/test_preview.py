"""How a preview looks: for people, as a diff, as YAML and as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubectl_virt_clone.clone.checks.facts import Facts, Finding
from kubectl_virt_clone.clone.checks.findings import findings
from kubectl_virt_clone.clone.hint import flag
from kubectl_virt_clone.clone.target.preview import Preview, preview_of, source_reference
from kubectl_virt_clone.clone.target.projection import project
from kubectl_virt_clone.errors import VirtCloneError
from kubectl_virt_clone.objects.resource import Lookup
from kubectl_virt_clone.render.preview import rendered
from tests.unit.builders import Object, malformed, read
from tests.unit.test_projection import DATA_VOLUME, DOMAIN, DUMP, IMAGE, PVC, a_clone, a_source

GOLDEN = Path(__file__).parent.parent / "golden"
FINDING = Finding(
    "mac-in-use", "warning", "vm/other has the address too", (flag("--new-mac-address"),)
)


def a_preview(source: Object, *findings: Finding, target: str = "copy", **spec: Any) -> Preview:
    clone = a_clone(target, **spec)
    return Preview(clone, source, project(source, clone), findings)


def everything() -> Preview:
    """A preview that has something in every section."""
    source = a_source(PVC, DATA_VOLUME, DUMP, IMAGE, runStrategy="Always")
    return a_preview(
        source,
        FINDING,
        labelFilters=["*", "!app"],
        annotationFilters=["note"],
        template={"labelFilters": []},
        newMacAddresses={"default": "02-00-00-00-00-99"},
        newSMBiosSerial="SN-X",
        volumeNamePolicy="PrefixTargetName",
        patches=['{"op":"replace","path":"/spec/nosuch/x","value":1}'],
    )


def patched() -> Preview:
    """A preview of a clone whose patches change what its filters decide."""
    return a_preview(
        a_source(),
        labelFilters=["tier", "^app"],
        patches=[
            '{"op":"add","path":"/metadata/labels/new","value":"\u202e"}',
            '{"op":"replace","path":"/metadata/labels/new","value":"1"}',
            '{"op":"add","path":"/metadata/labels/myapp","value":"x"}',
            '{"op":"remove","path":"/metadata/labels/app"}',
            '{"op":"add","path":"/spec/template/spec/hostname","value":"h"}',
            f'{{"op":"remove","path":"{DOMAIN}/devices/interfaces/0"}}',
        ],
    )


def a_bare_source() -> Object:
    return {
        "metadata": {"name": "vm-cirros", "namespace": "default"},
        "spec": {"runStrategy": "Halted", "template": {"spec": {"domain": {}}}},
    }


@pytest.mark.parametrize(
    ("name", "preview", "output"),
    [
        ("preview-everything.txt", everything(), None),
        ("preview-patched.txt", patched(), None),
        ("preview-bare.txt", a_preview(a_bare_source(), target=""), None),
        (
            "preview.diff",
            a_preview(a_source(PVC, runStrategy="Always"), labelFilters=["*", "!app"]),
            "diff",
        ),
        ("preview.json", everything(), "json"),
    ],
)
def test_a_preview_is_shown_whole(name: str, preview: Preview, output: str | None) -> None:
    assert rendered([preview], output) == (GOLDEN / name).read_text(encoding="utf-8")


def test_an_interface_without_a_new_mac_is_left_to_the_cluster() -> None:
    lines = rendered([a_preview(a_source())], None).splitlines()
    start = lines.index("MAC Addresses:")
    assert lines[start + 1] == "  default:  02:00:00:00:00:01 -> left to the cluster"


def test_yaml_is_the_target_alone() -> None:
    preview = a_preview(a_source(PVC))
    assert yaml.safe_load(rendered([preview], "yaml")) == preview.projection.target


def test_several_previews_are_set_apart() -> None:
    one = a_preview(a_source())
    text = rendered([one], None)
    assert rendered([one, one], None) == f"{text}\n\n{text}"
    assert (
        json.loads(rendered([one, one], "json"))["items"]
        == [json.loads(rendered([one], "json"))] * 2
    )
    assert rendered([one, one], "diff") == rendered([one], "diff") * 2


@pytest.mark.parametrize("output", ["yaml", "diff"])
def test_a_target_that_will_not_be_made_is_not_shown_as_one(output: str) -> None:
    preview = a_preview(a_source(), newSMBiosSerial="SN:1")
    with pytest.raises(VirtCloneError) as raised:
        rendered([preview], output)
    assert str(raised.value) == (
        "error: virtualmachineclone.clone.kubevirt.io/clone-1 will have no target: patch format is"
        ' not valid - one ":" expected in a single key-value json patch: "value":"SN:1"'
    )


def test_text_from_the_server_moves_no_cursor() -> None:
    source = a_source({"name": "\x1b[2J", "persistentVolumeClaim": {"claimName": "\x1b[2J"}})
    source["metadata"]["labels"] = {"\x1b[2J": "\x1b[2J"}
    preview = a_preview(source, Finding("id", "error", "\x1b[2J", ("\x1b[2J",)))
    texts = [rendered([preview], output) for output in (None, "diff", "yaml", "json")]
    assert [text.count("\x1b") for text in texts] == [0, 0, 0, 0]


def test_a_malformed_source_is_shown_too() -> None:
    source = a_bare_source()
    source["metadata"]["labels"] = {"app": "cirros"}
    source["spec"]["template"]["spec"]["volumes"] = [PVC]
    for broken in malformed(source):
        preview = a_preview(broken, labelFilters=["app"])
        assert rendered([preview], None).startswith("Source:  vm/vm-cirros\n")
        assert "target" in json.loads(rendered([preview], "json"))
        if not preview.projection.problems:
            assert rendered([preview], "diff").startswith("--- vm/vm-cirros\n+++ vm/copy\n")


def test_a_source_is_called_by_its_short_kind_and_another_kind_as_it_is() -> None:
    kinds = ("VirtualMachine", "VirtualMachineSnapshot", "Pod")
    sources = [{"spec": {"source": {"kind": kind, "name": "a"}}} for kind in kinds]

    assert [source_reference(clone) for clone in sources] == ["vm/a", "vmsnapshot/a", "Pod/a"]


def test_a_preview_holds_the_source_its_target_and_what_the_checks_say() -> None:
    source, clone = a_source(), a_clone(labelFilters=["nosuch"])
    facts = Facts(source=Lookup(source))

    assert preview_of(clone, facts) == Preview(
        clone, source, project(source, clone), findings(clone, facts)
    )
    assert [item.id for item in read(findings(clone, facts))] == [
        "source-kind",
        "filter-unused",
        "snapshot-gate",
    ]


@pytest.mark.parametrize(
    ("facts", "kind", "reason"),
    [
        (Facts(), "VirtualMachine", "vm/vm-cirros does not exist"),
        (
            Facts(source=Lookup(unreadable="Forbidden")),
            "VirtualMachine",
            "vm/vm-cirros may not be read (Forbidden)",
        ),
        (
            Facts(source=Lookup({}), content=Lookup(unreadable="Forbidden")),
            "VirtualMachineSnapshot",
            "the content of vmsnapshot/vm-cirros may not be read (Forbidden)",
        ),
        (
            Facts(source=Lookup({})),
            "VirtualMachineSnapshot",
            "vmsnapshot/vm-cirros holds no VM yet",
        ),
    ],
)
def test_without_a_source_there_is_no_preview(facts: Facts, kind: str, reason: str) -> None:
    clone = a_clone()
    clone["spec"]["source"]["kind"] = kind
    with pytest.raises(VirtCloneError) as raised:
        preview_of(clone, facts)
    assert str(raised.value) == (
        f"error: virtualmachineclone.clone.kubevirt.io/clone-1 can't be previewed: {reason}"
    )
