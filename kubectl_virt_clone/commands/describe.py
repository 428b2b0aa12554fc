"""``describe``: everything about a clone that explains where it is."""

from __future__ import annotations

from datetime import datetime, timezone

import click

from kubectl_virt_clone.cluster.related import surroundings_of
from kubectl_virt_clone.cluster.resources import get_each, served_clones
from kubectl_virt_clone.cluster.session import connect
from kubectl_virt_clone.errors import SeveralErrors
from kubectl_virt_clone.options import NAME, Verb, connection_flags, connection_options
from kubectl_virt_clone.render.description import description
from kubectl_virt_clone.render.messages import log, warn

EXAMPLES = """
# Describe a clone
kubectl virt-clone describe nightly

# Describe two clones of another namespace
kubectl virt-clone describe nightly weekly -n vms
"""


@click.command(cls=Verb, name="describe", examples=EXAMPLES)
@click.argument("names", metavar="NAME...", type=NAME, nargs=-1, required=True)
@connection_options
@click.pass_context
def command(ctx: click.Context, names: tuple[str, ...]) -> None:
    """Show a clone with its source, target, filters, phase, children, conditions and events.

    What you may not read is shown as <unknown>.
    """
    session = connect(connection_flags(ctx), log=log, warn=warn)
    clones = served_clones(session)
    found, errors = get_each(session, clones, session.namespace, dict.fromkeys(names))
    for number, clone in enumerate(found):
        around = surroundings_of(session, session.namespace, clone)
        text = description(clone, around, datetime.now(timezone.utc))
        click.echo(f"\n\n{text}" if number else text, nl=False)
    if errors:
        raise SeveralErrors(errors)
