"""``delete``: delete clone objects, exactly those that were found, and say what stays."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from datetime import datetime, timezone
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
from kubectl_virt_clone.errors import ExitCode, InvalidValue, VirtCloneError

if TYPE_CHECKING:
    from kubectl_virt_clone.actions.delete.removing import Found
    from kubectl_virt_clone.objects.resource import ConnectionFlags, Selection

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
    type=click.Choice(("all", "claims-unbound")),
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
def command(flags: DeleteFlags) -> ExitCode:
    """Delete clone objects, and say what stays: target VMs, and volumes of unfinished clones.

    What KubeVirt made for a clone that is not done goes with it. An object that took the name of
    one that was selected is left alone.
    """
    from kubectl_virt_clone.actions.delete.deleting import Deletion
    from kubectl_virt_clone.actions.delete.removing import find
    from kubectl_virt_clone.actions.versions import served_clones
    from kubectl_virt_clone.clone.removal import Limits
    from kubectl_virt_clone.kube.transport import Session
    from kubectl_virt_clone.render.messages import log, warn

    selection, limits, now = flags.selection, Limits(flags.finished, flags.older_than), _now()
    if not (selection or limits.finished):  # an age alone selects nothing: -A is everybody's
        raise InvalidValue("nothing is selected: name clones, or use -l, --all or --finished")
    session = Session(flags.connection, log=log, warn=warn)
    served = served_clones(session)
    what = (session, served, selection, limits, now)
    found = find(*what, at_once=flags.parallel, notice=warn, careful=not flags.skip_check)
    if not _is_confirmed(found, selection.scope(session.namespace), flags):
        log("nothing is deleted")
        return ExitCode.DONE
    deletion = Deletion(
        *what,
        dry_run=flags.dry_run,
        at_once=flags.parallel,
        timeout=(flags.timeout or A_WEEK) if flags.wait else None,
        output=flags.output,
        ignore_not_found=flags.ignore_not_found,
        tell=click.echo,
    )
    return ExitCode.DONE if deletion.run(found) else ExitCode.ERROR


def _is_confirmed(found: Found, namespace: str, flags: DeleteFlags) -> bool:
    """Whether to go on; we ask only on a terminal, and only before deleting all."""
    from kubectl_virt_clone.render.removal import question

    asks = flags.selection.everything and found.clones and not flags.yes
    if not (asks and flags.dry_run == "none" and sys.stdin and sys.stdin.isatty()):
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
                terminal.write("\n")  # the question is still on the line
    return answer.strip().lower() in ("y", "yes")


def _now() -> datetime:
    return datetime.now(timezone.utc)
