"""What a check found out, as a value: its id, its level, one sentence, and what to do about it.

The rules that make findings are beside this module; how one looks is ``render``'s.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kubectl_virt_clone.clone.hint import Hint
from kubectl_virt_clone.objects.fields import Object

ERROR, WARNING, INFO, UNKNOWN = LEVELS = ("error", "warning", "info", "unknown")
"""From worst to least: can't work, hangs or destroys data; works, but probably not as meant;
good to know; not checked, because something could not be read."""

IDS = (
    "no-clone-api",
    "snapshot-gate",
    "rbac",
    "field-unsupported",
    "unknown-field",
    "invalid-name",
    "clone-exists",
    "source-missing",
    "source-kind",
    "snapshot-not-ready",
    "snapshot-failed",
    "target-exists",
    "target-is-source",
    "target-overwritten",
    "target-claimed",
    "volume-not-snapshottable",
    "volume-unknown",
    "volume-unbound",
    "backend-storage",
    "first-consumer",
    "filter-invalid",
    "filter-only-negative",
    "filter-unused",
    "filter-overreach",
    "filter-controller-keys",
    "network-annotations",
    "mac-invalid",
    "mac-unknown-interface",
    "mac-in-use",
    "serial-ignored",
    "serial-unsafe",
    "patch-invalid",
    "patch-unsafe",
    "cloud-init-reruns",
    "running-without-agent",
)
"""Every check there is, in the order in which findings of one level are told."""


ALL = "all"
"""Stands for every id where checks are to be skipped."""


FLAGS, SERIES, FILES = "flags", "series", "files"
"""What a hint can speak of: how a clone was asked for, alone, among several, or in a manifest."""


@dataclass(frozen=True)
class Finding:
    """One finding. ``hint``, followed as it stands, removes it."""

    id: str
    level: str
    message: str
    hint: Hint = ()


Judged = tuple[Object, Sequence[Finding]]
"""A clone of a request, with what was found out about it."""


def ordered(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Findings from the worst level to the least, in the order of IDS within a level."""
    return tuple(sorted(findings, key=lambda item: (LEVELS.index(item.level), IDS.index(item.id))))


def is_fine(findings: Iterable[Finding]) -> bool:
    """Whether no finding is an error."""
    return all(finding.level != ERROR for finding in findings)


def without(findings: Iterable[Finding], skipped: Iterable[str]) -> tuple[Finding, ...]:
    """The findings but those of the ids in ``skipped``; ALL stands for every id."""
    ids = frozenset(skipped)
    return () if ALL in ids else tuple(item for item in findings if item.id not in ids)
