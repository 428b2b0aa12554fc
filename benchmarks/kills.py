"""A bulk create that is killed anywhere and run again; the test of it, many times."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from .figures import Row
from .runs import run
from .setting import Setting

TEST = Path(__file__).parent.parent / "tests" / "cli" / "test_killed.py"
KILLS = 100


def measure(setting: Setting) -> Iterator[Row]:
    """One row: the test ends at the first series that is not exactly the wanted one."""
    kills = setting.size(KILLS)
    command = [sys.executable, "-m", "pytest", "-q", str(TEST), "--kills", str(kills)]
    took = run(command, os.environ)
    unit = f"of {kills}"
    yield Row("creates killed with SIGKILL and run again: wrong ones", 0, unit, at_most=0)
    yield Row("… time of it", took.seconds)
