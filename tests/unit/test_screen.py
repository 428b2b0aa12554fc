"""A frame at the lower end of a terminal, and lines above it."""

import os
import sys
import threading
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubectl_virt_clone.render.progress.screen import Screen
from tests.unit.emulator import Terminal


@pytest.fixture
def terminal(monkeypatch):
    return Terminal(monkeypatch, columns=20, lines=5)


@pytest.fixture
def screen(terminal):
    return Screen(terminal)


def test_a_frame_replaces_the_one_before(terminal, screen):
    for frame in (["one", "two", "three"], ["four", "5"], ["six", "seven", "eight", "nine"]):
        screen.draw(frame)
        assert terminal.rows == frame
        assert terminal.cursor == (len(frame) - 1, 0)


def test_an_empty_frame_leaves_nothing(terminal, screen):
    screen.draw(["one", "two"])
    screen.draw([])
    assert (terminal.rows, terminal.cursor) == ([], (0, 0))


def test_lines_are_printed_above_the_frame_and_scroll_away(terminal, screen):
    screen.draw(["one", "two"])
    for number in range(7):
        screen.write(f"line {number}\n")
        assert terminal.rows == [*(f"line {i}" for i in range(number + 1)), "one", "two"]


def test_half_a_line_waits_for_its_end(terminal, screen):
    screen.draw(["one"])
    print("a", "b", file=screen, end="")
    assert terminal.rows == ["one"]
    print("c\nd", file=screen, end="")
    assert terminal.rows == ["a bc", "one"]
    screen.finish(["last"])
    assert terminal.rows == ["a bc", "d", "last"]
    assert terminal.cursor == (3, 0)


def test_what_the_user_types_is_drawn_over(terminal, screen):
    screen.draw(["one", "two"])
    terminal.write("xyz")
    screen.draw(["three", "four"])
    assert terminal.rows == ["three", "four"]


def test_rows_that_a_narrower_terminal_has_made_are_counted_and_cleared_once(
    terminal, screen, monkeypatch
):
    screen.draw(["a" * 19, "\x1b[31m" + "日" * 9 + "\x1b[0m", "b" * 19])
    monkeypatch.setenv("COLUMNS", "9")
    terminal.writes.clear()
    screen.draw(["c"])
    screen.draw(["d"])
    cleared = "\x1b[K\n" * 5 + "\x1b[J" + "\x1b[5A"
    assert terminal.writes == [f"\r\x1b[5A{cleared}c\x1b[J\r", "\rd\x1b[J\r"]


@pytest.fixture
def hasty_threads():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("hasty_threads")
def test_lines_may_come_from_other_threads(terminal, screen):
    def write(name):
        for number in range(20):
            screen.write(f"{name}{number}\n")

    threads = [threading.Thread(target=write, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for number in range(20):
        screen.draw([str(number), "frame"])
    for thread in threads:
        thread.join()
    *lines, number, last = terminal.rows
    assert sorted(lines) == sorted(f"{name}{i}" for name in "ab" for i in range(20))
    assert (number, last) == ("19", "frame")


def test_the_size_is_that_of_the_terminal_that_is_drawn_on(screen, terminal, monkeypatch):
    sizes = {7: os.terminal_size((33, 11)), 8: os.terminal_size((0, 0))}
    monkeypatch.setattr(os, "get_terminal_size", sizes.__getitem__)
    monkeypatch.setattr(terminal, "fileno", lambda: 7)
    assert screen.size == (33, 11)
    monkeypatch.setattr(terminal, "fileno", lambda: 8)
    assert screen.size == (80, 24)


words = st.lists(st.sampled_from(["a", "b", "日", "e\u0301"]), max_size=9).map("".join)
steps = st.lists(
    st.one_of(
        st.lists(words, min_size=1, max_size=4),
        st.text("xyz", min_size=1, max_size=30),
    ),
    max_size=12,
)


@settings(max_examples=60)
@given(steps)
def test_whatever_is_drawn_and_written_the_screen_ends_with_the_last_frame(steps):
    with pytest.MonkeyPatch.context() as patch:
        terminal = Terminal(patch, columns=20, lines=5)
        screen = Screen(terminal)
        frame, above = [], ""
        for step in steps:
            if isinstance(step, list):
                frame = [f"|{line}|" for line in step]
                screen.draw(frame)
            else:
                above += step
                screen.write(f"{step}\n")
        assert "".join(terminal.rows).startswith(above)
        assert terminal.rows[len(terminal.rows) - len(frame) :] == [
            unicodedata.normalize("NFC", line) for line in frame
        ]
