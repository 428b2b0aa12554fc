"""A load for a control plane: clones that live in it, at a steady rate; and an account of it.

It writes into the registry, so that no client of its own takes part; who follows is not known here.
"""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

OPEN = "open"
"""What the names of the clones begin with that are there and unfinished at first."""
LAST = "the-last"
"""The clone that is added when all others have come to their ends; no name comes after it."""
ADD, LABEL, DELETE = "add", "label", "delete"
PHASES = ("SnapshotInProgress", "RestoreInProgress", "CreatingTargetVM", "Succeeded")
UNFINISHED, *_TO_THE_END = PHASES
_WHOLE = (ADD, *PHASES, LABEL, DELETE)
AT_ONCE = 200
"""Lives that go on side by side."""

Step = tuple[str, str]
"""A clone's name, and what becomes of it: ADD, LABEL, DELETE or a phase."""
Take = Callable[[str, str], tuple[str, str, str]]
"""Takes a step; event, phase and version of the clone after it."""


@dataclass(frozen=True)
class Change:
    """One change that was made, or seen: ``version`` is empty where it was not shown."""

    moment: float
    event: str
    name: str
    phase: str
    version: str = ""


def unfinished_of(clones: int, total: int) -> int:
    """How many of the clones that are there at first are to reach their end in so many changes."""
    return min(clones // 4, total // (4 * len(_TO_THE_END)))


def steps(planted: Sequence[str], total: int) -> Iterator[Step]:
    """About ``total`` steps of many lives at once, the same ones in each run.

    Each of the ``planted`` clones reaches its end; the rest are clones that come and go, some under
    a name that another one had.
    """
    choose = random.Random(total)
    number = max(total - len(planted) * len(_TO_THE_END), 0) // len(_WHOLE)
    lives = [[(name, what) for what in _TO_THE_END] for name in planted]
    twice: dict[str, list[Step]] = {}
    for each in range(number):
        name = f"life-{each % max(number * 9 // 10, 1):05}"
        twice.setdefault(name, []).extend((name, what) for what in _WHOLE)
    lives += twice.values()
    choose.shuffle(lives)
    waiting, active = deque(map(deque, lives)), list[deque[Step]]()
    while waiting or active:
        while waiting and len(active) < AT_ONCE:
            active.append(waiting.popleft())
        place = choose.randrange(len(active))
        yield active[place].popleft()
        if not active[place]:
            active.pop(place)
    yield LAST, ADD


def put_on(todo: Iterable[Step], rate: float, take: Take, account: Path) -> float:
    """Takes all steps, ``rate`` each second, and writes an account of them into a file.

    By how many seconds the latest of them came too late.
    """
    latest, begun = 0.0, time.monotonic()
    with account.open("w", encoding="utf-8") as lines:
        for number, (name, what) in enumerate(todo, 1):
            due = begun + number / rate
            time.sleep(max(due - time.monotonic(), 0))
            moment = time.monotonic()
            latest = max(latest, moment - due)
            event, phase, version = take(name, what)
            lines.write(f"{moment}\t{event}\t{name}\t{phase}\t{version}\n")
    return latest


def account_of(file: Path) -> list[Change]:
    """The changes that were made, in order."""
    lines = (line.split("\t") for line in file.read_text(encoding="utf-8").splitlines())
    return [Change(float(moment), *rest) for moment, *rest in lines]
