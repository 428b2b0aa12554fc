"""``version``: ours, Kubernetes', KubeVirt's, and those of the clone API."""

from __future__ import annotations

from typing import NamedTuple

import click

from kubectl_virt_clone import __version__
from kubectl_virt_clone.cli.flags import (
    Verb,
    connection_declared,
    connection_flags,
    output_option,
    takes,
)
from kubectl_virt_clone.render.messages import log, warn
from kubectl_virt_clone.render.versions import client_version, shown

EXAMPLES = """
# Print the versions of everything that takes part in a clone
kubectl virt-clone version

# Print our own, without a cluster
kubectl virt-clone version --client
"""


class VersionFlags(NamedTuple):
    """The flags of ``version``."""

    client: bool
    output: str | None


@click.command(cls=Verb, name="version", examples=EXAMPLES)
@click.option("--client", is_flag=True, help="Print our own version only; no server is asked.")
@output_option("json", "yaml")
@connection_declared
@takes(VersionFlags)
def command(flags: VersionFlags) -> None:
    """Print our version, the cluster's, KubeVirt's, and the versions of the clone API it serves.

    What you may not read is shown as <unknown>, and left out of json and yaml.
    """
    versions, error = client_version(__version__), None
    if not flags.client:
        from kubectl_virt_clone.actions.versions import server_versions
        from kubectl_virt_clone.clone.checks.facts import untried

        # Not among the flags, so that --client starts without its class.
        connection = connection_flags(click.get_current_context())
        found, error = server_versions(connection, log=log, warn=warn)
        versions |= found
        if said := untried(str(found.get("kubeVirtVersion") or "")):
            log(said)
    click.echo(shown(versions, flags.output, client_only=flags.client or bool(error)), nl=False)
    if error:
        raise error
