"""``preview``: what the target of a clone will be, before there is a clone."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import click

from kubectl_virt_clone.cli.flags import Verb, connection_options, output_option, takes
from kubectl_virt_clone.cli.flags_clone import CloneFlags, clone_options, requested_clones

if TYPE_CHECKING:
    from kubectl_virt_clone.objects.resource import ConnectionFlags

EXAMPLES = """
# Show what the new VM will be, and what the checks say
kubectl virt-clone preview --source vm-cirros --target copy --label-filter '*' --label-filter '!app'

# Show what a clone changes, line by line
kubectl virt-clone preview --source vm-cirros --target copy -o diff

# Show the VM that a manifest will make
kubectl virt-clone preview -f clone.yaml -o yaml
"""


class PreviewFlags(NamedTuple):
    """The flags of ``preview``."""

    clones: CloneFlags
    output: str | None
    connection: ConnectionFlags


@click.command(cls=Verb, name="preview", examples=EXAMPLES)
@clone_options
@output_option("diff", "json", "yaml")
@connection_options
@takes(PreviewFlags)
def command(flags: PreviewFlags) -> None:
    """Show what the target of a clone will be.

    It takes the flags of create. Nothing is created; what KubeVirt generates is shown as
    <generated>, and its places are listed.
    """
    from kubectl_virt_clone.actions.check import preview_each
    from kubectl_virt_clone.kube.transport import Session
    from kubectl_virt_clone.render.messages import log, warn
    from kubectl_virt_clone.render.preview import rendered

    clones = requested_clones(flags.clones, flags.connection.namespace)
    session = Session(flags.connection, log=log, warn=warn)
    form = flags.clones.form
    previews, errors = preview_each(session, clones, form, notice=log, warn=warn)
    click.echo(rendered(previews, flags.output, access=flags.connection.access), nl=False)
    for error in errors:
        log(str(error))
