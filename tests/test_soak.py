"""That the soak finds what is lost, and that nothing is; how fast anything is, is not asserted."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks import soak
from benchmarks.load import Change, account_of, put_on, steps
from benchmarks.observed import Sample
from benchmarks.results import written
from benchmarks.soak import Load, Outcome
from benchmarks.told import Verdict, judged

LIFE = (
    ("ADDED", "", "1"),
    ("MODIFIED", "SnapshotInProgress", "2"),
    ("MODIFIED", "Succeeded", "3"),
    ("MODIFIED", "Succeeded", "4"),
    ("DELETED", "Succeeded", "5"),
)


def changes(*states: tuple[str, str, str], at: float = 0.0) -> list[Change]:
    return [Change(at, event, "c", phase, version) for event, phase, version in states]


@pytest.mark.parametrize(
    ("made", "told", "passed_over", "unseen", "wrong"),
    [
        (LIFE, LIFE, 0, 0, 0),
        (LIFE, LIFE[1:], 1, 0, 0),
        (LIFE, (LIFE[0], *LIFE[3:]), 2, 0, 0),
        (LIFE, LIFE[:-1], 0, 1, 0),
        (LIFE, (), 4, 1, 0),
        (LIFE[:3], LIFE[:2], 0, 0, 1),
        (LIFE[:3], (), 2, 0, 1),
        (LIFE[:3], (LIFE[1], LIFE[0], LIFE[2]), 1, 0, 1),
        (LIFE, (*LIFE, LIFE[4]), 0, 0, 1),
        # Without versions nobody can tell which of two equal states it was.
        (LIFE[:4], [(event, phase, "") for event, phase, _ in LIFE[:3]], 1, 0, 0),
        # What was added while nobody watched is new in a later state, and only then.
        (LIFE[:3], (("ADDED", "Succeeded", "3"),), 2, 0, 0),
        (LIFE[:3], (LIFE[0], LIFE[1], ("ADDED", "Succeeded", "3")), 1, 0, 1),
        (LIFE[:1], (("MODIFIED", "", "1"),), 1, 0, 1),
    ],
)
def test_what_is_not_told_is_found(
    made: tuple[tuple[str, str, str], ...],
    told: tuple[tuple[str, str, str], ...],
    passed_over: int,
    unseen: int,
    wrong: int,
) -> None:
    verdict = judged(changes(*made), changes(*told, at=1.5))

    shown = len(made) - passed_over - unseen - (wrong if len(told) < len(made) else 0)
    assert verdict == Verdict(passed_over, unseen, wrong, (1.5,) * shown)


VERDICT = Verdict(0, 0, 0, (0.001,))


@pytest.mark.parametrize(
    ("faulty", "name", "verdict", "grown", "code", "well"),
    [
        (False, "wait --all", VERDICT, 90.0, 0, True),
        (False, "wait --all", VERDICT, 0.0, 1, False),
        (False, "wait --all", VERDICT, 0.0, None, False),
        (False, "get -w", VERDICT, 15.0, None, True),
        (False, "get -w", VERDICT, 17.0, None, False),
        (False, "get -w", VERDICT, 0.0, 0, False),
        (False, "kubectl get -w", VERDICT, 17.0, None, True),
        (False, "get -w", Verdict(0, 1, 0, ()), 0.0, None, False),
        (True, "get -w", Verdict(1, 1, 0, ()), 0.0, None, True),
        (True, "get -w", Verdict(0, 0, 1, ()), 0.0, None, False),
    ],
)
def test_well_is_who_told_all_to_the_end_and_did_not_grow(
    faulty: bool, name: str, verdict: Verdict, grown: float, code: int | None, well: bool
) -> None:
    use = soak.Use(0)
    use.samples += [Sample(second, grown * second / 120, 0.0) for second in range(0, 121, 10)]

    outcome = Outcome(Load(120.0, faulty=faulty), 3, 0.0, use, {name: (verdict, use, code)})

    assert outcome.well is well


def test_an_account_holds_each_step_in_order_and_clones_reach_their_ends(tmp_path: Path) -> None:
    taken: list[tuple[str, str]] = []

    def take(name: str, what: str) -> tuple[str, str, str]:
        taken.append((name, what))
        return "MODIFIED", what, str(len(taken))

    account = tmp_path / "account"
    put_on(steps(["open-00000", "open-00001"], 100), 1e6, take, account)

    whole = [
        "add",
        *("SnapshotInProgress", "RestoreInProgress", "CreatingTargetVM", "Succeeded"),
        *("label", "delete"),
    ]
    last = taken.pop()
    assert last == ("the-last", "add")
    lives = {name: [what for other, what in taken if other == name] for name, _ in taken}
    assert {name: lives.pop(name) for name in ("open-00000", "open-00001")} == {
        "open-00000": whole[2:5],
        "open-00001": whole[2:5],
    }
    assert sorted(map(len, lives.values())) == [7] * 9 + [14] * 2
    assert all(life == whole * (len(life) // 7) for life in lives.values())
    made = [(change.name, change.phase, change.version) for change in account_of(account)]
    assert made == [(*step, str(number)) for number, step in enumerate([*taken, last], 1)]


def test_a_section_is_written_in_the_place_of_the_one_before(tmp_path: Path) -> None:
    file = tmp_path / "RESULTS.md"

    for section in ("## A\n\n1\n", "## B\n\n2\n", "## A\n\n3\n\n4"):
        written(section, file)

    assert file.read_text() == "# Benchmarks\n\n## A\n\n3\n\n4\n\n## B\n\n2\n"


@pytest.mark.parametrize("faulty", [pytest.param(False, marks=pytest.mark.nightly), True])
def test_no_change_is_lost(faulty: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soak, "PEERS", ())
    monkeypatch.setattr(soak, "QUIET", 0.3)
    faults = [fault.replace("000", "0").replace("500", "0") for fault in soak.FAULTS]
    monkeypatch.setattr(soak, "FAULTS", faults)
    monkeypatch.setattr(soak, "FORGET_EVERY", 100)

    outcome = soak.run(Load(seconds=0.8, clones=200, rate=500, faulty=faulty))

    found = {name: (verdict.wrong, code) for name, (verdict, _, code) in outcome.followers.items()}
    assert found == {"get -w": (0, None), "get -w -o json": (0, None), "wait --all": (0, 0)}
    assert outcome.well
    if not faulty:
        shown = {name: verdict.shown for name, (verdict, *_) in outcome.followers.items()}
        unfinished = 3 * outcome.load.unfinished
        every = outcome.changes
        assert shown == {"get -w": every, "get -w -o json": every, "wait --all": unfinished}


def test_the_tables_go_into_their_section_and_what_is_lost_into_the_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = iter([0, 0, 0, 0, 1])

    def run(load: Load) -> Outcome:
        verdict = Verdict(0, 0, next(losses), (0.001, 0.002, 0.0045))
        return Outcome(load, 3, 0.25, soak.Use(0), {"get -w": (verdict, soak.Use(0), None)})

    results = tmp_path / "RESULTS.md"
    monkeypatch.setattr(soak, "run", run)
    monkeypatch.setattr(soak, "RESULTS", results)
    monkeypatch.setattr(soak.machine, "description", lambda: "A machine.")

    look = CliRunner().invoke(soak.main, ["--seconds=3", "--fault"])
    assert look.stderr == "RESULTS.md stays as it is: that was another load\n"
    assert (look.exit_code, results.exists()) == (0, False)
    well = CliRunner().invoke(soak.main, [])
    first = results.read_text()
    lost = CliRunner().invoke(soak.main, [])

    line = (
        "20,000 clones, 200 changes a second for 300 s: 3 changes, each made within 250 ms of its"
        " time."
    )
    row = "| get -w | 3 | 0 | 0 | 0 | 2 ms | 4.5 ms | 4.5 ms |  |  |  |  |  |\n"
    assert (well.exit_code, lost.exit_code) == (0, 1)
    assert first == f"# Benchmarks\n\n{well.stdout}"
    assert well.stdout.startswith(f"## Soak\n\nA machine.\n\n{line}\n\n| Process | ")
    assert well.stdout.count(row) == 2
    assert f"{line} Watches are cut: `" in well.stdout
    assert lost.stdout.count("| get -w | 3 | 0 | 0 | 1 |") == 1
