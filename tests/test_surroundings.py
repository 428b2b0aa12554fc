"""What a test run makes of its surroundings, and of tools that are not there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import tools

ROOT = Path(__file__).parent.parent
# A run that is begun as a CI system begins it, and a program that it starts.
BEGUN = """
import signal, subprocess, sys
for name in ("SIGINT", "SIGTERM", "SIGHUP"):
    if hasattr(signal, name):
        signal.signal(getattr(signal, name), signal.SIG_IGN)
from tests.surroundings import settle
settle()
subprocess.run([sys.executable, "-c", sys.argv[1]], check=True)
"""
STARTED = """
import json, os, shutil, signal
names = ("SIGINT", "SIGTERM", "SIGHUP")
ignored = [name for name in names if signal.getsignal(getattr(signal, name, 0)) == signal.SIG_IGN]
print(json.dumps([ignored, shutil.get_terminal_size(), os.environ.get("NO_COLOR")]))
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
def test_a_program_that_a_test_starts_hears_signals_and_has_eighty_columns() -> None:
    done = subprocess.run(
        [sys.executable, "-c", BEGUN, STARTED],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "200", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert json.loads(done.stdout) == [[], [80, 24], None]


@pytest.fixture
def item(request: pytest.FixtureRequest) -> pytest.Item:
    """This test, with marks of its own."""
    node = request.node
    node.own_markers = []
    return node


def test_what_needs_a_tool_that_is_not_there_is_skipped_and_says_which(item: pytest.Item) -> None:
    tools.require(item)
    item.add_marker(tools.needs(sys.executable))
    tools.require(item)
    for name in ("no-such-b", "no-such-a", "no-such-c"):
        item.add_marker(tools.needs(name))

    with pytest.raises(pytest.skip.Exception) as skipped:
        tools.require(item)

    assert skipped.value.msg == "no-such-a, no-such-b and no-such-c are not on the PATH"


def test_a_tool_that_is_required_is_not_skipped_over(
    item: pytest.Item, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUIRED_TOOLS", "kubectl no-such-a")
    item.add_marker(tools.needs("no-such-a"))

    with pytest.raises(pytest.fail.Exception, match=r"^no-such-a is not on the PATH$"):
        tools.require(item)


def test_a_test_whose_fixtures_need_a_tool_is_marked(item: pytest.Item) -> None:
    item.fixturenames = ["pane", "tmux_path", "kubectl_path"]

    tools.mark_by_fixtures(item)

    assert {mark.args for mark in item.iter_markers("needs")} == {("tmux",), ("kubectl",)}


@pytest.mark.skipif(os.name == "nt", reason="is about POSIX")
@pytest.mark.skipif(not (ROOT / ".ci").exists(), reason="is about the checkout")
def test_a_bare_path_holds_python_and_a_shell_and_nothing_of_our_own(tmp_path: Path) -> None:
    subprocess.run([sys.executable, ROOT / ".ci/bare-path", tmp_path / "bin"], check=True)

    said = subprocess.run(
        ["sh", "-c", "python3 -c 'print(1)'; command -v sh kubectl bash jq"],
        env={"PATH": str(tmp_path / "bin")},
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    assert said.splitlines() == ["1", str(tmp_path / "bin/sh")]
