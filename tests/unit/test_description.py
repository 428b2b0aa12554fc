"""``describe``: whole texts, for clones as a live control plane left them."""

from dataclasses import replace
from pathlib import Path

import pytest

from kubectl_virt_clone.clone.progress.progress import Surroundings
from kubectl_virt_clone.objects.resource import Listing, Lookup
from kubectl_virt_clone.render.description import description
from kubectl_virt_clone.render.escaping import is_safe
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
    malformed,
    surroundings,
    without,
)

GOLDEN = Path(__file__).parent.parent / "golden"
NO_SOURCE = "Source doesnt exist: VirtualMachine default/vm-cirros"
BACKEND = "Clone of source with backendstorage is not supported: VM default/vm-tpm"
TAKEN = "restore source and restore target are different but restore target already exists"
FORBIDDEN = Lookup(unreadable="Forbidden")
HOSTILE = "a\x1b[31mred\x9b2J\ngpj.\u202eexe\u2066\u061c\x7f\ud800\r\x00z"

REFUSED = (
    f"failed creating restore {RESTORE} for clone clone-1: admission webhook"
    ' "virtualmachinerestore-validator.snapshot.kubevirt.io" denied the request: patch format is'
    ' not valid - one ":" expected in a single key-value json patch: "value":"02:00:00:00:00:99"'
)

SOURCE = a_vm()
SOURCE["metadata"]["labels"] = {"app": "a", "myapp": "b", "tier": "c"}
SOURCE["metadata"]["annotations"] = {"note": "d"}
SOURCE["spec"]["template"] = {
    "metadata": {"labels": {"tier": "e"}, "annotations": {"note": "f", "other": "g"}}
}


def a_target(*, made="2026-11-22T07:54:15Z", restored="", status="Stopped"):
    vm = a_vm("vm-cirros-clone", status=status)
    vm["metadata"]["creationTimestamp"] = made
    vm["metadata"]["annotations"] = {"restore.kubevirt.io/lastRestoreUID": restored}
    return vm


MADE = a_target(restored=f"{RESTORE}-ed58ba62-b934-41cf-963d-a88e8637b30b")
OLD = a_target(made="2026-11-22T07:00:00Z", status="Running")

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
    surroundings(source=SOURCE, target=MADE, events=SUCCESS_EVENTS),
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
        target=OLD,
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
REFUSED_RESTORE = (
    without(
        a_clone("RestoreInProgress", spec={"newMacAddresses": {"default": "02:00:00:00:00:99"}}),
        *("status", "restoreName"),
    ),
    surroundings(
        source=a_vm(),
        snapshot=a_snapshot(),
        events=(
            *SNAPSHOT_EVENTS[:2],
            an_event(
                "RestoreCreationFailed",
                REFUSED,
                severity="Warning",
                count=10,
                last="2026-11-22T07:55:10Z",
            ),
        ),
    ),
)
FALSE_SUCCESS = (
    a_clone(),
    surroundings(
        source=a_vm(),
        target=OLD,
        events=(
            *SUCCESS_EVENTS[:-1],
            an_event(
                "Operation failed",
                "VirtualMachineRestore failed Restore target failed to be ready within 5m0s.",
                kind="VirtualMachineRestore",
                severity="Warning",
                component="restore-controller",
            ),
        ),
    ),
)
FORBIDDEN_ALL = (
    a_clone("RestoreInProgress", spec={"labelFilters": ["*", "!app"]}),
    surroundings(
        source=FORBIDDEN,
        target=FORBIDDEN,
        snapshot=FORBIDDEN,
        restore=FORBIDDEN,
        events=Listing(unreadable="Forbidden"),
    ),
)
EMPTY = ({}, Surroundings())


def with_claims(around, *claims, classes=()):
    """The same with a restore of volumes that have these claims (name -> what was read)."""
    restore = a_restore(complete=True, sentence="Operation complete")
    restore["status"]["restores"] = [
        {"volumeName": name.rpartition("-")[2], "persistentVolumeClaim": name} for name, _ in claims
    ]
    listing = Listing(tuple(classes))
    return replace(around, restore=Lookup(restore), claims=dict(claims), storage_classes=listing)


def a_claim(phase, storage_class="local"):
    return Lookup({"spec": {"storageClassName": storage_class}, "status": {"phase": phase}})


CLASS = {"metadata": {"name": "later"}, "volumeBindingMode": "WaitForFirstConsumer"}
LATER = (
    a_clone() | {"status": a_clone("CreatingTargetVM")["status"] | a_clone()["status"]},
    with_claims(
        surroundings(source=a_vm(), target=MADE, snapshot=a_snapshot(), events=SUCCESS_EVENTS[:5]),
        ("restore-1-root", a_claim("Bound")),
        ("restore-1-data", a_claim("Pending", "later")),
        ("restore-1-slow", a_claim("Pending")),
        ("restore-1-gone", Lookup()),
        ("restore-1-secret", FORBIDDEN),
        classes=(CLASS,),
    ),
)


def hostile(value, mark=HOSTILE):
    """The value with every text in it marked, keys included, but for those of the API."""
    if isinstance(value, dict):
        free = {"labels", "annotations", "newMacAddresses"}
        return {
            key: hostile({mark + name: text for name, text in item.items()}, mark)
            if key in free
            else hostile(item, mark)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [hostile(item, mark) for item in value]
    return f"{value}{mark}" if isinstance(value, str) else value


def marked_everywhere(mark):
    """A clone and its surroundings that have ``mark`` in every text."""
    status = a_clone("RestoreInProgress", sentence="why")["status"]
    return hostile(SUCCEEDED[0] | {"status": status}, mark), surroundings(
        source=hostile(SOURCE, mark),
        target=Lookup(unreadable=mark),
        snapshot=hostile(a_snapshot(), mark),
        restore=hostile(a_restore(sentence=TAKEN), mark),
        events=tuple(hostile(event, mark) for event in SNAPSHOT_EVENTS[:1]),
    )


def marked_where_it_is_shown(mark):
    """The same for what is read from texts that KubeVirt's words leave as they are."""
    clone = a_clone("RestoreInProgress", name=f"a{mark}", spec={"labelFilters": [mark, "*"]})
    source = a_vm()
    source["metadata"]["labels"] = {mark: "x", "app": "y"}
    clone["status"]["restoreName"] = f"r{mark}"
    restore = a_restore(sentence=f"no way{mark}")
    restore["status"]["restores"] = [{"volumeName": mark, "persistentVolumeClaim": mark}]
    return clone, replace(
        surroundings(source=source, snapshot=a_snapshot(), target=a_target(status=mark)),
        restore=Lookup(restore),
        claims={mark: Lookup({"status": {"phase": mark}})},
    )


HOSTILE_ALL = marked_everywhere(HOSTILE)


@pytest.mark.parametrize(
    ("golden", "clone", "around"),
    [
        ("description-succeeded", *SUCCEEDED),
        ("description-pending", *PENDING),
        ("description-failed", *FAILED),
        ("description-stuck-restore", *STUCK),
        ("description-refused", *REFUSED_RESTORE),
        ("description-false-success", *FALSE_SUCCESS),
        ("description-first-consumer", *LATER),
        ("description-forbidden", *FORBIDDEN_ALL),
        ("description-empty", *EMPTY),
        ("description-hostile", *HOSTILE_ALL),
    ],
)
def test_a_description_is_the_golden_one(golden, clone, around):
    text = description(clone, around, NOW)
    assert text == (GOLDEN / f"{golden}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("case", [marked_everywhere, marked_where_it_is_shown])
def test_hostile_text_is_escaped_and_adds_no_line(case):
    text = description(*case(HOSTILE), NOW)
    assert is_safe(text)
    assert text.count("\n") == description(*case("x"), NOW).count("\n")


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
    assert lines_of(clone, FAILED[1], "Cause:", "Try:") == [
        f"Cause:  {BACKEND}",
        "Try:    kubectl delete vmclone.clone.kubevirt.io/clone-1 -n default",
    ]


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
        f"Restore:   {RESTORE} ({state})"
    ]


@pytest.mark.parametrize(
    ("snapshot", "state"),
    [
        (a_snapshot(), "Succeeded: Operation complete"),
        (
            {"status": {"phase": "Failed", "error": {"message": "deadline exceeded"}}},
            "Failed: deadline exceeded",
        ),
        (
            {
                "status": {
                    "phase": "Failed",
                    "conditions": [
                        a_condition("Ready", "False", "Not ready"),
                        a_condition("Failure", "True", "snapshot deadline exceeded"),
                    ],
                }
            },
            "Failed: snapshot deadline exceeded",
        ),
        ({"status": {"phase": "InProgress"}}, "InProgress"),
        ({"status": None}, "<unknown>"),
    ],
)
def test_a_snapshot_is_shown_with_its_phase_and_its_error(snapshot, state):
    around = surroundings(snapshot=snapshot)
    assert lines_of(a_clone("SnapshotInProgress"), around, "Snapshot:") == [
        f"Snapshot:  {SNAPSHOT} ({state})"
    ]


def test_a_snapshot_that_is_the_source_is_told_with_its_error():
    source = {"kind": "VirtualMachineSnapshot", "name": "snap"}
    snapshot = {"status": {"phase": "Failed", "error": {"message": "deadline exceeded"}}}
    clone = without(
        a_clone("SnapshotInProgress", spec={"source": source}), "status", "snapshotName"
    )
    around = surroundings(source=snapshot, snapshot=snapshot)
    assert lines_of(clone, around, "  State:", "Snapshot:") == [
        "  State:                 Failed: deadline exceeded",
        "  State:                 does not exist",
        "Snapshot:  <none>",
    ]


@pytest.mark.parametrize(
    ("clone", "target", "state"),
    [
        (a_clone(), MADE, "Stopped (made by this clone)"),
        (a_clone(), OLD, "Running (NOT made by this clone)"),
        (a_clone(), a_target(restored="tmp-restore-x-y"), "Stopped (made by another clone)"),
        (a_clone("RestoreInProgress"), OLD, "Running (was there before)"),
        (a_clone("RestoreInProgress"), a_target(), "Stopped (was there before)"),
        (a_clone("Failed"), OLD, "Running (was there before)"),
        (a_clone(), None, "does not exist"),
        (a_clone(), FORBIDDEN, "<unknown> (Forbidden)"),
    ],
)
def test_a_target_is_shown_with_its_state_and_whose_work_it_is(clone, target, state):
    assert lines_of(clone, surroundings(source=a_vm(), target=target), "  State:")[1] == (
        f"  State:                 {state}"
    )


def test_what_filters_keep_and_drop_stands_below_them():
    patch = '{"op":"add","path":"/metadata/labels/new","value":"x"}'
    clone = a_clone(spec={"labelFilters": ["tier"], "annotationFilters": [], "patches": [patch]})
    text = description(clone, surroundings(source=SOURCE), NOW).splitlines()
    begin = text.index("Filters:")
    assert [line.strip() for line in text[begin + 1 : begin + 6]] == [
        "Labels:                tier",
        "kept 1, dropped 2: app, myapp; patched 1: new",
        "Annotations:           [] (no key is kept)",
        "kept 0, dropped 1: note",
        "Template Labels:       <unset> (every key is kept)",
    ]


@pytest.mark.parametrize(
    ("clone", "restore", "line"),
    [
        (a_clone(), None, "Volumes:  none left to bind"),
        (a_clone("RestoreInProgress"), None, "Volumes:  <none>"),
        (a_clone("RestoreInProgress"), Lookup(), "Volumes:  <none>"),
        (a_clone("RestoreInProgress"), FORBIDDEN, "Volumes:  <unknown> (Forbidden)"),
        (a_clone("RestoreInProgress"), Lookup(a_restore(sentence="x")), "Volumes:  <none>"),
    ],
)
def test_without_a_restore_to_tell_of_them_the_volumes_are_bound_or_not_known(clone, restore, line):
    assert lines_of(clone, Surroundings(restore=restore), "Volumes:") == [line]


def test_whatever_is_malformed_in_a_restore_or_a_claim_there_are_volumes():
    clone, around = LATER
    claim = a_claim("Pending", "later").object
    cases = [
        *(replace(around, restore=Lookup(r)) for r in malformed(around.restore.object)),
        *(replace(around, claims={"restore-1-root": Lookup(c)}) for c in malformed(claim)),
    ]
    assert {type(description(clone, case, NOW)) for case in cases} == {str}


def test_events_are_left_out_where_they_are_not_asked_for():
    text = description(*SUCCEEDED, NOW)
    assert description(*SUCCEEDED, NOW, show_events=False) == text[: text.index("Events:")]


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
