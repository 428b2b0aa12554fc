"""Objects to begin a test with, as a live control plane writes them; each argument is a change.

What is asserted about an object belongs to the tests.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

from kubectl_virt_clone.clone.checks.facts import Finding
from kubectl_virt_clone.clone.progress.progress import Cause, Surroundings
from kubectl_virt_clone.objects.resource import Listing, Lookup
from kubectl_virt_clone.render.hints import written
from tests.fuzz.effort import TIMES

Object = dict[str, Any]

NOW = datetime(2026, 11, 22, 7, 55, 15, tzinfo=timezone.utc)
CREATED = "2026-11-22T07:54:15Z"
UID = "998adfdb-0e9f-426e-ab43-a57b86907872"
SNAPSHOT, RESTORE = f"tmp-snapshot-{UID}", f"tmp-restore-{UID}"

# Progressing's reason and status, and Ready's status, by phase.
_CONDITIONS = {
    "": ("Pending", "False", "False"),
    "Failed": ("Failed", "False", "False"),
    "Succeeded": ("Ready", "False", "True"),
}
_CHILDREN = {
    "SnapshotInProgress": {"snapshotName": SNAPSHOT},
    "RestoreInProgress": {"snapshotName": SNAPSHOT, "restoreName": RESTORE},
    "CreatingTargetVM": {"snapshotName": SNAPSHOT, "restoreName": RESTORE},
    "Succeeded": {"targetName": "vm-cirros-clone"},
}


def a_clone(
    phase: str = "Succeeded",
    *,
    name: str = "clone-1",
    sentence: str = "",
    metadata: Mapping[str, Any] | None = None,
    spec: Mapping[str, Any] | None = None,
) -> Object:
    """A clone of vm-cirros in that phase; ``sentence`` is the Ready condition's reason."""
    reason, progressing, ready = _CONDITIONS.get(phase, ("Still processing", "True", "False"))
    return {
        "apiVersion": "clone.kubevirt.io/v1beta1",
        "kind": "VirtualMachineClone",
        "metadata": {
            "creationTimestamp": CREATED,
            "generation": 1,
            "name": name,
            "namespace": "default",
            "resourceVersion": "394",
            "uid": UID,
            **(metadata or {}),
        },
        "spec": {
            "source": {"apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": "vm-cirros"},
            "target": {
                "apiGroup": "kubevirt.io",
                "kind": "VirtualMachine",
                "name": "vm-cirros-clone",
            },
            **(spec or {}),
        },
        "status": {
            "conditions": [
                a_condition("Progressing", progressing, reason),
                a_condition("Ready", ready, sentence or reason),
            ],
            **({"phase": phase} if phase else {}),
            **_CHILDREN.get(phase, {}),
        },
    }


def a_condition(kind: str, status: str, reason: str) -> Object:
    return {
        "lastProbeTime": None,
        "lastTransitionTime": CREATED,
        "reason": reason,
        "status": status,
        "type": kind,
    }


def without(obj: Object, *path: str) -> Object:
    """A copy of ``obj`` that lacks the value at ``path``."""
    copy = deepcopy(obj)
    holder = copy
    for key in path[:-1]:
        holder = holder[key]
    del holder[path[-1]]
    return copy


def a_vm(name: str = "vm-cirros", *, status: str = "Stopped") -> Object:
    return {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachine",
        "metadata": {"name": name, "namespace": "default", "creationTimestamp": CREATED},
        "spec": {"runStrategy": "Halted"},
        "status": {"printableStatus": status},
    }


def a_snapshot(name: str = SNAPSHOT, *, phase: str = "Succeeded") -> Object:
    return {
        "apiVersion": "snapshot.kubevirt.io/v1beta1",
        "kind": "VirtualMachineSnapshot",
        "metadata": {"name": name, "namespace": "default", "creationTimestamp": CREATED},
        "spec": {"source": {"apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": "a"}},
        "status": {
            "phase": phase,
            "readyToUse": phase == "Succeeded",
            "conditions": [
                a_condition("Progressing", "False", "Operation complete"),
                a_condition("Ready", "True", "Operation complete"),
            ],
        },
    }


def a_restore(name: str = RESTORE, *, complete: bool = False, sentence: str) -> Object:
    return {
        "apiVersion": "snapshot.kubevirt.io/v1beta1",
        "kind": "VirtualMachineRestore",
        "metadata": {"name": name, "namespace": "default", "creationTimestamp": CREATED},
        "status": {
            "complete": complete,
            "conditions": [
                a_condition("Progressing", "False", sentence),
                a_condition("Ready", "False", sentence),
            ],
        },
    }


def an_event(
    reason: str,
    message: str,
    *,
    kind: str = "VirtualMachineClone",
    severity: str = "Normal",
    component: str = "clone-controller",
    count: int = 1,
    first: str = CREATED,
    last: str = CREATED,
) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "clone-1.18a5", "namespace": "default", "creationTimestamp": first},
        "involvedObject": {"kind": kind, "name": "clone-1", "namespace": "default"},
        "type": severity,
        "reason": reason,
        "message": message,
        "count": count,
        "firstTimestamp": first,
        "lastTimestamp": last,
        "eventTime": None,
        "reportingComponent": component,
        "source": {"component": component},
    }


def surroundings(
    *,
    source: Object | Lookup | None = None,
    target: Object | Lookup | None = None,
    snapshot: Object | Lookup | None = None,
    restore: Object | Lookup | None = None,
    events: tuple[Object, ...] | Listing = (),
) -> Surroundings:
    """What stands around a clone; None stands for what does not exist."""
    return Surroundings(
        source=_looked_up(source),
        target=_looked_up(target),
        snapshot=_looked_up(snapshot),
        restore=_looked_up(restore),
        events=events if isinstance(events, Listing) else Listing(events),
    )


def _looked_up(value: Object | Lookup | None) -> Lookup:
    return value if isinstance(value, Lookup) else Lookup(value)


def read(found: Iterable[Finding | Cause]) -> list[Any]:
    """Findings or causes, their hints as they are read: where there is one, text, not data."""
    return [replace(item, hint=written(item.hint) or ()) for item in found]


WRONG = (None, "", "text", 7, True, [], {}, [None, 7, "text", []], {"text": None}, {"name": []})
"""Values of every JSON type, to stand where another was expected."""


def malformed(obj: Object) -> Iterator[Object]:
    """``obj`` with each value in it left out once, and replaced by some of WRONG.

    Each place gets others than the one before it; with FUZZ, each gets all of them.
    """
    for number, path in enumerate(_paths(obj)):
        holder_path, last = path[:-1], path[-1]
        for replacement in (..., *(WRONG if TIMES else _some_of(WRONG, number))):
            copy = copied(obj)
            holder: Any = copy
            for step in holder_path:
                holder = holder[step]
            if replacement is ...:
                del holder[last]
            else:
                holder[last] = copied(replacement)
            yield copy


def _some_of(values: Sequence[Any], number: int) -> Iterator[Any]:
    """Three values, each time that ``number`` grows by one the next three."""
    return (values[(3 * number + step) % len(values)] for step in range(3))


def copied(value: Any) -> Any:
    """A copy of what JSON can hold; it takes a tenth of deepcopy's time."""
    if isinstance(value, dict):
        return {key: copied(item) for key, item in value.items()}
    return [copied(item) for item in value] if isinstance(value, list) else value


def _paths(value: Any) -> Iterator[tuple[Any, ...]]:
    steps = list(value) if isinstance(value, dict) else []
    steps = list(range(len(value))) if isinstance(value, list) else steps
    for step in steps:
        yield (step,)
        yield from ((step, *rest) for rest in _paths(value[step]))
