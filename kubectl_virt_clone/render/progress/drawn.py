"""A wait as a frame on a terminal, which redraws below the lines that stay.

``frames`` says what is drawn, ``screen`` draws it. Only a terminal imports this.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import redirect_stderr
from typing import TextIO

from kubectl_virt_clone.clone.progress.cause import Cause
from kubectl_virt_clone.clone.progress.progress import Outcome, Result
from kubectl_virt_clone.objects.access import NO_FLAGS, Access
from kubectl_virt_clone.objects.fields import Key, Object
from kubectl_virt_clone.render.escaping import escaped
from kubectl_virt_clone.render.progress.board import Board
from kubectl_virt_clone.render.progress.frames import frame, last_line, style_of
from kubectl_virt_clone.render.progress.live import Clock, Met, Quiet
from kubectl_virt_clone.render.progress.screen import Screen

FRAME_SECONDS = 0.1


class Drawn(Quiet):
    """A frame on a terminal, which redraws, with the results above it.

    While it is drawn it takes the place of stderr, so that no other line sticks to it.
    """

    interval = FRAME_SECONDS

    def __init__(
        self,
        stream: TextIO,
        met: Met,
        clock: Clock,
        *,
        several: bool = False,
        access: Access = NO_FLAGS,
    ) -> None:
        super().__init__(met)
        self._screen = Screen(stream)
        self._style = style_of(stream)
        self._clock = clock
        self._board = Board(clock(), several=several, access=access)
        self._results: list[Result] = []
        self._due = clock()
        self._redirection = redirect_stderr(self._screen)

    def began(self, keys: Collection[Key]) -> None:
        """Draw a row for each."""
        super().began(keys)
        self._board.expect(keys, self._clock())
        self.tick()

    def changed(self, clone: Object, cause: Cause | None) -> None:
        """Show where it is now."""
        self._board.changed(clone, cause, self._clock())
        self.tick()

    def decided(self, result: Result) -> None:
        """Show the result with the next frame: many clones may be done at once."""
        self._board.decided(result, self._clock())
        self._results.append(result)
        self.tick()

    def tick(self) -> None:
        """Draw, if it is time for another frame."""
        now = self._clock()
        if now >= self._due:
            self._due = now + FRAME_SECONDS
            self._tell_results()
            self._screen.draw(frame(self._board, self._screen.size, now, self._style))

    def notice(self, text: str) -> None:
        """Say it above the frame."""
        self._screen.write(f"{escaped(text)}\n")

    def __enter__(self) -> Drawn:
        self._redirection.__enter__()
        return self

    def __exit__(self, *ended: object) -> None:
        """Tell what is not told yet, and leave one line of the frame."""
        self._redirection.__exit__(None, None, None)
        self._tell_results()
        columns = self._screen.size.columns
        line = last_line(self._board, columns, self._clock(), self._style)
        self._screen.finish([line] if self._board.total else [])

    def _tell_results(self) -> None:
        if any(result.verdict.outcome is Outcome.MET for result in self._results):
            self._screen.draw(())
        results, self._results = self._results, []
        for result in results:
            super().decided(result)
