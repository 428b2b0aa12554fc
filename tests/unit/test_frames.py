"""A board as lines that fit the terminal."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_virt_clone.clone.progress.progress import MET, Cause, Outcome, Result, Verdict
from kubectl_virt_clone.render.progress.columns import width
from kubectl_virt_clone.render.progress.frames import Board, Style, frame, last_line
from kubectl_virt_clone.render.progress.outcomes import span_of_time
from tests.unit.builders import a_clone

WHY = Cause("x", "the guest does not freeze")


def keys(*names, namespace="default"):
    return [(namespace, name) for name in names]


def a_board(running=(), causes=(), failed=(), done=()):
    board = Board(0)
    board.expect(keys(*running, *causes, *failed, *done), 0)
    for name in causes:
        board.changed(a_clone("SnapshotInProgress", name=name), WHY, 1)
    for name in failed:
        never = Verdict(Outcome.NEVER, "no backend")
        board.decided(Result(("default", name), never, a_clone("Failed", name=name)), 2)
    for name in done:
        board.decided(Result(("default", name), MET, a_clone("Succeeded", name=name)), 2)
    return board


def shown(board, columns=80, lines=10, now=3):
    return frame(board, os.terminal_size((columns, lines)), now, Style())


def names(count, prefix="c"):
    return [f"{prefix}{number}" for number in range(count)]


def test_where_not_all_have_place_causes_come_first_and_failed_ones_stay_visible():
    board = a_board(running=names(20), causes=["stuck"], failed=names(5, "f"), done=names(3, "d"))
    assert shown(board) == [
        "stuck  SnapshotInProgress 1/4 █░░░    2s  the guest does not freeze",
        "c0     Pending 0/4            ░░░░    3s",
        "c1     Pending 0/4            ░░░░    3s",
        "c2     Pending 0/4            ░░░░    3s",
        "c3     Pending 0/4            ░░░░    3s",
        "c4     Pending 0/4            ░░░░    3s",
        "f3     Failed                             no backend",
        "f4     Failed                             no backend",
        "3 of 29 done, 5 failed, 21 running after 3s",
    ]


def test_failed_ones_take_the_place_that_no_other_needs():
    board = a_board(running=["a"], failed=names(20, "f"))
    assert [line.split()[0] for line in shown(board, lines=7)] == [
        "a",
        "f16",
        "f17",
        "f18",
        "f19",
        "0",
    ]


@pytest.mark.parametrize("lines", [1, 2])
def test_a_terminal_of_hardly_any_lines_has_the_summary(lines):
    assert shown(a_board(running=["a", "b"]), lines=lines) == ["0 of 2 done, 2 running after 3s"]


def test_long_names_leave_place_for_the_causes():
    long = "production-database-of-the-whole-company-vm-"
    board = a_board(running=[f"{long}01"], causes=[f"{long}02"])
    assert shown(board) == [
        "production-databa…ny-vm-02  SnapshotInProgress 1/4 █░░░    2s  the guest does …",
        "production-databa…ny-vm-01  Pending 0/4            ░░░░    3s",
        "0 of 2 done, 2 running after 3s",
    ]


def test_clones_of_several_namespaces_are_named_with_theirs():
    board = Board(0)
    board.expect([*keys("a"), *keys("a", namespace="vms")], 0)
    assert shown(board)[:2] == [
        "default/a  Pending 0/4 ░░░░    3s",
        "vms/a      Pending 0/4 ░░░░    3s",
    ]


def test_a_second_clone_turns_the_line_into_a_table():
    board = a_board(running=["a"])
    assert shown(board) == ["a: Pending 0/4 ░░░░ 3.0s"]
    board.expect(keys("a", "b"), 3)
    assert shown(board, now=5) == [
        "a  Pending 0/4 ░░░░    5s",
        "b  Pending 0/4 ░░░░    2s",
        "0 of 2 done, 2 running after 5s",
    ]


def test_the_time_is_that_since_there_was_something_to_wait_for():
    board = Board(0)
    board.expect(keys("a"), 2)
    assert shown(board, now=3) == ["a: Pending 0/4 ░░░░ 1.0s"]


def test_the_last_line_is_the_clone_or_the_summary():
    one = a_board(causes=["a"])
    assert last_line(one, 80, 3, Style()) == "a: SnapshotInProgress 1/4 █░░░ 2.0s, 3.0s in all"
    two = a_board(running=["a"], done=["b"])
    assert last_line(two, 22, 3, Style()) == "1 of 2 done, 1 runni…"


def test_what_is_done_takes_the_colour_of_its_end():
    one = Style(colour=True)
    assert last_line(a_board(done=["a"]), 80, 3, one) == "a: \x1b[32mSucceeded 4/4\x1b[0m ████ 3.0s"
    assert last_line(a_board(failed=["a"]), 80, 3, one) == "a: \x1b[31mFailed\x1b[0m 3.0s"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0.0s"), (59.9, "59.9s"), (60, "60s"), (200, "3m20s")]
)
def test_tenths_are_shown_for_a_minute(seconds, text):
    assert span_of_time(seconds) == text


def test_the_rest_takes_as_long_as_the_rate_says():
    board = Board(0)
    board.expect(keys(*names(50)), 0)
    for number in range(10):
        board.changed(a_clone("RestoreInProgress", name=f"c{number}"), None, number)
        board.decided(Result(("default", f"c{number}"), MET, None), 10 + 2 * number)
    assert board.seconds_left(28) == 80
    assert shown(board, now=28)[-1] == "10 of 50 done, 40 running after 28s; about 80s left"
    board.changed(a_clone("", name="c10"), WHY, 28)
    assert board.seconds_left(28) == 78


def test_there_is_no_rate_of_what_was_done_before_or_of_a_few():
    board = Board(0)
    board.expect(keys(*names(50)), 0)
    for number in range(10):
        board.decided(Result(("default", f"c{number}"), MET, a_clone(name=f"c{number}")), 1)
    for number in range(10, 12):
        board.changed(a_clone("RestoreInProgress", name=f"c{number}"), None, 1)
        board.decided(Result(("default", f"c{number}"), MET, None), number)
    assert board.seconds_left(20) is None


def test_where_all_that_is_left_is_held_up_no_end_is_foretold():
    board = a_board(causes=names(4))
    for number in range(3):
        board.decided(Result(("default", f"c{number}"), MET, None), 5 + number)
    assert board.seconds_left(20) is None


@given(
    st.lists(
        st.tuples(st.text(max_size=30), st.text(max_size=60), st.text(max_size=20)), max_size=9
    ),
    st.integers(1, 90),
    st.integers(1, 12),
)
def test_every_frame_fits(clones, columns, lines):
    board = Board(0)
    board.expect([("default", name) for name, _, _ in clones], 0)
    for name, why, phase in clones:
        board.changed(a_clone(phase, name=name), Cause("x", why, (why,)), 1)
    drawn = shown(board, columns, lines)
    assert len(drawn) <= max(lines - 1, 1)
    assert all(width(line) <= max(columns - 1, 1) for line in drawn)
    assert all("\n" not in line for line in drawn)
