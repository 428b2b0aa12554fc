"""``wait``: block until clones reached their goal, and end at once when one never can."""

from __future__ import annotations

import sys
import time

import click

from kubectl_virt_clone.cluster.resources import served_clones
from kubectl_virt_clone.cluster.session import connect
from kubectl_virt_clone.cluster.waiting import wait_for
from kubectl_virt_clone.model.progress import Goal
from kubectl_virt_clone.options import (
    DURATION,
    GOAL,
    NAME,
    Verb,
    connection_flags,
    connection_options,
)
from kubectl_virt_clone.render.live import Progress
from kubectl_virt_clone.render.messages import log, warn
from kubectl_virt_clone.render.outcomes import failure

EXAMPLES = """
# Wait until a clone has succeeded; end at once if it fails
kubectl virt-clone wait nightly

# Wait for a condition, as with kubectl wait
kubectl virt-clone wait nightly --for=condition=Ready --timeout=5m

# Look once
kubectl virt-clone wait nightly --timeout=0
"""


@click.command(cls=Verb, name="wait", examples=EXAMPLES)
@click.argument("names", metavar="NAME...", type=NAME, nargs=-1, required=True)
@click.option(
    "--for",
    "goal",
    type=GOAL,
    default="phase=Succeeded",
    show_default=True,
    metavar="GOAL",
    help="phase=PHASE, condition=TYPE[=STATUS] or delete.",
)
@click.option(
    "--timeout",
    type=DURATION,
    default="10m",
    show_default=True,
    metavar="DURATION",
    help="How long for all of them; 0 looks once, a negative one waits a week.",
)
@connection_options
@click.pass_context
def command(ctx: click.Context, names: tuple[str, ...], goal: Goal, timeout: float) -> None:
    """Wait until clones reached a goal; end at once when one never can, and say why.

    Exit code 3 if the time was up, 4 if a clone failed, was deleted or can't reach the goal.
    """
    session = connect(connection_flags(ctx), log=log, warn=warn)
    clones = served_clones(session)
    keys = dict.fromkeys(((session.namespace, name) for name in names), "")
    with Progress(
        sys.stderr, met=click.echo, clock=time.monotonic, single=len(keys) == 1
    ) as progress:
        results = wait_for(session, clones, keys, goal, timeout=timeout, observer=progress)
    if error := failure(results, goal, looked_once=timeout == 0):
        raise error
