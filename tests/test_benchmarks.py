"""That the benchmarks run and write what they found; how fast anything is, is not asserted here."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.figures import HEADERS, Row, table

ROOT = Path(__file__).parent.parent


def test_a_measurement_writes_its_table(tmp_path: Path) -> None:
    output = tmp_path / "results.md"
    options = ["--only", "startup", "--quick", "--output", str(output)]

    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert (done.returncode, done.stderr) == (0, "measuring startup\n")
    assert output.read_text() == done.stdout
    title, machine, headers, _, *rows = filter(None, done.stdout.splitlines())
    assert title == "# Benchmarks"
    assert f"{os.cpu_count()} cores" in machine
    assert headers == f"| {' | '.join(HEADERS)} |"
    assert rows[0].startswith("| --help | ")
    assert {row.count("|") for row in rows} == {len(HEADERS) + 1}


@pytest.mark.parametrize(
    ("row", "line"),
    [
        (Row("a", 1.5), "| a | 1.5 s |  |  |  |  |"),
        (Row("a", 120.4, "MiB", at_most=90), "| a | 120 MiB |  |  | ≤ 90 MiB | **no** |"),
        (
            Row("a", 0.3, "s", "import click", 0.2, 1.5),
            "| a | 0.3 s | 0.2 s (import click) | 1.50x | ≤ 1.50x | yes |",
        ),
        (
            Row("a", 2, "s", "a loop", 50, 1 / 20),
            "| a | 2 s | 50 s (a loop) | 25x faster | ≥ 20x faster | yes |",
        ),
        (
            Row("a", 4, "s", "a loop", 50, 1 / 20),
            "| a | 4 s | 50 s (a loop) | 12x faster | ≥ 20x faster | **no** |",
        ),
    ],
)
def test_a_row_says_what_was_asked_for_and_whether_it_was_met(row: Row, line: str) -> None:
    assert table([row]).splitlines()[-1] == line
