"""What becomes of pages, of trouble and of looks, where there are several scopes."""

from collections import deque
from queue import Queue

from kubectl_virt_clone.actions.wait.awaited import Awaited
from kubectl_virt_clone.actions.wait.children import Children
from kubectl_virt_clone.actions.wait.judging import Judge, Judgement
from kubectl_virt_clone.clone.api import (
    CLONES,
    EVENTS,
    RESTORES,
    SNAPSHOTS,
)
from kubectl_virt_clone.clone.progress.around import Lookup
from kubectl_virt_clone.clone.progress.progress import MET, parse_goal
from kubectl_virt_clone.kube.watch import (
    Changed,
    Listed,
    Looked,
    Posted,
    Scope,
)
from tests.unit.builders import RESTORE, UID, a_clone, an_event

ONE, TWO = (Scope(CLONES, namespace, page_size=500) for namespace in ("one", "two"))


class Script:
    """A watch that finds what it was given."""

    def __init__(self, *changes):
        self.found = Queue()
        for change in changes:
            self.found.put(change)
        self.troubles = {}

    trouble = ""

    def next(self, timeout):
        return None if self.found.empty() else self.found.get()

    def follow(self, scope, *, in_passing=False):
        pass


class Heard:
    def __init__(self):
        self.told = []

    def __getattr__(self, name):
        return lambda *args: self.told.append((name, *args))


class Looks:
    """Looks that are taken when a test says so."""

    def __init__(self):
        self.asked = deque()
        self.ask = self.asked.append


def a_wait(goal, uids, *changes):
    script, heard, looks = Script(*changes), Heard(), Looks()
    children = Children(script)
    judge = Judge(
        None,
        CLONES,
        parse_goal(goal),
        around=children.around,
        notice=print,
        fail_on_pending=False,
    )
    awaited = Awaited(script, children, judge, looks, parse_goal(goal), heard)
    awaited.begin([ONE, TWO], uids)
    return awaited, script, looks


def clone(namespace, name, phase="SnapshotInProgress", version="1"):
    return a_clone(phase, name=name, metadata={"namespace": namespace, "resourceVersion": version})


KEYS = {("one", "a"): "", ("one", "b"): "", ("two", "c"): ""}


def test_pages_of_two_scopes_do_not_mix():
    awaited, *_ = a_wait(
        "delete",
        KEYS,
        Listed(ONE, (clone("one", "a"),), last=False),
        Listed(TWO, (clone("two", "c"),)),
        Listed(ONE, (clone("one", "b"),), first=False),
    )
    awaited.step(0)
    assert [result.met for result in awaited.results.values()] == [False, False, False]


def test_pages_of_two_kinds_of_children_do_not_mix():
    script = Script()
    children = Children(script)
    parent = clone("one", "a", phase="RestoreInProgress")
    children.open("one", [parent, clone("one", "b")])
    snapshots, restores = (Scope(kind, "one", page_size=500) for kind in (SNAPSHOTS, RESTORES))
    restore = {"metadata": {"namespace": "one", "name": RESTORE}}
    for page in (
        Listed(restores, (restore,), last=False),
        Listed(snapshots, ()),
        Listed(restores, (), first=False),
    ):
        children.take(page)
    assert children.around(parent).restore == Lookup(restore)


def test_warnings_are_told_in_the_order_in_which_they_were_last_seen():
    children = Children(Script())
    parent = clone("one", "a")
    children.open("one", [parent, clone("one", "b")])
    events = [an_event("New", ""), an_event("Old", "")]
    for event, minute in zip(events, (9, 3), strict=True):
        event["metadata"] = {"namespace": "one", "name": event["reason"]}
        event["lastTimestamp"] = f"2026-11-22T07:0{minute}:00Z"
        event["involvedObject"] = {"uid": UID}
    children.take(Listed(Scope(EVENTS, "one"), tuple(events)))
    assert [event["reason"] for event in children.around(parent).events.objects] == ["Old", "New"]


def test_the_trouble_with_one_scope_is_not_that_of_the_other():
    awaited, script, _ = a_wait("delete", KEYS, Listed(TWO, (clone("two", "c"),)))
    script.troubles[ONE.place] = "no route"
    awaited.step(0)
    awaited.end(0)
    assert {key: r.verdict.reason for key, r in awaited.results.items()} == {
        ("one", "a"): "no route",
        ("one", "b"): "no route",
        ("two", "c"): "",
    }


def test_all_that_is_there_is_taken_before_anything_is_looked_into():
    versions = [Changed(TWO, clone("two", "c", version=str(n))) for n in range(2, 300)]
    awaited, script, _ = a_wait(
        "delete",
        {("two", "c"): ""},
        Listed(ONE, ()),
        Listed(TWO, (clone("two", "c"),)),
        *versions,
        Changed(TWO, clone("two", "c"), deleted=True),
    )
    awaited.step(0)
    assert (script.found.qsize(), awaited.goes_on) == (0, False)


def test_what_was_found_of_an_older_version_decides_nothing():
    awaited, script, looks = a_wait(
        "phase=Succeeded", {("two", "c"): ""}, Listed(TWO, (clone("two", "c"),))
    )
    awaited.step(0)
    for name, version, met in (("two", "2", False), ("two", "3", True)):
        script.found.put(Changed(TWO, clone(name, "c", "Succeeded", version)))
        awaited.step(0)
        if not met:
            script.found.put(Changed(TWO, clone(name, "c", "RestoreInProgress", version + "1")))
            awaited.step(0)
        looks.asked.popleft()
        turn = 2 if not met else 4
        script.found.put(Posted(Looked(("two", "c"), turn, Judgement(MET))))
        awaited.step(0)
        assert awaited.results["two", "c"].met is met
