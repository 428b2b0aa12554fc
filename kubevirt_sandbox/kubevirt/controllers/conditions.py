"""Conditions as KubeVirt's snapshot, restore and clone controllers write them.

Shape and times only; which condition holds is the controllers' business.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Condition = dict[str, Any]


def condition(kind: str, status: bool, reason: str, now: str) -> Condition:
    """One condition; the sentence goes into ``reason``, ``message`` is never set by KubeVirt."""
    return {
        "lastProbeTime": None,
        "lastTransitionTime": now,
        "reason": reason,
        "status": "True" if status else "False",
        "type": kind,
    }


def merged(current: object, wanted: Iterable[Condition]) -> list[Condition]:
    """``wanted``, each with its old time where neither status nor reason changed."""
    old = {
        item.get("type"): item
        for item in (current if isinstance(current, list) else [])
        if isinstance(item, dict)
    }
    return [_unchanged(old.get(item["type"]), item) or item for item in wanted]


def updated(current: object, wanted: list[Condition]) -> list[Condition]:
    """``merged``, followed by the conditions of other types as they are."""
    known = current if isinstance(current, list) else []
    kinds = {item["type"] for item in wanted}
    return [*merged(known, wanted), *(item for item in known if item.get("type") not in kinds)]


def _unchanged(old: Condition | None, new: Condition) -> Condition | None:
    if old is None:
        return None
    same = all(old.get(key) == new[key] for key in ("status", "reason"))
    return old if same else None


def progressing_and_ready(
    progressing: bool, ready: bool, progress_reason: str, ready_reason: str, now: str
) -> list[Condition]:
    """The pair that every clone and restore carries, Progressing first."""
    return [
        condition("Progressing", progressing, progress_reason, now),
        condition("Ready", ready, ready_reason, now),
    ]
