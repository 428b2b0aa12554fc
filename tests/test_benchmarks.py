"""That the benchmarks run and write what they found; how fast anything is, is not asserted here."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from benchmarks import __main__ as program
from benchmarks import fifty
from benchmarks.figures import HEADERS, UNEXPLAINED, Row, table
from benchmarks.results import RESULTS
from benchmarks.runs import Run
from benchmarks.setting import Setting

ROOT = Path(__file__).parent.parent
LINES = f"| {' | '.join(HEADERS)} |\n| --- | --- | --- | --- | --- | --- |\n"
HEAD = "## Against its peers\n\nA machine."
SOAK = "## Soak\n\nof last week\n"
BEFORE = f"# Benchmarks\n\n## Against its peers\n\nof an earlier run\n\n{SOAK}"


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
    title, machine, *limits, headers, _, row = list(filter(None, done.stdout.splitlines()))[:7]
    assert title == "## Against its peers"
    assert f"{os.cpu_count()} cores" in machine
    assert limits == [
        "A quick run: few rounds with few objects.",
        "Left out: verbs, one, bulk, waiting, listing, fifty, suite, travel, kills.",
    ]
    assert headers == f"| {' | '.join(HEADERS)} |"
    assert row.startswith("| --help | ")
    rows, _, reasons = done.stdout.partition(headers)[2].lstrip().partition("\n\n")
    assert {row.count("|") for row in rows.splitlines()} == {len(HEADERS) + 1}
    # A busy machine may miss a target.
    assert {line[:4] for line in reasons.splitlines()} <= {"- **"}


def fast(_: Setting) -> Iterator[Row]:
    yield Row("fast", 1)


def broken(_: Setting) -> Iterator[Row]:
    yield Row("found before", 2)
    raise RuntimeError("it ended with 1")


def absent(_: Setting) -> Iterator[Row]:
    yield from ()


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """RESULTS.md as an earlier run left it, of a program that knows two measurements."""
    monkeypatch.setattr(program.machine, "description", lambda: "A machine.")
    monkeypatch.setattr(program, "MEASUREMENTS", {"fast": fast, "kills": fast})
    monkeypatch.setattr(program, "RESULTS", tmp_path / "RESULTS.md")
    program.RESULTS.write_text(BEFORE)
    return program.RESULTS


Benchmarks = Callable[..., tuple[object, str, str]]


@pytest.fixture
def benchmarks(capsys: pytest.CaptureFixture[str]) -> Benchmarks:
    """Runs the program; exit code, stdout, stderr."""

    def run(*options: str) -> tuple[object, str, str]:
        with pytest.raises(SystemExit) as ended:
            program.main(list(options))
        return (ended.value.code, *capsys.readouterr())

    return run


def test_a_whole_run_writes_the_results_and_says_what_is_only_run_on_request(
    benchmarks: Benchmarks, results: Path
) -> None:
    text = f"{HEAD}\n\nLeft out: kills.\n\n{LINES}| fast | 1 s |  |  |  |  |\n"

    assert benchmarks() == (0, text, "measuring fast\n")
    assert results.read_text() == f"# Benchmarks\n\n{text}\n{SOAK}"


@pytest.mark.parametrize(
    ("options", "limits"),
    [
        (["--quick"], "A quick run: few rounds with few objects.\n\nLeft out: kills.\n"),
        (["--only", "kills"], "Left out: fast.\n"),
    ],
)
def test_a_partial_run_says_so_and_leaves_the_results_alone(
    options: list[str], limits: str, benchmarks: Benchmarks, results: Path, tmp_path: Path
) -> None:
    text = f"{HEAD}\n\n{limits}\n{LINES}| fast | 1 s |  |  |  |  |\n"
    name = options[-1].replace("--quick", "fast")
    stays = "RESULTS.md stays as it is: that was not everything\n"
    output = tmp_path / "output.md"

    assert benchmarks(*options) == (0, text, f"measuring {name}\n{stays}")
    assert benchmarks(*options, "--output", str(output)) == (0, text, f"measuring {name}\n")
    assert (results.read_text(), output.read_text()) == (BEFORE, text)


def test_a_measurement_without_its_peer_is_left_out(
    benchmarks: Benchmarks, results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(program.MEASUREMENTS, "fast", absent)

    code, out, _ = benchmarks()

    assert (code, out) == (0, f"{HEAD}\n\nLeft out: fast, kills.\n\n{LINES}")
    assert results.read_text() == BEFORE


def test_a_failed_measurement_is_a_row_and_the_others_are_taken(
    benchmarks: Benchmarks, results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program, "MEASUREMENTS", {"broken": broken, "fast": fast})
    rows = (
        "| found before | 2 s |  |  |  |  |\n"
        "| broken | **failed** |  |  |  | **no** |\n"
        "| fast | 1 s |  |  |  |  |\n"
        "\n- **broken**: It broke off: it ended with 1.\n"
    )
    text = f"{HEAD}\n\n{LINES}{rows}"
    told = "measuring broken\nbroken: it ended with 1\nmeasuring fast\n"

    assert benchmarks() == (1, text, told)
    assert results.read_text() == f"# Benchmarks\n\n{text}\n{SOAK}"


Steps = list[str]
Failing = Callable[[str], Steps]


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Failing:
    """Lets ``fifty`` run on no cluster at all; returns a function of what is to fail there."""

    def failing(what: str) -> Steps:
        taken: Steps = []

        def run(command: Sequence[str], _: Mapping[str, str]) -> Run:
            name = next((word for word in command if word.startswith("virt-clone-bench")), "")
            line = " ".join(command).replace(name, "NS") if name else command[-1]
            taken.append(line)
            if what in line:
                raise RuntimeError(f"no {what}")
            return Run(1.0, 1.0, 1.0, 1.0)

        monkeypatch.setattr(fifty, "run", run)
        return taken

    monkeypatch.setattr(fifty, "which", lambda _: "kubectl")
    return failing


CLEAN_UP = [
    "kubectl delete --ignore-not-found -n NS vmclone --all --wait=false",
    "kubectl delete --ignore-not-found -n NS vmsnapshot --all --wait=false",
    "kubectl delete --ignore-not-found -n NS vm --all --wait=false",
    "kubectl delete --ignore-not-found namespace NS --timeout=5m",
]


def test_what_can_t_be_deleted_on_a_cluster_stops_neither_the_clean_up_nor_the_rows(
    steps: Failing, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    taken = steps("vmclone --all")
    rows = fifty.measure(Setting(kubeconfig=tmp_path))

    found = [next(rows) for _ in range(3)]
    with pytest.raises(RuntimeError, match=r"^not all was deleted: (no vmclone --all(; )?){3}$"):
        next(rows)

    assert [row.what for row in found] == [
        "50 clones of one VM (real cluster)",
        "… CPU time of it",
        "… against one snapshot each",
    ]
    assert [line for line in taken if " delete " in line] == 3 * CLEAN_UP
    assert capsys.readouterr().err == 3 * "clean-up: no vmclone --all\n"


@pytest.mark.parametrize("what", ["create namespace", "kubectl create -n", "--count 50"])
def test_a_cluster_is_cleaned_up_after_whatever_failed(
    what: str, steps: Failing, tmp_path: Path
) -> None:
    taken = steps(what)

    with pytest.raises(RuntimeError, match=f"^no {what}$"):
        list(fifty.measure(Setting(kubeconfig=tmp_path)))

    assert what in taken[-5]
    assert taken[-4:] == CLEAN_UP


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
            "| a | 4 s | 50 s (a loop) | 12.5x faster | ≥ 20x faster | **no** |",
        ),
    ],
)
def test_a_row_says_what_was_asked_for_and_whether_it_was_met(row: Row, line: str) -> None:
    assert table([row]).splitlines()[2] == line


def test_a_missed_target_is_explained_below_the_table() -> None:
    met = Row("met", 1, at_most=2, why="It is not missed.")
    missed = Row("missed", 3, at_most=2, why="It waits for kubectl.")
    rows = (
        "| met | 1 s |  |  | ≤ 2 s | yes |\n"
        "| missed | 3 s |  |  | ≤ 2 s | **no** |\n"
        "| also | 3 s |  |  | ≤ 2 s | **no** |\n"
    )

    assert table([met, missed, Row("also", 3, at_most=2)]) == (
        f"{LINES}{rows}\n- **missed**: It waits for kubectl.\n- **also**: {UNEXPLAINED}\n"
    )


def test_the_results_explain_each_target_that_is_missed() -> None:
    text = RESULTS.read_text("utf-8")

    missed = re.findall(r"^\| (.+?) \|.* \*\*no\*\* \|$", text, re.MULTILINE)

    assert re.findall(r"^- \*\*(.+?)\*\*: ", text, re.MULTILINE) == missed
    assert UNEXPLAINED not in text


def test_a_function_that_ran_is_counted_and_a_modules_own_code_is_not(tmp_path: Path) -> None:
    file = tmp_path / "ran.json"

    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.traced", str(file), "version", "--client"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    ran = {(Path(module).name, function) for module, function in json.loads(file.read_text())}
    assert done.stdout.startswith("Client Version: ")
    assert {("version.py", "command"), ("versions.py", "client_version")} <= ran
    assert {module for module, function in ran if function == "<module>"} == set()
