"""``version``: ours, Kubernetes', KubeVirt's, and those of the clone API."""

from __future__ import annotations

import click

from kubectl_virt_clone import __version__
from kubectl_virt_clone.cli.flags import (
    Verb,
    connection_flags,
    connection_options,
    output_option,
)
from kubectl_virt_clone.errors import VirtCloneError
from kubectl_virt_clone.render.messages import log, warn
from kubectl_virt_clone.render.versions import client_version, shown

EXAMPLES = """
# Print the versions of everything that takes part in a clone
kubectl virt-clone version

# Print our own, without a cluster
kubectl virt-clone version --client
"""


@click.command(cls=Verb, name="version", examples=EXAMPLES)
@click.option("--client", is_flag=True, help="Print our own version only; no server is asked.")
@output_option("json", "yaml")
@connection_options
@click.pass_context
def command(ctx: click.Context, /, client: bool, output: str | None) -> None:
    """Print our version, the cluster's, KubeVirt's, and the versions of the clone API it serves.

    What you may not read is shown as <unknown>, and left out of json and yaml.
    """
    versions = client_version(__version__)
    if not client:
        from kubectl_virt_clone.actions.versions import server_versions
        from kubectl_virt_clone.kube.transport import connect

        try:
            versions |= server_versions(connect(connection_flags(ctx), log=log, warn=warn))
        except VirtCloneError:
            click.echo(shown(versions, output, client_only=True), nl=False)
            raise
    click.echo(shown(versions, output, client_only=client), nl=False)
