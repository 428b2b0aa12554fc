"""The loop of a wait, with a clock, a watch and answers of the test's own."""

from itertools import permutations
from queue import Queue

import pytest

from kubectl_virt_clone.actions.wait.cache import Answer, Followed, Known, Pace
from kubectl_virt_clone.actions.wait.loop import Loop
from kubectl_virt_clone.clone.api import CLONES, EVENTS, RESTORES, SNAPSHOTS
from kubectl_virt_clone.clone.progress.judgement import Need
from kubectl_virt_clone.clone.progress.progress import Surroundings, parse_goal
from kubectl_virt_clone.kube.watch import Changed, Listed, Posted, Scope, Unreadable
from kubectl_virt_clone.objects.resource import Lookup
from tests.unit.builders import RESTORE, UID, a_clone, a_restore, a_vm, an_event, without

ONE = Scope(CLONES, "one", names=("a", "b"), page_size=500)
TWO = Scope(CLONES, "two", names=("c",), page_size=500)
ALL = Scope(CLONES, "one", page_size=500)
MARK = {"restore.kubevirt.io/lastRestoreUID": f"{RESTORE}-1"}
MADE = Surroundings(target=Lookup({"metadata": {"annotations": MARK}}))
EXISTS = "restore source and restore target are different but restore target already exists"
TAKEN = 'the target "vm-cirros-clone" exists already; KubeVirt goes on only if it is deleted'
UNREAD = "it says Succeeded, but its target could not be read: "


class Script:
    """A watch that finds what it was given; where there is nothing, its time passes."""

    trouble = ""

    def __init__(self):
        self.found = Queue()
        self.troubles, self.deferred, self.followed = {}, set(), []
        self.now = 100.0

    def next(self, timeout):
        if not self.found.empty():
            return self.found.get()
        self.now += max(timeout, 0)
        return None

    def follow(self, scope, *, in_passing):
        assert in_passing
        self.followed.append(scope)


class Heard:
    interval = 1.0

    def __init__(self):
        self.told = []

    def began(self, keys):
        pass

    def tick(self):
        pass

    def changed(self, clone, cause):
        self.told.append((clone["metadata"]["name"], cause and cause.id))

    def decided(self, result):
        self.told.append((result.name, result.met))

    def notice(self, text):
        self.told.append(text)


class Fetcher:
    """Keeps the questions, until a test answers them."""

    def __init__(self):
        self.asked = []
        self.ask = self.asked.append

    def list_targets(self, namespaces, *, whole):
        self.listed = (namespaces, whole)


class Wait:
    """A wait for these clones in the namespaces one and two, or for all in the namespace one."""

    def __init__(self, goal, *names, **options):
        self.script, self.heard, self.fetcher = Script(), Heard(), Fetcher()
        self.loop = Loop(
            *(self.script, self.fetcher, parse_goal(goal), self.heard),
            *(Pace(), lambda: self.script.now),
            **options,
        )
        wanted = {namespace for namespace, _ in names}
        scopes = [scope for scope in (ONE, TWO) if scope.namespace in wanted] or [ALL]
        self.loop.begin(scopes, dict.fromkeys(names, ""))

    def see(self, *changes):
        for change in changes:
            self.script.found.put(change)
        self.loop.step(0)

    def pass_time(self, seconds):
        end = self.script.now + seconds
        while self.script.now < end:
            self.loop.step(end - self.script.now)

    def answer(self, found=None, unanswered=""):
        """Answer the first question that is open."""
        question = self.fetcher.asked.pop(0)
        self.see(Posted(Answer(question, found, unanswered)))
        return question.need

    @property
    def met(self):
        return {result.name: result.met for result in self.loop.results}

    @property
    def reasons(self):
        return {result.name: result.verdict.reason for result in self.loop.results}


def clone(namespace, name, phase="SnapshotInProgress", version="1"):
    return a_clone(phase, name=name, metadata={"namespace": namespace, "resourceVersion": version})


A, B, C = ("one", "a"), ("one", "b"), ("two", "c")


def test_pages_of_two_scopes_do_not_mix():
    wait = Wait("delete", A, B, C)
    wait.see(
        Listed(ONE, (clone(*A),), last=False),
        Listed(TWO, (clone(*C),)),
        Listed(ONE, (clone(*B),), first=False),
    )
    assert wait.met == {"a": False, "b": False, "c": False}


def test_the_trouble_with_one_scope_is_not_that_of_the_other():
    wait = Wait("delete", A, B, C)
    wait.see(Listed(TWO, (clone(*C),)))
    wait.script.troubles[ONE.place] = "no route"
    wait.loop.end()
    assert wait.reasons == {"a": "no route", "b": "no route", "c": ""}


def test_all_that_is_there_is_taken_before_anything_is_looked_into():
    wait = Wait("delete", C)
    wait.see(
        Listed(TWO, (clone(*C),)),
        *(Changed(TWO, clone(*C, version=str(n))) for n in range(2, 300)),
        Changed(TWO, clone(*C), deleted=True),
    )
    assert (wait.script.found.qsize(), wait.loop.goes_on, wait.met) == (0, False, {"c": True})


def test_what_was_found_of_an_older_version_decides_nothing():
    wait = Wait("phase=Succeeded", C)
    wait.see(Listed(TWO, (clone(*C, "Succeeded", "2"),)))
    wait.see(Changed(TWO, clone(*C, "RestoreInProgress", "3")))
    wait.answer(MADE)
    assert wait.met == {"c": False}
    wait.see(Changed(TWO, clone(*C, "Succeeded", "4")))
    wait.answer(MADE)
    assert wait.met == {"c": True}
    assert wait.heard.told[-2:] == [("c", None), ("c", True)]


def test_what_is_not_answered_is_asked_again_after_a_while():
    wait = Wait("phase=Succeeded", A)
    wait.see(Listed(ONE, (clone(*A, "Succeeded"),)))
    assert (wait.loop.looked, wait.loop.least) == (False, Pace.aside)
    wait.answer(unanswered="no route")
    assert wait.reasons == {"a": f"{UNREAD}no route"}
    wait.pass_time(0.9)
    assert wait.fetcher.asked == []
    wait.pass_time(0.2)
    wait.answer(MADE)
    assert wait.met == {"a": True}
    assert (wait.loop.looked, wait.loop.least, wait.loop.goes_on) == (True, 0.0, False)


def test_the_children_of_a_namespace_are_followed_once_a_clone_stalls():
    wait = Wait("phase=Succeeded", A, B, C)
    wait.see(Listed(ONE, (clone(*A), clone(*B))), Listed(TWO, (clone(*C, phase=""),)))
    wait.pass_time(0.6)
    wait.see(Changed(ONE, clone(*A, version="2")))
    wait.pass_time(0.3)
    assert wait.script.followed == []
    wait.pass_time(9)
    followed = [(scope.resource, scope.namespace) for scope in wait.script.followed]
    assert followed == [(SNAPSHOTS, "one"), (RESTORES, "one"), (EVENTS, "one")]


def test_children_of_one_clone_are_asked_for_by_name():
    wait = Wait("phase=Succeeded", A)
    wait.see(Listed(ONE, (clone(*A),)))
    wait.pass_time(1)
    *children, events = wait.script.followed
    assert [scope.names for scope in children] == [(f"tmp-snapshot-{UID}",), (RESTORE,)]
    about = f"involvedObject.kind=VirtualMachineClone,type=Warning,involvedObject.uid={UID}"
    assert events.selector == (("fieldSelector", about),)


def stuck(**options):
    """A clone whose restore seems to have no way out."""
    wait = Wait("phase=Succeeded", A, **options)
    wait.see(Listed(ONE, (clone(*A, "RestoreInProgress"),)))
    wait.pass_time(1)
    snapshots, restores, _ = wait.script.followed
    wait.see(Listed(snapshots, ()), Listed(restores, (in_one(a_restore(sentence=EXISTS)),)))
    return wait, restores


def in_one(obj):
    return {**obj, "metadata": {**obj["metadata"], "namespace": "one"}}


EXISTING = Surroundings(
    target=Lookup(a_vm("vm-cirros-clone")), restore=Lookup(a_restore(sentence=EXISTS))
)


def test_a_clone_that_seems_stuck_is_looked_at_before_it_is_given_up():
    wait, _ = stuck()
    assert wait.met == {"a": False}
    assert wait.heard.told == [("a", None)]
    assert wait.answer(EXISTING) is Need.AROUND
    assert (wait.reasons, wait.loop.goes_on) == ({"a": TAKEN}, False)


def test_a_clone_that_is_not_stuck_after_all_is_looked_at_again_when_something_changes():
    wait, restores = stuck()
    wait.answer(MADE)
    assert (wait.reasons, wait.fetcher.asked) == ({"a": ""}, [])
    wait.see(Changed(restores, in_one(a_restore(sentence=EXISTS))))
    wait.answer(EXISTING)
    assert wait.reasons == {"a": TAKEN}


def test_what_changes_while_a_look_is_under_way_is_not_lost():
    wait, restores = stuck()
    wait.see(Changed(restores, in_one(a_restore(sentence=EXISTS))))
    assert len(wait.fetcher.asked) == 1
    wait.answer(MADE)
    assert len(wait.fetcher.asked) == 1
    wait.answer(EXISTING)
    assert wait.reasons == {"a": TAKEN}


def test_a_look_that_failed_is_taken_again():
    wait, restores = stuck()
    wait.answer(unanswered="it has changed since")
    wait.pass_time(1)
    wait.answer(unanswered="it has changed since")
    wait.see(Changed(restores, in_one(a_restore(sentence="Updating target"))))
    wait.pass_time(20)
    assert wait.fetcher.asked == []
    wait.see(Changed(restores, in_one(a_restore(sentence=EXISTS))))
    wait.answer(EXISTING)
    assert wait.reasons == {"a": TAKEN}


def test_close_looks_are_taken_one_after_the_other():
    wait = Wait("volumes-bound")
    names = [f"c{number:02}" for number in range(30)]
    done = [clone("one", name, "Succeeded") for name in names]
    for each in done:
        each["status"]["snapshotName"] = "s"
    wait.see(Listed(ALL, tuple(done)))
    wait.pass_time(0.9)
    assert wait.fetcher.asked == []
    wait.pass_time(1)
    assert [question.key[1] for question in wait.fetcher.asked] == names[:4]
    while wait.fetcher.asked:
        assert wait.answer(MADE) is Need.AROUND
    wait.pass_time(40)
    # Those that had one have another after all others.
    assert [question.key[1] for question in wait.fetcher.asked] == names[4:] + names[:4]


def test_claims_that_a_restore_waits_for_are_looked_at_after_a_while():
    wait = Wait("phase=Succeeded", A)
    wait.see(Listed(ONE, (clone(*A, "RestoreInProgress"),)))
    wait.pass_time(1)
    snapshots, restores, _ = wait.script.followed
    waiting = in_one(a_restore(sentence="Waiting for new PVCs"))
    wait.see(Listed(snapshots, ()), Listed(restores, (waiting,)))
    wait.pass_time(3.5)
    assert wait.fetcher.asked == []
    wait.pass_time(1)
    assert [question.need for question in wait.fetcher.asked] == [Need.AROUND]


def test_a_close_look_at_the_same_clone_is_taken_after_a_longer_while():
    wait = Wait("phase=Succeeded", A)
    wait.see(Listed(ONE, (without(clone(*A), "status"),)))
    wait.pass_time(4.9)
    assert wait.fetcher.asked == []
    wait.pass_time(0.2)
    assert wait.answer(Surroundings()) is Need.EVENTS
    assert wait.heard.told == [("a", None), ("a", "controller-silent")]
    wait.pass_time(4.8)
    assert wait.fetcher.asked == []
    wait.pass_time(0.2)
    wait.answer(Surroundings())
    assert wait.heard.told == [("a", None), ("a", "controller-silent")]


def test_a_clone_that_changes_before_its_close_look_has_none():
    wait = Wait("phase=Succeeded", A)
    silent = without(clone(*A), "status")
    wait.see(Listed(ONE, (silent,)))
    wait.pass_time(4.9)
    wait.see(Changed(ONE, clone(*A, phase="", version="2")))
    wait.pass_time(20)
    assert wait.fetcher.asked == []


def test_when_the_time_is_up_only_some_are_looked_at_closely():
    wait = Wait("phase=Succeeded")
    some = tuple(clone("one", f"c{number:02}") for number in range(30))
    wait.see(Listed(ALL, some))
    wait.loop.end()
    assert [question.need for question in wait.fetcher.asked] == [Need.AROUND] * 20


def test_what_is_certain_only_in_part_when_the_time_is_up_is_told_all_the_same():
    wait = Wait("phase=Succeeded", A)
    wait.see(Listed(ONE, (clone(*A, "Failed"),)))
    assert [question.need for question in wait.fetcher.asked] == [Need.EVENTS]
    assert wait.heard.told == []
    wait.loop.end()
    assert wait.heard.told == [("a", False)]


def test_what_may_not_be_read_is_said_once():
    wait = Wait("phase=Succeeded", A, B, C)
    wait.see(Listed(ONE, (clone(*A, "Succeeded"), clone(*B, "Succeeded"))))
    wait.see(Listed(TWO, (clone(*C, version="2"),)))
    for _ in range(2):
        wait.answer(Surroundings(target=Lookup(unreadable="forbidden")))
    wait.pass_time(1)
    wait.see(*(Unreadable(scope, "no") for scope in wait.script.followed))
    assert [told for told in wait.heard.told if isinstance(told, str)] == [
        "whether a clone made its target can't be told: forbidden",
        "why a clone stalls can't be told: no",
    ]


def test_a_clone_that_succeeded_and_is_gone_is_said_to_be():
    wait = Wait("phase=Succeeded", A)
    wait.see(Listed(ONE, (clone(*A, "Succeeded"),)))
    wait.see(Changed(ONE, clone(*A, "Succeeded", "2"), deleted=True))
    wait.fetcher.asked.pop(0)
    wait.answer(Surroundings(target=Lookup()))
    assert wait.heard.told == [
        "a succeeded, and is gone by now (target vm-cirros-clone)",
        ("a", True),
    ]


@pytest.mark.parametrize(
    ("count", "policy", "listed"),
    [
        (20, "", None),
        (21, "", ({"one"}, False)),
        (21, "RandomizeNames", ({"one"}, False)),
        (21, "PrefixTargetName", ({"one"}, True)),
    ],
)
def test_the_targets_of_many_are_read_in_one_list(count, policy, listed):
    wait = Wait("phase=Succeeded")
    done = tuple(clone("one", f"c{number}", "Succeeded") for number in range(count))
    done[-1]["spec"]["volumeNamePolicy"] = policy
    wait.see(Listed(ALL, done))
    assert getattr(wait.fetcher, "listed", None) == listed


def test_what_is_known_decides_and_not_the_order_in_which_it_came():
    told = set()
    for order in permutations(range(4)):
        wait, restores = stuck()
        wait.fetcher.asked.clear()
        versions = [clone(*A, "RestoreInProgress", "2"), clone(*A, "RestoreInProgress", "3")]
        changes = [
            Changed(ONE, versions[0]),
            Changed(ONE, versions[1]),
            Changed(restores, in_one(a_restore(sentence=EXISTS))),
            Listed(restores, (in_one(a_restore(sentence=EXISTS)),)),
        ]
        for number in order:
            wait.see(changes[number])
        wait.fetcher.asked[:-1] = []
        wait.answer(EXISTING)
        told.add((wait.reasons["a"], wait.loop.goes_on))
    assert told == {(TAKEN, False)}


def test_pages_of_two_kinds_of_children_do_not_mix():
    children = Followed(Script())
    parent = clone(*A, phase="RestoreInProgress")
    children.open("one", [parent, clone(*B)])
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
    children = Followed(Script())
    parent = clone(*A)
    children.open("one", [parent, clone(*B)])
    events = [an_event("New", ""), an_event("Old", "")]
    for event, minute in zip(events, (9, 3), strict=True):
        event["metadata"] = {"namespace": "one", "name": event["reason"]}
        event["lastTimestamp"] = f"2026-11-22T07:0{minute}:00Z"
        event["involvedObject"] = {"uid": UID}
    children.take(Listed(Scope(EVENTS, "one"), tuple(events)))
    assert [event["reason"] for event in children.around(parent).events.objects] == ["Old", "New"]


OURS, NEWER = clone(*A), clone(*A, version="2")
OTHER = {**OURS, "metadata": {**OURS["metadata"], "uid": "other"}}


@pytest.mark.parametrize(
    ("uid", "seen", "news", "last", "gone"),
    [
        ("", [(OURS, False)], [True], OURS, False),
        ("", [(OURS, False), (OURS, False), (NEWER, False)], [True, False, True], NEWER, False),
        ("", [(OURS, False), (NEWER, True), (None, False)], [True, True, False], NEWER, True),
        ("", [(OURS, False), (OTHER, False)], [True, True], OURS, True),
        ("", [(OURS, False), (OTHER, True)], [True, True], OURS, True),
        (UID, [(OTHER, False), (OTHER, False)], [True, False], None, True),
        (UID, [(None, False), (OURS, False)], [True, True], OURS, False),
    ],
)
def test_another_object_of_the_same_name_is_not_the_one_waited_for(uid, seen, news, last, gone):
    known = Known(A, uid, 0.0)
    assert [known.take(each, 1.0, deleted=deleted) for each, deleted in seen] == news
    assert (known.clone, known.gone, known.turn) == (last, gone, sum(news))
