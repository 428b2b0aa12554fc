"""The wait: take what the watch brings, judge what changed or is due, and fetch what that needs.

Level-triggered, as a Kubernetes controller: a judgement goes by what is known now, never by the
order in which it came. ``clone/progress`` says what a state means.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from functools import partial
from heapq import heappop, heappush
from itertools import islice
from math import inf
from typing import TYPE_CHECKING

from kubectl_virt_clone.actions.versions import served_clones
from kubectl_virt_clone.actions.wait.cache import (
    Answer,
    Fetcher,
    Followed,
    Known,
    Pace,
    Question,
    within,
)
from kubectl_virt_clone.clone.progress.judgement import Need, gone_since, judge, unconfirmed
from kubectl_virt_clone.clone.progress.progress import SUCCEEDED, Outcome, Result, Verdict, phase_of
from kubectl_virt_clone.clone.progress.provenance import may_adopt
from kubectl_virt_clone.errors import Deferred, ExitCode, VirtCloneError, WaitFailed
from kubectl_virt_clone.kube.watch import (
    Changed,
    Listed,
    Notice,
    Posted,
    Scope,
    Unreadable,
    watching,
)
from kubectl_virt_clone.objects.fields import Key, Object, at, key_of
from kubectl_virt_clone.objects.resource import PAGE_SIZE, Selection

if TYPE_CHECKING:
    from kubectl_virt_clone.clone.progress.progress import Goal
    from kubectl_virt_clone.kube.transport import Query, Session
    from kubectl_virt_clone.kube.watch import Change, Watch
    from kubectl_virt_clone.objects.resource import Resource
    from kubectl_virt_clone.render.progress.live import Quiet

NO_ANSWER = "the server did not answer"
TIMED_OUT = "error: timed out waiting for the condition"
NO_MATCH = "no matching resources found"


@dataclass(frozen=True)
class Wanted:
    """The clones of ``uids`` (key to uid, empty if any will do), or those chosen by ``selector``.

    A selector chooses in ``namespace`` (all of them if empty) when the wait begins; whatever
    becomes of their labels afterwards, these are the clones.
    """

    uids: Mapping[Key, str] = field(default_factory=dict)
    namespace: str = ""
    selector: Query | None = None

    @classmethod
    def of(cls, selection: Selection, namespace: str) -> Wanted:
        """What was selected, where ``namespace`` is the one to look in if not in all."""
        if selection.names:
            return cls({(namespace, name): "" for name in selection.names})
        return cls(namespace=selection.scope(namespace), selector=selection.query)

    def scopes(self, resource: Resource, goal: Goal) -> list[Scope]:
        """What to follow for them; for the goal create, also what is not there yet."""
        if self.selector is not None:
            given = tuple(self.selector)
            if goal.kind == "create":
                return [Scope(resource, self.namespace, selector=given, page_size=PAGE_SIZE)]
            return [Scope(resource, self.namespace, first=given, page_size=PAGE_SIZE)]
        names: dict[str, list[str]] = {}
        for namespace, name in self.uids:
            names.setdefault(namespace, []).append(name)
        return [
            Scope(resource, namespace, names=tuple(listed), page_size=PAGE_SIZE)
            for namespace, listed in names.items()
        ]


def wait_for(
    session: Session,
    served: Resource | None,
    wanted: Wanted,
    goal: Goal,
    *,
    timeout: float,
    observer: Quiet,
    fail_on_pending: bool = False,
    pace: Pace = Pace(),  # noqa: B008 - a frozen value
    clock: Callable[[], float] = time.monotonic,
) -> list[Result]:
    """Wait until each of the clones that are ``wanted`` reached ``goal``, or never can.

    ``timeout`` in seconds is shared by all; 0 looks once. Where it is not known in which version
    the clones are ``served``, the server is asked first. ``clock`` counts seconds. Returns a result
    for each clone, in order. Raises VirtCloneError if a selector chooses none.
    """
    began = clock()
    if wanted.uids:
        observer.began(list(wanted.uids))
    deadline = began + (timeout or pace.first_look)
    if served is None:
        call = partial(served_clones, session, deadline=deadline)
        try:
            served, why = within(max(timeout, pace.first_look), call), NO_ANSWER
        except Deferred as error:
            why = str(error)
        if served is None:
            return _ended_early(wanted, why, f"{TIMED_OUT}: {why}")
    scopes = wanted.scopes(served, goal)
    with watching(session, scopes, deadline=deadline) as watch:
        fetcher = Fetcher(session, served, watch.found.put, watch.stopped, pace.aside, deadline)
        loop = Loop(watch, fetcher, goal, observer, pace, clock, fail_on_pending)
        loop.begin(scopes, wanted.uids)
        while loop.goes_on and not (timeout == 0 and loop.looked):
            remaining = began + max(timeout, loop.least) - clock()
            if remaining <= 0:
                break
            loop.step(min(remaining, observer.interval))
        loop.end()
        return loop.results or _ended_early(wanted, "", loop.why_none)


def _ended_early(wanted: Wanted, why: str, error: str) -> list[Result]:
    """The results where nothing is known of any clone; raises WaitFailed where none has a name."""
    if error and not wanted.uids:
        raise WaitFailed([error], ExitCode.TIMED_OUT)
    verdict = Verdict(Outcome.POSSIBLE, why)
    return [Result(key, verdict, None, known=bool(uid)) for key, uid in wanted.uids.items()]


class Loop:
    """The clones waited for, and what is to be done for them and when."""

    def __init__(
        self,
        watch: Watch,
        fetcher: Fetcher,
        goal: Goal,
        observer: Quiet,
        pace: Pace,
        clock: Callable[[], float],
        fail_on_pending: bool = False,
    ) -> None:
        self._watch = watch
        self._followed = Followed(watch)
        self._fetcher = fetcher
        self._goal = goal
        self._observer = observer
        self._fail_on_pending = fail_on_pending
        self._pace = pace
        self._clock = clock
        self._scopes: dict[Scope, None] = {}
        self._unlisted: set[Scope] = set()
        self._present: dict[Scope, dict[Key, Object]] = {}  # on the pages so far
        self._known: dict[Key, Known] = {}
        self._undecided: dict[Key, Known] = {}
        self._uncertain: set[Key] = set()
        self._asked: set[Key] = set()
        self._due: list[tuple[float, Key]] = []  # a heap: when which need is to be met
        # Who is to be looked at closely. One after the other: each takes several requests.
        self._close: deque[Known] = deque()
        self._next_close = 0.0
        self._said: set[str] = set()

    @property
    def results(self) -> list[Result]:
        """How it stands with each clone, in order."""
        return [known.result for known in self._known.values()]

    @property
    def looked(self) -> bool:
        """Whether every clone was looked at once."""
        return not self._unlisted and not self._uncertain

    @property
    def least(self) -> float:
        """How many seconds the first look may take, whatever the timeout."""
        if self._unlisted:
            return self._pace.first_look if self._unlisted - self._watch.deferred else 0.0
        return self._pace.aside if self._uncertain else 0.0

    @property
    def goes_on(self) -> bool:
        """Whether there is anything left to wait for."""
        return bool(self._undecided or self._unlisted or (not self._known and self._may_come))

    @property
    def why_none(self) -> str:
        """Why no clone was found; empty where it is well that there is none."""
        if self._unlisted:
            return f"{TIMED_OUT}: {self._watch.trouble or NO_ANSWER}"
        return f"error: {NO_MATCH}" if self._may_come else ""

    @property
    def _may_come(self) -> bool:
        return self._goal.kind == "create"

    def begin(self, scopes: Iterable[Scope], uids: Mapping[Key, str]) -> None:
        """Wait for the clones of these names, or for those that the first list shows."""
        self._scopes.update(dict.fromkeys(scopes))
        self._unlisted.update(self._scopes)
        self._add(uids)

    def _add(self, uids: Mapping[Key, str]) -> None:
        now = self._clock()
        for key, uid in uids.items():
            self._known[key] = self._undecided[key] = Known(key, uid, now, was_created=bool(uid))
        if uids:
            self._observer.began(list(self._undecided))

    def step(self, timeout: float) -> None:
        """Take what there is from the watch, or let ``timeout`` seconds pass; do what is due."""
        change = self._watch.next(min(timeout, self._next_due - self._clock()))
        if change is None:
            self._observer.tick()
        end = self._clock() + self._pace.burst
        while change is not None:
            self._take(change)
            change = self._watch.next(0) if self._clock() < end else None
        self._meet_needs()

    def _take(self, change: Change) -> None:
        if isinstance(change, Posted):
            self._take_answer(change.value)
        elif isinstance(change, Notice):
            self._observer.notice(change.text)
        elif isinstance(change, Unreadable) or change.scope not in self._scopes:
            if isinstance(change, Unreadable):
                self._say_once("children", f"why a clone stalls can't be told: {change.why}")
            for key in self._followed.take(change):
                self._take_child(key)
        elif isinstance(change, Listed):
            self._take_page(change)
        else:
            self._take_change(change)

    def _take_page(self, page: Listed) -> None:
        """Judge what is there; and with the last page, what is not."""
        scope = page.scope
        if page.first:
            self._present[scope] = {}
        present = self._present.setdefault(scope, {})
        present.update({key_of(obj): obj for obj in page.objects})
        if not page.last:
            return
        del self._present[scope]
        if not scope.names and scope in self._unlisted:
            if not present and self._goal.kind not in ("create", "delete"):
                raise VirtCloneError(NO_MATCH)
            self._add(dict.fromkeys(present, ""))
        self._unlisted.discard(scope)
        self._list_targets(present)
        for key, known in list(self._undecided.items()):
            if scope.namespace in ("", key[0]):
                self._see(known, present.get(key))

    def _list_targets(self, present: Mapping[Key, Object]) -> None:
        """Have the targets of many clones read in one list: it saves a request for each.

        There are about as many VMs as clones are ``present``, and the list has them all.
        """
        done = [key for key in self._undecided if phase_of(present.get(key)) == SUCCEEDED]
        many = max(self._pace.few, len(present) // self._pace.one_in)
        if self._goal.is_success and len(done) > many:
            whole = any(may_adopt(present[key]) for key in done)
            self._fetcher.list_targets({namespace for namespace, _ in done}, whole=whole)

    def _take_change(self, change: Changed) -> None:
        key = key_of(change.object)
        if self._may_come and change.scope.selector and key not in self._known:
            self._add({key: ""})
        if known := self._undecided.get(key):
            self._see(known, change.object, deleted=change.deleted)

    def _see(self, known: Known, clone: Object | None, *, deleted: bool = False) -> None:
        """Take note of a version, None for a clone that is not there, and judge it."""
        if not known.take(clone, self._clock(), deleted=deleted):
            return
        self._asked.discard(known.key)
        if known.clone and not known.gone and self._followed.is_open(known.key[0]):
            self._followed.know(known.clone)
        self._judge(known)

    def _take_child(self, key: Key) -> None:
        """Judge a clone once more, for something around it changed.

        What is around one that Succeeded is looked at closely, and not followed.
        """
        known = self._undecided.get(key)
        if known is None or known.clone is None or phase_of(known.clone) == SUCCEEDED:
            return
        if key in self._asked:
            known.outdated = True
        else:
            known.read.pop(Need.AROUND, None)
            known.unanswered = ""
            self._judge(known)

    def _take_answer(self, answer: Answer) -> None:
        """Judge with what was found, unless the clone has changed since."""
        asked, found = answer.question, answer.found
        known = self._undecided.get(asked.key)
        if known is None or asked.turn != known.turn:
            return
        self._asked.discard(asked.key)
        known.due, known.read_at, known.unanswered = inf, self._clock(), answer.unanswered
        if found:
            known.read[asked.need] = found
        if asked.need is Need.TARGET and found:
            for what, why in unconfirmed(found).items():
                self._say_once(f"{what} in {asked.key[0]}", why)
        outdated, known.outdated = known.outdated, False
        self._judge(known)
        if outdated:
            self._take_child(asked.key)

    def _say_once(self, about: str, text: str) -> None:
        if about not in self._said:
            self._said.add(about)
            self._observer.notice(text)

    def _judge(self, known: Known) -> None:
        """Judge a clone by what is known of it, and see to what that needs."""
        around = self._followed.around(known.clone or {})
        judged = known.judgement = judge(
            *(known.clone, known.evidence(around), self._goal, datetime.now(timezone.utc)),
            fail_on_pending=self._fail_on_pending,
        )
        (self._uncertain.discard if judged.is_certain else self._uncertain.add)(known.key)
        if not judged.is_certain and not known.unanswered:
            self._ask(known, judged.needs)
        elif judged.is_final:
            self._decide(known)
        else:
            self._tell(known)
            self._schedule(known)

    def _ask(self, known: Known, need: Need) -> None:
        """Have something read by another thread; the answer comes with the changes."""
        if known.clone is not None:
            self._asked.add(known.key)
            self._fetcher.ask(Question(known.key, known.turn, need, known.clone))

    def _decide(self, known: Known) -> None:
        del self._undecided[known.key]
        if known.gone and known.clone and known.result.met and self._goal.is_success:
            self._observer.notice(gone_since(known.clone))
        self._observer.decided(known.result)
        known.read = {}

    def _tell(self, known: Known) -> None:
        cause = known.judgement.cause
        if known.clone is not None and (known.untold or cause != known.told):
            known.untold = False
            self._observer.changed(known.clone, cause)
        known.told = cause

    def _schedule(self, known: Known) -> None:
        """Have a need met in its time, which comes once for each."""
        judged, pace = known.judgement, self._pace
        followed = judged.needs is Need.CHILDREN and self._followed.is_open(known.key[0])
        if judged.needs is Need.NOTHING or followed or known.due < inf:
            return
        if not judged.is_certain:
            known.due = known.read_at + pace.again
        else:
            soon = judged.needs is Need.CHILDREN or phase_of(known.clone) == SUCCEEDED
            quiet = pace.stall if soon else pace.silent
            known.due = max(known.changed_at + quiet, known.read_at + pace.closely)
        heappush(self._due, (known.due, known.key))

    @property
    def _next_due(self) -> float:
        """When there is something to do, if nothing changes."""
        due = self._due[0][0] if self._due else inf
        return min(due, self._next_close) if self._close else due

    def _meet_needs(self) -> None:
        """Meet the needs that are due; of close looks, one at most."""
        now = self._clock()
        while self._due and self._due[0][0] <= now:
            due, key = heappop(self._due)
            known = self._undecided.get(key)
            if known is None or known.due != due or key in self._asked:
                continue
            if not known.judgement.is_certain:
                known.due, known.unanswered = inf, ""
                self._judge(known)
            elif known.judgement.needs is Need.CHILDREN:
                known.due = inf
                self._follow_children(key[0])
            else:
                self._close.append(known)
        while self._close and now >= self._next_close:
            known = self._close.popleft()
            # It may have changed since: then its time will come again.
            if known.key in self._undecided and known.due <= now and known.key not in self._asked:
                known.due = inf
                self._next_close = now + self._pace.turn
                self._ask(known, known.judgement.needs)

    def _follow_children(self, namespace: str) -> None:
        if not self._followed.is_open(namespace):
            known = (known for key, known in self._undecided.items() if key[0] == namespace)
            self._followed.open(namespace, [k.clone for k in known if k.clone is not None])

    def end(self) -> None:
        """The time is up, or all is decided: say of the rest what can be known of it.

        An answer that does not come within ``last_look`` seconds is not waited for.
        """
        for _ in range(self._watch.found.qsize()):
            if change := self._watch.next(0):
                self._take(change)
        untold = (known for known in self._undecided.values() if self._is_untold(known))
        for known in list(islice(untold, self._pace.at_last)):
            self._ask(known, Need.AROUND)
        end = self._clock() + self._pace.last_look
        while self._asked:
            change = self._watch.next(end - self._clock())
            if change is None:
                break
            self._take(change)
        for known in list(self._undecided.values()):
            self._give_up(known)

    def _is_untold(self, known: Known) -> bool:
        """Whether a close look could say why it is not where it should be."""
        if self._goal.kind in ("create", "delete") or known.clone is None:
            return False
        uncertain = known.key in self._asked or known.key in self._uncertain
        if uncertain or known.judgement.cause or self._trouble_with(known.key):
            return False
        return bool(phase_of(known.clone) or not at(known.clone, "status"))

    def _give_up(self, known: Known) -> None:
        if known.judgement.verdict.outcome is Outcome.NEVER:  # only nobody told why
            self._decide(known)
        elif why := self._trouble_with(known.key):
            verdict = Verdict(Outcome.POSSIBLE, why)
            known.judgement = replace(known.judgement, verdict=verdict)

    def _trouble_with(self, key: Key) -> str:
        """Why nobody knows how it is with a clone now; empty where that is known."""
        scopes = [scope for scope in self._scopes if scope.namespace in ("", key[0])]
        troubles = filter(None, (self._watch.troubles.get(scope.place) for scope in scopes))
        silent = NO_ANSWER if self._unlisted.intersection(scopes) else ""
        return next(troubles, silent)
