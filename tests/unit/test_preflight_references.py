"""What the checks say of names: the clone's own, its source, its target, and who else wants it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kubectl_virt_clone.clone.checks.facts import Facts, Finding
from kubectl_virt_clone.clone.checks.findings import findings
from kubectl_virt_clone.clone.checks.references import (
    claimed_findings,
    is_name,
    kind_findings,
    name_findings,
    own_findings,
    snapshot_findings,
    source_findings,
    target_findings,
)
from kubectl_virt_clone.objects.resource import Listing, Lookup
from tests.unit.builders import read
from tests.unit.test_preflight import CONTENT, FIELDS, NEWEST, a_clone, a_kubevirt, a_snapshot, a_vm

BEFORE_1_5 = a_kubevirt("v1.4.0", ("Snapshot",))
ANOTHER_TARGET = "leave out --target: KubeVirt then names the VM"
SNAPSHOT = "VirtualMachineSnapshot"


def of_source(clone: dict[str, Any], facts: Facts) -> list[Finding]:
    return read((*source_findings(clone, facts), *snapshot_findings(clone, facts)))


def of_target(clone: dict[str, Any], facts: Facts) -> list[Finding]:
    return read((*target_findings(clone, facts), *claimed_findings(clone, facts)))


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("a", True),
        ("a-b.c--d.0", True),
        ("a" * 253, True),
        ("a" * 254, False),
        ("", False),
        ("A", False),
        ("-a", False),
        ("a-", False),
        ("a..b", False),
        ("a\n", False),
    ],
)
def test_a_name_is_a_lower_case_subdomain_of_at_most_253_characters(text: str, valid: bool) -> None:
    assert is_name(text) is valid


@pytest.mark.parametrize(
    ("name", "shown", "instead"),
    [
        ("My VM", "My VM", "my-vm"),
        ("-a_b-", "-a_b-", "a-b"),
        ("a..b.", "a..b.", "a.b"),
        ("-.-", "-.-", "copy"),
        ("A" * 60, "A" * 60, "a" * 60),
        ("A" * 61, "A" * 60 + "…", "a" * 61),
        ("a" * 254, "a" * 60 + "…", "a" * 253),
    ],
)
def test_a_name_that_no_object_can_have_is_corrected(name: str, shown: str, instead: str) -> None:
    rule = (
        "a name has at most 253 lower-case letters, digits, '-' and '.', and begins and ends with a"
        " letter or digit"
    )
    clone = {**a_clone(target=name), "metadata": {"name": name}}

    for form, hint in (
        ("flags", "{} {}"),
        ("files", "{} {}"),
        ("series", "{} with {} in place of {}"),
    ):
        assert read(name_findings(clone, Facts(form=form))) == [
            Finding(
                "invalid-name",
                "error",
                f'the {what} can\'t be called "{shown}": {rule}',
                hint.format(option, instead, shown),
            )
            for what, option in (("clone", "--name"), ("target", "--target"))
        ]


def test_names_that_the_server_chooses_are_not_judged() -> None:
    assert list(name_findings({**a_clone(target=""), "metadata": {}}, Facts())) == []


def test_a_name_that_kubevirt_would_make_too_long_is_found() -> None:  # [38]
    def found(length: int, target: str = "") -> list[Finding]:
        clone = a_clone(target=target)
        clone["spec"]["source"]["name"] = "a" * length
        return read(name_findings(clone, Facts()))

    assert found(241) == found(253, "t") == []
    message = "KubeVirt would give the target a name of 254 characters, and then hang"
    hint = f"--target copy-of-{'a' * 60}"
    assert found(242) == [Finding("invalid-name", "error", message, hint)]


def test_a_clone_whose_name_is_taken_is_told_that_alone() -> None:
    there = {**a_clone(target="u"), "status": {"phase": "Succeeded"}}
    others = Listing(({**a_clone(), "metadata": {"name": "other"}}, there))
    facts = Facts(target=Lookup(a_vm("t")), clones=others, kubevirt=NEWEST, fields=FIELDS)
    told = Finding("clone-exists", "error", 'there is a clone "c" already', "--name c-2")

    assert read(own_findings(a_clone(), facts)) == [told]
    assert read(findings(a_clone(), facts)) == [told]
    assert read(findings(a_clone(), replace(facts, form="files"))) == [
        replace(told, hint='metadata.name: "c-2"')
    ]


@pytest.mark.parametrize("metadata", [{"name": "other"}, {"generateName": "c"}, {}])
def test_a_name_that_nobody_has_or_is_yet_to_be_chosen_is_free(metadata: dict[str, str]) -> None:
    clone = {**a_clone(), "metadata": metadata}

    assert list(own_findings(clone, Facts(clones=Listing((a_clone(), {"metadata": {}}))))) == []


@pytest.mark.parametrize(
    ("source", "what", "hint"),
    [
        ({"apiGroup": "kubevirt.io", "kind": "Pod", "name": "a"}, "Pod of kubevirt.io", "vm/a"),
        ({"kind": "VirtualMachine", "name": "a"}, "VirtualMachine of no API group", "vm/a"),
        ({}, "nothing of no API group", "vm/NAME"),
        (None, "nothing of no API group", "vm/NAME"),
    ],
)
def test_a_source_of_another_kind_or_of_no_group_can_not_be_cloned(
    source: Any, what: str, hint: str
) -> None:
    assert read(kind_findings({"spec": {"source": source}}, Facts())) == [
        Finding(
            "source-kind",
            "error",
            f"the source is {what}; only a VirtualMachine of kubevirt.io or a"
            " VirtualMachineSnapshot of snapshot.kubevirt.io can be cloned",
            f"--source {hint}",
        )
    ]


@pytest.mark.parametrize(
    ("target", "what", "hint"),
    [
        (
            {"apiGroup": "x.io", "kind": "VirtualMachine", "name": "a"},
            "VirtualMachine of x.io",
            "a",
        ),
        ({"kind": "VirtualMachine", "name": "a"}, "VirtualMachine of no API group", "a"),
        ({"apiGroup": "kubevirt.io", "kind": "Pod"}, "Pod of kubevirt.io", "NAME"),
        ({"name": "a"}, "no kind of no API group", "a"),
    ],
)
def test_a_target_has_to_be_a_virtual_machine_of_kubevirt(
    target: dict[str, str], what: str, hint: str
) -> None:
    clone = a_clone()
    clone["spec"]["target"] = target

    assert read(kind_findings(clone, Facts())) == [
        Finding(
            "source-kind",
            "error",
            f"the target is {what}; a clone makes a VirtualMachine of kubevirt.io",
            f"--target vm/{hint}",
        )
    ]


@pytest.mark.parametrize("kind", ["VirtualMachine", SNAPSHOT])
def test_vms_and_snapshots_can_be_cloned_to_a_vm_or_to_whatever_kubevirt_names(kind: str) -> None:
    assert list(kind_findings(a_clone(kind=kind), Facts())) == []
    assert list(kind_findings(a_clone(kind=kind, target=""), Facts())) == []


def a_maker(**metadata: str) -> dict[str, Any]:
    """An unfinished clone whose target is the source of a_clone()."""
    return {**a_clone(target="s"), "metadata": metadata}


@pytest.mark.parametrize(
    ("kind", "facts", "hint"),
    [
        (
            "VirtualMachine",
            {"vms": Listing((a_vm("s1"), a_vm("web"), a_vm("sx"), a_vm("sy")))},
            "--source vm/sy",
        ),
        (
            "VirtualMachine",
            {"vms": Listing((a_vm("web"),))},
            "--skip-check source-missing lets the clone wait for it",
        ),
        ("VirtualMachine", {}, "--skip-check source-missing lets the clone wait for it"),
        (
            SNAPSHOT,
            {"vms": Listing((a_vm("s1"),))},
            "--skip-check source-missing lets the clone wait for it",
        ),
        (
            "VirtualMachine",
            {"kubevirt": a_kubevirt("v1.5.0")},
            "--skip-check source-missing lets the clone wait for it",
        ),
        (
            "VirtualMachine",
            {"own_namespace": Lookup({"metadata": {"name": "ns"}})},
            "--skip-check source-missing lets the clone wait for it",
        ),
        (
            "VirtualMachine",
            {"own_namespace": Lookup(unreadable="Forbidden")},
            "--skip-check source-missing lets the clone wait for it",
        ),
        ("VirtualMachine", {"kubevirt": BEFORE_1_5}, "kubectl get vm -n ns"),
        (SNAPSHOT, {"kubevirt": BEFORE_1_5}, "kubectl get vmsnapshot.snapshot.kubevirt.io -n ns"),
        (
            "VirtualMachine",
            {"kubevirt": BEFORE_1_5, "clones": Listing((a_maker(name="m"),))},
            "kubectl get vm -n ns",
        ),
    ],
)
def test_a_source_that_is_missing_gets_the_closest_name_or_the_way_to_wait_for_it(
    kind: str, facts: dict[str, Any], hint: str
) -> None:
    known = Facts(namespace="ns", **facts)

    assert of_source(a_clone(kind=kind), known) == [
        Finding("source-missing", "error", f'there is no {kind} "s" in the namespace ns', hint)
    ]


@pytest.mark.parametrize(
    ("kind", "vms", "hint"),
    [
        ("VirtualMachine", Listing((a_vm("bad-name"),)), "--source vm/bad-name"),
        ("VirtualMachine", Listing(), "kubectl get vm -n ns"),
        (SNAPSHOT, None, "kubectl get vmsnapshot.snapshot.kubevirt.io -n ns"),
    ],
)
def test_a_source_of_a_name_that_no_object_can_have_is_not_waited_for(
    kind: str, vms: Listing | None, hint: str
) -> None:
    clone = a_clone(kind=kind)
    clone["spec"]["source"]["name"] = "Bad_name"

    assert of_source(clone, Facts(namespace="ns", vms=vms)) == [
        Finding(
            "source-missing", "error", f'there is no {kind} "Bad_name" in the namespace ns', hint
        )
    ]


@pytest.mark.parametrize("kind", ["VirtualMachine", SNAPSHOT])
def test_a_namespace_that_is_missing_is_told_and_not_what_is_missing_in_it(kind: str) -> None:
    facts = Facts(namespace="ns", own_namespace=Lookup(), vms=Listing((a_vm("s1"),)))

    assert of_source(a_clone(kind=kind), facts) == [
        Finding("source-missing", "error", 'there is no namespace "ns"', "kubectl get namespaces")
    ]


@pytest.mark.parametrize("kubevirt", [Listing(), a_kubevirt("v1.5.0"), NEWEST])
@pytest.mark.parametrize(
    ("metadata", "called"), [({"name": "m"}, "m"), ({"generateName": "m-"}, "m-")]
)
def test_a_source_that_another_clone_is_to_make_is_waited_for(
    metadata: dict[str, str], called: str, kubevirt: Listing
) -> None:
    others = Listing(({**a_clone(target="other")}, a_maker(**metadata)))
    facts = Facts(clones=others, kubevirt=kubevirt)

    assert of_source(a_clone(), facts) == [
        Finding(
            "source-missing",
            "warning",
            f'the source "s" is yet to be made by the clone "{called}"',
            "--skip-check source-missing",
        )
    ]


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_a_finished_clone_makes_no_source_any_more(phase: str) -> None:
    maker = {**a_maker(name="m"), "status": {"phase": phase}}

    assert [item.level for item in of_source(a_clone(), Facts(clones=Listing((maker,))))] == [
        "error"
    ]


@pytest.mark.parametrize(
    ("clone", "facts"),
    [
        (a_clone(), Facts(source=Lookup(a_vm()))),
        (a_clone(), Facts(source=Lookup(unreadable="Forbidden"))),
        (a_clone(kind="Pod"), Facts()),
        ({"spec": {"source": {"kind": "VirtualMachine"}}}, Facts()),
        (a_clone(), Facts(source=Lookup(a_vm()), clones=Listing((a_maker(name="m"),)))),
        (a_clone(kind=SNAPSHOT), Facts(source=Lookup(a_snapshot()), content=CONTENT)),
        (
            a_clone(kind=SNAPSHOT),
            Facts(source=Lookup(a_snapshot()), content=Lookup(unreadable="Forbidden")),
        ),
    ],
    ids=["vm", "unreadable", "kind", "unnamed", "made", "snapshot", "unreadable content"],
)
def test_a_source_that_is_there_or_not_to_be_judged_has_no_findings(
    clone: dict[str, Any], facts: Facts
) -> None:
    assert of_source(clone, facts) == []


def conditions(*found: tuple[str, str, str]) -> list[dict[str, str]]:
    return [{"type": kind, "status": status, "reason": why} for kind, status, why in found]


@pytest.mark.parametrize(
    ("found", "because"),
    [
        ([("Failure", "True", "no space"), ("Failure", "True", "again")], "no space"),
        ([("Failure", "False", "no space")], "KubeVirt doesn't say why"),
        ([("Ready", "True", "no space")], "KubeVirt doesn't say why"),
        ([], "KubeVirt doesn't say why"),
    ],
)
@pytest.mark.parametrize(("name", "fresh"), [("web", "vm/web"), ("", "vm/NAME")])
def test_a_snapshot_that_failed_is_told_with_its_reason_and_another_source(
    found: list[tuple[str, str, str]], because: str, name: str, fresh: str
) -> None:
    snapshot = a_snapshot(phase="Failed", conditions=conditions(*found))
    snapshot["spec"]["source"]["name"] = name

    assert of_source(a_clone(kind=SNAPSHOT), Facts(source=Lookup(snapshot))) == [
        Finding(
            "snapshot-failed", "error", f'the snapshot "s" failed: {because}', f"--source {fresh}"
        )
    ]


@pytest.mark.parametrize(
    ("found", "because"),
    [
        ([("Progressing", "True", "freezing"), ("Progressing", "False", "x")], ": freezing"),
        ([("Progressing", "False", "in error")], ": in error"),
        ([("Ready", "False", "x")], ""),
    ],
)
@pytest.mark.parametrize("ready", [False, None, "true"])
def test_a_snapshot_that_is_not_ready_is_waited_for(
    found: list[tuple[str, str, str]], because: str, ready: Any
) -> None:
    snapshot = a_snapshot(readyToUse=ready, phase="InProgress", conditions=conditions(*found))
    facts = Facts(namespace="ns", source=Lookup(snapshot), content=CONTENT)

    assert of_source(a_clone(kind=SNAPSHOT), facts) == [
        Finding(
            "snapshot-not-ready",
            "warning",
            f'the snapshot "s" is not ready, the clone waits for it{because}',
            "kubectl wait --for=condition=Ready --timeout=10m"
            " vmsnapshot.snapshot.kubevirt.io/s -n ns",
        )
    ]


@pytest.mark.parametrize(
    "content", [{}, {"spec": {"source": {"virtualMachine": {}}}}, {"spec": []}]
)
def test_a_ready_snapshot_whose_content_has_no_vm_fails(content: Any) -> None:
    facts = Facts(source=Lookup(a_snapshot()), content=Lookup(content))

    assert of_source(a_clone(kind=SNAPSHOT), facts) == [
        Finding(
            "snapshot-failed",
            "error",
            'the snapshot "s" is ready, but has no content with a VM in it',
            "--source vm/web",
        )
    ]


def test_a_target_that_is_the_source_itself_is_told_alone() -> None:
    assert of_target(a_clone(target="s"), Facts(target=Lookup(a_vm()))) == [
        Finding("target-is-source", "error", 'the target "s" is the source itself', ANOTHER_TARGET)
    ]


def test_a_snapshot_may_have_the_name_of_the_target() -> None:
    facts = Facts(source=Lookup(a_snapshot()))

    assert of_target(a_clone(kind=SNAPSHOT, target="s"), facts) == []


def test_a_target_that_would_be_overwritten_is_told_with_what_would_be_lost() -> None:
    facts = Facts(source=Lookup(a_snapshot(sourceUID="uid-of-web")), target=Lookup(a_vm("web")))

    assert of_target(a_clone(kind=SNAPSHOT, target="web"), facts) == [
        Finding(
            "target-overwritten",
            "error",
            'the snapshot "s" was taken from the VM "web": KubeVirt would put that VM back to the'
            " snapshot, and what changed since would be lost",
            ANOTHER_TARGET,
        )
    ]


def test_a_target_that_exists_is_refused() -> None:
    exists = Finding(
        "target-exists",
        "error",
        'there is a VM "t" already; KubeVirt clones only to a new one',
        ANOTHER_TARGET,
    )

    assert of_target(a_clone(), Facts(target=Lookup(a_vm("t")))) == [exists]
    snapshot = Facts(source=Lookup(a_snapshot()), target=Lookup(a_vm("t")))
    assert of_target(a_clone(kind=SNAPSHOT), snapshot) == [exists]


@pytest.mark.parametrize(
    ("metadata", "called"),
    [({"name": "other"}, "other"), ({"generateName": "o-"}, "o-"), ({}, "")],
)
def test_a_target_that_another_unfinished_clone_wants_is_refused(
    metadata: dict[str, str], called: str
) -> None:
    others = ({**a_clone(), "metadata": metadata}, a_clone(target="u"))

    assert of_target(a_clone(), Facts(clones=Listing(others))) == [
        Finding(
            "target-claimed",
            "error",
            f'the unfinished clone "{called}" has the target "t" too',
            ANOTHER_TARGET,
        )
    ]


@pytest.mark.parametrize(
    ("target", "facts", "told"),
    [
        ("s", {}, "target-is-source"),
        ("t", {"target": Lookup(a_vm("t"))}, "target-exists"),
        ("t", {"clones": Listing(({**a_clone(), "metadata": {"name": "o"}},))}, "target-claimed"),
    ],
)
def test_a_target_of_a_series_is_not_to_be_left_out_but_to_be_another(
    target: str, facts: dict[str, Any], told: str
) -> None:
    known = Facts(form="series", **facts)

    assert [(item.id, item.hint) for item in of_target(a_clone(target=target), known)] == [
        (told, f"another --target than {target}")
    ]


def test_two_clones_that_are_yet_to_be_named_are_two() -> None:
    unnamed = {**a_clone(), "metadata": {}}

    assert [item.id for item in of_target(unnamed, Facts(clones=Listing((unnamed,))))] == [
        "target-claimed"
    ]


def test_a_target_that_kubevirt_names_is_not_judged() -> None:
    others = Listing((a_maker(name="m"),))

    assert of_target(a_clone(target=""), Facts(clones=others)) == []


def test_the_rules_about_references_are_applied_to_a_clone() -> None:
    clone = {**a_clone(target="s"), "metadata": {"name": "C"}}
    facts = Facts(kubevirt=NEWEST, fields=FIELDS)

    assert [item.id for item in findings(clone, facts)] == [
        "invalid-name",
        "source-missing",
        "target-is-source",
    ]
    (name, *_) = read(findings(clone, replace(facts, form="series")))
    assert name.hint == "--name with c in place of C"
    odd = a_clone(kind="Pod")
    assert [item.id for item in findings(odd, facts)] == ["source-kind"]
