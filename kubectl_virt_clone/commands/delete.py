"""``delete``: clone objects go, exactly those that were found; what stays is said."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime, timezone
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import click

from kubectl_virt_clone.cli.flags import (
    A_WEEK,
    DURATION,
    Verb,
    connection_options,
    parallel_option,
    takes,
    timeout_option,
)
from kubectl_virt_clone.cli.flags_selection import selection_options
from kubectl_virt_clone.clone.api import SNAPSHOTS
from kubectl_virt_clone.errors import (
    ConnectionFailed,
    ExitCode,
    InvalidValue,
    SeveralErrors,
    StatusError,
    VirtCloneError,
    WaitInterrupted,
    is_missing,
)
from kubectl_virt_clone.objects.fields import Object, key_of, uid_of
from kubectl_virt_clone.objects.resource import Resource, Selection

if TYPE_CHECKING:
    from kubectl_virt_clone.actions.delete.removing import Found, Removal
    from kubectl_virt_clone.clone.removal import Limits
    from kubectl_virt_clone.kube.transport import Session
    from kubectl_virt_clone.objects.resource import ConnectionFlags

EXAMPLES = """
# Delete a clone object; its target VM stays
kubectl virt-clone delete nightly

# Tidy up what is done, and older than an hour; show first what that is
kubectl virt-clone delete --finished --older-than=1h --dry-run=client
kubectl virt-clone delete --finished --older-than=1h

# Delete the failed and the finished ones with a label, in all namespaces
kubectl virt-clone delete -l backup=nightly --finished -A

# Delete all clones of the namespace, without being asked
kubectl virt-clone delete --all -y
"""


UNBOUND = "claims-unbound"


class DeleteFlags(NamedTuple):
    """The flags of ``delete``; ``older_than`` and ``timeout`` are in seconds."""

    selection: Selection
    finished: bool
    skip_check: tuple[str, ...]
    older_than: float | None
    ignore_not_found: bool
    yes: bool
    dry_run: str
    wait: bool
    timeout: float
    parallel: int
    output: str | None
    connection: ConnectionFlags


@click.command(cls=Verb, name="delete", examples=EXAMPLES)
@selection_options(all_flag=True, field_selector=True, all_namespaces=True, required=False)
@click.option(
    "--finished",
    is_flag=True,
    help="Only clones that failed, or succeeded and have all volumes bound; also snapshots that"
    " an interrupted create left behind more than an hour ago.",
)
@click.option(
    "--skip-check",
    type=click.Choice(("all", UNBOUND)),
    multiple=True,
    help="Also delete clones that succeeded, but whose targets' volumes are not bound yet: what"
    " these are to be filled from goes with the clone.",
)
@click.option(
    "--older-than",
    type=DURATION,
    metavar="DURATION",
    help="Of those selected, only clones created so long ago, by this computer's clock: 30m, 1h.",
)
@click.option("--ignore-not-found", is_flag=True, help="Don't fail if a name does not exist.")
@click.option("-y", "--yes", is_flag=True, help="Don't ask before --all on a terminal.")
@click.option(
    "--dry-run",
    type=click.Choice(["none", "client", "server"]),
    default="none",
    show_default=True,
    help="Say what would be deleted; server lets the server judge each deletion.",
)
@click.option(
    "--wait/--no-wait", default=True, show_default=True, help="Wait until the clones are gone."
)
@timeout_option("0", "How long to wait for all of them; 0 means a week.")
@parallel_option("deleted")
@click.option("-o", "--output", type=click.Choice(["name"]), help="Print names only.")
@connection_options
@takes(DeleteFlags)
def command(how: DeleteFlags) -> ExitCode:
    """Delete clone objects, and say what stays: target VMs, and volumes of unfinished clones.

    What KubeVirt made for a clone that is not done goes with it. An object that took the name of
    one that was selected is left alone.
    """
    from kubectl_virt_clone.actions.delete.removing import find
    from kubectl_virt_clone.actions.versions import served_clones
    from kubectl_virt_clone.clone.removal import Limits
    from kubectl_virt_clone.kube.transport import Session
    from kubectl_virt_clone.render.messages import log, warn

    selection, limits = how.selection, Limits(how.finished, how.older_than)
    if not (selection or limits.finished):  # an age alone selects nothing: -A is everybody's
        raise InvalidValue("nothing is selected: name clones, or use -l, --all or --finished")
    flags = how.connection
    session = Session(flags, log=log, warn=warn)
    served = served_clones(session)
    found = find(
        *(session, served, selection, limits, _now()),
        at_once=how.parallel,
        notice=warn,
        careful=not how.skip_check,
    )
    namespace = selection.scope(session.namespace)
    if not _is_confirmed(found, selection, namespace, how):
        log("nothing is deleted")
        return ExitCode.DONE
    named = bool(selection.names) and not how.ignore_not_found
    removal = _removal(session, served, found.clones, how, named=named)
    missing = [e for e in found.errors if not (how.ignore_not_found and is_missing(e))]
    with _interruptible(removal):
        failed = _remove(removal, missing, how)
        _say_what_stays(session, namespace, removal.gone, flags)
        errors = _tidy_up(session, served, removal, found, selection, limits, how, flags)
        if removal.gone and how.wait and how.dry_run == "none":
            errors += _wait(session, served, removal, how.timeout, selection, flags)
    if errors:
        raise SeveralErrors(errors)
    return ExitCode.ERROR if failed else ExitCode.DONE


def _is_confirmed(found: Found, selection: Selection, namespace: str, how: DeleteFlags) -> bool:
    """Whether to go on; only a terminal is asked, and only before all is deleted."""
    from kubectl_virt_clone.render.removal import question

    asks = selection.everything and found.clones and not how.yes and how.dry_run == "none"
    if not (asks and sys.stdin and sys.stdin.isatty()):
        return True
    text = question(len(found.clones), found.spared, namespace)
    with ExitStack() as opened:
        try:
            terminal = sys.stderr
            if not terminal.isatty():
                terminal = opened.enter_context(open("/dev/tty", "w", encoding="utf-8"))
        except OSError:
            raise VirtCloneError(f"{text} There is no terminal to ask on; use -y") from None
        terminal.write(f"{text} [y/N] ")
        terminal.flush()
        answer = ""
        try:
            answer = sys.stdin.readline()
        finally:
            if not answer.endswith("\n"):
                terminal.write("\n")  # the question still stands on the line
    return answer.strip().lower() in ("y", "yes")


def _removal(
    session: Session,
    resource: Resource,
    objects: Sequence[Object],
    how: DeleteFlags,
    *,
    named: bool,
) -> Removal:
    from kubectl_virt_clone.actions.delete.removing import Removal

    return Removal(
        session, resource, objects, at_once=how.parallel, dry_run=how.dry_run, named=named
    )


@contextmanager
def _interruptible(removal: Removal) -> Iterator[None]:
    """Ctrl-C and SIGTERM after the deletion is begun: say how many are deleted."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit) as end:
        by_signal = isinstance(end, SystemExit)
        code = ExitCode.TERMINATED if by_signal else ExitCode.INTERRUPTED
        raise WaitInterrupted(f"interrupted; {removal.state}", code) from end


def _remove(removal: Removal, missing: Sequence[VirtCloneError], how: DeleteFlags) -> bool:
    """Delete, and say why some are not, for the wait for the others may take long.

    Returns whether there were such.
    """
    from kubectl_virt_clone.render.messages import log

    try:
        removal.run(partial(_say, how))
    finally:
        errors = [*missing, *removal.errors]
        for line in "\n".join(map(str, errors)).splitlines():
            log(line)
    return bool(errors)


def _say_what_stays(
    session: Session, namespace: str, gone: Sequence[Object], flags: ConnectionFlags
) -> None:
    from kubectl_virt_clone.actions.delete.leftovers import what_stays
    from kubectl_virt_clone.render.messages import log
    from kubectl_virt_clone.render.removal import staying

    for line in staying(what_stays(session, namespace, gone), access=flags.access):
        log(line)


def _tidy_up(
    session: Session,
    served: Resource,
    removal: Removal,
    found: Found,
    selection: Selection,
    limits: Limits,
    how: DeleteFlags,
    flags: ConnectionFlags,
) -> list[VirtCloneError]:
    """Delete the snapshots that nobody needs, where the finished clones were to be deleted.

    Returns why some are not deleted.
    """
    from kubectl_virt_clone.actions.delete.leftovers import left_behind
    from kubectl_virt_clone.clone.removal import AN_HOUR, is_older
    from kubectl_virt_clone.render.messages import log, warn
    from kubectl_virt_clone.render.removal import deleted, spared, unread, young

    namespace, old = selection.scope(session.namespace), list[Object]()
    if limits.finished and how.dry_run == "none" and not (selection.names or selection.query):
        try:
            left, now = left_behind(session, served, namespace, notice=warn), _now()
        except (ConnectionFailed, StatusError):
            log(unread(SNAPSHOTS.plural))
        else:
            old = [snapshot for snapshot in left if is_older(snapshot, AN_HOUR, now)]
            for line in [young(s, access=flags.access) for s in left if s not in old]:
                log(line)
    snapshots = _removal(session, SNAPSHOTS, old, how, named=False)
    if old:
        snapshots.run(lambda snapshot: click.echo(deleted(snapshot, how.output, how.dry_run)))
    if not (found.clones or snapshots.gone or selection.names):
        click.echo("No resources found")
    if found.spared and (selection.names or not removal.gone):
        log(spared(found.spared))
    return snapshots.errors


def _say(how: DeleteFlags, clone: Object) -> None:
    from kubectl_virt_clone.render.messages import log
    from kubectl_virt_clone.render.removal import deleted, loss

    click.echo(deleted(clone, how.output, how.dry_run))
    if lost := loss(clone):
        log(lost)


def _wait(
    session: Session,
    served: Resource,
    removal: Removal,
    timeout: float,
    selection: Selection,
    flags: ConnectionFlags,
) -> list[VirtCloneError]:
    """Wait until the clones that were deleted are gone: a finalizer may hold them."""
    from kubectl_virt_clone.actions.wait.loop import Wanted, wait_for
    from kubectl_virt_clone.clone.progress.progress import Goal
    from kubectl_virt_clone.clone.removal import held
    from kubectl_virt_clone.render.progress.live import progress
    from kubectl_virt_clone.render.progress.outcomes import failure

    gone = Goal("delete")
    wanted = Wanted({key_of(clone): uid_of(clone) for clone in removal.gone})
    if selection.all_namespaces:  # what is said of a wait that was interrupted names one
        flags = flags._replace(namespace=key_of(removal.gone[0])[0])
    with progress(
        sys.stderr,
        met=lambda result: None,
        clock=time.monotonic,
        goal=gone,
        access=flags.access,
        quiet=True,
    ) as shown:
        results = wait_for(session, served, wanted, gone, timeout=timeout or A_WEEK, observer=shown)
    error = failure([held(result) for result in results], gone, looked_once=False)
    return [error] if error else []


def _now() -> datetime:
    return datetime.now(timezone.utc)
