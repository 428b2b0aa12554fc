"""A pytest plugin that writes one line per behaviour, so that two servers can be compared by diff.

What is tested is not known here: a behaviour is a test, and its name is the test's.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conftest import server_kind

OUTCOMES = pytest.StashKey[dict[str, str]]()
WORST = ("pass", "skip", "fail")


def pytest_addoption(parser: pytest.Parser) -> None:
    """--behaviours FOLDER: where the file is written, named after the kind of server."""
    parser.addoption("--behaviours", type=Path, required=True)


def pytest_configure(config: pytest.Config) -> None:
    """Nothing has been seen yet."""
    config.stash[OUTCOMES] = {}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> object:
    """A test is as good as the worst of its set-up, its call and its end."""
    report: pytest.TestReport = yield
    outcome = {"passed": "pass", "skipped": "skip"}.get(report.outcome, "fail")
    outcomes = item.config.stash[OUTCOMES]
    before = outcomes.get(item.nodeid, "pass")
    outcomes[item.nodeid] = max(before, outcome, key=WORST.index)
    return report


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Writes the file, in an order that depends on nothing but the names, and says where it is."""
    folder: Path = config.getoption("--behaviours")
    folder.mkdir(parents=True, exist_ok=True)
    lines = sorted((_name(node), outcome) for node, outcome in config.stash[OUTCOMES].items())
    file = folder / f"{server_kind(config)}.txt"
    file.write_text("".join(f"{outcome}  {name}\n" for name, outcome in lines), encoding="utf-8")
    terminalreporter.write_line(f"{len(lines)} behaviours: {file}")


def _name(node: str) -> str:
    """``tests/contract/test_watch.py::test_a_change`` → ``watch: a change``."""
    file, _, test = node.partition("::")
    test, bracket, parameters = test.removeprefix("test_").partition("[")
    topic = re.sub(r"^test_", "", Path(file).stem)
    return f"{topic}: {test.replace('_', ' ')}{bracket}{parameters}"
