"""Where the sandbox answers otherwise than the recordings, and why that is accepted.

The only such list: each entry has a reason, and a test fails when one is needed no longer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from .transcript import Step

MOST = 10


@dataclass(frozen=True)
class Difference:
    """One accepted difference.

    ``recordings`` are the numbers of those in which it shows, ``where`` a regular expression for
    the commands. ``masks`` are what is replaced on both sides, after which they have to be equal;
    without masks anything may come out.
    """

    name: str
    reason: str
    recordings: tuple[str, ...]
    where: str
    masks: tuple[tuple[str, str], ...] = ()

    def concerns(self, step: Step) -> bool:
        """Whether a step may differ in this way."""
        return step.recording[:2] in self.recordings and bool(re.search(self.where, str(step)))


def masked(lines: list[str], accepted: Iterable[Difference]) -> list[str]:
    """Normalised lines without what may differ; lines that are all mask vanish."""
    for item in accepted:
        for pattern, replacement in item.masks:
            lines = [re.sub(pattern, replacement, line) for line in lines]
    return [line for line in lines if line]


DIFFERENCES = (
    Difference(
        name="managed-fields",
        reason="who owns which field is not kept: nothing that concerns clones reads it",
        recordings=("01", "02", "03", "04", "08", "09", "11", "13"),
        where="watch of",
        masks=((r'"managedFields": \[.*?\], "name"', '"name"'),),
    ),
    Difference(
        name="server-side-apply",
        reason="it rests on the owners of fields, which are not kept; plain apply works",
        recordings=("03",),
        where="apply --server-side",
    ),
    Difference(
        name="lagging-caches",
        reason=(
            "KubeVirt reads caches that lag by milliseconds, and so does a thing twice or misses "
            "the other of two at random; ours lag only when asked to (the fault stale-cache)"
        ),
        recordings=("08", "09", "14", "21"),
        where=(
            r"=(t-d1|t-d2|t-sag|p-dash|p-unk|p-sps|p-run|onto-running|VirtualMachineRestore) -o"
            r"|many\.watch"
        ),
        masks=(
            (r"(RestoreReady|TargetVMCreated|PVCBound|RestoreTargetNotReady)  [123]  ", r"\1  N  "),
            (r".*RestoreCreationFailed .* in progress$", ""),
            # So many clones were written so often.
            (r"^ +\d+ [45]$", ""),
        ),
    ),
    Difference(
        name="durations",
        reason="how long fifty clones take is for the benchmarks; here the clock is set by hand",
        recordings=("14",),
        where="create  -f many.yaml|fromdate",
        masks=(
            (r"^(created after [\d.]+ s| *[\d.]+s (\w+=\d+ ?)+)$", ""),
            (r"^\[\d[\d,]*\]$", "SECONDS"),
        ),
    ),
    Difference(
        name="users",
        reason="the sandbox's users have tokens, and rights that are its arguments: no roles",
        recordings=("17",),
        where="get clusterrole|--token bad",
    ),
    Difference(
        name="virtctl",
        reason="another program; what it would send to the server is created in its stead",
        recordings=("16",),
        where=r": (KUBECONFIG=\S+ )?virtctl [^|]*$",
    ),
    Difference(
        name="one-process",
        reason="one process stands for all: there is no log, memory or storage driver to look into",
        recordings=("07", "11", "14"),
        where="virt-controller.log|ps -o rss|vs_ready",
    ),
)
