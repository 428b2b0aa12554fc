"""``delete --all`` on a terminal: it asks first."""

from __future__ import annotations

import pytest

from kubectl_virt_clone.sandbox.controlplane import ControlPlane
from tests.terminal.conftest import CLONES, Panes, Planes, a_clone

QUESTION = "delete all 2 clones of the namespace default? [y/N]"


def some_clones(plane: Planes) -> ControlPlane:
    started = plane(speed=float("inf"))
    for name in ("a", "b"):
        a_clone(started, name, source="nosuch")
    return started


def left(plane: ControlPlane) -> list[str]:
    return [item["metadata"]["name"] for item in plane.registry.list(CLONES, "default").items]


@pytest.mark.parametrize("answer", ["n", ""])
def test_nothing_is_deleted_without_a_yes(plane: Planes, pane: Panes, answer: str) -> None:
    started, terminal = some_clones(plane), pane()

    terminal.run("delete", "--all")
    terminal.until(lambda rows: rows[-1] == QUESTION)
    for key in (*answer, "Enter"):
        terminal.press(key)

    assert terminal.until_done() == [
        f"{QUESTION} {answer}".rstrip(),
        "nothing is deleted",
        "exit=0",
    ]
    assert left(started) == ["a", "b"]


def test_all_are_deleted_with_a_yes(plane: Planes, pane: Panes) -> None:
    started, terminal = some_clones(plane), pane(columns=200)

    terminal.run("delete", "--all", "-o", "name")
    terminal.until(lambda rows: rows[-1] == QUESTION)
    terminal.press("y")
    terminal.press("Enter")

    shown = terminal.until_done()
    assert (shown[0], shown[-1], left(started)) == (f"{QUESTION} y", "exit=0", [])


def test_ctrl_c_at_the_question_deletes_nothing(plane: Planes, pane: Panes) -> None:
    started, terminal = some_clones(plane), pane()

    terminal.run("delete", "--all")
    terminal.until(lambda rows: rows[-1] == QUESTION)
    terminal.press("C-c")

    assert terminal.until_done()[-1] == "exit=130"
    assert left(started) == ["a", "b"]


@pytest.mark.parametrize("args", [("--all", "-y"), ("--all", "--dry-run=client"), ("-l", "!x")])
def test_nothing_is_asked_with_yes_in_a_dry_run_or_about_a_selector(
    plane: Planes, pane: Panes, args: tuple[str, ...]
) -> None:
    some_clones(plane)
    terminal = pane(columns=200)

    terminal.run("delete", *args)

    terminal.until(lambda rows: "exit=0" in rows)
    shown = terminal.until_done()
    assert (shown[-1], [row for row in shown if "[y/N]" in row]) == ("exit=0", [])
