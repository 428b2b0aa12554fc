"""Lines for stderr beside the result, such as warnings of the server; what a terminal can show."""

from __future__ import annotations

import os
import sys
from typing import TextIO

from kubectl_virt_clone.render.escaping import escaped

_YELLOW, _PLAIN = "\x1b[33;1m", "\x1b[0m"


def log(line: str) -> None:
    """Write one line of the -v log."""
    sys.stderr.write(f"{escaped(line)}\n")


def warn(text: str) -> None:
    """Write a server's warning as kubectl does: ``Warning: text``, yellow on a terminal."""
    head = f"{_YELLOW}Warning:{_PLAIN}" if wants_colour(sys.stderr) else "Warning:"
    sys.stderr.write(f"{head} {escaped(text)}\n")


def wants_colour(stream: TextIO) -> bool:
    """Whether it is a terminal with colours whose user has not declined them."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and moves_its_cursor()


def moves_its_cursor() -> bool:
    """Whether the terminal's type knows more than lines."""
    return os.environ.get("TERM") != "dumb"
