"""``create``: build a VirtualMachineClone, create it, and follow it to the end if asked to."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import click

from kubectl_virt_clone.cli.flags import (
    FORMATS,
    Verb,
    connection_options,
    output_option,
    parallel_option,
    takes,
    timeout_option,
)
from kubectl_virt_clone.cli.flags_clone import (
    CloneFlags,
    clone_options,
    requested_clones,
    skip_check_option,
)
from kubectl_virt_clone.clone.checks.facts import SERIES
from kubectl_virt_clone.errors import ExitCode, SeveralErrors

# Completion needs only the flags, and a client dry run no cluster: import the rest late.
if TYPE_CHECKING:
    from kubectl_virt_clone.actions.create.creating import Creation, SayFate
    from kubectl_virt_clone.objects.fields import Object
    from kubectl_virt_clone.objects.resource import ConnectionFlags
    from kubectl_virt_clone.render.answers import Answers

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


class CreateFlags(NamedTuple):
    """The flags of ``create``; ``timeout`` is in seconds."""

    clones: CloneFlags
    shared_snapshot: bool
    parallel: int
    dry_run: str
    skip_check: tuple[str, ...]
    output: str | None
    wait: bool
    rm: bool
    timeout: float
    connection: ConnectionFlags

    def check(self) -> None:
        """Raise UsageError for flags that don't go together."""
        if self.wait and self.dry_run != "none":
            raise click.UsageError("--wait can't be used together with --dry-run")
        if self.rm and not self.wait:
            raise click.UsageError("--rm needs --wait: before its end a clone must not be deleted")
        if self.rm and self.clones.number is not None and not self.clones.targets:
            raise click.UsageError(
                "--rm with --count needs --target: in a second run nothing else tells what is done"
            )


@click.command(cls=Verb, name="create", examples=EXAMPLES)
@clone_options
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
@takes(CreateFlags)
def command(flags: CreateFlags) -> ExitCode:
    """Clone a VM or a VM snapshot.

    NAME is the name of the clone object; without it, it is clone-<5 characters>, or clone-<target>
    where there are several. Nothing is created where 'check' finds an error. Of several clones,
    those that an earlier run of the same command made are left as they are.
    """
    from kubectl_virt_clone.render.answers import Answers
    from kubectl_virt_clone.render.messages import log

    flags.check()
    clones = requested_clones(flags.clones, flags.connection.namespace)
    answers = Answers(clones, flags.output, flags.dry_run)
    if flags.dry_run == "client":
        click.echo(answers.of(_as_sent(clones, flags)), nl=False)
        return ExitCode.DONE
    creation, say = _checked(clones, flags), partial(_say, answers)
    if flags.wait:
        _follow(creation, answers, say, flags)
        if creation.clones:
            return ExitCode.ERROR if creation.errors else ExitCode.DONE
    else:
        creation.create(say, log, timeout=flags.timeout)
        if answers.come_last:
            click.echo(answers.of(creation.clones), nl=False)
    if errors := [*creation.errors, *creation.stays]:
        raise SeveralErrors(errors)
    return ExitCode.DONE


def _as_sent(clones: Sequence[Object], flags: CreateFlags) -> Sequence[Object]:
    """All objects of a series, as they would be sent; with -o name only the clones."""
    if flags.clones.form != SERIES or not flags.shared_snapshot or flags.output == "name":
        return clones
    from kubectl_virt_clone.clone.shared_snapshot import as_sent, can_share, shared_snapshot

    return as_sent(clones, shared_snapshot(clones)) if can_share(clones) else clones


def _checked(clones: Sequence[Object], flags: CreateFlags) -> Creation:
    """What to create, checked; nothing is written yet."""
    from kubectl_virt_clone.actions.check import check_plan
    from kubectl_virt_clone.actions.create.creating import Creation
    from kubectl_virt_clone.actions.create.planning import plan_of
    from kubectl_virt_clone.actions.versions import served_clones
    from kubectl_virt_clone.kube.transport import Session
    from kubectl_virt_clone.render.messages import log, warn

    session = Session(flags.connection, log=log, warn=warn)
    served = served_clones(session)
    form, share, dry_run = flags.clones.form, flags.shared_snapshot, flags.dry_run == "server"
    plan = plan_of(session, served, clones, form, share=share, notice=log, warn=warn)
    plan = check_plan(session, served, plan, form, flags.skip_check, warn, rm=flags.rm)
    return Creation(session, served, plan, at_once=flags.parallel, dry_run=dry_run)


def _say(answers: Answers, obj: Object, fate: str) -> None:
    """Tell the fate of each object at once: we may be interrupted."""
    click.echo(answers.each(obj, fate), nl=False)


def _follow(creation: Creation, answers: Answers, say: SayFate, flags: CreateFlags) -> None:
    """Create, wait for all clones, and tidy up; raise the error for those that did not succeed."""
    from kubectl_virt_clone.actions.create.creating import followed
    from kubectl_virt_clone.clone.progress.progress import BOUND, SUCCESS
    from kubectl_virt_clone.render.messages import log
    from kubectl_virt_clone.render.progress.outcomes import Met, failure

    goal, met = BOUND if flags.rm else SUCCESS, Met()
    stream = sys.stderr if flags.output else sys.stdout  # with -o, stdout has objects only
    results = followed(
        creation,
        goal,
        say=say,
        met=lambda result: click.echo(met(result), file=stream, nl=False),
        timeout=flags.timeout,
        flags=flags.connection,
    )
    if answers.come_last:
        click.echo(answers.of([r.clone for r in results if r.clone is not None]), nl=False)
    before = len(creation.errors)
    creation.finish([r.clone for r in results if r.met and r.clone], say, rm=flags.rm)
    for problem in creation.errors[before:] if creation.clones else ():
        log(str(problem))
    once, access = flags.timeout == 0, flags.connection.access
    if error := failure(results, goal, looked_once=once, access=access):
        raise error
