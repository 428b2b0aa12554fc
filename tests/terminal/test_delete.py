"""``delete --all`` on a terminal: it asks first."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys

import pytest

from kubevirt_sandbox.controlplane import ControlPlane
from tests.terminal.conftest import CLONES, PATIENCE, Panes, Planes, a_clone

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


# A terminal of its own, to which a command's stdin leads.
ON_A_TERMINAL = (
    "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(['sh', '-c', sys.argv[1]])))"
)
DELETE_ALL = f"{shlex.quote(sys.executable)} -m kubectl_virt_clone delete --all"


@pytest.mark.parametrize(("answer", "there"), [("y\n", []), ("n\n", ["a", "b"])])
def test_it_is_asked_on_the_terminal_where_stderr_leads_elsewhere(
    plane: Planes, answer: str, there: list[str]
) -> None:
    started = some_clones(plane)

    done = subprocess.run(
        [sys.executable, "-c", ON_A_TERMINAL, f"{DELETE_ALL} 2>/dev/null"],
        input=answer,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )

    assert (done.returncode, done.stdout.count(QUESTION)) == (0, 1)
    assert left(started) == there


def test_nothing_is_deleted_where_it_cannot_be_asked(plane: Planes) -> None:
    started = some_clones(plane)
    master, slave = os.openpty()
    try:
        done = subprocess.run(
            ["sh", "-c", DELETE_ALL],
            stdin=slave,
            capture_output=True,
            start_new_session=True,  # without a terminal of its own
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    finally:
        os.close(master)
        os.close(slave)

    question = QUESTION.removesuffix(" [y/N]")
    error = f"error: {question} There is no terminal to ask on; use -y\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", error)
    assert left(started) == ["a", "b"]
