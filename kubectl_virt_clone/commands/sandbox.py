"""``sandbox``: a throw-away control plane for one command, or until Ctrl-C."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from kubectl_virt_clone.cli.flags import Typed, Verb, takes
from kubectl_virt_clone.errors import InvalidValue, VirtCloneError

if TYPE_CHECKING:
    from kubevirt_sandbox.apiserver.faults.fault import Fault
    from kubevirt_sandbox.controlplane import ControlPlane

EXAMPLES = """
# Try a clone without a cluster
kubectl virt-clone sandbox -- kubectl virt-clone create --source vm-cirros --target copy --wait

# Test a pipeline against a slow control plane with VMs of your own
kubectl virt-clone sandbox --speed 0.1 --seed my-vms.yaml -- ./pipeline.sh

# See what becomes of a clone where a quota leaves no room for its volumes
kubectl virt-clone sandbox --seed storage/quota-claims -- \\
  kubectl virt-clone check --source vm-full-house

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
    if not speed > 0:  # nor is nan
        raise InvalidValue(f"at a speed of {text} nothing would ever happen")
    return speed


def _seed(text: str) -> Path | str:
    """A file, or the name of a seed that is packaged, which a file of that name hides."""
    from kubevirt_sandbox.kubevirt.seed.planting import further_seed_names, seed_names

    if (path := Path(text)).is_file():
        return path
    if text in seed_names() or text in further_seed_names():
        return text
    known = ", ".join(further_seed_names())
    raise InvalidValue(f'"{text}" is neither a file nor one of {known}')


def _seeds(given: Sequence[Path | str]) -> Sequence[Path | str] | None:
    """All that the sandbox begins with: a packaged failure stands beside the usual seeds."""
    from kubevirt_sandbox.kubevirt.seed.planting import further_seed_names, seed_names

    beside = given and all(seed in further_seed_names() for seed in given)
    return [*seed_names(), *given] if beside else given or None


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
    seeds: tuple[Path | str, ...]
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
    type=Typed("seed", _seed),
    metavar="FILE|NAME",
    help="Objects to begin with, instead of vm-cirros and its friends, or one of the packaged"
    " failures beside them, such as storage/quota-claims; may be repeated.",
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
    from kubevirt_sandbox.controlplane import ControlPlane, SeedError
    from kubevirt_sandbox.running import CommandError, run

    plane = ControlPlane(
        speed=flags.speed,
        throttled=flags.throttle,
        seeds=_seeds(flags.seeds),
        kubevirt=flags.kubevirt,
        faults=flags.faults,
    )
    try:
        return run(plane, flags.arguments, _tell)
    except (CommandError, SeedError) as error:
        raise VirtCloneError(str(error)) from error


def _tell(plane: ControlPlane) -> None:
    click.echo(f"export KUBECONFIG={plane.kubeconfig}")
    click.echo(f"sandbox at {plane.url}; Ctrl-C ends it", err=True)
    sys.stdout.flush()
