"""Progress: one line that redraws on a terminal, a line per change elsewhere."""

import io

import pytest

from kubectl_virt_clone.model.progress import MET, Outcome, Result, Verdict
from kubectl_virt_clone.render.live import Progress, status_line
from tests.unit.builders import a_clone

NO_SOURCE = "Source doesnt exist: VirtualMachine default/nosuch"
OBJECT = "virtualmachineclone.clone.kubevirt.io"
KEY = ("default", "clone-1")


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Clock:
    """Counts half a second at each look."""

    def __init__(self):
        self.now = 10.0

    def __call__(self):
        self.now += 0.5
        return self.now


@pytest.fixture(autouse=True)
def columns(monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")


def played(stream, *, single=True, clones=(), notice="", ticks=0, result=None):
    """What a wait writes to the stream and says about the goal."""
    met = []
    with Progress(stream, met=met.append, clock=Clock(), single=single) as progress:
        for clone, why in clones:
            progress.changed(clone, why)
        if notice:
            progress.notice(notice)
        for _ in range(ticks):
            progress.tick()
        if result:
            progress.decided(result)
    return stream.getvalue(), met


@pytest.mark.parametrize(
    ("clone", "why", "line"),
    [
        (a_clone(""), "", "clone-1: Pending 0/4 ░░░░"),
        (a_clone(""), NO_SOURCE, f"clone-1: Pending 0/4 ░░░░ ({NO_SOURCE})"),
        (a_clone("SnapshotInProgress"), "", "clone-1: SnapshotInProgress 1/4 █░░░"),
        (a_clone("RestoreInProgress"), "", "clone-1: RestoreInProgress 2/4 ██░░"),
        (a_clone("CreatingTargetVM"), "", "clone-1: CreatingTargetVM 3/4 ███░"),
        (a_clone("Succeeded"), "", "clone-1: Succeeded 4/4 ████"),
        (a_clone("Failed"), "", "clone-1: Failed 0/4 ░░░░"),
        (a_clone("Thinking"), "", "clone-1: Thinking 0/4 ░░░░"),
        ({}, "", ": Pending 0/4 ░░░░"),
        (a_clone("\x1b[31m", name="a\nb"), "c\x07", "a\\nb: ^[[31m 0/4 ░░░░ (c\\x07)"),
    ],
)
def test_a_status_line_says_where_a_clone_is(clone, why, line):
    assert status_line(clone, why) == line


def test_what_is_no_terminal_gets_a_line_for_each_change():
    clones = [
        (a_clone(""), NO_SOURCE),
        (a_clone(""), NO_SOURCE),
        (a_clone("SnapshotInProgress"), ""),
        (a_clone("SnapshotInProgress"), ""),
        (a_clone("RestoreInProgress"), ""),
    ]
    result = Result(KEY, MET, a_clone("Succeeded"))
    assert played(io.StringIO(), clones=clones, ticks=3, result=result) == (
        f"clone-1: Pending 0/4 ░░░░ ({NO_SOURCE}) after 0.5s\n"
        "clone-1: SnapshotInProgress 1/4 █░░░ after 1.0s\n"
        "clone-1: RestoreInProgress 2/4 ██░░ after 1.5s\n"
        "clone-1: Succeeded 4/4 ████ after 2.0s\n",
        [f"{OBJECT}/clone-1 condition met"],
    )


def test_a_terminal_has_one_line_that_redraws_and_ends_before_the_result():
    clones = [(a_clone("SnapshotInProgress"), ""), (a_clone("RestoreInProgress"), "")]
    result = Result(KEY, MET, a_clone("Succeeded"))
    assert played(Terminal(), clones=clones, ticks=1, result=result) == (
        "\r\x1b[Kclone-1: SnapshotInProgress 1/4 █░░░ 0.5s"
        "\r\x1b[Kclone-1: RestoreInProgress 2/4 ██░░ 1.0s"
        "\r\x1b[Kclone-1: RestoreInProgress 2/4 ██░░ 1.5s"
        "\r\x1b[Kclone-1: Succeeded 4/4 ████ 2.0s\n",
        [f"{OBJECT}/clone-1 condition met"],
    )


def test_a_line_longer_than_the_terminal_is_cut():
    text, _ = played(Terminal(), clones=[(a_clone(""), "why " * 30)])
    assert text == ("\r\x1b[Kclone-1: Pending 0/4 ░░░░ (why why why why why why why why…\n")


def test_several_clones_on_a_terminal_get_a_line_for_each_change():
    clones = [(a_clone(""), "why"), (a_clone("", name="clone-2"), "why")]
    assert played(Terminal(), single=False, clones=clones, ticks=1) == (
        "clone-1: Pending 0/4 ░░░░ (why) after 0.5s\nclone-2: Pending 0/4 ░░░░ (why) after 1.0s\n",
        [],
    )


def test_two_clones_of_one_name_in_two_namespaces_are_told_apart():
    clones = [(a_clone("Failed"), ""), (a_clone("Failed", metadata={"namespace": "vms"}), "")]
    text, _ = played(io.StringIO(), clones=clones)
    assert text == "clone-1: Failed 0/4 ░░░░ after 0.5s\nclone-1: Failed 0/4 ░░░░ after 1.0s\n"


def test_a_clone_that_is_merely_pending_is_worth_no_line_off_a_terminal():
    assert played(io.StringIO(), clones=[(a_clone(""), "")]) == ("", [])


@pytest.mark.parametrize(
    "result",
    [
        Result(KEY, Verdict(Outcome.NEVER, "no backend"), a_clone("Failed")),
        Result(KEY, Verdict(Outcome.POSSIBLE), a_clone("Failed")),
    ],
)
def test_a_clone_that_did_not_reach_its_goal_has_no_result_line(result):
    assert played(io.StringIO(), result=result) == ("clone-1: Failed 0/4 ░░░░ after 0.5s\n", [])


def test_a_clone_that_is_gone_as_it_should_be_has_a_result_line_alone():
    assert played(io.StringIO(), result=Result(KEY, MET, None)) == (
        "",
        [f"{OBJECT}/clone-1 condition met"],
    )


def test_a_notice_has_a_line_of_its_own_without_control_characters():
    assert played(io.StringIO(), notice="polling \x1b[31minstead\n")[0] == (
        "polling ^[[31minstead\\n\n"
    )


def test_a_notice_on_a_terminal_replaces_the_line_until_it_redraws():
    text, _ = played(Terminal(), clones=[(a_clone(""), "")], notice="polling", ticks=1)
    assert text == (
        "\r\x1b[Kclone-1: Pending 0/4 ░░░░ 0.5s"
        "\r\x1b[Kpolling\n"
        "\r\x1b[Kclone-1: Pending 0/4 ░░░░ 1.0s\n"
    )


def test_a_terminal_on_which_nothing_was_drawn_stays_as_it_is():
    assert played(Terminal(), ticks=2) == ("", [])


def interrupted(progress):
    with progress:
        progress.changed(a_clone(""), "")
        raise KeyboardInterrupt


def test_an_interrupted_wait_leaves_the_terminal_on_a_fresh_line():
    stream = Terminal()
    with pytest.raises(KeyboardInterrupt):
        interrupted(Progress(stream, met=print, clock=Clock(), single=True))
    assert stream.getvalue() == "\r\x1b[Kclone-1: Pending 0/4 ░░░░ 0.5s\n"


@pytest.mark.parametrize(
    ("stream", "single", "interval"),
    [(Terminal(), True, 0.1), (Terminal(), False, 1.0), (io.StringIO(), True, 1.0)],
)
def test_only_a_line_that_redraws_asks_to_be_woken_often(stream, single, interval):
    assert Progress(stream, met=print, clock=Clock(), single=single).interval == interval
