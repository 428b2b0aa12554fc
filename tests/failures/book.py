"""docs/failures.md: what a test run found out, in tables, and the text around them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from kubectl_virt_clone.kube.watch import GRACE_SECONDS, WATCH_SECONDS

DOCUMENT = Path(__file__).parents[2] / "docs" / "failures.md"
KUBECTL_SECONDS = 3
"""How long kubectl is given when the document is written."""

CAUSES = (
    "cause",
    "what happened",
    "kubectl: exit",
    "kubectl says",
    "exit",
    "with `--fail-on-pending`",
    "ours says",
    "hint",
    "seconds",
)
FAULTS = ("fault", "`--fault`", "`wait` for one", "`wait` for 10", "`get -w` of 10")
_TEXT = """\
# What goes wrong, and what you are told

`make failures` writes this page from a test run in the sandbox. `make test` fails when the program
no longer does what the page says.

## Causes

What keeps a clone from its goal, or seems to. Beside each other: `kubectl wait vmclone/c
--for=condition=Ready --timeout={seconds}s`, and `kubectl virt-clone wait c`.

- Exit codes of ours: 0 done, 1 error, 3 the time was up, 4 it never gets there.
- Where the cause may pass, `wait` goes on until its timeout and names the cause then;
  with `--fail-on-pending` it ends there, but for what passes by itself as a rule.
- seconds: from the moment at which the cause was to be seen in the cluster until the end with
  exit code 4 or 0. A controller is called silent after 5 seconds.
- `UID` stands for the uid of an object.

{causes}

## Faults

What servers and networks do while the program watches, as the sandbox's `--fault` does it. `wait`
reports each clone and each of its phases once. `get -w` shows each change once; after a fault that
makes it list anew, the latest state of each clone. A half-open connection is noticed when the watch
should have ended by itself, after {silence} seconds.

{faults}
"""


def row(cells: Sequence[str]) -> str:
    """One line of a table."""
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of Markdown."""
    return "\n".join([row(header), row(["---"] * len(header)), *map(row, rows)])


class Book:
    """The document: held against what a run shows, or written by it."""

    def __init__(self, *, writing: bool) -> None:
        self.writing = writing
        self._rows: dict[Sequence[str], list[Sequence[str]]] = {CAUSES: [], FAULTS: []}
        self._lines = [] if writing else DOCUMENT.read_text(encoding="utf-8").splitlines()

    def hold(self, header: Sequence[str], cells: Sequence[str], measured: str = "") -> None:
        """Assert that the document has this row, or keep it for the document.

        ``measured`` is a last cell, which may differ at each run.
        """
        if self.writing:
            self._rows[header].append([*cells, measured] if measured else cells)
            return
        beginning = row(cells)[:-1] if measured else row(cells)
        assert [line for line in self._lines if line.startswith(beginning)], (
            f"{DOCUMENT.name} has no such row; `make failures` writes it anew: {beginning}"
        )

    def rows(self, header: Sequence[str]) -> list[list[str]]:
        """The cells of each row of a table in the document."""
        start = self._lines.index(row(header)) + 2
        found = []
        for line in self._lines[start:]:
            if not line.startswith("|"):
                break
            found.append([cell.strip() for cell in line[1:-1].split("|")])
        return found

    def write(self) -> None:
        """Write the document of all rows."""
        text = _TEXT.format(
            seconds=KUBECTL_SECONDS,
            silence=WATCH_SECONDS + GRACE_SECONDS,
            causes=table(CAUSES, self._rows[CAUSES]),
            faults=table(FAULTS, self._rows[FAULTS]),
        )
        DOCUMENT.parent.mkdir(exist_ok=True)
        DOCUMENT.write_text(text, encoding="utf-8")
