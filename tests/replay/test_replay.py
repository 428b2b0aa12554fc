"""Every command of the recordings, in order, on the sandbox with the real kubectl."""

from __future__ import annotations

import difflib
from collections import Counter
from pathlib import Path

import pytest

from tests.tools import needs

from .comparison import has_random_order, normalised, uids
from .differences import DIFFERENCES, MOST
from .stage import PROGRAMS, Stage
from .transcript import FOLDER, Step, read, recordings

RECORDINGS = [
    "01-happy",
    "02-source-missing",
    "03-pvc-not-snapshottable",
    "04-persistent-tpm",
    "05-admission-errors",
    "06-filters",
    "07-snapshot-gate",
    "08-target-names",
    "09-content",
    "11-snapshot-source",
    "13-target-deleted",
    "14-fifty",
    "15-api-versions",
    "16-virtctl-create-clone",
    "17-rbac",
    "19-snapshot-onto-existing",
    "21-onto-running-vm",
    "23-tpm-from-preference",
    "24-running-source-changed",
    "26-refused-by-others",
    "27-instancetype",
    "29-quota",
    "31-source-no-longer-admissible",
    "32-clone-api-absent",
    "33-short-names",
    "37-other-fields",
    "50-stale-claim-adopted",
    "51-pending-claim-adopted",
    "52-two-clones-one-claim",
    "53-long-names",
    "54-source-claim-deleting",
    "55-pod-uses-claim",
    "56-several-snapshot-classes",
    "57-claim-not-provisioned",
    "58-quota-storage",
    "63-memory-dump-and-ephemeral",
    "64-volumesnapshots-deleted",
    "65-long-source-name",
    "66-quota-snapshots",
    "67-snapshot-deleted-before-bound",
    "70-release-1.4",
    "71-release-1.6",
    "72-storage-1.4",
    "73-storage-1.6",
    "74-storage-1.9",
]
LONG = (
    *("06-filters", "08-target-names", "09-content", "11-snapshot-source", "13-target-deleted"),
    *("14-fifty", "15-api-versions", "21-onto-running-vm", "23-tpm-from-preference"),
    *("26-refused-by-others", "27-instancetype", "29-quota", "31-source-no-longer-admissible"),
    *("33-short-names", "51-pending-claim-adopted", "52-two-clones-one-claim", "53-long-names"),
    *("54-source-claim-deleting", "56-several-snapshot-classes", "57-claim-not-provisioned"),
    *("63-memory-dump-and-ephemeral", "64-volumesnapshots-deleted", "65-long-source-name"),
    *("66-quota-snapshots", "72-storage-1.4", "73-storage-1.6"),
)
"""Two thirds of all commands; tests/sandbox holds most of them to the same recordings."""
UNCOMPARED = {
    "one-process": 4,
    "server-side-apply": 1,
    "users": 2,
    "virtctl": 34,
}
"""How many commands may answer anything, by the difference that allows it."""
THROTTLED = ("14",)
"""Recordings of many clones at once, which KubeVirt holds back."""

ELSEWHERE = {
    "23": {"namespace": "rec-tpm"},
    "26": {"namespace": "rec-refuse"},
    "33": {"namespace": "rec-short"},
    "70": {"namespace": "rel-8877", "release": "1.4"},
    "71": {"namespace": "rel-12948", "release": "1.6"},
    "72": {"release": "1.4"},
    "73": {"release": "1.6"},
}
"""Recordings that were made in a namespace, or of a release, of their own."""


class Replay:
    """One recording on one stage: compares each step and keeps count."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._ours: dict[str, str] = {}
        self._theirs: dict[str, str] = {}
        self.used: set[str] = set()
        self.complaints: list[str] = []

    def play(self, step: Step) -> None:
        """Plays a step and compares what comes out."""
        command = step.command
        for uid in uids(command):
            command = command.replace(uid, self._ours.get(uid, uid))
        output, code = self._stage.play(step, command)
        if not step.compared:
            if step.code not in (None, code):
                self._complain(step, [f"exit status {code}", output])
            return
        wanted, found = normalised(step.output), normalised(output)
        if wanted == found and step.code in (None, code):
            if not has_random_order(wanted):
                self._pair(step, output)
        elif not self._is_accepted(step, wanted, found, code):
            wrong = step.code not in (None, code)
            codes = [f"exit status {step.code}, then {code}"] if wrong else []
            self._complain(step, [*codes, *_changes(wanted, found)])

    def _is_accepted(self, step: Step, wanted: list[str], found: list[str], code: int) -> bool:
        for item in DIFFERENCES:
            if item.concerns(step):
                self.used.add(item.name)
                same = step.code in (None, code)
                return not item.bounded or (same and item.explains(wanted, found))
        return False

    def _pair(self, step: Step, output: str) -> None:
        """What had one uid when it was recorded must have one now, and what had two two."""
        for theirs, ours in zip(uids(step.output), uids(output), strict=True):
            if self._ours.setdefault(theirs, ours) != ours:
                self._complain(step, [f"{theirs} was {self._ours[theirs]} before, now {ours}"])
            if self._theirs.setdefault(ours, theirs) != theirs:
                self._complain(step, [f"{ours} stands for {self._theirs[ours]} and {theirs}"])

    def _complain(self, step: Step, lines: list[str]) -> None:
        self.complaints.append("\n".join([str(step), *lines]))


def _changes(wanted: list[str], found: list[str]) -> list[str]:
    return list(difflib.unified_diff(wanted, found, lineterm="", n=0))[2:]


@needs(*PROGRAMS)
@pytest.mark.parametrize(
    "recording",
    [
        pytest.param(name, marks=pytest.mark.nightly if name in LONG else [])
        for name in recordings()
    ],
)
def test_the_sandbox_answers_as_recorded(recording: str, tmp_path: Path) -> None:
    number = recording[:2]
    with Stage(tmp_path, throttled=number in THROTTLED, **ELSEWHERE.get(number, {})) as stage:
        replay = Replay(stage)
        for step in read(recording):
            replay.play(step)

    if replay.complaints:
        pytest.fail("\n\n".join(replay.complaints), pytrace=False)
    listed = {item.name for item in DIFFERENCES if number in item.recordings}
    assert listed - replay.used == set(), "these differences are no longer there"


def test_every_command_of_the_recordings_is_a_step() -> None:
    assert recordings() == RECORDINGS
    for recording in recordings():
        lines = (FOLDER / f"{recording}.txt").read_text("utf-8").splitlines()
        typed = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
        assert [step.command for step in read(recording) if step.recorded and step.command] == typed


def test_the_accepted_differences_are_few_and_have_a_reason() -> None:
    assert len(DIFFERENCES) <= MOST
    assert len({item.name for item in DIFFERENCES}) == len(DIFFERENCES)
    assert [item.name for item in DIFFERENCES if len(item.reason.split()) < 5] == []


def test_a_command_differs_in_one_way_and_so_many_may_answer_anything() -> None:
    steps = [step for name in recordings() for step in read(name)]
    ways = [[item for item in DIFFERENCES if item.concerns(step)] for step in steps]
    assert max(map(len, ways)) == 1
    assert Counter(item.name for (item, *_) in filter(None, ways) if not item.bounded) == UNCOMPARED
