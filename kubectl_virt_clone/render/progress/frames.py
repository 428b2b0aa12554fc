"""A board as the lines of a frame that fits a terminal, and as the line that stays at the end.

Nothing is written here, and what is wrong with a clone is not judged.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TextIO

from kubectl_virt_clone.clone.progress.progress import FAILED, STEPS, SUCCEEDED
from kubectl_virt_clone.render.durations import human
from kubectl_virt_clone.render.escaping import escaped
from kubectl_virt_clone.render.messages import wants_colour
from kubectl_virt_clone.render.progress.board import Board, Row
from kubectl_virt_clone.render.progress.columns import fitted, padded, shortened, width, wrapped
from kubectl_virt_clone.render.progress.outcomes import span_of_time, step

Span = tuple[str, str]
"""A text and its colour, or none."""

GREEN, RED, YELLOW = "32", "31", "33"
_COLOURS = {SUCCEEDED: GREEN, FAILED: RED}
_INDENT = "  "


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


def frame(board: Board, size: os.terminal_size, now: float, style: Style) -> list[str]:
    """What to draw: a clone alone in full, several as a table with a summary below.

    One column and one line stay free: a full line would wrap, and what is above stays in sight.
    """
    columns, lines = max(size.columns - 1, 1), max(size.lines - 1, 1)
    if board.only:
        shown = _single(board.only, board, columns, now, style)
        return [_line(spans, columns, style) for spans in shown][:lines]
    rows = [_cells(row, board.label(row), now, style) for row in _chosen(board, lines - 1)]
    return [
        *(_line(spans, columns, style) for spans in _aligned(rows, columns, style)),
        _line(_summary(board, now), columns, style),
    ]


def last_line(board: Board, columns: int, now: float, style: Style) -> str:
    """What stays of the frame at the end."""
    if board.only:
        spans = _head(board.only, board, columns - 1, now, style)
    else:
        spans = _summary(board, now)
    return _line(spans, columns - 1, style)


def _single(row: Row, board: Board, columns: int, now: float, style: Style) -> list[list[Span]]:
    """One line, and below it what has no place on it: the cause, and what to do."""
    head = _head(row, board, columns, now, style)
    why = style.shown(row.why)
    lines = [head]
    if why and sum(width(text) for text, _ in head) + width(why) + 3 <= columns:
        head.append((f" ({why})", _colour_of(row)))
    elif why:
        lines += [[(_INDENT + part, _colour_of(row))] for part in _below(why, columns)]
    if row.hint:
        hint = f"hint: {style.shown(row.hint)}"
        lines += [[(_INDENT + part, "")] for part in _below(hint, columns)]
    return lines


def _below(text: str, columns: int) -> list[str]:
    return wrapped(text, columns - len(_INDENT))


def _head(row: Row, board: Board, columns: int, now: float, style: Style) -> list[Span]:
    """``NAME: PHASE n/4 bar``, the time in this phase, and that of the whole wait."""
    state = style.shown(row.state)
    bar = f" {_bar(row, style)}" if _has_bar(row) else ""
    total = span_of_time(now - board.began)
    times = f" {total}"
    if row.since > board.began and row.phase not in _COLOURS:
        times = f" {span_of_time(now - row.since)}, {total} in all"
    place = columns - width(f": {state}{bar}{times}")
    label = shortened(style.shown(board.label(row)), max(place, columns // 4), style.ellipsis)
    return [(f"{label}: ", ""), (state, _COLOURS.get(row.phase, "")), (bar + times, "")]


def _chosen(board: Board, place: int) -> list[Row]:
    """The rows that have a place: unfinished ones, of these first what has a cause; then failed.

    Where not all have one, up to a third is for those that failed last.
    """
    running = sorted(board.running.values(), key=lambda row: not row.why)
    failed = list(board.failed.values())
    of_failed = min(len(failed), max(place // 3, place - len(running)))
    return running[: max(place - of_failed, 0)] + failed[len(failed) - of_failed :]


def _cells(row: Row, label: str, now: float, style: Style) -> tuple[str, Span, str, Span]:
    """The label; the state; the bar and the time in this phase; the cause."""
    waited = "" if row.phase == FAILED else human(now - row.since)
    rest = f"{_bar(row, style)} {waited:>5}"
    return (
        style.shown(label),
        (style.shown(row.state), _COLOURS.get(row.phase, "")),
        rest if _has_bar(row) else " " * len(rest),
        (style.shown(row.why), _colour_of(row)),
    )


def _aligned(
    rows: Sequence[tuple[str, Span, str, Span]], columns: int, style: Style
) -> list[list[Span]]:
    """The rows as a table; where causes need the place, long labels have a third of it."""
    if not rows:
        return []
    states = max(width(state) for _, (state, _), _, _ in rows)
    place = columns - states - width(rows[0][2]) - 2 * len(_INDENT)
    if any(why for _, _, _, (why, _) in rows):
        place = min(place, columns // 3)
    labels = [shortened(label, max(place, columns // 4), style.ellipsis) for label, *_ in rows]
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
    """The spans, cut where the line ends, each in its colour."""
    rest = fitted("".join(text for text, _ in spans), columns, style.ellipsis)
    line = ""
    for text, colour in spans:
        line += style.painted(rest[: len(text)], colour)
        rest = rest[len(text) :]
    return line


def _bar(row: Row, style: Style) -> str:
    begun = step(row.phase)
    return style.full * begun + style.empty * (len(STEPS) - begun)


def _has_bar(row: Row) -> bool:
    return row.phase != FAILED


def _colour_of(row: Row) -> str:
    """What a cause is painted in."""
    return RED if row.phase == FAILED else YELLOW
