"""Every command of the recordings, in order, on the sandbox with the real kubectl."""

from __future__ import annotations

import difflib
from pathlib import Path

import pytest

from .comparison import has_random_order, normalised, uids
from .differences import DIFFERENCES, MOST, masked
from .stage import Stage, missing_programs
from .transcript import FOLDER, Step, read, recordings

THROTTLED = ("14",)
"""Recordings of many clones at once, which KubeVirt holds back."""


class Replay:
    """One recording on one stage: compares each step and keeps count."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._ours: dict[str, str] = {}
        self.used: set[str] = set()
        self.complaints: list[str] = []

    def play(self, step: Step) -> None:
        """Plays a step and compares what comes out."""
        command = step.command
        for uid in uids(command):
            command = command.replace(uid, self._ours.get(uid, uid))
        output, code = self._stage.play(step, command)
        if not step.compared:
            if code != step.code:
                self._complain(step, [f"exit status {code}", output])
            return
        wanted, found = normalised(step.output), normalised(output)
        if (wanted, step.code) == (found, code):
            if not has_random_order(wanted):
                self._pair(step, output)
        elif not self._is_accepted(step, wanted, found, code):
            codes = [f"exit status {step.code}, then {code}"] if code != step.code else []
            self._complain(step, [*codes, *_changes(wanted, found)])

    def _is_accepted(self, step: Step, wanted: list[str], found: list[str], code: int) -> bool:
        accepted = [item for item in DIFFERENCES if item.concerns(step)]
        if any(not item.masks for item in accepted):
            self.used.update(item.name for item in accepted)
            return True
        for item in accepted:
            others = [other for other in accepted if other != item]
            if masked(wanted, others) != masked(found, others):
                self.used.add(item.name)
        return code == step.code and masked(wanted, accepted) == masked(found, accepted)

    def _pair(self, step: Step, output: str) -> None:
        """What had one uid when it was recorded must have one now."""
        for theirs, ours in zip(uids(step.output), uids(output), strict=False):
            if self._ours.setdefault(theirs, ours) != ours:
                self._complain(step, [f"{theirs} was {self._ours[theirs]} before, now {ours}"])

    def _complain(self, step: Step, lines: list[str]) -> None:
        self.complaints.append("\n".join([str(step), *lines]))


def _changes(wanted: list[str], found: list[str]) -> list[str]:
    return list(difflib.unified_diff(wanted, found, lineterm="", n=0))[2:]


@pytest.mark.parametrize("recording", recordings())
def test_the_sandbox_answers_as_recorded(recording: str, tmp_path: Path) -> None:
    if missing := missing_programs():
        pytest.skip(missing)
    with Stage(tmp_path, throttled=recording[:2] in THROTTLED) as stage:
        replay = Replay(stage)
        for step in read(recording):
            replay.play(step)

    if replay.complaints:
        pytest.fail("\n\n".join(replay.complaints), pytrace=False)
    listed = {item.name for item in DIFFERENCES if recording[:2] in item.recordings}
    assert listed - replay.used == set(), "these differences are no longer there"


def test_every_command_of_the_recordings_is_a_step() -> None:
    for recording in recordings():
        lines = (FOLDER / f"{recording}.txt").read_text("utf-8").splitlines()
        typed = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
        assert [step.command for step in read(recording) if step.recorded and step.command] == typed


def test_the_accepted_differences_are_few_and_have_a_reason() -> None:
    assert len(DIFFERENCES) <= MOST
    assert len({item.name for item in DIFFERENCES}) == len(DIFFERENCES)
    assert [item.name for item in DIFFERENCES if len(item.reason.split()) < 5] == []
