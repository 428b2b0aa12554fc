"""A terminal with a frame at its lower end that redraws in place, and lines printed above it.

What the lines say is not known here; they must not be wider than the terminal.
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
    """Takes the place of a text stream: what is written to it appears above the frame.

    Lines may be written from any thread. Between two frames the cursor stands at the beginning of
    the last line, where a ``^C`` of the terminal's can't make it wrap.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.RLock()
        self._frame: list[str] = []
        self._columns = 0  # of the terminal, when the frame was drawn
        self._unfinished = ""

    @property
    def size(self) -> os.terminal_size:
        """The terminal's size now; it is that of the stream, which need not be stdout's."""
        try:
            size = os.get_terminal_size(self._stream.fileno())
        except OSError:
            return shutil.get_terminal_size()
        return size if size.columns and size.lines else os.terminal_size((80, 24))

    def draw(self, frame: Sequence[str]) -> None:
        """Replace the frame by these lines, in one write; none of them erases it."""
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
        """The terminal's, for a program that is started meanwhile."""
        return self._stream.fileno()

    def _put(self, above: str, frame: Sequence[str]) -> None:
        columns = self.size.columns
        rows = self._rows_above_the_last(columns)
        text = "\r" + _up(rows)  # what the user types moves the cursor too
        # Rows of a line that was broken are one line again when the terminal becomes wider, with
        # whatever was drawn on them, unless they were cleared.
        if above or not frame or columns != self._columns:
            text += _cleared(rows) + above
        if frame:
            text += f"{_CLEAR_LINE_END}\n".join(frame) + f"{_CLEAR_BELOW}\r"
        self._frame, self._columns = list(frame), columns
        self._stream.write(text)
        self._stream.flush()

    def _rows_above_the_last(self, columns: int) -> int:
        """How far it is from the last line of the frame to its first.

        A terminal that has become narrower has broken the lines above into several.
        """
        above = (width(_COLOURS.sub("", line)) for line in self._frame[:-1])
        return sum(max(1, -(-wide // columns)) for wide in above)


def _up(rows: int) -> str:
    return f"\x1b[{rows}A" if rows else ""


def _cleared(rows: int) -> str:
    """Clear this row and so many below, and come back.

    Row by row: what is cleared from the first row of the screen on, tmux takes for a screen that
    is worth keeping, and moves it into its history.
    """
    return f"{_CLEAR_LINE_END}\n" * rows + (_CLEAR_BELOW if rows else _CLEAR_LINE_END) + _up(rows)
