"""``describe``: whole texts, for clones as a live control plane left them."""

from pathlib import Path

import pytest

from kubectl_virt_clone.model.surroundings import Listing, Lookup, Surroundings
from kubectl_virt_clone.render.description import description
from tests.unit.builders import (
    NOW,
    RESTORE,
    SNAPSHOT,
    a_clone,
    a_condition,
    a_restore,
    a_snapshot,
    a_vm,
    an_event,
    surroundings,
)

GOLDEN = Path(__file__).parent.parent / "golden"
NO_SOURCE = "Source doesnt exist: VirtualMachine default/vm-cirros"
BACKEND = "Clone of source with backendstorage is not supported: VM default/vm-tpm"
TAKEN = "restore source and restore target are different but restore target already exists"
FORBIDDEN = Lookup(unreadable="Forbidden")
HOSTILE = "a\x1b[31mred\x9b2J\ngpj.\u202eexe\u2066\u061c\x7f\ud800\r\x00z"

SNAPSHOT_EVENTS = (
    an_event("SnapshotCreated", f"created snapshot {SNAPSHOT} for clone clone-1"),
    an_event("SnapshotReady", f"snapshot {SNAPSHOT} for clone clone-1 is ready to use"),
    an_event("RestoreCreated", f"created restore {RESTORE} for clone clone-1"),
)
SUCCESS_EVENTS = (
    *SNAPSHOT_EVENTS,
    an_event("RestoreReady", f"restore {RESTORE} for clone clone-1 is ready to use"),
    an_event("TargetVMCreated", "created target VM vm-cirros-clone for clone clone-1"),
    an_event("PVCBound", "all PVC for clone clone-1 are bound"),
    an_event(
        "VirtualMachineRestoreComplete",
        f"Successfully completed VirtualMachineRestore {RESTORE}",
        kind="VirtualMachineRestore",
        component="restore-controller",
    ),
)

SUCCEEDED = (
    a_clone(
        metadata={
            "labels": {"team": "a", "app": "cirros"},
            "annotations": {
                "note": "hello",
                "kubectl.kubernetes.io/last-applied-configuration": "{}",
            },
        },
        spec={
            "labelFilters": ["*", "!app"],
            "annotationFilters": [],
            "template": {"labelFilters": ["tier"], "annotationFilters": ["!note"]},
            "newMacAddresses": {"net-1": "02-00-00-00-00-98", "default": "02-00-00-00-00-99"},
            "newSMBiosSerial": "SN-1",
            "patches": [
                '{"op":"replace","path":"/spec/runStrategy","value":"Always"}',
                '{"op":"remove","path":"/spec/template/spec/hostname"}',
            ],
            "volumeNamePolicy": "PrefixTargetName",
        },
    ),
    surroundings(source=a_vm(), target=a_vm("vm-cirros-clone"), events=SUCCESS_EVENTS),
)
PENDING = (
    a_clone("", sentence=NO_SOURCE),
    surroundings(
        events=(an_event("SourceDoesNotExist", NO_SOURCE, count=2, last="2026-11-22T07:54:20Z"),)
    ),
)
FAILED = (
    a_clone("Failed", sentence=BACKEND),
    surroundings(
        source=a_vm(status="Running"),
        events=(an_event("SourceVMWithBackendStorageInvalid", BACKEND, count=3),),
    ),
)
STUCK = (
    a_clone("RestoreInProgress"),
    surroundings(
        source=a_vm(),
        target=a_vm("vm-cirros-clone", status="Running"),
        snapshot=a_snapshot(),
        restore=a_restore(sentence=TAKEN),
        events=(
            *SNAPSHOT_EVENTS,
            an_event(
                "VirtualMachineRestoreError",
                f"VirtualMachineRestore encountered error {TAKEN}",
                kind="VirtualMachineRestore",
                severity="Warning",
                component="restore-controller",
                count=14,
                last="2026-11-22T07:55:10Z",
            ),
        ),
    ),
)
FORBIDDEN_ALL = (
    a_clone("RestoreInProgress"),
    surroundings(
        source=FORBIDDEN,
        target=FORBIDDEN,
        snapshot=FORBIDDEN,
        restore=FORBIDDEN,
        events=Listing(unreadable="Forbidden"),
    ),
)
EMPTY = ({}, Surroundings())


def hostile(value):
    """The value with every text in it hostile, keys included, but for those of the API."""
    if isinstance(value, dict):
        free = {"labels", "annotations", "newMacAddresses"}
        return {
            key: hostile({HOSTILE + name: text for name, text in item.items()})
            if key in free
            else hostile(item)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [hostile(item) for item in value]
    return f"{value}{HOSTILE}" if isinstance(value, str) else value


HOSTILE_ALL = (
    hostile(SUCCEEDED[0])
    | {"status": hostile(a_clone("RestoreInProgress", sentence="why")["status"])},
    surroundings(
        source=hostile(a_vm()),
        target=Lookup(unreadable=HOSTILE),
        snapshot=hostile(a_snapshot()),
        restore=hostile(a_restore(sentence=TAKEN)),
        events=tuple(hostile(event) for event in SNAPSHOT_EVENTS[:1]),
    ),
)


@pytest.mark.parametrize(
    ("golden", "clone", "around"),
    [
        ("description-succeeded", *SUCCEEDED),
        ("description-pending", *PENDING),
        ("description-failed", *FAILED),
        ("description-stuck-restore", *STUCK),
        ("description-forbidden", *FORBIDDEN_ALL),
        ("description-empty", *EMPTY),
        ("description-hostile", *HOSTILE_ALL),
    ],
)
def test_a_description_is_the_golden_one(golden, clone, around):
    text = description(clone, around, NOW)
    assert text == (GOLDEN / f"{golden}.txt").read_text(encoding="utf-8")


def lines_of(clone, around, *labels):
    """The lines that begin with these labels."""
    return [
        line for line in description(clone, around, NOW).splitlines() if line.startswith(labels)
    ]


def test_the_target_that_the_controller_reported_stands_above_the_one_in_the_spec():
    clone = a_clone(spec={"target": {"kind": "VirtualMachine", "name": "edited"}})
    assert lines_of(clone, surroundings(), "  Name:") == [
        "  Name:                  vm-cirros",
        "  Name:                  vm-cirros-clone",
    ]


def test_a_failed_clone_whose_conditions_were_overwritten_has_its_cause_from_the_events():
    clone = a_clone("Failed")
    clone["status"]["conditions"] = [a_condition("Ready", "False", "Still processing")]
    assert lines_of(clone, FAILED[1], "Cause:") == [f"Cause:  {BACKEND}"]


@pytest.mark.parametrize(
    ("restore", "state"),
    [
        (None, "does not exist"),
        (a_restore(sentence=TAKEN), f"not complete: {TAKEN}"),
        (a_restore(complete=True, sentence="Operation complete"), "complete: Operation complete"),
        ({"status": {"complete": False}}, "not complete"),
        ({"status": {"complete": None, "conditions": None}}, "<unknown>"),
        (Lookup(unreadable="Forbidden"), "<unknown> (Forbidden)"),
    ],
)
def test_a_restore_is_shown_with_its_state_and_what_it_waits_for(restore, state):
    assert lines_of(a_clone("RestoreInProgress"), surroundings(restore=restore), "Restore:") == [
        f"Restore:                 {RESTORE} ({state})"
    ]


@pytest.mark.parametrize(
    ("snapshot", "state"),
    [
        (a_snapshot(), "Succeeded: Operation complete"),
        (
            {"status": {"phase": "Failed", "error": {"message": "deadline exceeded"}}},
            "Failed: deadline exceeded",
        ),
        ({"status": {"phase": "InProgress"}}, "InProgress"),
        ({"status": None}, "<unknown>"),
    ],
)
def test_a_snapshot_is_shown_with_its_phase_and_its_error(snapshot, state):
    around = surroundings(snapshot=snapshot)
    assert lines_of(a_clone("SnapshotInProgress"), around, "Snapshot:") == [
        f"Snapshot:                {SNAPSHOT} ({state})"
    ]


@pytest.mark.parametrize(
    ("changes", "component"),
    [
        ({}, "clone-controller"),
        ({"source": None}, "reporter"),
        ({"source": {"component": ""}}, "reporter"),
        ({"source": None, "reportingComponent": 5}, ""),
    ],
)
def test_an_event_comes_from_its_source_or_else_from_who_reported_it(changes, component):
    event = {**an_event("PVCBound", "bound"), "reportingComponent": "reporter", **changes}
    text = description(a_clone(), surroundings(events=(event,)), NOW)
    assert text.splitlines()[-1].split() == [
        "Normal",
        "PVCBound",
        "60s",
        *component.split(),
        "VirtualMachineClone",
        "bound",
    ]
