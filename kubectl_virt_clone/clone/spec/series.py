"""Names of many from one: ``web-{}`` is web-1, web-2, ..., and ``web-{:03}`` is web-001.

What is named so, and whether the server takes the name, is not known here.
"""

from __future__ import annotations

import re

_PLACE = r"\{(?::0(?P<width>[1-9]))?\}"


def has_place(text: str) -> bool:
    """Whether a number can be put into ``text``."""
    return re.search(_PLACE, text) is not None


def numbered(text: str, number: int) -> str:
    """``text`` with the number in each of its places, with zeros in front up to the width."""
    return re.sub(_PLACE, lambda place: str(number).zfill(int(place["width"] or 1)), text)
