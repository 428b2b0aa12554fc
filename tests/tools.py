"""Tools that a test needs beside a stock machine's: sh, coreutils, git, make and Python.

A test says so with ``needs``, or by a fixture of FIXTURES; ``pytest -m needs`` runs only those.
Where a tool is missing it is skipped with the reason, or fails where REQUIRED_TOOLS names the tool.
"""

from __future__ import annotations

import os
import shutil

import pytest

FIXTURES = {"bash_path": "bash", "kubectl_path": "kubectl", "tmux_path": "tmux"}


def needs(*tools: str) -> pytest.MarkDecorator:
    """Marks a test, a parameter or a module that needs these programs on the PATH."""
    return pytest.mark.needs(*tools)


def mark_by_fixtures(item: pytest.Item) -> None:
    """Marks a test whose fixtures, however far away, need a tool."""
    for name in FIXTURES.keys() & set(getattr(item, "fixturenames", ())):
        item.add_marker(needs(FIXTURES[name]))


def require(item: pytest.Item) -> None:
    """Skips a test that needs what is not there."""
    tools = [tool for mark in item.iter_markers("needs") for tool in mark.args]
    missing = sorted({tool for tool in tools if shutil.which(tool) is None})
    if missing:
        is_required = set(missing) & set(os.environ.get("REQUIRED_TOOLS", "").split())
        verb = "is" if len(missing) == 1 else "are"
        give_up = pytest.fail if is_required else pytest.skip
        *others, last = missing
        listed = f"{', '.join(others)} and {last}" if others else last
        give_up(f"{listed} {verb} not on the PATH")


def path_of(tool: str) -> str:
    """Where a tool is."""
    return shutil.which(tool) or pytest.skip(f"{tool} is not on the PATH")
