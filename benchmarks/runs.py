"""Commands run and measured from outside: seconds, CPU seconds, peak memory.

What is run is up to the measurements.
"""

from __future__ import annotations

import compileall
import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

import kubectl_virt_clone

_SCRIPT = Path(sys.executable).parent / "kubectl-virt_clone"
OURS = [str(_SCRIPT)] if _SCRIPT.exists() else [sys.executable, "-m", "kubectl_virt_clone"]
"""The program, as kubectl would start it."""
Command = Sequence[str]


def compile_ours() -> None:
    """Leaves the program as pip installs it, compiled; a machine may forbid Python to do so."""
    compileall.compile_dir(Path(kubectl_virt_clone.__file__).parent, quiet=1)


@dataclass(frozen=True)
class Run:
    """What one process took; ``first`` is when its second line of output was there.

    The second, for the first one of a table holds its headers.
    """

    seconds: float
    cpu: float
    peak: float
    first: float


def run(command: Command, environment: Mapping[str, str]) -> Run:
    """Runs a command to its end; RuntimeError when it ends with another exit code than 0."""
    first = 0.0
    last: deque[bytes] = deque(maxlen=20)
    with TemporaryFile("w+") as errors:
        begun = time.monotonic()
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=errors)
        assert process.stdout is not None
        with process.stdout as lines:
            for number, line in enumerate(lines):
                if number == 1:
                    first = time.monotonic() - begun
                last.append(line)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        errors.seek(0)
        if process.returncode:
            told = f"{b''.join(last).decode(errors='replace')}{errors.read()}"
            raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}: {told}")
    return Run(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, first)


def in_turn(
    commands: Mapping[str, Callable[[int], Command]], environment: Mapping[str, str], times: int
) -> dict[str, Run]:
    """The best of each command's runs; each round runs all of them once.

    The best, not the median: what else the machine does makes a run slower, and never faster.

    A command is told the number of its round, for names that have to differ.
    """
    runs: dict[str, list[Run]] = {name: [] for name in commands}
    for number in range(times):
        for name, command in commands.items():
            runs[name].append(run(command(number), environment))
    return {name: _best(each) for name, each in runs.items()}


def always(*command: str) -> Callable[[int], Command]:
    """The same command in each round."""
    return lambda _: command


def ours(*arguments: str) -> Callable[[int], Command]:
    """Our program with the same arguments in each round."""
    return always(*OURS, *arguments)


def _best(runs: Sequence[Run]) -> Run:
    return Run(
        min(run.seconds for run in runs),
        min(run.cpu for run in runs),
        max(run.peak for run in runs),
        min(run.first for run in runs),
    )
