"""Columns of text as kubectl aligns them; what stands in them is the caller's."""

from __future__ import annotations

from collections.abc import Sequence

from kubectl_virt_clone.render.escaping import escaped


def underlined(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table as ``kubectl describe`` draws one, with dashes under the headers."""
    from tabulate import tabulate

    dashes = ["-" * len(header) for header in headers]
    cells = [[escaped(cell) for cell in row] for row in rows]
    text = tabulate([headers, dashes, *cells], tablefmt="plain", disable_numparse=True)
    return [line.rstrip() for line in text.splitlines()]


def plain(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table as ``kubectl get`` prints one: columns three spaces apart."""
    table = [list(headers), *([escaped(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [
        "   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    ]
