"""``wait``: block until clones reach their goal, and end at once if one never can."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import click

from kubectl_virt_clone.cli.flags import (
    FORMATS,
    GOAL,
    Verb,
    connection_options,
    output_option,
    takes,
    timeout_option,
)
from kubectl_virt_clone.cli.flags_selection import selection_options

if TYPE_CHECKING:
    from kubectl_virt_clone.actions.wait.loop import Wanted
    from kubectl_virt_clone.clone.progress.progress import Goal, Result
    from kubectl_virt_clone.kube.transport import Session
    from kubectl_virt_clone.objects.resource import ConnectionFlags, Selection
    from kubectl_virt_clone.render.progress.outcomes import Met

EXAMPLES = """
# Wait until a clone has succeeded; end at once if it never can
kubectl virt-clone wait nightly

# Wait for all clones with a label, until their volumes hold the data
kubectl virt-clone wait -l batch=42 --for=volumes-bound --timeout=1h

# Wait until a clone is there, and then until it has succeeded
kubectl virt-clone wait nightly --for=create --for=phase=Succeeded

# Wait for a condition or a field, as with kubectl wait
kubectl virt-clone wait nightly --for=condition=Ready --timeout=5m
kubectl virt-clone wait nightly --for=jsonpath='{.status.targetName}'

# End also where the clone waits for something, such as a source that does not exist yet
kubectl virt-clone wait nightly --fail-on-pending

# Look once
kubectl virt-clone wait nightly --timeout=0
"""


class WaitFlags(NamedTuple):
    """The flags of ``wait``; ``timeout`` is in seconds."""

    selection: Selection
    goals: tuple[Goal, ...]
    timeout: float
    fail_on_pending: bool
    quiet: bool
    output: str | None
    connection: ConnectionFlags


@click.command(cls=Verb, name="wait", examples=EXAMPLES)
@selection_options(all_flag=True, field_selector=True, all_namespaces=True, all_yields=True)
@click.option(
    "--for",
    "goals",
    type=GOAL,
    multiple=True,
    default=["phase=Succeeded"],
    show_default="phase=Succeeded",
    metavar="GOAL",
    help="phase=PHASE, condition=TYPE[=STATUS], volumes-bound, create, delete or"
    " jsonpath='{.path}'[=VALUE]. Of several, each is waited for in turn, create first.",
)
@timeout_option("10m", "How long for all of them; 0 looks once, a negative one waits a week.")
@click.option(
    "--fail-on-pending",
    is_flag=True,
    help="End where a clone waits for something that may still come.",
)
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but the results.")
@output_option(*FORMATS)
@connection_options
@takes(WaitFlags)
def command(flags: WaitFlags) -> None:
    """Wait until clones reached a goal; end at once when one never can, and say why.

    Exit code 3 if the time was up, 4 if a clone failed, was deleted or can't reach the goal.
    """
    from kubectl_virt_clone.actions.wait.loop import Wanted
    from kubectl_virt_clone.kube.transport import Session
    from kubectl_virt_clone.objects.fields import uid_of
    from kubectl_virt_clone.render.messages import log, warn
    from kubectl_virt_clone.render.progress.outcomes import Met

    session = Session(flags.connection, log=log, warn=warn)
    wanted = Wanted.of(flags.selection, session.namespace)
    met = Met(flags.output, flags.selection)
    ends_at = time.monotonic() + flags.timeout
    goals = sorted(dict.fromkeys(flags.goals), key=lambda goal: goal.kind != "create")
    while goals:
        left = max(0.0, ends_at - time.monotonic()) if flags.timeout else 0.0
        results = _reached(session, wanted, goals, left, met, flags)
        wanted = Wanted({result.key: uid_of(result.clone or {}) for result in results})
        goals = goals[1:]


def _reached(
    session: Session,
    wanted: Wanted,
    goals: Sequence[Goal],
    timeout: float,
    met: Met,
    flags: WaitFlags,
) -> Sequence[Result]:
    """Wait for the first of the goals; raise the error for the clones that did not reach it."""
    from kubectl_virt_clone.actions.wait.loop import wait_for
    from kubectl_virt_clone.render.progress.live import progress
    from kubectl_virt_clone.render.progress.outcomes import failure

    selection, goal, access = flags.selection, goals[0], flags.connection.access
    with progress(
        sys.stderr,
        met=lambda result: click.echo(met(result), nl=False),
        clock=time.monotonic,
        goal=goal,
        later=goals[1:],
        access=access,
        selection=selection,
        quiet=flags.quiet,
        fail_on_pending=flags.fail_on_pending,
    ) as shown:
        results = wait_for(
            *(session, None, wanted, goal),
            timeout=timeout,
            observer=shown,
            fail_on_pending=flags.fail_on_pending,
        )
    once = flags.timeout == 0
    if error := failure(results, goal, looked_once=once, selection=selection, access=access):
        raise error
    return results
