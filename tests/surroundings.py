"""What a test run finds around it, made the same everywhere: in a pipe, a terminal or a CI system.

Done once, before the first test is read: tests look at texts that are laid out for a width, and the
programs that they start inherit all of it.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from hypothesis import HealthCheck, settings

WIDTH = {"COLUMNS": "80", "LINES": "24"}
"""What a program takes for its terminal's size, unless it asks the terminal itself."""
UNWANTED = ("FORCE_COLOR", "NO_COLOR", "PY_COLORS")
PROGRAMS = {"GOGC": "off", "GOMAXPROCS": "1"}
"""A kubectl lives too briefly for it to be worth collecting garbage."""
# As each test that sends one to a program assumes.
HEARD = ("SIGINT", "SIGTERM", "SIGHUP")


def settle() -> None:
    """Pins the width, lets the programs that tests start hear signals, and takes its time."""
    os.environ.update({**WIDTH, **PROGRAMS})
    # What the extra "dev" installs comes first, such as the newest kubectl.
    scripts = Path(sys.executable).parent
    os.environ["PATH"] = f"{scripts}{os.pathsep}{os.environ.get('PATH', '')}"
    for name in UNWANTED:
        os.environ.pop(name, None)
    for name in HEARD:
        _hear(getattr(signal, name, None))
    _take_time()


def _take_time() -> None:
    """Let no example fail for its time, which a busy machine decides.

    "ci" is hypothesis' own choice where it finds a CI system; make mutants has chosen before.
    """
    if settings.get_current_profile_name() in ("default", "ci"):
        slow = [HealthCheck.too_slow]
        settings.register_profile("suite", deadline=None, suppress_health_check=slow)
        settings.load_profile("suite")


def _hear(number: signal.Signals | None) -> None:
    """Pass on no SIG_IGN, which CI systems, nohup and background jobs begin a run with.

    We ourselves go on to ignore it: a function is our own, and a new program begins without it.
    """
    if number is not None and signal.getsignal(number) == signal.SIG_IGN:
        signal.signal(number, lambda *_: None)
