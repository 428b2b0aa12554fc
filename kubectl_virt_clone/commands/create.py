"""``create``: build a VirtualMachineClone, create it, and follow it to the end if asked to."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import Any

import click

from kubectl_virt_clone.clone_options import (
    clone_spec_options,
    requested_clones,
    skip_check_option,
)
from kubectl_virt_clone.cluster.resources import create_clones, served_clones
from kubectl_virt_clone.cluster.session import Session, connect
from kubectl_virt_clone.cluster.waiting import wait_for
from kubectl_virt_clone.errors import ExitCode, SeveralErrors, VirtCloneError
from kubectl_virt_clone.model.api import Resource
from kubectl_virt_clone.model.finding import ALL
from kubectl_virt_clone.model.objects import key_of, uid_of
from kubectl_virt_clone.model.progress import SUCCESS
from kubectl_virt_clone.options import (
    DURATION,
    Verb,
    connection_flags,
    connection_options,
    output_option,
)
from kubectl_virt_clone.render.formats import FORMATS
from kubectl_virt_clone.render.live import Progress
from kubectl_virt_clone.render.messages import log, warn
from kubectl_virt_clone.render.outcomes import answer, failure

EXAMPLES = """
# Clone a VM; KubeVirt names the new one
kubectl virt-clone create --source vm-cirros

# Clone a VM snapshot to a VM of your choice, and follow it to the end
kubectl virt-clone create nightly --source vmsnapshot/before-upgrade --target copy --wait

# Keep all labels but those of one domain, with a MAC address of your own
kubectl virt-clone create --source vm-cirros --target copy --label-filter '*' \\
  --label-filter '!example.com/*' --new-mac-address default=02:00:00:00:00:99

# Create a clone that waits for a source which does not exist yet
kubectl virt-clone create --source tomorrow --target copy --skip-check source-missing

# Print the manifest, without a cluster
kubectl virt-clone create --source vm-cirros --target copy --dry-run=client -o yaml
"""

_WHOLE = ("json", "yaml")  # formats in which several objects are one List, printed at the end


@click.command(cls=Verb, name="create", examples=EXAMPLES)
@clone_spec_options
@click.option(
    "--dry-run",
    type=click.Choice(["none", "client", "server"]),
    default="none",
    is_flag=False,
    flag_value="client",
    help="client: only print what would be sent; server: have it checked, but not stored.",
)
@skip_check_option
@output_option(*FORMATS)
@click.option("--wait", is_flag=True, help="Wait until the clone has succeeded, or never can.")
@click.option(
    "--timeout",
    type=DURATION,
    default="10m",
    show_default=True,
    metavar="DURATION",
    help="How long to wait with --wait.",
)
@connection_options
@click.pass_context
def command(
    ctx: click.Context,
    /,
    dry_run: str,
    skip_check: tuple[str, ...],
    output: str | None,
    wait: bool,
    timeout: float,
    **asked: Any,
) -> None:
    """Clone a VM or a VM snapshot.

    NAME is the name of the clone object; without it, it is clone-<5 characters>. Nothing is created
    where 'check' finds an error.
    """
    flags = connection_flags(ctx)
    if wait and dry_run != "none":
        raise click.UsageError("--wait can't be used together with --dry-run")
    clones = requested_clones(asked, flags.namespace)
    if dry_run == "client":
        click.echo(answer(clones, clones, output, dry_run), nl=False)
        return
    session = connect(flags, log=log, warn=warn)
    served = served_clones(session)
    _check(session, clones, served, skip_check)
    created, errors = _create(session, clones, served, dry_run, output)
    if wait and created:
        for error in errors:
            log(str(error))  # now, for the wait may take long
        _follow(session, served, created, timeout, output)
        ctx.exit(ExitCode.ERROR if errors else ExitCode.DONE)
    if output in _WHOLE:
        click.echo(answer(created, clones, output, dry_run), nl=False)
    if errors:
        raise SeveralErrors(errors)


def _create(
    session: Session,
    clones: Sequence[dict[str, Any]],
    served: Resource,
    dry_run: str,
    output: str | None,
) -> tuple[list[dict[str, Any]], list[VirtCloneError]]:
    """Create the clones, and name each as soon as it is there: we may be interrupted."""
    created: list[dict[str, Any]] = []
    errors: list[VirtCloneError] = []
    for outcome in create_clones(session, clones, served, dry_run=dry_run == "server"):
        if isinstance(outcome, VirtCloneError):
            errors.append(outcome)
            continue
        created.append(outcome)
        if output not in _WHOLE:
            click.echo(answer([outcome], clones, output, dry_run), nl=False)
    return created, errors


def _check(
    session: Session,
    clones: Sequence[dict[str, Any]],
    served: Resource,
    skipped: tuple[str, ...],
) -> None:
    """Warn of what may go wrong, and raise what would; nothing was written yet.

    Imported here, for a client dry run needs no checks.
    """
    from kubectl_virt_clone.cluster.facts import gather_each
    from kubectl_virt_clone.model.preflight import judged
    from kubectl_virt_clone.render.findings import refusal, warnings

    if ALL in skipped:
        return
    checked = judged(clones, gather_each(session, clones, served), skipped)
    for line in warnings(checked):
        warn(line)
    if error := refusal(checked):
        raise error


def _follow(
    session: Session,
    served: Resource,
    created: list[dict[str, Any]],
    timeout: float,
    output: str | None,
) -> None:
    """Wait for the clones just created; raises the error that stands for those not Succeeded."""
    uids = {key_of(clone): uid_of(clone) for clone in created}
    met = log if output else click.echo  # with -o, stdout has objects only
    with Progress(sys.stderr, met=met, clock=time.monotonic, single=len(uids) == 1) as progress:
        results = wait_for(session, served, uids, SUCCESS, timeout=timeout, observer=progress)
    if output in _WHOLE:
        finished = [result.clone for result in results if result.clone is not None]
        click.echo(answer(finished, finished, output, "none"), nl=False)
    if error := failure(results, SUCCESS, looked_once=timeout == 0):
        raise error
