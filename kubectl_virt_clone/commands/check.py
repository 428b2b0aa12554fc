"""``check``: whether a clone can work here, before there is one."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import click

from kubectl_virt_clone.cli.flags import Verb, connection_options, output_option, takes
from kubectl_virt_clone.cli.flags_clone import (
    CloneFlags,
    clone_options,
    requested_clones,
    skip_check_option,
)
from kubectl_virt_clone.errors import ExitCode

if TYPE_CHECKING:
    from kubectl_virt_clone.kube.transport import Session
    from kubectl_virt_clone.objects.resource import ConnectionFlags

EXAMPLES = """
# Say whether anything can be cloned on this cluster, and by you
kubectl virt-clone check

# Say whether this clone can work
kubectl virt-clone check --source vm-cirros --target copy

# Check the clones of a manifest, for a script
kubectl virt-clone check -f clones.yaml -o json
"""


class CheckFlags(NamedTuple):
    """The flags of ``check``."""

    clones: CloneFlags
    skip_check: tuple[str, ...]
    output: str | None
    connection: ConnectionFlags


@click.command(cls=Verb, name="check", examples=EXAMPLES)
@clone_options
@skip_check_option
@output_option("json")
@connection_options
@takes(CheckFlags)
def command(flags: CheckFlags) -> ExitCode:
    """Say whether a clone can work, or the cluster can clone at all.

    It takes the flags of create; without any, it judges the cluster alone. Nothing is created. The
    exit code is 1 if there is a finding of the level error.
    """
    from kubectl_virt_clone.actions.check import judge
    from kubectl_virt_clone.kube.transport import Session
    from kubectl_virt_clone.render.findings import report
    from kubectl_virt_clone.render.messages import log, warn

    asked, connection = flags.clones, flags.connection
    clones = requested_clones(asked, connection.namespace) if asked else []
    session = Session(connection, log=log, warn=warn)
    how = (asked.form, flags.skip_check)
    judged = judge(session, clones, *how, notice=log, warn=warn) if clones else None
    if judged is None:
        return _check_cluster(session, flags)
    click.echo(report(judged.clones, flags.output, access=connection.access), nl=False)
    for line in "\n".join(map(str, judged.errors)).splitlines():
        log(line)
    return ExitCode.DONE if judged.is_fine else ExitCode.ERROR


def _check_cluster(session: Session, flags: CheckFlags) -> ExitCode:
    from kubectl_virt_clone.actions.check import judge_cluster
    from kubectl_virt_clone.clone.checks.facts import is_fine, observed_version, untried
    from kubectl_virt_clone.render.findings import cluster_report
    from kubectl_virt_clone.render.messages import log

    cluster, found = judge_cluster(session, flags.skip_check)
    if said := untried(observed_version(cluster.kubevirt)):
        log(said)
    access = flags.connection.access
    click.echo(cluster_report(cluster, found, flags.output, access=access), nl=False)
    return ExitCode.DONE if is_fine(found) else ExitCode.ERROR
