"""Where each of the clones waited for is, how many are done, how long the rest may take.

Times are arguments, in seconds of any clock; ``frames`` draws the board.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass

from kubectl_virt_clone.clone.progress.progress import Cause, Outcome, Result, phase_of
from kubectl_virt_clone.objects.fields import Key, Object, key_of
from kubectl_virt_clone.objects.resource import NO_FLAGS, Access
from kubectl_virt_clone.render.hints import written
from kubectl_virt_clone.render.progress.outcomes import label, state

# The rate is that of the last clones that finished; two alone are no rate.
_WINDOW, _FEWEST = 20, 3


@dataclass
class Row:
    """One clone: its phase, since when, and what is wrong with it."""

    key: Key
    since: float
    phase: str = ""
    why: str = ""
    hint: str = ""
    seen: bool = False

    @property
    def state(self) -> str:
        """The phase and which of the four it is; a clone without one is pending."""
        return state(self.phase)


class Board:
    """All clones of one wait, from its beginning on."""

    def __init__(self, now: float, *, several: bool = False, access: Access = NO_FLAGS) -> None:
        self.began = now
        self.done = 0
        self.running: dict[Key, Row] = {}
        self.failed: dict[Key, Row] = {}
        self._rows: dict[Key, Row] = {}
        self._namespaces: set[str] = set()
        self._several = several
        self._access = access
        self._finishes: deque[float] = deque(maxlen=_WINDOW)

    def expect(self, keys: Collection[Key], now: float) -> None:
        """These are waited for, some of them perhaps for long. The wait begins with the first."""
        if not self._rows:
            self.began = now
        for key in keys:
            if key not in self._rows:
                self._rows[key] = self.running[key] = Row(key, now)
                self._namespaces.add(key[0])

    @property
    def total(self) -> int:
        """How many are waited for, or were."""
        return len(self._rows)

    @property
    def only(self) -> Row | None:
        """The one clone, if there is but one."""
        return next(iter(self._rows.values())) if self.total == 1 else None

    def label(self, row: Row) -> str:
        """The clone's name, with its namespace where there are several."""
        return label(row.key, several=self._several or len(self._namespaces) > 1)

    def changed(self, clone: Object, cause: Cause | None, now: float) -> None:
        """A clone has a new version, or another cause."""
        row = self.running.get(key_of(clone))
        if row is not None:
            self._note(row, clone, now)
            row.why = cause.sentence if cause else ""
            row.hint = written(cause.hint, self._access) if cause else ""

    def decided(self, result: Result, now: float) -> None:
        """A clone reached its goal, or never can."""
        row = self.running.pop(result.key, None)
        if row is None:
            return
        if row.seen:  # one that was there before we came says nothing about the rate
            self._finishes.append(now)
        if result.clone is not None:
            self._note(row, result.clone, now)
        row.why = row.hint = ""
        if result.verdict.outcome is Outcome.MET:
            self.done += 1
        else:
            row.why = result.verdict.reason
            self.failed[result.key] = row

    def seconds_left(self, now: float) -> float | None:
        """How long those that nothing holds up may take at the present rate, if there is one."""
        going = sum(not row.why for row in self.running.values())
        if not going or len(self._finishes) < _FEWEST or now <= self._finishes[0]:
            return None
        return going * (now - self._finishes[0]) / (len(self._finishes) - 1)

    def _note(self, row: Row, clone: Object, now: float) -> None:
        phase = phase_of(clone)
        if phase != row.phase:
            row.phase, row.since = phase, now
        row.seen = True
