"""``describe``: all about a clone that explains where it is."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, NamedTuple

import click

from kubectl_virt_clone.cli.flags import Verb, connection_options, takes
from kubectl_virt_clone.cli.flags_selection import selection_options
from kubectl_virt_clone.errors import SeveralErrors

if TYPE_CHECKING:
    from kubectl_virt_clone.objects.resource import ConnectionFlags, Selection

EXAMPLES = """
# Describe a clone, or those whose names begin so
kubectl virt-clone describe nightly

# Describe two clones of another namespace
kubectl virt-clone describe nightly weekly -n vms

# Describe the clones with a label, without their events
kubectl virt-clone describe -l backup=nightly --show-events=false
"""


class DescribeFlags(NamedTuple):
    """The flags of ``describe``."""

    selection: Selection
    show_events: bool
    connection: ConnectionFlags


@click.command(cls=Verb, name="describe", examples=EXAMPLES)
@selection_options(all_flag=False, field_selector=False, all_namespaces=False)
@click.option(
    "--show-events/--no-show-events",
    default=True,
    show_default=True,
    help="Whether to show the events of a clone and of its children.",
)
@connection_options
@takes(DescribeFlags)
def command(flags: DescribeFlags) -> None:
    """Show a clone with its source, target, filters, timeline, children, conditions and events.

    If it is not going well, the cause is told, and a command to try next. What you may not read is
    shown as <unknown>. A single name that does not exist stands for all that begin so.
    """
    from kubectl_virt_clone.actions.describe import found, settled
    from kubectl_virt_clone.actions.versions import served_clones
    from kubectl_virt_clone.kube.transport import Session
    from kubectl_virt_clone.render.description import description
    from kubectl_virt_clone.render.messages import log, warn
    from kubectl_virt_clone.render.rows import nothing_found

    session = Session(flags.connection, log=log, warn=warn)
    served, access = served_clones(session), flags.connection.access
    clones, errors = found(session, served, flags.selection, notice=warn)
    for number, clone in enumerate(clones):
        current, around = settled(session, served, clone)
        now, events = datetime.now(timezone.utc), flags.show_events
        text = description(current, around, now, show_events=events, access=access)
        click.echo(f"\n\n{text}" if number else text, nl=False)
    if errors:
        raise SeveralErrors(errors)
    if not clones:
        click.echo(nothing_found(session.namespace), err=True)
