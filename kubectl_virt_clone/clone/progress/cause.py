"""Why a clone is not going well, as a value: an id, one sentence, what to try, and how final it is.

``diagnosis`` says which cause a clone has, and ``render`` shows it.
"""

from __future__ import annotations

from dataclasses import dataclass

from kubectl_virt_clone.clone.hint import Command, Hint
from kubectl_virt_clone.objects.fields import Object, name_of, text_at

IDS = (
    "source-missing",
    "volume-not-snapshottable",
    "volume-unknown",
    "backend-storage",
    "content-invalid",
    "snapshot-failed",
    "snapshot-waiting",
    "snapshot-deleted",
    "restore-refused",
    "restore-failing",
    "restore-deleted",
    "target-exists",
    "target-running",
    "target-claimed",
    "first-consumer",
    "volume-unbound",
    "not-cloned",
    "clone-failed",
    "clone-deleted",
    "controller-silent",
)
"""Every cause there is, in the order in which a clone meets them."""


@dataclass(frozen=True)
class Cause:
    """One cause. ``sentence`` has no full stop; ``hint`` is what to try next, or empty.

    ``final``: KubeVirt will not get over it by itself, so that waiting on is in vain. ``passing``:
    it is at work, which takes longer than usual; nothing has to be done about it.
    """

    id: str
    sentence: str
    hint: Hint = ()
    final: bool = False
    passing: bool = False


def kubectl_in(clone: Object, *words: str) -> Hint:
    """A hint: the kubectl command in the namespace of ``clone``."""
    return (Command(words, text_at(clone, "metadata", "namespace")),)


def deletion(clone: Object) -> Hint:
    """The hint for a clone that is stuck for good: its temporary objects go with it."""
    return kubectl_in(clone, "delete", f"vmclone/{name_of(clone)}")
