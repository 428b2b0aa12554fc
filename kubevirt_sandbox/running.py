"""Run a control plane beside a command, or until a signal ends it.

What is printed meanwhile is up to the caller.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from kubevirt_sandbox.controlplane import ControlPlane

# Ctrl-C, SIGTERM and, where the system has it, SIGHUP: the terminal is gone.
_ENDINGS = [item for item in signal.Signals if item.name in ("SIGINT", "SIGTERM", "SIGHUP")]


class CommandError(Exception):
    """The command can't be run; the message says why."""


def run(
    plane: ControlPlane, arguments: Sequence[str], started: Callable[[ControlPlane], None]
) -> int:
    """Start ``plane``, run the command in it, and stop it; returns the exit code.

    That is the command's, or 128 + N if signal N ended the command or us. Without a command,
    ``started`` is called, and the plane runs until the first signal (exit code 0). Raises
    CommandError, or SeedError for a seed that the plane can't begin with.
    """
    if arguments and not shutil.which(arguments[0]):
        raise CommandError(f'exec: "{arguments[0]}": executable file not found in $PATH')
    # Listen for signals before there is a kubeconfig with a token to leave behind.
    with _listening() as signals, _running(plane):
        if signals.first:
            return 128 + signals.first
        if arguments:
            return _follow(arguments, plane.kubeconfig, signals)
        started(plane)
        while not signals.first:
            signals.wait()
    return 0


class Signals:
    """The signals that are to end us, and a way to wait for one that misses none.

    A handler runs when the main thread next executes Python. A thread that waits for a lock or a
    process does so only if the signal interrupted that thread, after it began to wait; what is
    written to the wake-up socket is there whenever and wherever the signal came. No handler raises:
    it could do so while a lock is held, or amid the cleaning up.
    """

    def __init__(self) -> None:
        self.first = 0
        """The number of the first signal; 0 before there is one."""
        self._reader, self._writer = socket.socketpair()
        self._writer.setblocking(False)  # which set_wakeup_fd asks for
        self._before = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        # Those that our parent told us to ignore stay ignored.
        self._numbers = [item for item in _ENDINGS if signal.getsignal(item) != signal.SIG_IGN]
        for number in self._numbers:
            signal.signal(number, self._hear)

    def leave_interrupts_to_others(self) -> None:
        """Ctrl-C reaches a command in the same terminal by itself, and is its own matter."""
        if signal.SIGINT in self._numbers:
            # Not SIG_IGN: the command would inherit it.
            signal.signal(signal.SIGINT, lambda *_: None)

    def _hear(self, number: int, _: object) -> None:
        self.first = self.first or number

    def wait(self) -> None:
        """Wait until there may be a signal, or what ``wake`` was called for."""
        self._reader.recv(4096)

    def wake(self) -> None:
        """Let ``wait`` return; for any thread."""
        with suppress(OSError):  # so full that it returns, or closed by now
            self._writer.send(b"\0")

    def close(self) -> None:
        """Hear no more: what comes yet is ignored.

        It could only end us amid Python's own end, which resets handlers but not SIG_IGN.
        """
        for number in self._numbers:
            signal.signal(number, signal.SIG_IGN)
        signal.set_wakeup_fd(self._before)
        self._reader.close()
        self._writer.close()


@contextmanager
def _listening() -> Iterator[Signals]:
    signals = Signals()
    try:
        yield signals
    finally:
        signals.close()


@contextmanager
def _running(plane: ControlPlane) -> Iterator[None]:
    try:
        plane.start()
        yield
    finally:
        plane.stop()


def _follow(arguments: Sequence[str], kubeconfig: Path, signals: Signals) -> int:
    """Run the command with the plane's kubeconfig; a signal to us ends it first, then us."""
    signals.leave_interrupts_to_others()
    environment = {**os.environ, "KUBECONFIG": str(kubeconfig)}
    try:
        child = subprocess.Popen(arguments, env=environment)  # noqa: S603
    except OSError as error:
        raise CommandError(f'exec: "{arguments[0]}": {error.strerror}') from error

    def follow() -> None:
        child.wait()
        signals.wake()

    threading.Thread(target=follow, daemon=True).start()
    told = False
    while child.poll() is None:
        # Once: the second of the two that GNU timeout sends may end what cleans up.
        if signals.first and not told:
            child.terminate()
            told = True
        signals.wait()
    if signals.first:
        return 128 + signals.first
    code = child.returncode
    return code if code >= 0 else 128 - code
