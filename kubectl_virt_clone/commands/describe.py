"""``describe``: everything about a clone that explains where it is."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import click

from kubectl_virt_clone.cli.flags import Verb, connection_flags, connection_options
from kubectl_virt_clone.cli.flags_selection import selection_options
from kubectl_virt_clone.errors import SeveralErrors, is_missing
from kubectl_virt_clone.objects.fields import name_of

if TYPE_CHECKING:
    from kubectl_virt_clone.kube.transport import Session
    from kubectl_virt_clone.objects.resource import Resource
    from kubectl_virt_clone.objects.selection import Selection

EXAMPLES = """
# Describe a clone, or those whose names begin so
kubectl virt-clone describe nightly

# Describe two clones of another namespace
kubectl virt-clone describe nightly weekly -n vms

# Describe the clones with a label, without their events
kubectl virt-clone describe -l backup=nightly --show-events=false
"""


@click.command(cls=Verb, name="describe", examples=EXAMPLES)
@selection_options(all_flag=False, field_selector=False, all_namespaces=False)
@click.option(
    "--show-events/--no-show-events",
    default=True,
    show_default=True,
    help="Whether to show the events of a clone and of its children.",
)
@connection_options
@click.pass_context
def command(ctx: click.Context, /, selection: Selection, show_events: bool) -> None:
    """Show a clone with its source, target, filters, timeline, children, conditions and events.

    If it is not going well, the cause is told, and a command to try next. What you may not read is
    shown as <unknown>. A single name that does not exist stands for all that begin so.
    """
    from kubectl_virt_clone.actions.describe import settled
    from kubectl_virt_clone.actions.versions import served_clones
    from kubectl_virt_clone.kube.resource import select
    from kubectl_virt_clone.kube.transport import connect
    from kubectl_virt_clone.render.description import description
    from kubectl_virt_clone.render.messages import log, warn
    from kubectl_virt_clone.render.rows import nothing_found

    flags = connection_flags(ctx)
    session = connect(flags, log=log, warn=warn)
    clones = served_clones(session)
    found, errors = select(session, clones, selection, notice=warn)
    if len(selection.names) == 1 and any(map(is_missing, errors)):
        found = _beginning_with(session, clones, selection.names[0])
        errors = [] if found else errors
    for number, clone in enumerate(found):
        current, around = settled(session, clones, clone)
        now = datetime.now(timezone.utc)
        text = description(current, around, now, show_events=show_events, access=flags.access)
        click.echo(f"\n\n{text}" if number else text, nl=False)
    if errors:
        raise SeveralErrors(errors)
    if not found:
        click.echo(nothing_found(session.namespace), err=True)


def _beginning_with(session: Session, clones: Resource, prefix: str) -> list[dict[str, Any]]:
    """The clones whose names begin so; none if they may not be listed."""
    from kubectl_virt_clone.actions.describe import list_up

    listed = list_up(session, clones, session.namespace).objects
    return [dict(clone) for clone in listed if name_of(clone).startswith(prefix)]
