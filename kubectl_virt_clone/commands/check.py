"""``check``: whether a clone can work here, before there is one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from kubectl_virt_clone.cli.flags import (
    Verb,
    connection_flags,
    connection_options,
    output_option,
)
from kubectl_virt_clone.cli.flags_clone import clone_spec_options, skip_check_option
from kubectl_virt_clone.errors import ExitCode, ResourceNotServed

if TYPE_CHECKING:
    from kubectl_virt_clone.kube.transport import Session

EXAMPLES = """
# Say whether anything can be cloned on this cluster, and by you
kubectl virt-clone check

# Say whether this clone can work
kubectl virt-clone check --source vm-cirros --target copy

# Check the clones of a manifest, for a script
kubectl virt-clone check -f clones.yaml -o json
"""


@click.command(cls=Verb, name="check", examples=EXAMPLES)
@clone_spec_options
@skip_check_option
@output_option("json")
@connection_options
@click.pass_context
def command(
    ctx: click.Context,
    /,
    skip_check: tuple[str, ...],
    output: str | None,
    **asked: Any,
) -> None:
    """Say whether a clone can work, or the cluster can clone at all.

    It takes the flags of create; without any, it judges the cluster alone. Nothing is created. The
    exit code is 1 if there is a finding of the level error.
    """
    from kubectl_virt_clone.cli.requests import form_of, requested_clones
    from kubectl_virt_clone.kube.transport import connect
    from kubectl_virt_clone.render.messages import log, warn

    flags = connection_flags(ctx)
    if not any(asked.values()):
        ctx.exit(_check_cluster(connect(flags, log=log, warn=warn), skip_check, output))
    clones, form = requested_clones(asked, flags.namespace), form_of(asked)
    ctx.exit(_check(connect(flags, log=log, warn=warn), clones, form, skip_check, output))


def _check(
    session: Session,
    clones: list[dict[str, Any]],
    form: str,
    skipped: tuple[str, ...],
    output: str | None,
) -> ExitCode:
    """Judge what ``create`` would create; of several clones those that are there are fine."""
    from kubectl_virt_clone.actions.check import gather_each
    from kubectl_virt_clone.actions.create.planning import plan_of
    from kubectl_virt_clone.clone.checks.finding import is_fine
    from kubectl_virt_clone.clone.checks.findings import judged
    from kubectl_virt_clone.kube.resource import served_clones
    from kubectl_virt_clone.render.findings import report
    from kubectl_virt_clone.render.messages import log, warn

    try:
        served = served_clones(session)
    except ResourceNotServed:
        return _check_cluster(session, skipped, output)
    plan = plan_of(session, served, clones, form, notice=log)
    facts = gather_each(session, plan.checked, served, rights=True, form=form)
    checked = judged(plan.checked, facts, skipped)
    # Not by name: it may be for the server to generate.
    found = {id(clone): own for clone, (_, own) in zip(plan.missing, checked, strict=True)}
    everyone = [(clone, found.get(id(clone), ())) for clone in clones]
    click.echo(report(everyone, output, flags=session.flags), nl=False)
    errors = [*plan.errors, *plan.refused]
    for doubt in plan.doubts:
        warn(doubt)
    for line in "\n".join(map(str, errors)).splitlines():
        log(line)
    return ExitCode.ERROR if errors or not all(is_fine(f) for _, f in checked) else ExitCode.DONE


def _check_cluster(session: Session, skipped: tuple[str, ...], output: str | None) -> ExitCode:
    from kubectl_virt_clone.actions.check import cluster_facts
    from kubectl_virt_clone.clone.checks.finding import is_fine, ordered, without
    from kubectl_virt_clone.clone.checks.findings import cluster_findings
    from kubectl_virt_clone.render.findings import cluster_report

    cluster = cluster_facts(session)
    found = without(ordered(cluster_findings(cluster)), skipped)
    click.echo(cluster_report(cluster, found, output, flags=session.flags), nl=False)
    return ExitCode.DONE if is_fine(found) else ExitCode.ERROR
