"""What a process told of the changes that were made, held against these.

How it came to be known what was made, and what was told, is not known here.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from .load import PHASES, Change
from .observed import Observed

Reading = Callable[[Observed], Iterator[Change]]
_EVENTS = ("ADDED", "MODIFIED", "DELETED")
_STEP = re.compile(r"(\S+): (\w+) \d/\d after ")


def rows(process: Observed) -> Iterator[Change]:
    """What a table tells that has the column EVENT first."""
    for moment, line in process.pieces(b"\n"):
        event, name, phase = [*line.split(), "", "", ""][:3]
        if event in _EVENTS:
            # Where a clone has no phase, kubectl leaves its cell empty.
            yield Change(moment, event, name, phase if phase in PHASES else "")


def documents(process: Observed) -> Iterator[Change]:
    """What JSON documents tell, whether each has one line or many."""
    text = ""
    for moment, line in process.pieces(b"\n"):
        # Between two documents something may be said of the watch itself.
        text += line if text or line.startswith("{") else ""
        if text and line.rstrip().endswith("}") and line[0] in "{}":
            told: Any = json.loads(text)
            clone, text = told["object"], ""
            metadata, phase = clone["metadata"], clone.get("status", {}).get("phase", "")
            version = metadata["resourceVersion"]
            yield Change(moment, told["type"], metadata["name"], phase, version)


def steps(process: Observed) -> Iterator[Change]:
    """What a wait tells on its way."""
    for moment, line in process.pieces(b"\n"):
        if found := _STEP.match(line):
            yield Change(moment, "MODIFIED", found[1], found[2])


@dataclass(frozen=True)
class Verdict:
    """How many changes were ``shown``, and after how many ``seconds`` each, sorted.

    ``passed_over``: changes that were not, though a later state of the same clone was. ``unseen``:
    clones that are gone without a word. ``wrong``: last states of clones that are there which were
    not shown, and what was shown though it never was.
    """

    passed_over: int
    unseen: int
    wrong: int
    seconds: tuple[float, ...]

    @property
    def shown(self) -> int:
        """How many changes were shown."""
        return len(self.seconds)

    @property
    def lost(self) -> int:
        """What has to be 0 where nothing disturbs the watch."""
        return self.passed_over + self.unseen + self.wrong

    def within(self, part: float) -> float:
        """Seconds within which this part of the changes was shown, from 0 to 1."""
        return self.seconds[round(part * (len(self.seconds) - 1))] if self.seconds else 0.0


def judged(made: Iterable[Change], told: Iterable[Change]) -> Verdict:
    """Holds what was told of each clone against what was done to it, in order."""
    ahead: dict[str, deque[Change]] = defaultdict(deque)
    for change in made:
        ahead[change.name].append(change)
    last: dict[str, Change] = {}
    passed_over = unseen = wrong = 0
    seconds = []
    for change in told:
        left, last[change.name] = ahead[change.name], change
        place = _place(left, change)
        if place is None:
            wrong += 1
            continue
        passed_over += place
        for _ in range(place):
            left.popleft()
        seconds.append(change.moment - left.popleft().moment)
    for name, left in ahead.items():
        if left:
            gone = left[-1].event == "DELETED"
            shown = name in last and _same(left[-1], last[name])
            unseen, wrong = unseen + gone, wrong + (not gone and not shown)
            passed_over += len(left) - (not shown)
    return Verdict(passed_over, unseen, wrong, tuple(sorted(seconds)))


def _place(left: Iterable[Change], told: Change) -> int | None:
    """Which change was told; one that was added unseen is told as ADDED in a later state."""
    added = False
    for place, made in enumerate(left):
        added = added or made.event == "ADDED"
        event = made.event == told.event or (added and told.event == "ADDED")
        if event and _same(made, told):
            return place
    return None


def _same(made: Change, told: Change) -> bool:
    """Whether this state was told: which one of two equal states it was, only a version says."""
    gone = made.event == "DELETED", told.event == "DELETED"
    return gone[0] == gone[1] and made.phase == told.phase and told.version in ("", made.version)
