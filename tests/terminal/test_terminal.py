"""What a user sees of a wait on a terminal of 80 columns and 10 lines."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tests.terminal.conftest import Panes, Planes, a_clone

OBJECT = "virtualmachineclone.clone.kubevirt.io"
TIMES = re.compile(r"\d+(\.\d)?s\b")
TWELVE = [f"c{number:02}" for number in range(12)]


def timeless(rows: Sequence[str]) -> list[str]:
    """The rows with every time as <t>, and the blanks before it as one."""
    return [re.sub(r" +<t>", " <t>", TIMES.sub("<t>", row)) for row in rows]


def test_a_clone_is_created_and_followed_to_its_end(plane: Planes, pane: Panes) -> None:
    plane(speed=0.2)
    shell = pane()

    shell.run("create", "c", "--source=vm-cirros", "--target=t", "--skip-check=all", "--wait")

    steps = r"c: (Pending 0|SnapshotInProgress 1|RestoreInProgress 2)/4 [█░]{4} [\d.]+s"
    shell.until(lambda rows: re.match(steps, rows[-1]))
    assert timeless(shell.until_done()) == [
        f"{OBJECT}/c created",
        f"{OBJECT}/c condition met",
        "c: Succeeded 4/4 ████ <t>",
        "exit=0",
    ]


def test_twelve_clones_are_a_table_that_fits_and_leaves_nothing_but_results(
    plane: Planes, pane: Panes
) -> None:
    started = plane(speed=0.2)
    for name in TWELVE:
        a_clone(started, name)
    shell = pane()

    shell.run("wait", *TWELVE)

    def is_whole(rows: list[str]) -> bool:
        *table, summary = rows
        shown = [row for row in table if re.match(r"c\d\d  \w+ \d/4 +[█░]{4} +\d+s$", row)]
        return len(shown) == 8 and summary.startswith("0 of 12 done, 12 running after")

    shell.until(is_whole)
    *results, last, code = shell.until_done()
    assert sorted(results) == [f"{OBJECT}/{name} condition met" for name in TWELVE]
    assert timeless([last, code]) == ["12 of 12 done after <t>", "exit=0"]


def test_ctrl_c_leaves_a_fresh_line_and_says_how_to_wait_again(plane: Planes, pane: Panes) -> None:
    started = plane(speed=float("inf"))
    for name in TWELVE[:6]:
        a_clone(started, name, source="nosuch")
    shell = pane()
    shell.run("wait", *TWELVE[:6])
    pending = "c05  Pending 0/4 ░░░░ <t>  Source doesnt exist: VirtualMachine default/nosuch"
    shell.until(lambda rows: timeless(rows)[-2:-1] == [pending])

    shell.press("C-c")

    assert timeless(shell.until_done()) == [
        "0 of 6 done, 6 running after <t>",
        "interrupted; 6 clones go on without us. To wait again:",
        "  kubectl virt-clone wait c00 c01 c02 c03 c04 c05 -n default",
        "exit=130",
    ]


def test_a_terminal_that_becomes_narrower_and_lower_shows_one_whole_frame(
    plane: Planes, pane: Panes
) -> None:
    started = plane(speed=float("inf"))
    for name in TWELVE:
        a_clone(started, name, source="nosuch")
    shell = pane()
    shell.run("wait", *TWELVE)
    shell.until(lambda rows: rows[-1].startswith("0 of 12 done"))

    shell.resize(40, 6)

    def is_whole(rows: list[str]) -> bool:
        row = r"c0\d  Pending 0/4 ░░░░ +\d+s  Source do…"
        *table, summary = rows[-5:]
        fits = all(re.fullmatch(row, shown) for shown in table)
        return fits and re.fullmatch(r"0 of 12 done, 12 running after \d+s", summary)

    shell.until(is_whole)
    shell.press("C-c")
    frames = [row for row in shell.until_done() if "0 of 12 done" in row]
    assert timeless(frames) == ["0 of 12 done, 12 running after <t>"]


def test_log_lines_do_not_stick_to_the_frame(plane: Planes, pane: Panes) -> None:
    a_clone(plane(speed=0.2), "c")
    shell = pane(columns=500)  # no line may wrap: the longest are the watches of a close look

    shell.run("wait", "c", "-v6")

    *log, met, last, code = shell.until_done()
    assert {re.sub(r"https://\S+ \d+ in \d+ ms$", "", line) for line in log} == {"GET "}
    assert timeless([met, last, code]) == [
        f"{OBJECT}/c condition met",
        "c: Succeeded 4/4 ████ <t>",
        "exit=0",
    ]


def test_ctrl_c_leaves_what_has_failed_with_its_cause(plane: Planes, pane: Panes) -> None:
    started = plane(speed=float("inf"))
    a_clone(started, "failed", source="vm-tpm")
    a_clone(started, "pending", source="nosuch")
    shell = pane(columns=250)
    shell.run("wait", "failed", "pending")
    shell.until(lambda rows: rows[-1].startswith("0 of 2 done, 1 failed, 1 running"))

    shell.press("C-c")

    summary, failed, hint, *rest = timeless(shell.until_done())
    assert summary == "0 of 2 done, 1 failed, 1 running after <t>"
    assert failed.startswith(f"error: {OBJECT}/failed will not reach phase=Succeeded: ")
    assert hint == "hint: kubectl delete vmclone.clone.kubevirt.io/failed -n default"
    assert rest == [
        "interrupted; the clone pending goes on without us. To wait again:",
        "  kubectl virt-clone wait pending -n default",
        "exit=130",
    ]


def test_a_terminal_that_becomes_narrower_and_wider_again_keeps_what_is_above_the_frame(
    plane: Planes, pane: Panes
) -> None:
    started = plane(speed=float("inf"))
    a_clone(started, "done")
    a_clone(started, "c", source="nosuch")
    shell = pane()
    shell.run("wait", "done", "c")
    shell.until(lambda rows: rows[-1].startswith("1 of 2 done, 1 running") and "nosuch" in rows[-2])

    shell.resize(20, 10)
    shell.until(lambda rows: rows[-1] == "1 of 2 done, 1 run…")
    shell.resize(80, 10)
    shell.until(lambda rows: rows[-1].startswith("1 of 2 done, 1 running"))
    shell.press("C-c")

    # What tmux has moved off the screen meanwhile nobody can clear.
    met, *_, last, told, again, code = timeless(shell.until_done())
    assert [met, last, told, again, code] == [
        f"{OBJECT}/done condition met",
        "1 of 2 done, 1 running after <t>",
        "interrupted; the clone c goes on without us. To wait again:",
        "  kubectl virt-clone wait c -n default",
        "exit=130",
    ]
