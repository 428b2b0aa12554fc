"""Spans of time as kubectl prints them. Times are arguments; nothing here reads a clock."""

from __future__ import annotations

from datetime import datetime

_SIZES = {"s": 1, "m": 60, "h": 3600, "d": 24 * 3600, "y": 365 * 24 * 3600}
_SCALES = (
    (2 * _SIZES["m"], "s", ""),
    (10 * _SIZES["m"], "m", "s"),
    (3 * _SIZES["h"], "m", ""),
    (8 * _SIZES["h"], "h", "m"),
    (2 * _SIZES["d"], "h", ""),
    (8 * _SIZES["d"], "d", "h"),
    (2 * _SIZES["y"], "d", ""),
    (8 * _SIZES["y"], "y", "d"),
    (float("inf"), "y", ""),
)
"""(upper bound in seconds, unit, unit of the remainder)."""


def age(since: datetime | None, now: datetime) -> str:
    """How long ago ``since`` was; ``<unknown>`` without it."""
    return "<unknown>" if since is None else human((now - since).total_seconds())


def human(seconds: float) -> str:
    """A duration in at most two units: ``45s``, ``3m20s``, ``5h``, ``3d4h``, ``2y10d``.

    The thresholds are those of ``k8s.io/apimachinery/pkg/util/duration.HumanDuration``.
    """
    whole = int(seconds)
    if whole < 0:
        return "<invalid>" if whole < -1 else "0s"
    unit, rest = next((unit, rest) for below, unit, rest in _SCALES if whole < below)
    size, rest_size = _SIZES[unit], _SIZES.get(rest, 1)
    remainder = whole % size // rest_size if rest else 0
    return f"{whole // size}{unit}" + (f"{remainder}{rest}" if remainder else "")
