"""The checks as a function of what was read: levels by release, doubt, and half-written objects."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kubectl_virt_clone.clone.checks.cluster import ClusterFacts, cluster_findings
from kubectl_virt_clone.clone.checks.facts import (
    IDS,
    LEVELS,
    Facts,
    Finding,
    gate_is_on,
    is_fine,
    ordered,
    without,
)
from kubectl_virt_clone.clone.checks.findings import findings
from kubectl_virt_clone.clone.checks.flags import given_as, in_manifest, left_out
from kubectl_virt_clone.clone.hint import Field, Flag, Hint, flag, kubectl
from kubectl_virt_clone.clone.spec.target_patches import (
    annotation_patch,
    hostname_patch,
    label_patch,
    run_strategy_patch,
)
from kubectl_virt_clone.objects.resource import Listing, Lookup
from kubectl_virt_clone.render.findings import NO_FINDINGS, table, unknown_line
from kubectl_virt_clone.render.hints import written
from tests.unit.builders import read

KUBEVIRT = "kubevirt.io"


def a_clone(*, target: str = "t", kind: str = "VirtualMachine", **spec: Any) -> dict[str, Any]:
    source = _of(kind)
    wanted = {"apiGroup": KUBEVIRT, "kind": "VirtualMachine", "name": target}
    return {
        "apiVersion": "clone.kubevirt.io/v1beta1",
        "kind": "VirtualMachineClone",
        "metadata": {"name": "c"},
        "spec": {"source": source, **({"target": wanted} if target else {}), **spec},
    }


def a_vm(name: str = "s", **domain: Any) -> dict[str, Any]:
    template = {"spec": {"domain": {"devices": {}, "firmware": {"uuid": "u"}, **domain}}}
    return {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachine",
        "metadata": {"name": name, "namespace": "default", "uid": f"uid-of-{name}"},
        "spec": {"runStrategy": "Halted", "template": template},
    }


def a_snapshot(**status: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "s"},
        "spec": {"source": {"apiGroup": KUBEVIRT, "kind": "VirtualMachine", "name": "web"}},
        "status": {"readyToUse": True, "virtualMachineSnapshotContentName": "content", **status},
    }


def a_kubevirt(version: str, on: tuple[str, ...] = (), off: tuple[str, ...] = ()) -> Listing:
    gates = {"featureGates": list(on), "disabledFeatureGates": list(off)}
    obj = {
        "metadata": {"name": "kubevirt", "namespace": "kubevirt"},
        "spec": {"configuration": {"developerConfiguration": gates}},
        "status": {"observedKubeVirtVersion": version},
    }
    return Listing((obj,))


NEWEST = a_kubevirt("v1.9.0")
CONTENT = Lookup({"spec": {"source": {"virtualMachine": a_vm("web")}}})
FIELDS = frozenset(
    (
        *("source", "target", "labelFilters", "annotationFilters", "template", "newMacAddresses"),
        *("newSMBiosSerial", "patches", "volumeNamePolicy"),
    )
)


def found(clone: dict[str, Any], **facts: Any) -> list[tuple[str, str]]:
    """(id, level) of the findings; a readable VM on the newest KubeVirt unless told otherwise."""
    known = {"source": Lookup(a_vm()), "kubevirt": NEWEST, "fields": FIELDS, **facts}
    return [(item.id, item.level) for item in findings(clone, Facts(**known))]


def test_a_plain_clone_has_no_findings() -> None:
    assert found(a_clone()) == []


@pytest.mark.parametrize(
    ("version", "on", "off", "expected"),
    [
        ("v1.8.2", ("Snapshot",), (), True),
        ("v1.8.2", (), (), False),
        ("v1.9.0", (), (), True),
        ("v1.9.0-rc+d923fdb815", (), (), True),
        ("v1.10.0", (), (), True),
        ("v2.0.0", (), (), True),
        ("v1.9.0", (), ("Snapshot",), False),
        ("v1.9.0", ("Snapshot",), ("Snapshot",), True),
        ("", (), (), None),
        ("devel", (), (), None),
        ("devel", ("Snapshot",), (), True),
    ],
)
def test_the_gate_is_on_where_it_is_listed_and_by_default_from_1_9(
    version: str, on: tuple[str, ...], off: tuple[str, ...], expected: bool | None
) -> None:
    facts = Facts(kubevirt=a_kubevirt(version, on, off))

    assert gate_is_on(facts) is expected
    levels = {True: [], False: [("snapshot-gate", "error")], None: [("snapshot-gate", "unknown")]}
    assert found(a_clone(), kubevirt=facts.kubevirt) == levels[expected]


def test_the_hint_for_the_gate_keeps_the_other_gates() -> None:
    facts = Facts(kubevirt=a_kubevirt("v1.8.0", ("LiveMigration",)), source=Lookup(a_vm()))

    (finding,) = read(findings(a_clone(), facts))

    assert finding.hint == (
        "kubectl patch kubevirt/kubevirt --type=merge -p"
        ' \'{"spec":{"configuration":{"developerConfiguration":'
        '{"featureGates":["LiveMigration","Snapshot"]}}}}\' -n kubevirt'
    )


@pytest.mark.parametrize(("version", "level"), [("v1.4.0", "warning"), ("v1.5.0", "error")])
def test_before_1_5_the_tpm_state_is_left_behind_and_the_clone_works(
    version: str, level: str
) -> None:
    vm = a_vm(devices={"tpm": {"persistent": True}})

    answer = found(a_clone(), source=Lookup(vm), kubevirt=a_kubevirt(version, ("Snapshot",)))

    assert answer == [("backend-storage", level)]


@pytest.mark.parametrize(("version", "level"), [("v1.4.0", "error"), ("v1.5.0", "warning")])
def test_before_1_5_a_volume_whose_support_is_unknown_is_refused(version: str, level: str) -> None:
    vm = a_vm()
    claim = {"name": "data", "persistentVolumeClaim": {"claimName": "d"}}
    vm["spec"]["template"]["spec"]["volumes"] = [claim]

    answer = found(a_clone(), source=Lookup(vm), kubevirt=a_kubevirt(version, ("Snapshot",)))

    assert answer == [("volume-unknown", level)]


@pytest.mark.parametrize(
    ("version", "level", "what"),
    [("v1.4.0", "error", "refuses the clone"), ("v1.5.0", "warning", "lets the clone wait")],
)
def test_a_claim_that_is_not_there_yet_can_be_waited_for_from_1_5_on(
    version: str, level: str, what: str
) -> None:
    vm = a_vm()
    vm["spec"]["template"]["spec"]["volumes"] = [{"name": "data", "dataVolume": {"name": "d"}}]
    missing = {"name": "data", "enabled": False, "reason": "PVC not found"}
    vm["status"] = {"volumeSnapshotStatuses": [missing]}
    kubevirt = a_kubevirt(version, ("Snapshot",))

    facts = Facts(source=Lookup(vm), kubevirt=kubevirt, fields=FIELDS)

    assert read(findings(a_clone(), facts)) == [
        Finding(
            "volume-not-snapshottable",
            level,
            f'the claim "d" of the volume "data" is not there, and KubeVirt {what} until it is',
            "kubectl wait --for=create pvc/d --timeout=10m -n default",
        )
    ]


@pytest.mark.parametrize(
    ("state", "patchable", "hint"),
    [
        ({"runStrategy": "Halted"}, True, "--start"),
        (
            {"running": True},
            True,
            """--patch '{"op":"replace","path":"/spec/running","value":true}'""",
        ),
        (
            {"runStrategy": "Always"},
            False,
            "once the clone is done: kubectl patch vm/t --type=merge"
            """ -p '{"spec":{"runStrategy":"Always"}}' -n default""",
        ),
        (
            {"running": False},
            False,
            "once the clone is done: kubectl patch vm/t --type=merge"
            """ -p '{"spec":{"running":true}}' -n default""",
        ),
    ],
)
def test_the_target_is_started_by_the_field_that_its_source_has(
    state: dict[str, Any], patchable: bool, hint: str
) -> None:
    vm = a_vm()
    template = vm["spec"]["template"]
    template["spec"]["volumes"] = [{"name": "data", "dataVolume": {"name": "d"}}]
    vm["spec"] = {**state, "template": template}
    vm["status"] = {"volumeSnapshotStatuses": [{"name": "data", "enabled": True}]}
    claim = {"metadata": {"name": "d"}, "spec": {"storageClassName": "w"}}
    storage = {"metadata": {"name": "w"}, "volumeBindingMode": "WaitForFirstConsumer"}
    facts = Facts(
        source=Lookup(vm),
        kubevirt=NEWEST,
        fields=FIELDS if patchable else FIELDS - {"patches"},
        claims=Listing(({**claim, "status": {"phase": "Bound"}},)),
        storage_classes=Listing((storage,)),
    )

    (finding,) = read(findings(a_clone(), facts))

    assert (finding.id, finding.level, finding.hint) == ("first-consumer", "warning", hint)


LABEL, START = label_patch("a=b")[1], run_strategy_patch("Always")


@pytest.mark.parametrize(
    ("patch", "flags"),
    [
        (run_strategy_patch("Always"), "--start or --run-strategy Always"),
        (run_strategy_patch("Manual"), "--run-strategy Manual"),
        (hostname_patch("web"), "--hostname web"),
        (label_patch("example.com/a=b")[1], "--label example.com/a=b"),
        (label_patch("a=")[1], "--label a="),
        (annotation_patch("a/b=c=d: é, 'f'")[1], """--annotation 'a/b=c=d: é, '"'"'f'"'"''"""),
        (run_strategy_patch("Nope"), None),
        ('{"op":"add","path":"/metadata/labels/a","value":5}', None),
        ('{"path":"/metadata/labels/a","op":"add","value":"b"}', None),
        ('{"op":"add","path":"/metadata/labels/","value":"b"}', None),
        ('{"op":"remove","path":"/metadata/labels/a"}', None),
        ("{", None),
    ],
)
def test_a_patch_is_called_by_the_flag_that_makes_it(patch: str, flags: str | None) -> None:
    assert written(given_as(patch)) == (flags or f"--patch '{patch}'")


@pytest.mark.parametrize(
    ("patches", "target", "hint"),
    [
        (
            [label_patch("a=b")[1], hostname_patch("web"), label_patch("x/c=")[1]],
            "t",
            "leave out --label a=b --label x/c=, and once the clone is done:"
            " kubectl label vm/t a=b x/c= -n ns",
        ),
        (
            [annotation_patch("a=b, c")[1], label_patch("a=b")[1]],
            "",
            "leave out --annotation 'a=b, c', and once the clone is done:"
            " kubectl annotate vm/TARGET 'a=b, c' -n ns",
        ),
        ([hostname_patch("web"), label_patch("a=b")[1]], "t", "leave out --hostname web"),
    ],
)
def test_a_label_that_the_source_has_no_place_for_is_set_once_the_clone_is_done(
    patches: list[str], target: str, hint: str
) -> None:
    assert written(left_out(patches[0], patches, target, "ns")) == hint


def vm_reference(name: str) -> dict[str, str]:
    return {"apiGroup": KUBEVIRT, "kind": "VirtualMachine", "name": name}


@pytest.mark.parametrize(
    ("given", "field"),
    [
        (flag("--name", "web-1"), Field("metadata.name", "web-1")),
        (flag("--target"), Field("spec.target")),
        (flag("--target", "vm/a"), Field("spec.target", vm_reference("a"))),
        (flag("--source", "a"), Field("spec.source", vm_reference("a"))),
        (flag("--label-filter", "^a$", "b"), Field("spec.labelFilters", ["^a$", "b"])),
        (flag("--annotation-filter", "a b"), Field("spec.annotationFilters", ["a b"])),
        (flag("--template-label-filter", "*"), Field("spec.template.labelFilters", ["*"])),
        (
            flag("--template-annotation-filter", "!^a/"),
            Field("spec.template.annotationFilters", ["!^a/"]),
        ),
        (flag("--new-mac-address", "a=b=c"), Field("spec.newMacAddresses", {"a": "b=c"})),
        (flag("--new-smbios-serial", "a:b"), Field("spec.newSMBiosSerial", "a:b")),
        (flag("--volume-name-policy", "x"), Field("spec.volumeNamePolicy", "x")),
        (flag("--patch"), Field("spec.patches")),
        (flag("--patch", "it's"), Field("spec.patches", ["it's"])),
        (
            flag("--label", "a=b", "c="),
            Field("spec.patches", [LABEL, label_patch("c=")[1]]),
        ),
        (flag("--annotation", "a=b,c"), Field("spec.patches", [annotation_patch("a=b,c")[1]])),
        (flag("--hostname", "web"), Field("spec.patches", [hostname_patch("web")])),
        (flag("--run-strategy", "Manual"), Field("spec.patches", [run_strategy_patch("Manual")])),
        (flag("--start"), Field("spec.patches", [START])),
        (flag("--label", "a"), flag("--label", "a")),
        (flag("--skip-check", "x"), flag("--skip-check", "x")),
    ],
)
def test_a_hint_about_a_manifest_speaks_of_its_fields(given: Flag, field: Field | Flag) -> None:
    assert in_manifest(("leave out ", given, " or ", kubectl("x"))) == (
        *("leave out ", field, " or ", kubectl("x")),
    )


@pytest.mark.parametrize(
    ("hint", "fields"),
    [
        ((), ()),
        (
            ("leave out ", *given_as(START), ", or"),
            ("leave out ", Field("spec.patches", [START]), ", or"),
        ),
        (
            (*given_as(LABEL), " or ", *given_as(START)),
            (Field("spec.patches", [LABEL]), " or ", Field("spec.patches", [START])),
        ),
        (
            (*given_as(LABEL), " and ", *given_as(LABEL)),
            (Field("spec.patches", [LABEL]), " and ", Field("spec.patches", [LABEL])),
        ),
    ],
)
def test_two_flags_that_are_the_same_field_are_told_once(hint: Hint, fields: Hint) -> None:
    assert in_manifest(hint) == fields


def test_hints_speak_of_fields_where_a_manifest_was_given() -> None:
    clone = a_clone(labelFilters=["zzz"])
    facts = Facts(source=Lookup(a_vm()), kubevirt=NEWEST, fields=FIELDS)

    assert [item.hint for item in read(findings(clone, facts))] == ["leave out --label-filter zzz"]
    assert [item.hint for item in read(findings(clone, replace(facts, form="files")))] == [
        'leave out spec.labelFilters: ["zzz"]'
    ]


def test_an_address_for_an_interface_that_is_not_there_is_in_nobodys_way() -> None:
    macs = {"a": "02-00-00-00-00-01", "b": "02:00:00:00:00:01"}
    vm = a_vm(devices={"interfaces": [{"name": "a"}]})

    assert found(a_clone(newMacAddresses=macs), source=Lookup(vm), vms=Listing()) == [
        ("mac-unknown-interface", "error")
    ]


@pytest.mark.parametrize(
    ("spec", "field", "wanted"),
    [
        ({"volumeNamePolicy": "Nope"}, "volumeNamePolicy", "RandomizeNames or PrefixTargetName"),
        ({"volumeNamePolicy": ["x"]}, "volumeNamePolicy", "RandomizeNames or PrefixTargetName"),
        ({"newSMBiosSerial": 7}, "newSMBiosSerial", "a string"),
        ({"labelFilters": ["*", 5]}, "labelFilters", "a list of strings"),
        ({"newMacAddresses": ["a"]}, "newMacAddresses", "an object of strings"),
        ({"template": {"labelFilters": "*"}}, "template.labelFilters", "a list of strings"),
        ({"template": 5}, "template", "an object"),
    ],
)
def test_a_value_that_the_schema_refuses_is_named_with_what_it_takes(
    spec: dict[str, Any], field: str, wanted: str
) -> None:
    facts = Facts(source=Lookup(a_vm()), kubevirt=NEWEST, fields=FIELDS)

    assert read(findings(a_clone(**spec), facts))[0] == Finding(
        "unknown-field",
        "error",
        f"spec.{field} has to be {wanted}, and the server refuses anything else",
        f"leave out spec.{field}",
    )


def test_a_null_stands_for_a_field_that_is_left_out() -> None:
    assert found(a_clone(newSMBiosSerial=None, volumeNamePolicy=None, patches=None)) == []


def test_before_1_5_a_colon_in_the_serial_does_no_harm() -> None:
    clone = a_clone(newSMBiosSerial="a:b")

    assert found(clone, kubevirt=a_kubevirt("v1.4.0", ("Snapshot",))) == []
    assert found(clone) == [("serial-unsafe", "error")]


@pytest.mark.parametrize(
    ("target", "uid", "expected"),
    [
        (Lookup(a_vm("web")), "uid-of-web", [("target-overwritten", "error")]),
        (Lookup(a_vm("web")), "", [("target-overwritten", "error")]),
        (Lookup(a_vm("web")), "uid-of-one-before", [("target-exists", "error")]),
        (Lookup(), "uid-of-web", []),
        (
            Lookup(unreadable="Forbidden"),
            "uid-of-web",
            [("target-overwritten", "error"), ("target-exists", "unknown")],
        ),
    ],
)
def test_only_the_very_vm_of_the_snapshot_is_overwritten(
    target: Lookup, uid: str, expected: list[tuple[str, str]]
) -> None:
    clone = a_clone(target="web", kind="VirtualMachineSnapshot")
    source = Lookup(a_snapshot(sourceUID=uid))

    assert found(clone, source=source, content=CONTENT, target=target) == expected


def test_a_ready_snapshot_without_a_vm_in_it_fails_the_clone() -> None:
    clone = a_clone(kind="VirtualMachineSnapshot")

    assert found(clone, source=Lookup(a_snapshot())) == [("snapshot-failed", "error")]


def test_a_volume_that_the_snapshot_left_out_fails_the_clone() -> None:
    vm = a_vm("web")
    claims = [{"name": n, "persistentVolumeClaim": {"claimName": n}} for n in ("a", "b")]
    vm["spec"]["template"]["spec"]["volumes"] = claims
    content = {"source": {"virtualMachine": vm}, "volumeBackups": [{"volumeName": "a"}]}
    facts = Facts(
        source=Lookup(a_snapshot()),
        content=Lookup({"spec": content}),
        kubevirt=NEWEST,
        fields=FIELDS,
    )

    assert read(findings(a_clone(kind="VirtualMachineSnapshot"), facts)) == [
        Finding(
            "volume-not-snapshottable",
            "error",
            'the volume "b" is not in the snapshot "s"',
            "--source vm/web",
        )
    ]


@pytest.mark.parametrize(
    ("target", "expected"), [("t", [("filter-only-negative", "warning")]), ("", [])]
)
def test_an_empty_list_of_filters_drops_all_keys_only_with_a_named_target(
    target: str, expected: list[tuple[str, str]]
) -> None:
    assert found(a_clone(target=target, labelFilters=[])) == expected


def test_an_address_given_twice_is_in_use_by_the_clone_itself() -> None:
    macs = {"a": "02-00-00-00-00-01", "b": "02:00:00:00:00:01"}
    vm = a_vm(devices={"interfaces": [{"name": "a"}, {"name": "b"}]})
    facts = Facts(source=Lookup(vm), kubevirt=NEWEST, fields=FIELDS, vms=Listing())

    (finding,) = read(findings(a_clone(newMacAddresses=macs), facts))

    assert finding == Finding(
        "mac-in-use",
        "warning",
        "the MAC address 02:00:00:00:00:01 is in use by the interface a of this clone",
        "--new-mac-address b=02-00-00-00-00-02",
    )


@pytest.mark.parametrize("phase", ["", "SnapshotInProgress", "RestoreInProgress", "Failed"])
def test_a_target_is_claimed_until_the_other_clone_succeeded(phase: str) -> None:
    other = {**a_clone(), "metadata": {"name": "other"}, "status": {"phase": phase}}
    done = {**a_clone(), "metadata": {"name": "done"}, "status": {"phase": "Succeeded"}}
    expected = [] if phase == "Failed" else [("target-claimed", "error")]

    assert found(a_clone(), clones=Listing((other, done))) == expected


@pytest.mark.parametrize("running", [True, False])
def test_a_source_that_uses_running_gets_a_patch_that_removes_it(running: bool) -> None:
    vm = a_vm()
    vm["spec"] = {"running": running, "template": vm["spec"]["template"]}
    start = '{"op":"replace","path":"/spec/runStrategy","value":"Always"}'
    facts = Facts(source=Lookup(vm), kubevirt=NEWEST, fields=FIELDS)

    (finding,) = findings(a_clone(patches=[start]), facts)
    ((removal,),) = [given.values for given in finding.hint]

    assert (finding.id, finding.level) == ("patch-invalid", "error")
    assert findings(a_clone(patches=[removal, start]), facts) == ()


def test_of_several_patches_the_one_that_does_not_fit_the_source_is_named() -> None:
    nowhere = '{"op":"replace","path":"/spec/template/spec/nowhere/x","value":1}'
    facts = Facts(source=Lookup(a_vm()), kubevirt=NEWEST, fields=FIELDS)

    (finding,) = read(findings(a_clone(patches=[hostname_patch("web"), nowhere]), facts))

    assert (finding.id, finding.hint) == ("patch-invalid", f"leave out --patch '{nowhere}'")


def test_what_is_not_known_is_unknown_and_no_fault() -> None:
    unread = Lookup(unreadable="Forbidden")
    hidden = Listing(unreadable="Forbidden")
    clone = a_clone(newMacAddresses={"a": "02-00-00-00-00-01"}, patches=["{}"], labelFilters=["a"])

    answer = findings(
        clone,
        Facts(
            source=unread,
            target=unread,
            clones=hidden,
            vms=hidden,
            claims=hidden,
            storage_classes=hidden,
            kubevirt=hidden,
        ),
    )

    errors = [item.id for item in answer if item.level == "error"]
    unknown = [item.id for item in answer if item.level == "unknown"]
    assert errors == ["patch-invalid"]
    assert len(unknown) == len(set(unknown)) == len(answer) - 1
    assert {"snapshot-gate", "field-unsupported", "target-exists", "mac-in-use"} <= set(unknown)
    assert unknown_line(answer).startswith("not checked: snapshot-gate, field-unsupported, source-")


def test_a_cluster_whose_rights_cannot_be_asked_is_not_at_fault() -> None:
    cluster = ClusterFacts("default", ("v1beta1",), "", None, NEWEST, {"create": None})

    assert [(item.id, item.level) for item in cluster_findings(cluster)] == [("rbac", "unknown")]


ODD: tuple[Any, ...] = (None, "", 5, True, [], [None], ["x"], {}, {"a": None}, [{"name": 5}])
PLACES = (
    ("metadata",),
    ("spec",),
    *(("spec", key) for key in sorted(FIELDS)),
    ("spec", "source", "name"),
    ("spec", "source", "kind"),
    ("spec", "template", "labelFilters"),
    ("status",),
)


@pytest.mark.parametrize("place", PLACES)
def test_a_malformed_clone_is_judged_without_an_exception(place: tuple[str, ...]) -> None:
    for odd in ODD:
        _judge_a_clone(place, odd)


def _judge_a_clone(place: tuple[str, ...], odd: Any) -> None:
    clone = a_clone(labelFilters=["a"], newMacAddresses={"a": "02-00-00-00-00-01"}, patches=["{}"])
    clone["spec"]["template"] = {"labelFilters": ["a"]}
    _put(clone, place, odd)

    for kind in (Lookup(a_vm()), Lookup(), Lookup(unreadable="Forbidden")):
        judged = findings(clone, Facts(source=kind, kubevirt=NEWEST, fields=FIELDS))
        assert {item.id for item in judged} <= set(IDS)
        assert table(judged)


VM_PLACES = (
    ("metadata",),
    ("metadata", "labels"),
    ("spec",),
    ("spec", "template"),
    ("spec", "template", "metadata"),
    ("spec", "template", "spec"),
    ("spec", "template", "spec", "volumes"),
    ("spec", "template", "spec", "domain"),
    ("spec", "template", "spec", "domain", "firmware"),
    ("spec", "template", "spec", "domain", "devices"),
    ("spec", "template", "spec", "domain", "devices", "interfaces"),
    ("spec", "template", "spec", "domain", "devices", "disks"),
    ("status",),
    ("status", "conditions"),
    ("status", "volumeSnapshotStatuses"),
    ("status", "created"),
)


@pytest.mark.parametrize("place", VM_PLACES)
def test_a_malformed_source_is_judged_without_an_exception(place: tuple[str, ...]) -> None:
    for odd in ODD:
        _judge_a_source(place, odd)


def _judge_a_source(place: tuple[str, ...], odd: Any) -> None:
    vm = a_vm()
    vm["status"] = {"created": True}
    vm["metadata"]["labels"] = {"a": "b"}
    vm["spec"]["template"]["metadata"] = {"annotations": {"ovn.kubernetes.io/ip_address": "1"}}
    _put(vm, place, odd)
    clone = a_clone(
        labelFilters=["a"], newMacAddresses={"a": "02-00-00-00-00-01"}, newSMBiosSerial="s"
    )
    listing = Listing((vm, {}, a_vm("x")))

    for source, content in ((Lookup(vm), Lookup()), (Lookup(a_snapshot()), Lookup(vm))):
        facts = Facts(
            source=source,
            content=content,
            target=source,
            clones=listing,
            vms=listing,
            claims=listing,
            storage_classes=listing,
            kubevirt=listing,
        )
        for kind in ("VirtualMachine", "VirtualMachineSnapshot"):
            judged = findings({**clone, "spec": {**clone["spec"], "source": _of(kind)}}, facts)
            assert {item.level for item in judged} <= set(LEVELS)


def _of(kind: str) -> dict[str, str]:
    group = "snapshot.kubevirt.io" if kind == "VirtualMachineSnapshot" else KUBEVIRT
    return {"apiGroup": group, "kind": kind, "name": "s"}


def _put(obj: dict[str, Any], place: tuple[str, ...], value: Any) -> None:
    for key in place[:-1]:
        obj = obj.setdefault(key, {})
    obj[place[-1]] = value


A = Finding("rbac", "error", "a")
B = Finding("filter-unused", "warning", "b", ("do b",))
C = Finding("snapshot-gate", "unknown", "c")


def test_findings_are_ordered_by_level_then_by_id() -> None:
    first = Finding("snapshot-gate", "error", "z")

    assert ordered([C, B, A, first]) == (first, A, B, C)
    assert not is_fine([A])
    assert is_fine([B, C])


def test_findings_are_skipped_by_id_or_all_of_them() -> None:
    assert without([A, B, C], ["rbac", "snapshot-gate"]) == (B,)
    assert without([A, B, C], ["all"]) == ()
    assert without([A, B, C], []) == (A, B, C)


def test_a_hint_is_quoted_for_a_shell_and_names_a_namespace_where_there_is_one() -> None:
    assert written((kubectl("get", "vm/a b"),)) == "kubectl get 'vm/a b'"
    assert written((kubectl("get", "vm", namespace="n"),)) == "kubectl get vm -n n"
    assert written((flag("--label-filter", "!a", "b"),)) == "--label-filter '!a' --label-filter b"
    assert written((flag("--label-filter"),)) == "--label-filter"


def test_a_table_escapes_what_a_server_says() -> None:
    hostile = Finding("rbac", "error", "a\x1b[31m\nb")

    assert table([hostile]) == "ID     LEVEL   MESSAGE      HINT\nrbac   error   a^[[31m\\nb\n"
    assert table([]) == f"{NO_FINDINGS}\n"
    assert table([C]) == "not checked: snapshot-gate (c)\n"
