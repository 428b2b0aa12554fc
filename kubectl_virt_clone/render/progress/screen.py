"""A terminal with a frame at its lower end that redraws in place, and lines printed above it.

The lines must not be wider than the terminal; only their author knows what they say.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import threading
from collections.abc import Sequence
from typing import TextIO

from kubectl_virt_clone.render.progress.columns import width

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_CLEAR_LINE_END, _CLEAR_BELOW = "\x1b[K", "\x1b[J"


class Screen(io.TextIOBase):
    """Replaces a text stream: what is written to it appears above the frame.

    Any thread may write lines. Between two frames the cursor is at the start of the last line,
    where the terminal's ``^C`` can't make it wrap.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.RLock()
        self._frame: list[str] = []
        self._columns = 0  # of the terminal, when it last drew
        self._unfinished = ""

    @property
    def size(self) -> os.terminal_size:
        """The current size of the stream's terminal, which need not be stdout's."""
        try:
            size = os.get_terminal_size(self._stream.fileno())
        except OSError:
            return shutil.get_terminal_size()
        return size if size.columns and size.lines else os.terminal_size((80, 24))

    def draw(self, frame: Sequence[str]) -> None:
        """Replace the frame by these lines, in one write; no lines erase it."""
        with self._lock:
            if list(frame) != self._frame:
                self._put("", frame)

    def finish(self, last: Sequence[str]) -> None:
        """Replace the frame by lines that stay."""
        with self._lock:
            lines = [self._unfinished, *last] if self._unfinished else last
            self._unfinished = ""
            if lines or self._frame:
                self._put("".join(f"{line}\n" for line in lines), ())

    def write(self, text: str) -> int:
        """Print whole lines above the frame; the rest waits for its end."""
        with self._lock:
            lines, end, self._unfinished = (self._unfinished + text).rpartition("\n")
            if end:
                self._put(lines + end, self._frame)
        return len(text)

    def isatty(self) -> bool:
        """Always: nothing else has a frame."""
        return True

    def fileno(self) -> int:
        """The terminal's, for programs that we start meanwhile."""
        return self._stream.fileno()

    def _put(self, above: str, frame: Sequence[str]) -> None:
        columns = self.size.columns
        rows = self._rows_above_the_last(columns)
        text = "\r" + _up(rows)  # what the user types moves the cursor too
        # When the terminal gets wider, the rows of a broken line become one line again, with
        # whatever is on them; so clear them.
        if above or not frame or columns != self._columns:
            text += _cleared(rows) + above
        if frame:
            text += f"{_CLEAR_LINE_END}\n".join(frame) + f"{_CLEAR_BELOW}\r"
        self._frame, self._columns = list(frame), columns
        self._stream.write(text)
        self._stream.flush()

    def _rows_above_the_last(self, columns: int) -> int:
        """Rows from the frame's first line to its last; a terminal that got narrower broke some."""
        above = (width(_COLOURS.sub("", line)) for line in self._frame[:-1])
        return sum(max(1, -(-wide // columns)) for wide in above)


def _up(rows: int) -> str:
    return f"\x1b[{rows}A" if rows else ""


def _cleared(rows: int) -> str:
    """Clear this row and as many below, and come back.

    Row by row: tmux takes a clear from the first row of the screen on for a screen worth keeping,
    and moves it into its history.
    """
    return f"{_CLEAR_LINE_END}\n" * rows + (_CLEAR_BELOW if rows else _CLEAR_LINE_END) + _up(rows)
