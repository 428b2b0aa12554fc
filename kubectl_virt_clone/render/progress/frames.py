"""A wait as a frame on a terminal, which redraws below the lines that stay.

Only a terminal imports this; ``screen`` draws the lines. Times are seconds of any clock.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Collection, Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass
from typing import TextIO

from kubectl_virt_clone.clone.progress.progress import (
    FAILED,
    STEPS,
    SUCCEEDED,
    Cause,
    Outcome,
    Result,
    phase_of,
)
from kubectl_virt_clone.objects.fields import Key, Object, key_of
from kubectl_virt_clone.objects.resource import NO_FLAGS, Access
from kubectl_virt_clone.render.durations import human
from kubectl_virt_clone.render.escaping import escaped
from kubectl_virt_clone.render.hints import written
from kubectl_virt_clone.render.messages import wants_colour
from kubectl_virt_clone.render.progress.columns import fitted, padded, shortened, width, wrapped
from kubectl_virt_clone.render.progress.live import Clock, Met, Quiet
from kubectl_virt_clone.render.progress.outcomes import label, span_of_time, state, step
from kubectl_virt_clone.render.progress.screen import Screen

Span = tuple[str, str]
"""A text and its colour, or none."""

FRAME_SECONDS = 0.1
GREEN, RED, YELLOW = "32", "31", "33"
_COLOURS = {SUCCEEDED: GREEN, FAILED: RED}
_INDENT = "  "
# The last 20 finished clones tell the rate, but not fewer than 3.
_WINDOW, _FEWEST = 20, 3


@dataclass
class Row:
    """One clone: its phase, since when, and what is wrong with it."""

    key: Key
    since: float
    phase: str = ""
    why: str = ""
    hint: str = ""
    seen: bool = False


class Board:
    """All clones of one wait: where each is, how many are done, how long the rest may take."""

    def __init__(self, now: float, *, several: bool = False, access: Access = NO_FLAGS) -> None:
        self.began = now
        self.done = 0
        self.running: dict[Key, Row] = {}
        self.failed: dict[Key, Row] = {}
        self._rows: dict[Key, Row] = {}
        self._several = several
        self._access = access
        self._finishes: deque[float] = deque(maxlen=_WINDOW)

    def expect(self, keys: Collection[Key], now: float) -> None:
        """Wait for these too. The wait begins with the first."""
        if not self._rows:
            self.began = now
        for key in keys:
            if key not in self._rows:
                self._rows[key] = self.running[key] = Row(key, now)
                self._several = self._several or key[0] != next(iter(self._rows))[0]

    @property
    def total(self) -> int:
        """How many are or were waited for."""
        return len(self._rows)

    @property
    def only(self) -> Row | None:
        """The one clone, if there is only one."""
        return next(iter(self._rows.values())) if self.total == 1 else None

    def label(self, row: Row) -> str:
        """The clone's name, with its namespace if there are several."""
        return label(row.key, several=self._several)

    def changed(self, clone: Object, cause: Cause | None, now: float) -> None:
        """A clone has a new version, or another cause."""
        row = self.running.get(key_of(clone))
        if row is not None:
            _note(row, clone, now)
            row.why = cause.sentence if cause else ""
            row.hint = written(cause.hint, self._access) if cause else ""

    def decided(self, result: Result, now: float) -> None:
        """A clone reached its goal, or never can."""
        row = self.running.pop(result.key, None)
        if row is None:
            return
        if row.seen:  # one that was there before we came says nothing about the rate
            self._finishes.append(now)
        if result.clone is not None:
            _note(row, result.clone, now)
        row.why = row.hint = ""
        if result.verdict.outcome is Outcome.MET:
            self.done += 1
        else:
            row.why = result.verdict.reason
            self.failed[result.key] = row

    def seconds_left(self, now: float) -> float | None:
        """How long those that nothing holds up may take; None if the rate is unknown."""
        going = sum(not row.why for row in self.running.values())
        if not going or len(self._finishes) < _FEWEST or now <= self._finishes[0]:
            return None
        return going * (now - self._finishes[0]) / (len(self._finishes) - 1)


def _note(row: Row, clone: Object, now: float) -> None:
    phase = phase_of(clone)
    if phase != row.phase:
        row.phase, row.since = phase, now
    row.seen = True


@dataclass(frozen=True)
class Style:
    """How progress looks on a stream that has this encoding."""

    colour: bool = False
    encoding: str = "utf-8"
    full: str = "█"
    empty: str = "░"
    ellipsis: str = "…"

    def shown(self, text: str) -> str:
        """A server's text as the stream will show it, so that it can be measured."""
        return escaped(text).encode(self.encoding, "backslashreplace").decode(self.encoding)

    def painted(self, text: str, colour: str) -> str:
        """``text`` in a colour, if there is one and the stream has colours."""
        return f"\x1b[{colour}m{text}\x1b[0m" if text and colour and self.colour else text


def style_of(stream: TextIO) -> Style:
    """What ``stream`` can show."""
    style = Style(wants_colour(stream), stream.encoding or Style.encoding)
    try:
        f"{style.full}{style.empty}{style.ellipsis}".encode(style.encoding)
    except UnicodeEncodeError:
        return Style(style.colour, style.encoding, full="#", empty="-", ellipsis="...")
    return style


def frame(board: Board, size: os.terminal_size, now: float, style: Style) -> list[str]:
    """The lines to draw: a clone alone in full, several as a table with a summary below.

    One column and one line stay free: a full line would wrap, and what is above stays in sight.
    """
    columns, lines = max(size.columns - 1, 1), max(size.lines - 1, 1)
    if board.only:
        shown = _single(board.only, board, columns, now, style)
    else:
        rows = [_cells(row, board.label(row), now, style) for row in _chosen(board, lines - 1)]
        shown = [*_aligned(rows, columns, style), _summary(board, now)]
    return [_line(spans, columns, style) for spans in shown][:lines]


def last_line(board: Board, columns: int, now: float, style: Style) -> str:
    """The line of the frame that stays at the end."""
    only = board.only
    spans = _head(only, board, columns - 1, now, style) if only else _summary(board, now)
    return _line(spans, columns - 1, style)


def _single(row: Row, board: Board, columns: int, now: float, style: Style) -> list[list[Span]]:
    """One line; below it the hint, and the cause if the line has no room for it."""
    head = _head(row, board, columns, now, style)
    why, colour = style.shown(row.why), _colour_of(row)
    below = [(f"hint: {style.shown(row.hint)}", "")] if row.hint else []
    if why and sum(width(text) for text, _ in head) + width(why) + 3 <= columns:
        head.append((f" ({why})", colour))
    elif why:
        below.insert(0, (why, colour))
    room = columns - len(_INDENT)
    return [
        head,
        *([(_INDENT + part, paint)] for text, paint in below for part in wrapped(text, room)),
    ]


def _head(row: Row, board: Board, columns: int, now: float, style: Style) -> list[Span]:
    """``NAME: PHASE n/4 bar``, the time in this phase, and that of the whole wait."""
    shown = style.shown(state(row.phase))
    bar = f" {_bar(row, style)}" if row.phase != FAILED else ""
    total = span_of_time(now - board.began)
    times = f" {total}"
    if row.since > board.began and row.phase not in _COLOURS:
        times = f" {span_of_time(now - row.since)}, {total} in all"
    room = columns - width(f": {shown}{bar}{times}")
    name = shortened(style.shown(board.label(row)), max(room, columns // 4), style.ellipsis)
    return [(f"{name}: ", ""), (shown, _COLOURS.get(row.phase, "")), (bar + times, "")]


def _chosen(board: Board, room: int) -> list[Row]:
    """As many rows as there is room for: those with a cause, other unfinished ones, failed ones.

    If not all fit, up to a third is for those that failed last.
    """
    running = sorted(board.running.values(), key=lambda row: not row.why)
    failed = list(board.failed.values())
    of_failed = min(len(failed), max(room // 3, room - len(running)))
    return running[: max(room - of_failed, 0)] + failed[len(failed) - of_failed :]


def _cells(row: Row, label: str, now: float, style: Style) -> tuple[str, Span, str, Span]:
    """The label; the state; the bar and the time in this phase; the cause."""
    bar, waited = _bar(row, style), human(now - row.since)
    rest = " " * (len(bar) + 6) if row.phase == FAILED else f"{bar} {waited:>5}"
    return (
        style.shown(label),
        (style.shown(state(row.phase)), _COLOURS.get(row.phase, "")),
        rest,
        (style.shown(row.why), _colour_of(row)),
    )


def _aligned(
    rows: Sequence[tuple[str, Span, str, Span]], columns: int, style: Style
) -> list[list[Span]]:
    """The rows as a table; if causes need room, long labels get a third of it."""
    if not rows:
        return []
    states = max(width(state) for _, (state, _), _, _ in rows)
    room = columns - states - width(rows[0][2]) - 2 * len(_INDENT)
    if any(why for _, _, _, (why, _) in rows):
        room = min(room, columns // 3)
    labels = [shortened(label, max(room, columns // 4), style.ellipsis) for label, *_ in rows]
    longest = max(map(width, labels))
    return [
        [
            (padded(label, longest) + _INDENT, ""),
            (state, colour),
            (padded("", states - width(state) + 1) + rest, ""),
            (f"{_INDENT}{why}" if why else "", painted),
        ]
        for label, (_, (state, colour), rest, (why, painted)) in zip(labels, rows, strict=True)
    ]


def _summary(board: Board, now: float) -> list[Span]:
    """``37 of 50 done, 2 failed, 11 running after 3m2s; about 80s left``."""
    left = board.seconds_left(now)
    failed, running = len(board.failed), len(board.running)
    return [
        (f"{board.done} of {board.total} done", GREEN if board.done else ""),
        (f", {failed} failed" if failed else "", RED),
        (f", {running} running" if running else "", ""),
        (f" after {human(now - board.began)}", ""),
        (f"; about {human(max(left, 1.0))} left" if left is not None else "", ""),
    ]


def _line(spans: Sequence[Span], columns: int, style: Style) -> str:
    """The spans, cut to ``columns``, each in its colour."""
    rest = fitted("".join(text for text, _ in spans), columns, style.ellipsis)
    line = ""
    for text, colour in spans:
        line += style.painted(rest[: len(text)], colour)
        rest = rest[len(text) :]
    return line


def _bar(row: Row, style: Style) -> str:
    begun = step(row.phase)
    return style.full * begun + style.empty * (len(STEPS) - begun)


def _colour_of(row: Row) -> str:
    return RED if row.phase == FAILED else YELLOW


class Drawn(Quiet):
    """A frame on a terminal, with the results above it.

    While it is drawn it replaces stderr, so that no other line sticks to it.
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
        """Draw, if another frame is due."""
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
        """Tell the last results, and leave one line of the frame."""
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
