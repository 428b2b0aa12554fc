"""``preview``: what the target of a clone will be, before there is a clone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import click

from kubectl_virt_clone.cli.flags import (
    Verb,
    connection_flags,
    connection_options,
    output_option,
)
from kubectl_virt_clone.cli.flags_clone import clone_spec_options

EXAMPLES = """
# Show what the new VM will be, and what the checks say
kubectl virt-clone preview --source vm-cirros --target copy --label-filter '*' --label-filter '!app'

# Show what a clone changes, line by line
kubectl virt-clone preview --source vm-cirros --target copy -o diff

# Show the VM that a manifest will make
kubectl virt-clone preview -f clone.yaml -o yaml
"""


@click.command(cls=Verb, name="preview", examples=EXAMPLES)
@clone_spec_options
@output_option("diff", "json", "yaml")
@connection_options
@click.pass_context
def command(
    ctx: click.Context,
    /,
    output: str | None,
    **asked: Any,
) -> None:
    """Show what the target of a clone will be.

    It takes the flags of create. Nothing is created; what KubeVirt generates is shown as
    <generated>, and its places are listed.
    """
    from kubectl_virt_clone.actions.check import gather_each
    from kubectl_virt_clone.actions.create.planning import plan_of
    from kubectl_virt_clone.cli.requests import form_of, requested_clones
    from kubectl_virt_clone.clone.target.preview import preview_of
    from kubectl_virt_clone.kube.resource import served_clones
    from kubectl_virt_clone.kube.transport import connect
    from kubectl_virt_clone.render.messages import log, warn
    from kubectl_virt_clone.render.preview import rendered

    flags, form = connection_flags(ctx), form_of(asked)
    clones = requested_clones(asked, flags.namespace)
    session = connect(flags, log=log, warn=warn)
    served = served_clones(session)
    plan = plan_of(session, served, clones, form, notice=log)
    sent = [plan.as_sent(clone) for clone in clones]
    facts = gather_each(session, sent, served, form=form)
    previews = [preview_of(clone, own) for clone, own in zip(sent, facts, strict=True)]
    missing = set(map(id, plan.missing))  # not by name: it may be for the server to generate
    judged = [
        preview if id(clone) in missing else replace(preview, findings=())
        for clone, preview in zip(clones, previews, strict=True)
    ]
    click.echo(rendered(judged, output, flags=flags), nl=False)
    for doubt in plan.doubts:
        warn(doubt)
    for error in (*plan.errors, *plan.refused):
        log(str(error))
