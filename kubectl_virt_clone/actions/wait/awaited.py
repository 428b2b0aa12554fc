"""The clones waited for: what was last seen of each, what is asked, and what is decided.

When the wait ends is ``waiting.py``'s business, what a state means ``model``'s to say.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from itertools import islice

from kubectl_virt_clone.actions.wait.children import Children
from kubectl_virt_clone.actions.wait.judging import Judge, Judgement, Look
from kubectl_virt_clone.actions.wait.looking import Looks
from kubectl_virt_clone.actions.wait.observing import Observer
from kubectl_virt_clone.actions.wait.seen import AGAIN_SECONDS, CLOSELY_SECONDS, Seen
from kubectl_virt_clone.clone.progress.progress import (
    SUCCEEDED,
    Goal,
    Outcome,
    Result,
    Verdict,
    phase_of,
)
from kubectl_virt_clone.errors import VirtCloneError
from kubectl_virt_clone.kube.watch import (
    Change,
    Changed,
    Listed,
    Looked,
    Notice,
    Posted,
    Scope,
    Unreadable,
    Watch,
)
from kubectl_virt_clone.objects.fields import (
    Key,
    Object,
    at,
    key_of,
    uid_of,
)

TURN_SECONDS = 0.25  # between two looks at which ones stall
# How many are looked at closely when the time is up: each takes several requests.
AT_LAST = 20
# The longest time for which changes are taken one after the other, with nothing else done.
BURST_SECONDS = 0.5
NO_ANSWER = "the server did not answer"
TIMED_OUT = "error: timed out waiting for the condition"
NO_MATCH = "no matching resources found"


class Awaited:
    """The clones waited for: what was last seen of each, and what is decided."""

    def __init__(
        self,
        watch: Watch,
        children: Children,
        judge: Judge,
        looks: Looks,
        goal: Goal,
        observer: Observer,
    ) -> None:
        self._watch = watch
        self._children = children
        self._judge = judge
        self._looks = looks
        self._goal = goal
        self._observer = observer
        self._scopes: dict[Scope, None] = {}
        self.unlisted: set[Scope] = set()
        self._unread: set[Key] = set()  # whose judgement is not certain yet
        self._present: dict[Scope, dict[Key, Object]] = {}
        self._seen: dict[Key, Seen] = {}
        self._undecided: dict[Key, None] = {}
        self._next_turn = 0.0
        self._dark = False  # whether it was said that a stall can't be explained
        self.results: dict[Key, Result] = {}

    @property
    def looked(self) -> bool:
        """Whether every clone was looked at once."""
        return not self.unlisted and not self._unread

    @property
    def goes_on(self) -> bool:
        """Whether there is anything left to wait for."""
        return bool(self._undecided or self.unlisted or (not self.results and self._may_come))

    @property
    def why_none(self) -> str:
        """Why no clone was found; empty where it is well that there is none."""
        if self.unlisted:
            return f"{TIMED_OUT}: {self._watch.trouble or NO_ANSWER}"
        return f"error: {NO_MATCH}" if self._may_come else ""

    @property
    def _may_come(self) -> bool:
        return self._goal.kind == "create"

    def begin(self, scopes: Iterable[Scope], uids: Mapping[Key, str]) -> None:
        """Wait for the clones of these names, or for those that the first list shows."""
        self._scopes.update(dict.fromkeys(scopes))
        self.unlisted.update(self._scopes)
        self._add(uids)

    def _add(self, uids: Mapping[Key, str]) -> None:
        now = time.monotonic()
        for key, uid in uids.items():
            self._seen[key] = Seen(uid, now)
            self._undecided[key] = None
            verdict = Verdict(Outcome.POSSIBLE)
            self.results[key] = Result(key, verdict, None, known=bool(uid))
        if uids:
            self._observer.began(list(self._undecided))

    def step(self, timeout: float) -> None:
        """Take what there is from the watch, or let ``timeout`` seconds pass."""
        change = self._watch.next(timeout)
        if change is None:
            self._observer.tick()
        end = time.monotonic() + BURST_SECONDS
        while change is not None:
            self._take(change)
            change = self._watch.next(0) if time.monotonic() < end else None
        if time.monotonic() >= self._next_turn:
            self._look_at_stalled()

    def _take(self, change: Change) -> None:
        if isinstance(change, Posted):
            self._take_look(change.value)
        elif isinstance(change, Notice):
            self._observer.notice(change.text)
        elif isinstance(change, Unreadable) or change.scope not in self._scopes:
            if isinstance(change, Unreadable) and not self._dark:
                self._dark = True
                self._observer.notice(f"why a clone stalls can't be told: {change.why}")
            for key in self._children.take(change):
                self._look_again(key)
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
        if not scope.names and scope in self.unlisted:
            if not present and self._goal.kind not in ("create", "delete"):
                raise VirtCloneError(NO_MATCH)
            self._add(dict.fromkeys(present, ""))
        self.unlisted.discard(scope)
        self._judge.prepare(present, self._undecided)
        for key in list(self._undecided):
            if scope.namespace in ("", key[0]):
                self._see(key, present.get(key))

    def _take_change(self, change: Changed) -> None:
        key = key_of(change.object)
        if self._may_come and change.scope.selector and key not in self._seen:
            self._add({key: ""})
        if key in self._undecided:
            seen = self._seen[key]
            if change.deleted and uid_of(change.object) == (seen.uid or uid_of(change.object)):
                seen.clone = change.object
            self._see(key, None if change.deleted else change.object)

    def _see(self, key: Key, clone: Object | None) -> None:
        """Take note of a clone's new version, None for one that is gone, and judge it."""
        seen = self._seen[key]
        if not seen.take(clone):
            return
        if seen.clone is None or seen.gone:
            self._decide(key, self._judge.of_gone(seen.clone))
            return
        if self._children.is_open(key[0]):
            self._children.know(seen.clone)
        self._decide(key, self._judge.of(seen.clone), changed=True)

    def _look_again(self, key: Key) -> None:
        """Judge the version at hand once more, for something around it changed."""
        seen = self._seen[key]
        if key not in self._undecided or seen.clone is None:
            return
        if seen.asked:
            seen.missed = True
        elif seen.gone:
            self._decide(key, self._judge.of_gone(seen.clone))
        elif phase_of(seen.clone) != SUCCEEDED or key in self._unread:
            # What is around one that Succeeded is looked at closely, and not followed.
            self._decide(key, self._judge.of(seen.clone))

    def _ask(self, key: Key, look: Look) -> None:
        """Have a look taken by another thread; what it finds comes with the changes."""
        seen = self._seen[key]
        seen.asked, seen.looked_at, turn = True, time.monotonic(), seen.turn
        self._looks.ask(lambda: Posted(Looked(key, turn, look())))

    def _take_look(self, looked: Looked) -> None:
        """Decide by what was found, unless the clone has changed since."""
        seen = self._seen[looked.key]
        if looked.turn != seen.turn or looked.key not in self._undecided:
            return
        seen.asked = False
        self._decide(looked.key, looked.found)
        if seen.missed:
            seen.missed = False
            self._look_again(looked.key)

    def _decide(self, key: Key, judged: Judgement, *, changed: bool = False) -> None:
        seen = self._seen[key]
        seen.untold = seen.untold or changed
        (self._unread.add if judged.again or judged.look else self._unread.discard)(key)
        result = self.results[key] = replace(
            self.results[key], verdict=judged.verdict, clone=seen.clone, cause=judged.cause
        )
        if judged.look:
            self._ask(key, judged.look)
            return
        before, seen.cause, seen.looked_at = seen.cause, judged.cause, time.monotonic()
        if judged.verdict.outcome is not Outcome.POSSIBLE:
            self._undecided.pop(key)
            self._observer.decided(result)
        elif seen.clone is not None and (seen.untold or judged.cause != before):
            seen.untold = False
            self._observer.changed(seen.clone, judged.cause)

    def _look_at_stalled(self) -> None:
        """Look into what has not changed for a while; the children are followed from then on.

        One at most is looked at closely, that for which it is longest ago.
        """
        now = time.monotonic()
        self._next_turn = now + TURN_SECONDS
        due = dict[Key, Callable[[Object], Judgement]]()
        for key in list(self._undecided):
            seen = self._seen[key]
            if seen.asked:
                continue
            if key in self._unread:
                if now - seen.looked_at >= AGAIN_SECONDS:
                    self._look_again(key)
            elif seen.is_silent:
                due[key] = self._judge.of_silent
            elif seen.lacks_volumes(self._goal):
                due[key] = self._judge.closely
            elif seen.stalls and not self._children.is_open(key[0]):
                self._follow_children(key[0])
        longest = min(due, key=lambda key: self._seen[key].closely_at, default=None)
        if longest and now - self._seen[longest].closely_at >= CLOSELY_SECONDS:
            self._look_closely(longest, due[longest])

    def _follow_children(self, namespace: str) -> None:
        clones = (self._seen[key].clone for key in self._undecided if key[0] == namespace)
        self._children.open(namespace, [clone for clone in clones if clone is not None])

    def _look_closely(self, key: Key, look: Callable[[Object], Judgement]) -> None:
        seen = self._seen[key]
        if seen.clone is not None:
            seen.closely_at = time.monotonic()
            self._ask(key, partial(look, seen.clone))

    def end(self, seconds: float) -> None:
        """The time is up, or all is decided: say of the rest what can be known of it.

        An answer that does not come within ``seconds`` is not waited for.
        """
        for _ in range(self._watch.found.qsize()):
            if change := self._watch.next(0):
                self._take(change)
        untold = (key for key in self._undecided if self._is_untold(key))
        for key in list(islice(untold, AT_LAST)):
            self._look_closely(key, self._judge.closely)
        end = time.monotonic() + seconds
        while any(self._seen[key].asked for key in self._undecided):
            change = self._watch.next(end - time.monotonic())
            if change is None:
                break
            self._take(change)
        for key in list(self._undecided):
            self._give_up(key)

    def _is_untold(self, key: Key) -> bool:
        """Whether a close look could say why it is not where it should be."""
        seen = self._seen[key]
        if self._goal.kind in ("create", "delete"):
            return False
        certain = not (seen.asked or key in self._unread or seen.cause or self._trouble_with(key))
        return certain and bool(phase_of(seen.clone) or not at(seen.clone, "status"))

    def _give_up(self, key: Key) -> None:
        result = self.results[key]
        if result.verdict.outcome is Outcome.NEVER:  # only nobody told why
            self._decide(key, Judgement(result.verdict, result.cause))
        elif why := self._trouble_with(key):
            self.results[key] = replace(result, verdict=Verdict(Outcome.POSSIBLE, why))

    def _trouble_with(self, key: Key) -> str:
        """Why nobody knows how it is with a clone now; empty where that is known."""
        scopes = [scope for scope in self._scopes if scope.namespace in ("", key[0])]
        troubles = filter(None, (self._watch.troubles.get(scope.place) for scope in scopes))
        silent = NO_ANSWER if self.unlisted.intersection(scopes) else ""
        return next(troubles, silent)
