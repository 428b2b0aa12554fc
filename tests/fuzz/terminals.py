"""The program run in this process, with what it writes kept, on a terminal or not, and bounded."""

from __future__ import annotations

import io
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import NamedTuple

from kubectl_virt_clone.cli.main import run
from tests.fuzz.hostile import dangerous

HANGS = 60
"""Seconds after which a run that takes milliseconds hangs."""


class Terminal(io.StringIO):
    """A stream that says whether it is a terminal."""

    encoding = "utf-8"

    def __init__(self, tty: bool) -> None:
        super().__init__()
        self._tty = tty

    def isatty(self) -> bool:
        return self._tty


class Ran(NamedTuple):
    """How the program ended, and what it wrote."""

    code: int
    out: str
    err: str


def ran(argv: Sequence[str], *, tty: bool = False, stdin: str = "") -> Ran:
    """Run the program."""
    out, err = Terminal(tty), Terminal(tty)
    given, sys.stdin = sys.stdin, io.StringIO(stdin)
    try:
        with bounded(), redirect_stdout(out), redirect_stderr(err):
            code = run(argv)
    finally:
        sys.stdin = given
    return Ran(int(code), out.getvalue(), err.getvalue())


def unsafe(answer: Ran, *, tty: bool) -> dict[str, set[str]]:
    """Characters that must not be on either stream."""
    streams = {"stdout": answer.out, "stderr": answer.err}
    found = {name: dangerous(text, terminal=tty) for name, text in streams.items()}
    return {name: chars for name, chars in found.items() if chars}


@contextmanager
def bounded(seconds: int = HANGS) -> Iterator[None]:
    """Fail where what is within hangs; where a clock runs already, it is left to that one."""
    if not hasattr(signal, "SIGALRM") or any(signal.getitimer(signal.ITIMER_REAL)):
        yield
        return

    def hangs(*_: object) -> None:
        raise AssertionError("it hangs")

    before = signal.signal(signal.SIGALRM, hangs)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
