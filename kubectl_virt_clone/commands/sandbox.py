"""``sandbox``: a throw-away control plane for one command, or until Ctrl-C."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from kubectl_virt_clone.cli.flags import Typed, Verb, takes
from kubectl_virt_clone.errors import ExitCode, InvalidValue, VirtCloneError

if TYPE_CHECKING:
    from kubevirt_sandbox.apiserver.faults.fault import Fault
    from kubevirt_sandbox.controlplane import ControlPlane

EXAMPLES = """
# Try a clone without a cluster
kubectl virt-clone sandbox -- kubectl virt-clone create --source vm-cirros --target copy --wait

# Test a pipeline against a slow control plane with VMs of your own
kubectl virt-clone sandbox --speed 0.1 --seed my-vms.yaml -- ./pipeline.sh

# See how an older KubeVirt answers
kubectl virt-clone sandbox --kubevirt 1.4 -- kubectl virt-clone check

# See how long 50 clones of one VM take on a real KubeVirt, ten times as fast
kubectl virt-clone sandbox --speed 10 --throttle -- ./pipeline.sh

# What becomes of a wait when the server drops its watch after two events, and then is busy
kubectl virt-clone sandbox --fault drop:verb=watch,after=2 --fault 429 -- ./pipeline.sh

# Keep one running, and use it from another terminal
kubectl virt-clone sandbox
"""


def _speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError as error:
        raise InvalidValue(f'"{text}" is not a number') from error
    if not speed > 0:  # nan is not, either
        raise InvalidValue(f"at a speed of {text} nothing would ever happen")
    return speed


def _fault(text: str) -> Fault:
    from kubevirt_sandbox.apiserver.faults.fault import parse_fault

    try:
        return parse_fault(text)
    except ValueError as error:
        raise InvalidValue(str(error)) from error


class SandboxFlags(NamedTuple):
    """The flags of ``sandbox``, and the command to run in it."""

    speed: float
    throttle: bool
    seeds: tuple[Path, ...]
    kubevirt: str
    faults: tuple[Fault, ...]
    arguments: tuple[str, ...]


@click.command(
    cls=Verb,
    name="sandbox",
    examples=EXAMPLES,
    context_settings={"ignore_unknown_options": False, "allow_interspersed_args": False},
)
@click.option(
    "--speed",
    type=Typed("speed", _speed),
    default="1",
    show_default=True,
    metavar="FACTOR",
    help="How fast the controllers work; 1 is about the pace of a real KubeVirt.",
)
@click.option(
    "--throttle",
    is_flag=True,
    help="Let many clones at once hold each other up as on a real KubeVirt.",
)
@click.option(
    "--seed",
    "seeds",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Objects to begin with, instead of vm-cirros and its friends; may be repeated.",
)
@click.option(
    "--kubevirt",
    type=click.Choice(["1.4", "1.6", "1.9"]),
    default="1.9",
    show_default=True,
    help="Release to stand for: the API it serves, what its admission checks.",
)
@click.option(
    "--fault",
    "faults",
    multiple=True,
    type=Typed("fault", _fault),
    metavar="NAME[:KEY=VALUE,...]",
    help=(
        "What is to go wrong; may be repeated. NAME: drop, stall, 401, 410, 429, 500, 503, close, "
        "delay, reorder, expire, forbid, no-controller, no-webhook or stale-cache. KEY: verb and "
        "resource (of which requests), after, count and every (which of them), seconds, "
        "retry-after, event."
    ),
)
@click.argument("arguments", metavar="[-- COMMAND...]", nargs=-1, type=click.UNPROCESSED)
@takes(SandboxFlags)
def command(flags: SandboxFlags) -> int:
    """Run a throw-away control plane with a simulated KubeVirt on 127.0.0.1.

    With a command, KUBECONFIG is set for it, and the sandbox ends with it and with its exit code.
    Without one, the line to set KUBECONFIG is printed, and the sandbox runs until Ctrl-C.
    """
    arguments = flags.arguments
    if arguments and not shutil.which(arguments[0]):
        raise VirtCloneError(f'exec: "{arguments[0]}": executable file not found in $PATH')
    # Listen for signals before there is a kubeconfig with a token to leave behind.
    with _heard() as endings, _started(flags) as plane:
        if endings.first:
            return 128 + endings.first
        if arguments:
            return _run(arguments, plane.kubeconfig, endings)
        click.echo(f"export KUBECONFIG={plane.kubeconfig}")
        click.echo(f"sandbox at {plane.url}; Ctrl-C ends it", err=True)
        sys.stdout.flush()
        while not endings.first:
            endings.wait()
    return ExitCode.DONE


class _Endings:
    """The signals that are to end us, and a way to wait for one that misses none.

    A handler runs when the main thread next executes Python. A thread that waits for a lock or a
    process does so only if the signal interrupted that thread, after it began to wait; what is
    written to the wake-up socket is there whenever and wherever the signal came. No handler raises:
    it could do so while a lock is held, or amid the cleaning up.
    """

    def __init__(self) -> None:
        import socket  # here, for --help needs none

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


# Ctrl-C, SIGTERM and, where the system has it, SIGHUP: the terminal is gone.
_ENDINGS = [item for item in signal.Signals if item.name in ("SIGINT", "SIGTERM", "SIGHUP")]


@contextmanager
def _heard() -> Iterator[_Endings]:
    endings = _Endings()
    try:
        yield endings
    finally:
        endings.close()


@contextmanager
def _started(flags: SandboxFlags) -> Iterator[ControlPlane]:
    """A control plane that runs. Raises VirtCloneError for a seed that it can't begin with."""
    from kubevirt_sandbox.controlplane import ControlPlane, SeedError

    plane = ControlPlane(
        speed=flags.speed,
        throttled=flags.throttle,
        seeds=flags.seeds or None,
        kubevirt=flags.kubevirt,
        faults=flags.faults,
    )
    try:
        plane.start()
        yield plane
    except SeedError as error:
        raise VirtCloneError(str(error)) from error
    finally:
        plane.stop()


def _run(arguments: tuple[str, ...], kubeconfig: Path, endings: _Endings) -> int:
    """Run the command with the sandbox's kubeconfig; returns 128 + N if signal N ended it.

    What is to end us ends the command, and we end after it.
    """
    import subprocess  # here, for --help needs none

    endings.leave_interrupts_to_others()
    environment = {**os.environ, "KUBECONFIG": str(kubeconfig)}
    try:
        child = subprocess.Popen(arguments, env=environment)  # noqa: S603
    except OSError as error:
        raise VirtCloneError(f'exec: "{arguments[0]}": {error.strerror}') from error

    def follow() -> None:
        child.wait()
        endings.wake()

    threading.Thread(target=follow, daemon=True).start()
    told = False
    while child.poll() is None:
        # Once: the second of the two that GNU timeout sends may end what cleans up.
        if endings.first and not told:
            child.terminate()
            told = True
        endings.wait()
    if endings.first:
        return 128 + endings.first
    code = child.returncode
    return code if code >= 0 else 128 - code
