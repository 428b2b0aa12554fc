"""How long the test suite takes, with the workers that ``make test`` gives it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from .figures import Row
from .runs import run
from .setting import Setting

ROOT = Path(__file__).parent.parent
WORKERS = "4"
AT_MOST = 80
"""Seconds: half of the 160 s that the suite took on two cores before this target was set."""
WHY = (
    "The target is half of the 160 s that the suite took before. Most of the time goes into"
    " programs that tests start, above all kubectl, which needs about 60 ms each time."
)


def measure(setting: Setting) -> Iterator[Row]:
    """One row, but none in a quick run: the suite itself starts one."""
    if setting.quick:
        return
    command = [sys.executable, "-m", "pytest", "-q", "-n", WORKERS, str(ROOT / "tests")]
    seconds = run(command, os.environ).seconds
    yield Row("the test suite", seconds, at_most=AT_MOST, why=WHY)
