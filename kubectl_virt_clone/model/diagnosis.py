"""Why a clone is not going well, in one sentence of KubeVirt's own.

KubeVirt writes its sentences into a condition's ``reason`` and never sets ``message``; after a
failure it may overwrite them with boilerplate, and then only the events still know.
"""

from __future__ import annotations

from collections.abc import Iterable

from kubectl_virt_clone.model.objects import Object, text_at
from kubectl_virt_clone.model.progress import FAILED, phase_of, reason_of

# Reasons of the clone controller's events whose message says what is wrong.
_FAILURES = frozenset(
    {
        "RestoreCreationFailed",
        "SnapshotContentInvalid",
        "SourceDoesNotExist",
        "SourceVMWithBackendStorageInvalid",
        "VMVolumeSnapshotsInvalid",
    }
)


def cause(clone: Object, events: Iterable[Object] = ()) -> str:
    """The sentence that says why ``clone`` is pending or Failed; empty where there is none.

    ``events`` are the clone's own, oldest first; they are asked only for a Failed clone whose
    conditions no longer say why.
    """
    if sentence := reason_of(clone):
        return sentence
    if phase_of(clone) != FAILED:
        return ""
    sentences = [text_at(e, "message") for e in events if text_at(e, "reason") in _FAILURES]
    return sentences[-1] if sentences else ""
