"""``sandbox``: a throw-away control plane for one command, or until Ctrl-C."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import click

from kubectl_virt_clone.errors import VirtCloneError
from kubectl_virt_clone.options import Verb

EXAMPLES = """
# Try a clone without a cluster
kubectl virt-clone sandbox -- kubectl virt-clone create --source vm-cirros --target copy --wait

# Test a pipeline against a slow control plane with VMs of your own
kubectl virt-clone sandbox --speed 0.1 --seed my-vms.yaml -- ./pipeline.sh

# Keep one running, and use it from another terminal
kubectl virt-clone sandbox
"""


@click.command(
    cls=Verb,
    name="sandbox",
    examples=EXAMPLES,
    context_settings={"ignore_unknown_options": False, "allow_interspersed_args": False},
)
@click.option(
    "--speed",
    type=click.FloatRange(min=0, min_open=True),
    default=1.0,
    show_default=True,
    metavar="FACTOR",
    help="How fast the controllers work; 1 is about the pace of a real KubeVirt.",
)
@click.option(
    "--seed",
    "seeds",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Objects to begin with, instead of vm-cirros and its friends; may be repeated.",
)
@click.argument("arguments", metavar="[-- COMMAND...]", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def command(
    ctx: click.Context, /, speed: float, seeds: tuple[Path, ...], arguments: tuple[str, ...]
) -> None:
    """Run a throw-away control plane with a simulated KubeVirt on 127.0.0.1.

    With a command, KUBECONFIG is set for it, and the sandbox ends with it and with its exit code.
    Without one, the line to set KUBECONFIG is printed, and the sandbox runs until Ctrl-C.
    """
    from kubectl_virt_clone.sandbox.controlplane import ControlPlane

    if arguments and not shutil.which(arguments[0]):
        raise VirtCloneError(f'exec: "{arguments[0]}": executable file not found in $PATH')
    with ControlPlane(speed=speed, seeds=seeds or None) as plane:
        if arguments:
            ctx.exit(_run(arguments, plane.kubeconfig))
        click.echo(f"export KUBECONFIG={plane.kubeconfig}")
        click.echo(f"sandbox at {plane.url}; Ctrl-C ends it", err=True)
        _until_interrupted()


def _run(arguments: tuple[str, ...], kubeconfig: Path) -> int:
    """Run the command with the sandbox's kubeconfig; returns 128 + N if signal N ended it."""
    # Ctrl-C reaches the command by itself; we stay until it has ended. A handler, not SIG_IGN,
    # for the command would inherit the latter.
    signal.signal(signal.SIGINT, lambda *_: None)
    environment = {**os.environ, "KUBECONFIG": str(kubeconfig)}
    code = subprocess.run(arguments, env=environment, check=False).returncode  # noqa: S603
    return code if code >= 0 else 128 - code


def _until_interrupted() -> None:
    def end(*_: Any) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, end)
    sys.stdout.flush()
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        click.echo("", err=True)
