"""What became of objects that were to be created, in kubectl's words or in a format of ``-o``.

``progress/outcomes`` says how a wait for them ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kubectl_virt_clone.clone.api import CLONES, named, target_name
from kubectl_virt_clone.objects.fields import Object, name_of, text_at
from kubectl_virt_clone.render.escaping import escaped
from kubectl_virt_clone.render.formats import formatted


def answer(
    clones: Sequence[Object],
    unnamed: frozenset[str],
    output: str | None,
    dry_run: str,
    fate: str = "created",
) -> str:
    """What ``create`` prints for what became of objects, in kubectl's shape or in a format of -o.

    The name of a target that KubeVirt chose stands behind its clone, one of the ``unnamed``.
    """
    if output:
        return formatted(clones, output) if clones else ""
    suffix = {"client": " (dry run)", "server": " (server dry run)"}.get(dry_run, "")
    lines = []
    for clone in clones:
        target = target_name(clone) if _asked_as(clone) in unnamed else ""
        chosen = f", target {target}" if target else ""
        lines.append(f"{named(clone)} {fate}{suffix}{chosen}")
    return "".join(f"{escaped(line)}\n" for line in lines)


class Answers:
    """What ``create`` prints for the clones that were ``requested``, bit by bit or as a whole."""

    def __init__(self, requested: Iterable[Object], output: str | None, dry_run: str) -> None:
        self._unnamed = unnamed_in(requested)
        self._output = output
        self._dry_run = dry_run

    @property
    def come_last(self) -> bool:
        """Whether the objects are one List, printed when all are known."""
        return self._output in ("json", "yaml")

    def of(self, objects: Sequence[Object]) -> str:
        """All objects at once."""
        return answer(objects, self._unnamed, self._output, self._dry_run)

    def each(self, obj: Object, fate: str) -> str:
        """What became of one object, empty where that is printed at the end, or not at all."""
        if self.come_last:
            return ""
        if self._output and (fate == "deleted" or text_at(obj, "kind") != CLONES.kind):
            return ""  # with -o name, stdout has the names of clones only
        return answer([obj], self._unnamed, self._output, self._dry_run, fate)


def unnamed_in(requested: Iterable[Object]) -> frozenset[str]:
    """What the clones are called in their request whose targets KubeVirt is to name."""
    return frozenset(_asked_as(clone) for clone in requested if not target_name(clone))


def _asked_as(clone: Object) -> str:
    """What a clone was called in the request; the server keeps a generateName beside the name."""
    return text_at(clone, "metadata", "generateName") or name_of(clone)
