"""Number names: ``web-{}`` becomes web-1, web-2, …, and ``web-{:03}`` becomes web-001.

What gets these names, and whether the server accepts them, is decided elsewhere.
"""

from __future__ import annotations

import re

_PLACE = r"\{(?::0(?P<width>[1-9]))?\}"


def has_place(text: str) -> bool:
    """Whether ``text`` has a place for a number."""
    return re.search(_PLACE, text) is not None


def numbered(text: str, number: int) -> str:
    """``text`` with the number in each place, padded with zeros to its width."""
    return re.sub(_PLACE, lambda place: str(number).zfill(int(place["width"] or 1)), text)
