"""Ctrl-C and SIGTERM as exceptions, which unwind what we do, and the second of a kind as our end.

What is said then is written where the work is: ``render/progress/interruption.py`` has the words.
"""

from __future__ import annotations

import signal

from kubectl_virt_clone.errors import ExitCode

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def heed_signals() -> None:
    """Raise KeyboardInterrupt or SystemExit for them; one that our parent ignores stays ignored."""
    for number in _SIGNALS:
        if signal.getsignal(number) in (signal.default_int_handler, signal.SIG_DFL):
            signal.signal(number, _end)


def leave_signals() -> None:
    """Let them end us at once: Python's own end has nothing to unwind."""
    for number in _SIGNALS:
        if signal.getsignal(number) is _end:
            signal.signal(number, signal.SIG_DFL)


def _end(number: int, _: object) -> None:
    signal.signal(number, signal.SIG_DFL)
    raise KeyboardInterrupt if number == signal.SIGINT else SystemExit(ExitCode.TERMINATED)
