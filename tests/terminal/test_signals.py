"""How the program ends when it is told to, without a terminal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from tests.terminal.conftest import PATIENCE, Planes, a_clone

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")

WAIT = (sys.executable, "-m", "kubectl_virt_clone", "wait", "c")
PENDING = "Source doesnt exist: VirtualMachine default/nosuch"
AGAIN = (
    "interrupted; the clone c goes on without us. To wait again:\n"
    "  kubectl virt-clone wait c -n default\n"
)


@contextmanager
def waiting(plane: Planes, **options: object) -> Iterator[subprocess.Popen[str]]:
    """The program in the midst of a wait that does not end by itself."""
    a_clone(plane(speed=float("inf")), "c", source="nosuch")
    with subprocess.Popen(WAIT, stderr=subprocess.PIPE, text=True, **options) as process:  # type: ignore[call-overload]
        try:
            assert process.stderr
            assert PENDING in process.stderr.readline()
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"]
)
def test_a_signal_ends_the_wait_and_says_how_to_wait_again(
    plane: Planes, number: signal.Signals, code: int
) -> None:
    with waiting(plane) as process:
        process.send_signal(number)
        _, err = process.communicate(timeout=PATIENCE)

    assert (process.returncode, err) == (code, AGAIN)


def test_a_signal_that_is_ignored_from_the_start_stays_so(plane: Planes) -> None:
    def ignore() -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    with waiting(plane, preexec_fn=ignore) as process:
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE)

    assert process.returncode == 143


def test_a_second_signal_ends_the_program_where_it_is(plane: Planes) -> None:
    # Nobody reads its stderr, and there is no room left: it can't say its last words.
    reading, writing = os.pipe()
    a_clone(plane(speed=float("inf")), "c", source="nosuch")
    with subprocess.Popen(WAIT, stderr=writing) as process:
        try:
            line = os.read(reading, 4096).decode()
            assert PENDING in line
            os.set_blocking(writing, False)
            with suppress(BlockingIOError):
                while os.write(writing, b"." * 4096):
                    pass
            os.set_blocking(writing, True)
            deadline = time.monotonic() + PATIENCE
            while process.poll() is None and time.monotonic() < deadline:
                process.send_signal(signal.SIGTERM)
                time.sleep(0.01)
            assert process.returncode == -signal.SIGTERM
        finally:
            process.kill()
            os.close(reading)
            os.close(writing)
