"""``create``: build a VirtualMachineClone, create it, and follow it to the end if asked to."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from kubectl_virt_clone.cli.flags import (
    FORMATS,
    Verb,
    connection_flags,
    connection_options,
    output_option,
    parallel_option,
    timeout_option,
)
from kubectl_virt_clone.cli.flags_clone import clone_spec_options, skip_check_option
from kubectl_virt_clone.clone.api import CLONES
from kubectl_virt_clone.clone.checks.finding import SERIES
from kubectl_virt_clone.errors import ExitCode, SeveralErrors, VirtCloneError
from kubectl_virt_clone.objects.fields import (
    Object,
    key_of,
    text_at,
    uid_of,
)

# Completion needs the flags alone, and a client dry run no cluster: the rest is imported late.
if TYPE_CHECKING:
    from kubectl_virt_clone.actions.create.creating import Batch, Say
    from kubectl_virt_clone.actions.create.planning import Checked, Plan
    from kubectl_virt_clone.clone.progress.progress import Goal, Result
    from kubectl_virt_clone.kube.transport import Session
    from kubectl_virt_clone.objects.connection import ConnectionFlags
    from kubectl_virt_clone.objects.resource import Resource

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
@timeout_option(
    "10m", "How long to wait with --wait, for a shared snapshot, and for a busy server."
)
@connection_options
@click.pass_context
def command(ctx: click.Context, /, dry_run: str, output: str | None, **asked: Any) -> None:
    """Clone a VM or a VM snapshot.

    NAME is the name of the clone object; without it, it is clone-<5 characters>, or clone-<target>
    where there are several. Nothing is created where 'check' finds an error. Of several clones,
    those that an earlier run of the same command made are left as they are.
    """
    from kubectl_virt_clone.cli.requests import form_of, requested_clones
    from kubectl_virt_clone.render.answers import answer, unnamed_in

    flags, form = connection_flags(ctx), form_of(asked)
    how = {name: asked.pop(name) for name in _HOW}
    _check_usage(how, dry_run, asked)
    clones = requested_clones(asked, flags.namespace)
    unnamed = unnamed_in(clones)
    if dry_run == "client":
        share = form == SERIES and how["shared_snapshot"] and output != "name"
        sent = _as_sent(clones) if share else clones
        click.echo(answer(sent, unnamed, output, dry_run), nl=False)
        return
    from kubectl_virt_clone.render.messages import log

    batch = _batch(clones, flags, how, form=form, dry_run=dry_run == "server")
    say = partial(_say, unnamed, output, dry_run)
    if not how["wait"]:
        batch.create(say, log, timeout=how["timeout"])
    elif error := _create_and_follow(batch, flags, how, output, say):
        raise error
    elif batch.clones:
        ctx.exit(ExitCode.ERROR if batch.errors else ExitCode.DONE)
    if output in _WHOLE:
        click.echo(answer(batch.clones, unnamed, output, dry_run), nl=False)
    if errors := [*batch.errors, *batch.stays]:
        raise SeveralErrors(errors)


# What says how to create, and not what.
_HOW = ("skip_check", "shared_snapshot", "parallel", "wait", "rm", "timeout")


def _check_usage(how: dict[str, Any], dry_run: str, asked: dict[str, Any]) -> None:
    if how["wait"] and dry_run != "none":
        raise click.UsageError("--wait can't be used together with --dry-run")
    if how["rm"] and not how["wait"]:
        raise click.UsageError("--rm needs --wait: before its end a clone must not be deleted")
    if how["rm"] and asked["count"] is not None and not asked["targets"]:
        raise click.UsageError(
            "--rm with --count needs --target: in a second run nothing else tells what is done"
        )


def _as_sent(clones: Sequence[Object]) -> Sequence[Object]:
    """All objects of a series, as they would be sent."""
    from kubectl_virt_clone.clone.shared_snapshot import as_sent, can_share, shared_snapshot

    return as_sent(clones, shared_snapshot(clones)) if can_share(clones) else clones


def _batch(
    clones: Sequence[Object],
    flags: ConnectionFlags,
    how: dict[str, Any],
    *,
    form: str,
    dry_run: bool,
) -> Batch:
    """What there is to create, checked; nothing is written yet."""
    from kubectl_virt_clone.actions.create.creating import Batch
    from kubectl_virt_clone.actions.create.planning import plan_of
    from kubectl_virt_clone.kube.resource import served_clones
    from kubectl_virt_clone.kube.transport import connect
    from kubectl_virt_clone.render.messages import log, warn

    session = connect(flags, log=log, warn=warn)
    served = served_clones(session)
    share = how["shared_snapshot"]
    plan = plan_of(session, served, clones, form, share=share, notice=log)
    plan = _check(session, plan, served, how["skip_check"], rm=how["rm"])
    return Batch(session, served, plan, at_once=how["parallel"], dry_run=dry_run)


def _say(unnamed: frozenset[str], output: str | None, dry_run: str, obj: Object, fate: str) -> None:
    """Name each object as soon as something became of it: we may be interrupted."""
    from kubectl_virt_clone.render.answers import answer

    if output in _WHOLE or (output and (fate == "deleted" or text_at(obj, "kind") != CLONES.kind)):
        return  # with -o name, stdout has the names of clones only
    click.echo(answer([obj], unnamed, output, dry_run, fate), nl=False)


def _check(
    session: Session, plan: Plan, served: Resource, skipped: tuple[str, ...], *, rm: bool
) -> Plan:
    """Warn of what may go wrong, and raise what would.

    With ``rm`` the same command is run again until all is done: a target that is somebody else's
    is left out then, and does not stop the others.
    """
    from kubectl_virt_clone.actions.check import gather_each
    from kubectl_virt_clone.clone.checks.finding import ALL
    from kubectl_virt_clone.clone.checks.findings import judged
    from kubectl_virt_clone.render.findings import refusal, warnings
    from kubectl_virt_clone.render.messages import warn

    for doubt in plan.doubts:
        warn(doubt)
    if ALL in skipped:
        return plan
    clones = plan.checked
    checked: Sequence[Checked] = judged(clones, gather_each(session, clones, served, form=plan.form), skipped)
    if rm and plan.form == SERIES:
        plan, checked = plan.without_taken(checked)
    for line in warnings(checked, flags=session.flags):
        warn(line)
    if error := refusal(checked, flags=session.flags):
        raise error
    return plan


def _create_and_follow(
    batch: Batch, flags: ConnectionFlags, how: dict[str, Any], output: str | None, say: Say
) -> VirtCloneError | None:
    """Create, and wait for all clones; returns the error that stands for those not Succeeded."""
    from kubectl_virt_clone.clone.progress.progress import BOUND, SUCCESS
    from kubectl_virt_clone.objects.selection import Selection
    from kubectl_virt_clone.render.answers import answer
    from kubectl_virt_clone.render.messages import log, warn
    from kubectl_virt_clone.render.progress.interruption import interrupted
    from kubectl_virt_clone.render.progress.live import resumable
    from kubectl_virt_clone.render.progress.outcomes import failure

    goal = BOUND if how["rm"] else SUCCESS
    results: list[Result] = []

    def told() -> str:
        keys = [key_of(clone) for clone in batch.clones]
        return interrupted(keys, goal, flags, Selection()) if keys else ""

    with resumable(told):
        batch.create(say, log, timeout=how["timeout"])
        if batch.clones:
            for error in batch.errors:
                log(str(error))  # now, for the wait may take long
            for stays in batch.stays:
                warn(str(stays.args[0]))
            results = _results(batch, flags, goal, how["timeout"], output)
    finished = [result.clone for result in results if result.clone is not None]
    if output in _WHOLE and finished:
        click.echo(answer(finished, frozenset(), output, "none"), nl=False)
    before = len(batch.errors)
    done = [result.clone for result in results if result.met and result.clone]
    batch.finish(done, say, rm=how["rm"])
    for problem in batch.errors[before:] if batch.clones else ():
        log(str(problem))
    return failure(results, goal, looked_once=how["timeout"] == 0, flags=flags)


def _results(
    batch: Batch, flags: ConnectionFlags, goal: Goal, timeout: float, output: str | None
) -> list[Result]:
    """How the wait for the clones that are there ended, for each."""
    from kubectl_virt_clone.actions.wait.waiting import wait_for
    from kubectl_virt_clone.actions.wait.wanted import Wanted
    from kubectl_virt_clone.render.progress.live import progress
    from kubectl_virt_clone.render.progress.outcomes import Met

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
        return wait_for(batch.session, batch.served, wanted, goal, timeout=timeout, observer=shown)
