"""What a stream can show: colours, block characters, letters beyond ASCII."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TextIO

from kubectl_virt_clone.render.escaping import escaped

GREEN, RED, YELLOW = "32", "31", "33"


@dataclass(frozen=True)
class Style:
    """How progress looks on a stream that has this encoding."""

    colour: bool = False
    encoding: str = "utf-8"
    full: str = "█"
    empty: str = "░"
    ellipsis: str = "…"

    def shown(self, text: str) -> str:
        """Text of a server as it will stand on the stream, so that it can be measured."""
        return escaped(text).encode(self.encoding, "backslashreplace").decode(self.encoding)

    def painted(self, text: str, colour: str) -> str:
        """``text`` in a colour, where there is one and the stream has any."""
        return f"\x1b[{colour}m{text}\x1b[0m" if text and colour and self.colour else text


def style_of(stream: TextIO) -> Style:
    """What ``stream`` can show."""
    style = Style(wants_colour(stream), stream.encoding or Style.encoding)
    try:
        f"{style.full}{style.empty}{style.ellipsis}".encode(style.encoding)
    except UnicodeEncodeError:
        return Style(style.colour, style.encoding, full="#", empty="-", ellipsis="...")
    return style


def wants_colour(stream: TextIO) -> bool:
    """Whether it is a terminal that knows colours, and whose user has not declined them."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and moves_its_cursor()


def moves_its_cursor() -> bool:
    """Whether a terminal knows more than lines, as its type says."""
    return os.environ.get("TERM") != "dumb"
