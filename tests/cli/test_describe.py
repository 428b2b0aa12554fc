"""``describe`` as a user runs it, compared as a whole."""

from __future__ import annotations

import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from kubevirt_sandbox.apiserver.access.authorization import Rule, User
from kubevirt_sandbox.controlplane import ControlPlane
from tests.cli.conftest import Kvc, Planes
from tests.cli.stub import Answer, Serve, answering
from tests.cli.test_wait import phase_of, until
from tests.sandbox.world import a_clone as a_manifest
from tests.unit.builders import UID as BUILT_UID
from tests.unit.builders import a_clone as a_stored_clone

GOLDEN = Path(__file__).parent.parent / "golden"
CLONES = "virtualmachineclones.clone.kubevirt.io"
RESTORES = "virtualmachinerestores.snapshot.kubevirt.io"
UID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def a_clone(
    plane: ControlPlane,
    name: str,
    source: str = "vm-cirros",
    target: str = "",
    *,
    labels: dict[str, str] | None = None,
    **spec: object,
) -> None:
    """Create a clone object behind the program's back."""
    clone = a_manifest(name, source, target or f"{name}-t", **spec)
    clone["metadata"]["labels"] = labels or {}
    plane.registry.create(CLONES, "default", clone)


def normalised(text: str) -> str:
    """Replace what differs from run to run: uids, times, ages, and the columns they widen."""
    text = UID.sub("UID", text)
    text = re.sub(r"\w{3}, \d\d \w{3} \d{4} [\d:]{8} \+0000( \(\d+s ago\))?", "WHEN", text)
    text = re.sub(r"(?<= )<?\d+s( \(x\d+ over \d+s\))?(?= |$)", "AGE", text, flags=re.M)
    lines = [re.sub(r"(?<=\S) {2,}", "  ", line) for line in text.splitlines()]
    events = lines.index("Events:") + 3
    # Events of one second have no order between the objects that they are on.
    return "\n".join(lines[:events] + sorted(lines[events:])) + "\n"


def told(text: str, *labels: str) -> list[str]:
    """What stands behind these labels, wherever they are, without the uids."""
    found = re.findall(rf"^ *(?:{'|'.join(labels)}): +(.*)$", UID.sub("UID", text), re.M)
    return [value.strip() for value in found]


def test_a_clone_that_succeeded_is_described_as_a_whole(kvc: Kvc, plane: ControlPlane) -> None:
    a_clone(
        plane,
        "full",
        labelFilters=["*", "!tier"],
        template={"annotationFilters": ["*"]},
        newMacAddresses={"default": "02-00-00-00-00-99"},
        newSMBiosSerial="SN-NEW",
    )
    until(lambda: phase_of(plane, "full") == "Succeeded")
    until(lambda: not plane.registry.list(RESTORES, "default").items)

    text = kvc("describe", "full").out

    assert normalised(text) == (GOLDEN / "describe-succeeded.txt").read_text()


def test_a_failed_clone_is_described_with_its_cause(kvc: Kvc, plane: ControlPlane) -> None:
    a_clone(plane, "failed", source="vm-tpm")
    until(lambda: phase_of(plane, "failed") == "Failed")

    text = kvc("describe", "failed").out

    assert normalised(text) == (GOLDEN / "describe-failed.txt").read_text()


def test_a_target_that_exists_is_the_cause_of_a_restore_that_is_stuck(
    kvc: Kvc, plane: ControlPlane
) -> None:
    a_clone(plane, "stuck", target="taken")
    until(lambda: "VirtualMachineRestoreError" in kvc("describe", "stuck").out)

    text = kvc("describe", "stuck").out

    assert told(text, "State", "Restore", "Cause", "Try") == [
        "Stopped",
        "Stopped (was there before)",
        "tmp-restore-UID (not complete: restore source and restore target are different but"
        " restore target already exists)",
        'the target "taken" exists already; KubeVirt goes on only if it is deleted',
        "kubectl delete vmclone.clone.kubevirt.io/stuck -n default",
    ]


def test_a_restore_that_admission_refuses_is_told_as_the_cause(
    kvc: Kvc, plane: ControlPlane
) -> None:
    a_clone(plane, "colons", newMacAddresses={"default": "02:00:00:00:00:99"})
    until(lambda: phase_of(plane, "colons") == "RestoreInProgress")
    until(lambda: "RestoreCreationFailed" in kvc("describe", "colons").out)

    assert told(kvc("describe", "colons").out, "Phase", "Restore", "Cause", "Try")[1:] == [
        "<none>",
        "KubeVirt's admission refuses its restore: admission webhook"
        ' "virtualmachinerestore-validator.snapshot.kubevirt.io" denied the request: patch format'
        ' is not valid - one ":" expected in a single key-value json patch:'
        ' "value":"02:00:00:00:00:99"',
        "kubectl delete vmclone.clone.kubevirt.io/colons -n default",
    ]


def test_a_false_success_is_told_apart_from_success(kvc: Kvc, plane: ControlPlane) -> None:
    a_clone(plane, "false", target="run-1")  # at this speed KubeVirt's patience ends at once
    until(lambda: "Operation failed" in kvc("describe", "false").out)
    until(lambda: phase_of(plane, "false") == "Succeeded")

    text = kvc("describe", "false").out

    assert told(text, "Cause") == [
        'KubeVirt says Succeeded, but the VM "run-1" was not made by this clone'
    ]
    assert told(text, "State")[1].endswith("(NOT made by this clone)")


def test_a_volume_that_waits_for_its_first_consumer_is_shown_with_the_command_that_helps(
    kvc: Kvc, plane: ControlPlane
) -> None:
    a_clone(plane, "later", "vm-later")
    until(lambda: phase_of(plane, "later") == "Succeeded")

    text = kvc("describe", "later").out

    assert re.search(
        r"^Volumes:\n  Volume  Claim +State\n  -+  -+ +-+\n"
        r"  data    restore-\S+-data  Pending: waits for its first consumer\n",
        text,
        re.M,
    )
    assert told(text, "Cause", "Try") == [
        'the volume "restore-UID-data" is bound only when the VM "later-t" starts',
        "virtctl start later-t -n default",
    ]


def test_filters_are_shown_with_their_effect_on_a_snapshotted_vm(
    kvc: Kvc, plane: ControlPlane
) -> None:
    a_clone(plane, "snap", "vmsnapshot/snap-1", labelFilters=["!tier"])
    until(lambda: phase_of(plane, "snap") == "Succeeded")

    text = kvc("describe", "snap").out

    assert re.search(
        r"^  Labels: +!tier\n"
        r" +kept 0, dropped 4: app, app.kubernetes.io/name, myapp, tier\n",
        text,
        re.M,
    )


def test_what_may_not_be_read_is_shown_as_unknown(kvc: Kvc, make_plane: Planes) -> None:
    rules = (Rule(("clone.kubevirt.io",), ("virtualmachineclones",), ("get",)),)
    plane = make_plane(users={"token": User("cloner", rules)})
    a_clone(plane, "c", labelFilters=["tier"])
    until(lambda: phase_of(plane, "c") == "Succeeded")

    text = kvc("describe", "c", "--token=token").out

    assert told(text, "State", "Events") == ["<unknown> (Forbidden)"] * 3
    assert re.search(r"^  Labels: +tier\n +effect <unknown>\n", text, re.M)


def test_a_missing_clone_is_told_after_the_others_were_described(
    kvc: Kvc, plane: ControlPlane
) -> None:
    a_clone(plane, "a")
    a_clone(plane, "b")

    answer = kvc("describe", "a", "nosuch", "b", exit_code=1)

    assert re.findall(r"^(?:Name|UID): +(\w+)", answer.out, re.M)[::2] == ["a", "b"]
    assert "\n\n\nName:" in answer.out
    assert answer.err == f'Error from server (NotFound): {CLONES} "nosuch" not found\n'


def names(text: str) -> list[str]:
    return re.findall(r"^Name: +(\S+)$", text, re.M)


def test_a_single_name_that_does_not_exist_stands_for_all_that_begin_so(
    kvc: Kvc, plane: ControlPlane
) -> None:
    for name in ("night-1", "night-2", "day"):
        a_clone(plane, name)

    assert [names(kvc("describe", text).out) for text in ("night", "night-2")] == [
        ["night-1", "night-2"],
        ["night-2"],
    ]


def test_a_name_that_begins_no_other_is_not_found(kvc: Kvc, plane: ControlPlane) -> None:
    a_clone(plane, "day")
    error = f'Error from server (NotFound): {CLONES} "ay" not found\n'
    assert kvc("describe", "ay", exit_code=1) == ("", error)


def test_of_several_names_none_stands_for_others(kvc: Kvc, plane: ControlPlane) -> None:
    a_clone(plane, "day")
    answer = kvc("describe", "day", "da", exit_code=1)
    assert names(answer.out) == ["day"]


def test_who_may_not_list_is_told_that_the_name_does_not_exist(
    kvc: Kvc, make_plane: Planes
) -> None:
    rules = (Rule(("clone.kubevirt.io",), ("virtualmachineclones",), ("get",)),)
    plane = make_plane(users={"token": User("cloner", rules)})
    a_clone(plane, "day")
    error = f'Error from server (NotFound): {CLONES} "da" not found\n'
    assert kvc("describe", "da", "--token=token", exit_code=1) == ("", error)


def test_a_clone_that_may_not_be_read_is_an_error(kvc: Kvc, make_plane: Planes) -> None:
    plane = make_plane(users={"token": User("nobody", ())})
    a_clone(plane, "day")
    answer = kvc("describe", "day", "--token=token", exit_code=1)
    assert answer.err.startswith("Error from server (Forbidden): ")


def test_clones_are_selected_by_their_labels(kvc: Kvc, plane: ControlPlane) -> None:
    for name, team in (("a", "x"), ("b", "y"), ("c", "x")):
        a_clone(plane, name, labels={"team": team})

    assert names(kvc("describe", "-l", "team=x").out) == ["a", "c"]


def test_a_selector_that_hits_nothing_is_said_and_no_error(kvc: Kvc, plane: ControlPlane) -> None:
    assert kvc("describe", "-l", "team=x") == ("", "No resources found in default namespace.\n")


@pytest.mark.parametrize("arguments", [(), ("a", "-l", "team=x")])
def test_a_selection_of_nothing_or_in_two_ways_is_wrong_usage(
    kvc: Kvc, plane: ControlPlane, arguments: tuple[str, ...]
) -> None:
    assert kvc("describe", *arguments, exit_code=2).out == ""


@pytest.mark.parametrize(("flag", "shown"), [("true", True), ("false", False)])
def test_events_are_shown_unless_they_are_not_wanted(
    kvc: Kvc, plane: ControlPlane, flag: str, shown: bool
) -> None:
    a_clone(plane, "failed", "vm-tpm")
    until(lambda: phase_of(plane, "failed") == "Failed")

    text = kvc("describe", "failed", f"--show-events={flag}").out

    assert ("Events:" in text) is shown
    assert told(text, "Cause") == [
        "Clone of source with backendstorage is not supported: VM default/vm-tpm"
    ]


@pytest.mark.parametrize(
    ("source", "requests"),
    [
        (
            "vm-cirros",
            {
                "virtualmachineclones/c": 1,
                "virtualmachines/vm-cirros": 1,
                "virtualmachines/c-t": 1,
                "events": 3,
            },
        ),
        (
            "vmsnapshot/snap-1",
            {
                "virtualmachineclones/c": 1,
                "virtualmachinesnapshots/snap-1": 1,
                "virtualmachines/c-t": 1,
                "events": 2,
            },
        ),
    ],
)
def test_nothing_is_asked_for_twice_or_in_vain(
    kvc: Kvc, make_plane: Planes, source: str, requests: dict[str, int]
) -> None:
    heard: list[str] = []
    plane = make_plane(on_request=lambda method, path, code: heard.append(path))
    a_clone(plane, "c", source)
    until(lambda: phase_of(plane, "c") == "Succeeded")
    until(lambda: not plane.registry.list(RESTORES, "default").items)

    kvc("describe", "c")

    asked = [path.partition("?")[0].partition("/namespaces/default/")[2] for path in heard]
    counted = {what: asked.count(what) for what in asked if what}
    assert counted == requests


def without_children(versions: Iterator[dict[str, object]]) -> Answer:
    """Answers with the next version of a clone; whatever else is asked for does not exist."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        path = handler.path.partition("?")[0]
        if path.endswith("/virtualmachineclones/clone-1"):
            answering(200, next(versions))(handler)
        elif path.endswith("/events"):
            answering(200, {"kind": "EventList", "items": []})(handler)
        else:
            name = path.rpartition("/")[2]
            status = {"kind": "Status", "reason": "NotFound", "details": {"name": name}}
            answering(404, {**status, "code": 404})(handler)

    return answer


def test_a_clone_that_goes_on_while_it_is_described_is_read_again(kvc: Kvc, serve: Serve) -> None:
    versions = [
        a_stored_clone(phase, metadata={"resourceVersion": phase})
        for phase in ("SnapshotInProgress", "RestoreInProgress", "Succeeded")
    ]

    text = kvc("describe", "clone-1", "-s", serve(without_children(iter(versions)))).out

    assert told(text, "Snapshot", "Restore", "Volumes", "Cause") == [
        "<none>",
        "<none>",
        "none left to bind",
    ]
    assert "\nPhase:                   Succeeded (4/4) for" in text


def test_a_clone_whose_restore_was_deleted_is_read_again_once(kvc: Kvc, serve: Serve) -> None:
    versions = iter([a_stored_clone("RestoreInProgress")] * 9)

    text = kvc("describe", "clone-1", "-s", serve(without_children(versions))).out

    assert len(list(versions)) == 9 - 2

    assert told(text, "Restore", "Cause") == [
        "tmp-restore-UID (does not exist)",
        'its restore "tmp-restore-UID" was deleted, and KubeVirt makes no other',
    ]


@pytest.mark.parametrize(("phase", "asked"), [("Bound", False), ("Pending", True), ("", True)])
def test_storage_classes_are_asked_for_only_if_a_claim_is_not_bound(
    kvc: Kvc, serve: Serve, phase: str, asked: bool
) -> None:
    restore = {"status": {"restores": [{"volumeName": "data", "persistentVolumeClaim": "claim"}]}}
    objects = {
        "clone-1": a_stored_clone("RestoreInProgress"),
        f"tmp-restore-{BUILT_UID}": restore,
        "claim": {"status": {"phase": phase}},
    }
    heard: list[str] = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        name = handler.path.partition("?")[0].rpartition("/")[2]
        heard.append(name)
        answering(200, objects.get(name, {"items": []}))(handler)

    text = kvc("describe", "clone-1", "-s", serve(answer)).out

    assert ("storageclasses" in heard) is asked
    assert f"  data    claim  {phase or '<unknown>'}\n" in text
