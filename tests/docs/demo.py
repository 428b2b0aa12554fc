"""docs/demo.svg: a session in a real terminal, drawn. ``make docs`` records and writes it.

The picture has its own background, so that it can be read on a light and on a dark page.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from threading import Timer
from xml.sax.saxutils import escape

import pyte

from .markdown import ROOT

PICTURE = ROOT / "docs" / "demo.svg"
COLUMNS, ROWS = 92, 40
PATIENCE = 60.0
SESSION = (
    "kubectl virt-clone create nightly --source vm-cirrus --target copy --wait",
    "kubectl virt-clone create nightly --source vm-cirros --target copy --wait",
    "kubectl virt-clone create tpm --source vm-tpm --target c2 --wait --skip-check all",
    "kubectl virt-clone get",
)
_PROMPT = "$ "
_WIDTH, _HEIGHT, _MARGIN = 8, 18, 16
_COLOURS = {
    "default": "#d6dbe1",
    "red": "#ff8a80",
    "green": "#7ddc8a",
    "brown": "#f2cc60",
    "yellow": "#f2cc60",
    "blue": "#8ab8ff",
    "cyan": "#76d9e6",
}
_PAPER = "#16191f"


def record() -> pyte.Screen:
    """What the screen of a terminal shows when the session is over."""
    import pty  # where there is none, the rest can be imported all the same

    said = (f"printf '%s\\n' {shlex.quote(_PROMPT + line)}; {line}" for line in SESSION)
    call = ["kubectl-virt_clone", "sandbox", "--", "sh", "-c", "; echo; ".join(said)]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
    environment |= {"COLUMNS": str(COLUMNS), "LINES": str(ROWS)}
    environment.pop("NO_COLOR", None)
    ours, theirs = pty.openpty()
    screen = pyte.Screen(COLUMNS, ROWS)
    with subprocess.Popen(
        call, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, close_fds=True
    ) as process:
        os.close(theirs)
        late = Timer(PATIENCE, process.kill)
        late.start()
        stream = pyte.ByteStream(screen)
        for piece in _pieces(ours):
            stream.feed(piece)
        late.cancel()
    os.close(ours)
    return screen


def _pieces(terminal: int) -> Iterator[bytes]:
    """What is written to a terminal, until nobody holds its other end."""
    while True:
        try:
            piece = os.read(terminal, 65536)
        except OSError:  # Linux says so with EIO
            return
        if not piece:
            return
        yield piece


def rows_of(screen: pyte.Screen) -> list[str]:
    """The rows, without the empty ones below."""
    return "\n".join(line.rstrip() for line in screen.display).rstrip("\n").split("\n")


def text_of(picture: str) -> list[str]:
    """The rows that a picture shows."""
    rows = re.findall(r"<text [^>]*>(.*)</text>", picture)
    bare = (re.sub(r"<[^>]+>", "", row) for row in rows)
    return [
        row.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&").rstrip() for row in bare
    ]


def drawn(screen: pyte.Screen) -> str:
    """The picture of a screen."""
    lines = rows_of(screen)
    width = COLUMNS * _WIDTH + 2 * _MARGIN
    height = len(lines) * _HEIGHT + 2 * _MARGIN
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"'
        f' width="{width}" height="{height}" font-size="13" xml:space="preserve"'
        ' font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace">'
    )
    paper = f'<rect width="{width}" height="{height}" rx="8" fill="{_PAPER}"/>'
    rows = (_row(screen, number, len(line)) for number, line in enumerate(lines))
    return "\n".join((head, paper, *rows, "</svg>\n"))


def _row(screen: pyte.Screen, number: int, length: int) -> str:
    """One row: each run of characters that look the same is as wide as it is in a terminal."""
    cells = [(x, screen.buffer[number][x]) for x in range(length)]
    runs = []
    for (colour, bold), group in groupby(cells, key=lambda cell: (cell[1].fg, cell[1].bold)):
        run = list(group)
        text = "".join(cell.data for _, cell in run)
        fill = _COLOURS.get(colour, f"#{colour}")
        weight = ' font-weight="bold"' if bold or text.startswith(_PROMPT) else ""
        place = f'x="{_MARGIN + run[0][0] * _WIDTH}" textLength="{len(text) * _WIDTH}"'
        runs.append(f'<tspan {place} fill="{fill}"{weight}>{escape(text)}</tspan>')
    return f'<text y="{_MARGIN + number * _HEIGHT + 13}">{"".join(runs)}</text>'


if __name__ == "__main__":
    PICTURE.write_text(drawn(record()), encoding="utf-8")
