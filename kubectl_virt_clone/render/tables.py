"""Columns of text as kubectl aligns them; the caller decides what is in them."""

from __future__ import annotations

from collections.abc import Sequence

from kubectl_virt_clone.render.escaping import escaped
from kubectl_virt_clone.render.progress.columns import padded, width

_NARROWEST = 3  # kubectl's cells are at least six wide with the gap


def aligned(rows: Sequence[tuple[str, str]]) -> list[str]:
    """Labels and values in columns two spaces apart; the caller escapes them."""
    longest = max((len(label) for label, _ in rows), default=0) + 2
    return [f"{label:<{longest}}{value}" for label, value in rows]


def underlined(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table as ``kubectl describe`` draws one, with dashes under the headers."""
    from tabulate import tabulate

    dashes = ["-" * len(header) for header in headers]
    cells = [[escaped(cell) for cell in row] for row in rows]
    text = tabulate([headers, dashes, *cells], tablefmt="plain", disable_numparse=True)
    return [line.rstrip() for line in text.splitlines()]


def plain(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a whole table as ``kubectl get`` prints one."""
    return Table(headers).lines(rows)


class Table:
    """Columns three spaces apart, as ``kubectl get`` prints them, for rows that come bit by bit.

    Each column stays as wide as its widest cell so far: what is printed can't move.
    """

    def __init__(self, headers: Sequence[str], *, shown: bool = True) -> None:
        self._headers = [headers] if shown else []
        self._widths = [_NARROWEST] * len(headers)

    def lines(self, rows: Sequence[Sequence[str]]) -> list[str]:
        """The lines of more rows; the headers come before the first."""
        table = [*self._headers, *([escaped(cell) for cell in row] for row in rows)]
        self._headers = []
        self._widths = [
            max(widest, *map(width, column))
            for widest, column in zip(self._widths, zip(*table, strict=True), strict=True)
        ]
        return ["   ".join(map(padded, row, self._widths)).rstrip() for row in table]
