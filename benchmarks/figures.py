"""One line of the table for each thing measured, and the table as Markdown.

How something is measured is not said here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

HEADERS = ("What", "Ours", "Peer", "Ratio", "Target", "Met")
UNEXPLAINED = "Nobody has explained this yet."


@dataclass(frozen=True)
class Row:
    """``ours`` in ``unit``, and what ``peer`` took.

    ``at_most`` is the target: of the ratio where there is a peer, else of ``ours`` itself; below 1
    it says how many times as fast we have to be. ``why`` explains a missed target: whole sentences,
    printed below the table.
    """

    what: str
    ours: float
    unit: str = "s"
    peer: str = ""
    theirs: float | None = None
    at_most: float | None = None
    why: str = ""

    @property
    def ratio(self) -> float | None:
        """Ours over theirs; None without a peer."""
        return self.ours / self.theirs if self.theirs else None

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None where there is none."""
        value = self.ours if self.theirs is None else self.ratio
        return None if self.at_most is None or value is None else value <= self.at_most

    def cells(self) -> tuple[str, ...]:
        """The columns of HEADERS as text."""
        theirs = f"{_number(self.theirs)} {self.unit} ({self.peer})" if self.theirs else ""
        met = {None: "", True: "yes", False: "**no**"}[self.met]
        ours = f"{_number(self.ours)} {self.unit}"
        return (self.what, ours, theirs, _ratio(self.ratio), self._target(), met)

    def _target(self) -> str:
        if self.at_most is None:
            return ""
        if self.theirs is None:
            return f"≤ {_number(self.at_most)} {self.unit}"
        return f"≤ {_ratio(self.at_most)}" if self.at_most >= 1 else f"≥ {_ratio(self.at_most)}"


@dataclass(frozen=True)
class Failure:
    """A measurement that broke off, and the error that ended it."""

    what: str
    why: str
    met: ClassVar[bool] = False

    def cells(self) -> tuple[str, ...]:
        """The columns of HEADERS as text."""
        return (self.what, "**failed**", "", "", "", "**no**")


def _number(value: float) -> str:
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.3g}"


def _ratio(ratio: float | None) -> str:
    if ratio is None:
        return ""
    return f"{ratio:.2f}x" if ratio > 0.5 else f"{1 / ratio:.3g}x faster"


def table(rows: Sequence[Row | Failure]) -> str:
    """The rows as a Markdown table, and below it why each "no" is one; ends with a newline."""
    missed = [f"- **{row.what}**: {row.why or UNEXPLAINED}\n" for row in rows if row.met is False]
    text = markdown([HEADERS, *(row.cells() for row in rows)])
    return "\n".join([text, "".join(missed)]) if missed else text


def markdown(lines: Sequence[Sequence[str]]) -> str:
    """Lines of cells, the headers first, as a Markdown table; ends with a newline."""
    headers, *others = lines
    dashes = ["---"] * len(headers)
    return "".join(f"| {' | '.join(line)} |\n" for line in [headers, dashes, *others])
