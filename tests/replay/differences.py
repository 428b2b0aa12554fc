"""Where the sandbox answers otherwise than the recordings, and why that is accepted.

The only such list: each entry has a reason, and a test fails when one is needed no longer.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from .transcript import Step

MOST = 12


@dataclass(frozen=True)
class Difference:
    """One accepted difference.

    ``recordings`` are the numbers of those in which it shows, ``where`` a regular expression for
    the commands. ``masks`` are what is replaced on both sides, after which they have to be equal.
    ``theirs`` matches the lines that only the recording has, ``ours`` the one line that only the
    sandbox has. With none of the three anything may come out.
    """

    name: str
    reason: str
    recordings: tuple[str, ...]
    where: str
    masks: tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...] = ()
    theirs: str = ""
    ours: str = ""

    @property
    def bounded(self) -> bool:
        """Whether there is something left to compare."""
        return bool(self.masks or self.theirs or self.ours)

    def concerns(self, step: Step) -> bool:
        """Whether a step may differ in this way."""
        return step.recording[:2] in self.recordings and bool(re.search(self.where, str(step)))

    def explains(self, wanted: list[str], found: list[str]) -> bool:
        """Whether normalised outputs differ in nothing else."""
        wanted = [line for line in wanted if not re.fullmatch(self.theirs or "(?!)", line)]
        added = [line for line in found if re.fullmatch(self.ours or "(?!)", line)]
        if len(added) == 1:
            found = [line for line in found if line not in added]
        return self._masked(wanted) == self._masked(found)

    def _masked(self, lines: list[str]) -> str:
        text = "\n".join(lines)
        for pattern, replacement in self.masks:
            text = re.sub(pattern, replacement, text, flags=re.M)
        return text


def _sum(table: re.Match[str]) -> str:
    """How many there are in a table of ``uniq -c``."""
    return str(sum(int(line.split()[0]) for line in table[0].splitlines()))


def _sorted(text: re.Match[str]) -> str:
    return "\n".join(sorted(text[0].splitlines()))


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
        recordings=("08", "09", "14", "21", "26", "27", "31", "70"),
        where=(
            r"=(t-d1|t-sag|p-dash|p-unk|p-sps|p-run|onto-running|VirtualMachineRestore) -o"
            r"|many\.watch|message,count}"
        ),
        masks=(
            (
                r"(RestoreReady|TargetVMCreated|PVCBound|RestoreTargetNotReady|RestoreComplete)"
                r"  [123]  ",
                r"\1  N  ",
            ),
            # Which of two restores comes last is up to names that are generated.
            (r"\A\w+  VirtualMachineRestore(Error|Complete)  [^\n]*\Z", "THE LAST"),
            (r'"count": [123](?=.*"VirtualMachineRestoreComplete")', '"count": N'),
            # So many of the fifty clones were written so often.
            (r"\A(?: +\d+ [45]\n?)+\Z", _sum),
        ),
    ),
    Difference(
        name="resyncs",
        reason=(
            "each controller says a thing when it comes to it, and again at each resync: neither "
            "order nor number of events is the same in two runs; KubeVirt's cache was late as well"
        ),
        recordings=("52", "57", "58", "67", "72", "73", "74"),
        where="get events",
        masks=(
            (r'"count": \d+', '"count": N'),
            (r"^(\w+  \w+)  \d+  ", r"\1  N  "),
            (r"(?s)\A.*\Z", _sorted),
        ),
        theirs=r".*encountered error persistentvolumeclaims .* already exists.*",
    ),
    Difference(
        name="races",
        reason="which of two clones at once makes the claim that both of them use is open",
        recordings=("52",),
        where=r"create -f both\.yaml|get vmclone,pvc$|get pvc app-1-data",
        masks=(
            (r"\b(64|96)Mi\b", "SIZE"),
            (r"-volume-(1-)?data", "-volume-data"),
            (r'(source-vm-name": )"\w+"', r"\1VM"),
        ),
    ),
    Difference(
        name="second-restore",
        reason="virt-api's cache lagged as well, and let a second restore of one VM begin",
        recordings=("08",),
        where="=t-d2 -o",
        ours=(
            r"Warning  RestoreCreationFailed  \d+  clone-controller  VirtualMachineClone  failed "
            "creating restore tmp-restore-UID for clone t-d2: admission webhook "
            '"virtualmachinerestore-validator.snapshot.kubevirt.io" denied the request: '
            'VirtualMachineRestore "tmp-restore-UID" in progress'
        ),
    ),
    Difference(
        name="durations",
        reason=(
            "how long fifty clones take is for the benchmarks; here the clock is set by hand, and "
            "the rows of progress below the command are the recorder's own: no answer to it"
        ),
        recordings=("14",),
        where="create  -f many.yaml|fromdate",
        # As many numbers as before.
        masks=((r"(?<=[\[,])\d+(?=[\],])", "SECONDS"),),
        theirs=r"created after [\d.]+ s| *[\d.]+s( \w+=\d+)+",
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
        name="other-groups",
        reason="of KubeVirt's groups and versions only those are served that concern clones",
        recordings=("32", "33", "70", "71"),
        where="api-versions|raw /apis ",
        masks=(
            (r'\["(export|backup|migrations|plugin|pool)\.kubevirt\.io","\w+"\],', ""),
            (r'"(export|subresources|backup|migrations|plugin|pool)\.kubevirt\.io",', ""),
        ),
        theirs=(
            r"(export|migrations|pool|subresources)\.kubevirt\.io/v\w+"
            r"|instancetype\.kubevirt\.io/v1alpha\d"
        ),
    ),
    Difference(
        name="one-process",
        reason="one process stands for all: there is no log, memory or storage driver to look into",
        recordings=("07", "11", "14", "65"),
        where="virt-controller.log|ps -o rss|vs_ready",
    ),
)
