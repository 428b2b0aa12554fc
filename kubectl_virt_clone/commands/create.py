"""``create``: build a VirtualMachineClone, create it, and follow it to the end if asked to."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from kubectl_virt_clone.clone_options import clone_spec_options, skip_check_option
from kubectl_virt_clone.errors import ExitCode, SeveralErrors
from kubectl_virt_clone.model.api import CLONES
from kubectl_virt_clone.model.objects import Object, key_of, text_at, uid_of
from kubectl_virt_clone.options import (
    FORMATS,
    Verb,
    connection_flags,
    connection_options,
    output_option,
    parallel_option,
    timeout_option,
)

# Completion needs the flags alone, and a client dry run no cluster: the rest is imported late.
if TYPE_CHECKING:
    from kubectl_virt_clone.cluster.creating import Batch, Say
    from kubectl_virt_clone.cluster.session import Session
    from kubectl_virt_clone.model.api import Resource
    from kubectl_virt_clone.model.connection import ConnectionFlags

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

# Make 50 VMs from one snapshot, and delete the clone objects when the VMs are there
kubectl virt-clone create --source vm-cirros --target 'web-{:02}' --count 50 --wait --rm

# Print the manifest, without a cluster
kubectl virt-clone create --source vm-cirros --target copy --dry-run=client -o yaml
"""

_WHOLE = ("json", "yaml")  # formats in which several objects are one List, printed at the end


@click.command(cls=Verb, name="create", examples=EXAMPLES)
@clone_spec_options
@click.option(
    "--shared-snapshot/--no-shared-snapshot",
    default=True,
    show_default=True,
    help="Take one snapshot of the VM for several clones, instead of one for each.",
)
@parallel_option("created")
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
    "--rm",
    is_flag=True,
    help="With --wait: delete the clone object as soon as the new VM's volumes are bound.",
)
@timeout_option("10m", "How long to wait with --wait, and for a shared snapshot.")
@connection_options
@click.pass_context
def command(ctx: click.Context, /, dry_run: str, output: str | None, **asked: Any) -> None:
    """Clone a VM or a VM snapshot.

    NAME is the name of the clone object; without it, it is clone-<5 characters>, or clone-<target>
    where there are several. Nothing is created where 'check' finds an error; what an earlier run of
    the same command created is left as it is.
    """
    from kubectl_virt_clone.clone_requests import is_series, requested_clones
    from kubectl_virt_clone.render.answers import answer, unnamed_in

    flags = connection_flags(ctx)
    how = {name: asked.pop(name) for name in _HOW}
    _check_usage(how, dry_run)
    clones = requested_clones(asked, flags.namespace)
    series = is_series(asked)
    snapshot = _shared(clones) if series and how["shared_snapshot"] else None
    unnamed = unnamed_in(clones)
    if dry_run == "client":
        click.echo(answer(_as_sent(clones, snapshot), unnamed, output, dry_run), nl=False)
        return
    from kubectl_virt_clone.render.messages import log

    batch = _batch(clones, snapshot, flags, how, series=series, dry_run=dry_run == "server")
    say = partial(_say, unnamed, output, dry_run)
    batch.create(say, log, timeout=how["timeout"])
    if how["wait"] and batch.clones:
        for error in batch.errors:
            log(str(error))  # now, for the wait may take long
        _follow(batch, flags, how["timeout"], output, say, rm=how["rm"])
        ctx.exit(ExitCode.ERROR if batch.errors else ExitCode.DONE)
    if output in _WHOLE:
        click.echo(answer(batch.clones, unnamed, output, dry_run), nl=False)
    if batch.errors:
        raise SeveralErrors(batch.errors)


# What says how to create, and not what.
_HOW = ("skip_check", "shared_snapshot", "parallel", "wait", "rm", "timeout")


def _check_usage(how: dict[str, Any], dry_run: str) -> None:
    if how["wait"] and dry_run != "none":
        raise click.UsageError("--wait can't be used together with --dry-run")
    if how["rm"] and not how["wait"]:
        raise click.UsageError("--rm needs --wait: before its end a clone must not be deleted")


def _shared(clones: Sequence[Object]) -> Object | None:
    """The snapshot that the clones are to share, if they can."""
    from kubectl_virt_clone.model.shared_snapshot import can_share, shared_snapshot

    return shared_snapshot(clones) if can_share(clones) else None


def _as_sent(clones: Sequence[Object], snapshot: Object | None) -> Sequence[Object]:
    """All objects of the request, as they would be sent."""
    if snapshot is None:
        return clones
    from kubectl_virt_clone.model.shared_snapshot import as_sent

    return as_sent(clones, snapshot)


def _batch(
    clones: Sequence[Object],
    snapshot: Object | None,
    flags: ConnectionFlags,
    how: dict[str, Any],
    *,
    series: bool,
    dry_run: bool,
) -> Batch:
    """What there is to create, checked; nothing is written yet."""
    from kubectl_virt_clone.cluster.creating import Batch
    from kubectl_virt_clone.cluster.planning import Plan, plan_of
    from kubectl_virt_clone.cluster.resources import served_clones
    from kubectl_virt_clone.cluster.session import connect
    from kubectl_virt_clone.render.messages import log, warn

    session = connect(flags, log=log, warn=warn)
    served = served_clones(session)
    plan = Plan(clones)
    if series:
        plan = plan_of(session, served, clones, snapshot, rm=how["rm"], notice=log)
    _check(session, plan.checked, served, how["skip_check"])
    return Batch(session, served, plan, at_once=how["parallel"], dry_run=dry_run)


def _say(unnamed: frozenset[str], output: str | None, dry_run: str, obj: Object, fate: str) -> None:
    """Name each object as soon as something became of it: we may be interrupted."""
    from kubectl_virt_clone.render.answers import answer

    if output in _WHOLE or (output and (fate == "deleted" or text_at(obj, "kind") != CLONES.kind)):
        return  # with -o name, stdout has the names of clones only
    click.echo(answer([obj], unnamed, output, dry_run, fate), nl=False)


def _check(
    session: Session,
    clones: Sequence[Object],
    served: Resource,
    skipped: tuple[str, ...],
) -> None:
    """Warn of what may go wrong, and raise what would."""
    from kubectl_virt_clone.cluster.facts import gather_each
    from kubectl_virt_clone.model.finding import ALL
    from kubectl_virt_clone.model.preflight import judged
    from kubectl_virt_clone.render.findings import refusal, warnings
    from kubectl_virt_clone.render.messages import warn

    if ALL in skipped:
        return
    checked = judged(clones, gather_each(session, clones, served), skipped)
    for line in warnings(checked):
        warn(line)
    if error := refusal(checked):
        raise error


def _follow(
    batch: Batch,
    flags: ConnectionFlags,
    timeout: float,
    output: str | None,
    say: Say,
    *,
    rm: bool,
) -> None:
    """Wait for the clones just created; raises the error that stands for those not Succeeded."""
    from kubectl_virt_clone.cluster.waiting import wait_for
    from kubectl_virt_clone.cluster.wanted import Wanted
    from kubectl_virt_clone.model.progress import BOUND, SUCCESS
    from kubectl_virt_clone.render.answers import answer
    from kubectl_virt_clone.render.live import progress
    from kubectl_virt_clone.render.messages import log
    from kubectl_virt_clone.render.outcomes import Met, failure

    goal = BOUND if rm else SUCCESS
    met = Met()
    stream = sys.stderr if output else sys.stdout  # with -o, stdout has objects only
    with progress(
        sys.stderr,
        met=lambda result: click.echo(met(result), file=stream, nl=False),
        clock=time.monotonic,
        goal=goal,
        flags=flags,
    ) as shown:
        wanted = Wanted({key_of(clone): uid_of(clone) for clone in batch.clones})
        results = wait_for(
            batch.session, batch.served, wanted, goal, timeout=timeout, observer=shown
        )
    finished = [result.clone for result in results if result.clone is not None]
    if output in _WHOLE:
        click.echo(answer(finished, frozenset(), output, "none"), nl=False)
    before = len(batch.errors)
    batch.finish([result.clone for result in results if result.met and result.clone], say, rm=rm)
    for problem in batch.errors[before:]:
        log(str(problem))
    if error := failure(results, goal, looked_once=timeout == 0):
        raise error
