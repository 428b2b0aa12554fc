"""What ``create`` says of each object, in kubectl's words or in a format of ``-o``.

``progress/outcomes`` says how a wait for them ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kubectl_virt_clone.clone.api import CLONES, named, target_name
from kubectl_virt_clone.objects.fields import Object, name_of, text_at
from kubectl_virt_clone.render.escaping import escaped
from kubectl_virt_clone.render.formats import DRY_RUNS, formatted


def answer(
    clones: Sequence[Object],
    unnamed: frozenset[str],
    output: str | None,
    dry_run: str,
    fate: str = "created",
) -> str:
    """What ``create`` prints for objects with a fate, as kubectl does or in a format of -o.

    A clone that is one of the ``unnamed`` has the name of the target that KubeVirt chose.
    """
    if output:
        return formatted(clones, output) if clones else ""
    text = ""
    for clone in clones:
        target = target_name(clone) if _asked_as(clone) in unnamed else ""
        chosen = f", target {target}" if target else ""
        text += escaped(f"{named(clone)} {fate}{DRY_RUNS.get(dry_run, '')}{chosen}") + "\n"
    return text


class Answers:
    """What ``create`` prints for the clones that were ``requested``, bit by bit or as a whole."""

    def __init__(self, requested: Iterable[Object], output: str | None, dry_run: str) -> None:
        self._unnamed = unnamed_in(requested)
        self._output = output
        self._dry_run = dry_run

    @property
    def come_last(self) -> bool:
        """Whether to print the objects as one List, once all are known."""
        return self._output in ("json", "yaml")

    def of(self, objects: Sequence[Object]) -> str:
        """All objects at once."""
        return answer(objects, self._unnamed, self._output, self._dry_run)

    def each(self, obj: Object, fate: str) -> str:
        """The fate of one object; empty if it is printed at the end, or not at all."""
        named_only = self._output and (fate == "deleted" or text_at(obj, "kind") != CLONES.kind)
        if self.come_last or named_only:  # with -o name, stdout has only the names of clones
            return ""
        return answer([obj], self._unnamed, self._output, self._dry_run, fate)


def unnamed_in(requested: Iterable[Object]) -> frozenset[str]:
    """The names, as requested, of the clones whose targets KubeVirt is to name."""
    return frozenset(_asked_as(clone) for clone in requested if not target_name(clone))


def _asked_as(clone: Object) -> str:
    """A clone's name in the request; the server keeps a generateName beside the name."""
    return text_at(clone, "metadata", "generateName") or name_of(clone)
