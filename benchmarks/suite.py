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


def measure(setting: Setting) -> Iterator[Row]:
    """One row; a quick run leaves it out, for the suite itself runs one."""
    if setting.quick:
        return
    command = [sys.executable, "-m", "pytest", "-q", "-n", WORKERS, str(ROOT / "tests")]
    yield Row("the test suite", run(command, os.environ).seconds, at_most=90)
