"""Progress of a wait on stderr: one line that redraws on a terminal, a line per change elsewhere.

What a phase means comes from ``model.progress``; nothing here decides when waiting ends.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from types import TracebackType
from typing import TextIO

from kubectl_virt_clone.model.manifest import named
from kubectl_virt_clone.model.objects import Key, Object, key_of, name_of
from kubectl_virt_clone.model.progress import STEPS, Outcome, Result, phase_of, step_of
from kubectl_virt_clone.render.escaping import escaped

REDRAW_SECONDS = 0.1
_CLEAR_LINE = "\r\x1b[K"
_BAR = ("█", "░")


class Progress:
    """Shows where clones are. ``met`` gets the line for each that reached its goal.

    ``clock`` counts seconds. On a terminal a single clone has one line that redraws; several
    clones, and everything that is no terminal, get one line per change.
    """

    def __init__(
        self,
        stream: TextIO,
        *,
        met: Callable[[str], None],
        clock: Callable[[], float],
        single: bool,
    ) -> None:
        self._stream = stream
        self._met = met
        self._clock = clock
        self._started = clock()
        self._redraws = single and stream.isatty()
        self._shown: dict[Key, tuple[str, str]] = {}  # the phase and the reason of each
        self._drawn = ""
        self.interval = REDRAW_SECONDS if self._redraws else 1.0

    def changed(self, clone: Object, why: str) -> None:
        """Show a new version of a clone; the same phase with the same reason is not repeated.

        Off a terminal a clone that is merely pending, without a reason, is not worth a line.
        """
        state, key = (phase_of(clone), why), key_of(clone)
        if self._shown.get(key) != state and (self._redraws or any(state)):
            self._shown[key] = state
            self._show(status_line(clone, why))

    def decided(self, result: Result) -> None:
        """Show the last phase, then give the result line to ``met``, if the goal was met."""
        shown, _ = self._shown.get(result.key, (None, ""))
        if result.clone is not None and phase_of(result.clone) != shown:
            self.changed(result.clone, "")
        self._end_line()
        if result.verdict.outcome is Outcome.MET:
            self._met(f"{named({'metadata': {'name': result.name}})} condition met")

    def tick(self) -> None:
        """Redraw the elapsed time."""
        if self._drawn:
            self._draw(self._drawn)

    def notice(self, text: str) -> None:
        """Say something in passing, on a line of its own."""
        self._stream.write(f"{_CLEAR_LINE if self._redraws else ''}{escaped(text)}\n")
        self._stream.flush()

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave the terminal on a fresh line, also after Ctrl-C."""
        self._end_line()

    def _end_line(self) -> None:
        if self._drawn:
            self._stream.write("\n")
            self._stream.flush()
            self._drawn = ""

    def _show(self, line: str) -> None:
        if self._redraws:
            self._draw(line)
        else:
            self._stream.write(f"{line} after {self._elapsed()}\n")
            self._stream.flush()

    def _draw(self, line: str) -> None:
        self._drawn = line
        width = self._width()
        text = f"{line} {self._elapsed()}"
        shown = text if len(text) < width else text[: width - 2] + "…"
        self._stream.write(_CLEAR_LINE + shown)
        self._stream.flush()

    def _width(self) -> int:
        """The columns of the terminal that is drawn on, which need not be stdout's."""
        try:
            return os.get_terminal_size(self._stream.fileno()).columns
        except OSError:
            return shutil.get_terminal_size().columns

    def _elapsed(self) -> str:
        return f"{self._clock() - self._started:.1f}s"


def status_line(clone: Object, why: str) -> str:
    """``NAME: PHASE n/4 bar, because``: where one clone is."""
    step = step_of(clone)
    full, empty = _BAR
    bar = full * step + empty * (len(STEPS) - step)
    phase = escaped(phase_of(clone)) or "Pending"
    because = f" ({escaped(why)})" if why else ""
    return f"{escaped(name_of(clone))}: {phase} {step}/{len(STEPS)} {bar}{because}"
