"""What may be deleted, what stays of it, and how that is said."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_virt_clone.clone.progress.progress import Cause, Outcome, Result, Verdict
from kubectl_virt_clone.clone.removal import (
    Limits,
    Remains,
    held,
    is_finished,
    is_left_behind,
    is_older,
    may_have_restored,
    remains,
    remembered,
    unfinished,
    unused,
)
from kubectl_virt_clone.errors import InvalidValue
from kubectl_virt_clone.render.removal import deleted, loss, question, spared, staying

Obj = dict[str, Any]
NOW = datetime(2026, 11, 22, 8, 0, tzinfo=timezone.utc)
SUCCEEDED = {"phase": "Succeeded", "targetName": "c-t"}
CHILDREN = {"snapshotName": "s", "restoreName": "r"}

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(
                ["metadata", "name", "labels", "status", "phase", "spec", "target", "kind"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)


def clone(name: str = "c", namespace: str = "default", **status: str) -> Obj:
    return {
        "apiVersion": "clone.kubevirt.io/v1beta1",
        "kind": "VirtualMachineClone",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": f"u-{name}",
            "creationTimestamp": "2026-11-22T07:00:00Z",
        },
        "spec": {"target": {"name": f"{name}-t"}, "source": {"name": "vm"}},
        "status": status,
    }


def vm(name: str, restored_by: str = "") -> Obj:
    mark = {"restore.kubevirt.io/lastRestoreUID": f"{restored_by}-9"} if restored_by else {}
    return {"metadata": {"namespace": "default", "name": name, "annotations": mark}}


def claim(name: str, restore: str, **metadata: Any) -> Obj:
    mark = {"restore.kubevirt.io/name": restore}
    return {"metadata": {"namespace": "default", "name": name, "annotations": mark, **metadata}}


@pytest.mark.parametrize(
    ("status", "finished"),
    [
        ({}, False),
        ({"phase": "SnapshotInProgress"}, False),
        ({"phase": "CreatingTargetVM", **CHILDREN}, False),
        ({"phase": "Succeeded", **CHILDREN}, False),
        ({"phase": "Succeeded"}, True),
        ({"phase": "Failed"}, True),
        ({"phase": "Failed", **CHILDREN}, True),
    ],
)
def test_a_clone_is_finished_when_kubevirt_has_nothing_more_to_do(
    status: Obj, finished: bool
) -> None:
    assert is_finished(clone(**status)) is finished
    assert (unfinished(clone(**status)) == "") is finished


def test_an_object_is_as_old_as_its_creation_and_one_without_it_is_not_old() -> None:
    assert [is_older(clone(), seconds, NOW) for seconds in (3599, 3600, 3601)] == [
        True,
        True,
        False,
    ]
    assert not is_older({}, 0, NOW)
    assert not is_older({"metadata": {"creationTimestamp": "yesterday"}}, 0, NOW)


def test_limits_narrow_together() -> None:
    done, busy = clone(**SUCCEEDED), clone(phase="RestoreInProgress")

    assert Limits().allow(busy, NOW)
    assert Limits(older_than=0.0).allow(busy, NOW)
    assert Limits(finished=True, older_than=3600).allow(done, NOW)
    assert not Limits(finished=True, older_than=3601).allow(done, NOW)
    assert not Limits(finished=True, older_than=3600).allow(busy, NOW)
    with pytest.raises(InvalidValue) as refusal:
        Limits(older_than=-1)
    assert refusal.value.reason == "--older-than must not be negative"


def test_only_what_is_needed_later_is_remembered() -> None:
    whole = clone(**SUCCEEDED, **CHILDREN, creationTime="2026")
    whole["metadata"]["managedFields"] = [{"manager": "kubectl"}]

    assert remembered(whole) == {
        "apiVersion": "clone.kubevirt.io/v1beta1",
        "kind": "VirtualMachineClone",
        "metadata": {"namespace": "default", "name": "c", "uid": "u-c"},
        "spec": {"target": {"name": "c-t"}},
        "status": {**SUCCEEDED, **CHILDREN},
    }


@pytest.mark.parametrize(
    ("status", "restored"),
    [
        ({}, False),
        ({"phase": "SnapshotInProgress"}, True),
        ({"phase": "RestoreInProgress", "restoreName": "r"}, True),
        ({"phase": "CreatingTargetVM"}, True),
        ({"phase": "Failed"}, False),
        ({"phase": "Failed", "restoreName": "r"}, True),
        ({"phase": "Failed", "snapshotName": "s"}, False),
        ({"phase": "Succeeded", "restoreName": "r"}, False),
    ],
)
def test_something_may_be_restored_for_a_clone_that_had_a_restore_and_did_not_succeed(
    status: Obj, restored: bool
) -> None:
    assert may_have_restored(clone(**status)) is restored


@pytest.mark.parametrize("named", [True, False])
def test_what_goes_with_an_unfinished_clone_is_told(named: bool) -> None:
    def told(**status: str) -> str:
        one = clone(**status)
        return unfinished(one if named else {**one, "spec": {}})

    target = "target c-t" if named else "its target"
    assert [
        told(phase="Succeeded", **CHILDREN),
        told(),
        told(phase="RestoreInProgress"),
        told(phase="Failed"),
    ] == [
        f"not all volumes of {target} are bound, and what they are to be filled from goes",
        "unfinished, and KubeVirt has made nothing for it",
        "unfinished, in RestoreInProgress: what KubeVirt made for it goes",
        "",
    ]


def test_the_targets_of_those_that_succeeded_stay() -> None:
    gone = [clone("a", phase="Succeeded"), clone("b", phase="Succeeded", targetName="named")]

    assert remains([*gone, clone("c", phase="Failed"), clone("d")]) == Remains(
        targets=(("default", "a-t"), ("default", "named"))
    )
    assert not any(map(may_have_restored, [*gone, clone("c", phase="Failed"), clone("d")]))


def test_restored_claims_stay_unless_a_vm_has_them_or_they_go_with_something() -> None:
    gone = [
        clone("made", phase="RestoreInProgress"),
        clone("taken", phase="RestoreInProgress"),
        clone("failed", phase="Failed", restoreName="tmp-restore-u-failed"),
        clone("ok", phase="Succeeded", **CHILDREN),
    ]
    vms = [vm("made-t", "tmp-restore-u-made"), vm("taken-t", "tmp-restore-u-mad"), vm("failed-t")]
    claims = [
        claim("of-a-vm", "tmp-restore-u-made"),
        claim("of-ok", "tmp-restore-u-ok"),
        claim("orphan", "tmp-restore-u-taken"),
        claim("another", "tmp-restore-u-failed"),
        claim("foreign", "tmp-restore-u-nobody"),
        claim("owned", "tmp-restore-u-taken", ownerReferences=[{"name": "x"}]),
        claim("going", "tmp-restore-u-taken", deletionTimestamp="2026-11-22T08:00:00Z"),
        {**claim("elsewhere", "tmp-restore-u-taken"), "spec": {}},
    ]
    claims[-1]["metadata"]["namespace"] = "vms"

    left = remains(gone, vms, claims, ["virtualmachines"])

    assert left == Remains(
        (("default", "ok-t"),),
        (("default", "orphan"), ("default", "another")),
        ("virtualmachines",),
        (("default", "made-t"),),
    )


def test_a_shared_snapshot_is_left_behind_when_no_clone_owns_or_names_it() -> None:
    label = {"kubectl-virt-clone/shared-snapshot": "true"}

    def snapshot(name: str, **metadata: Any) -> Obj:
        return {"metadata": {"namespace": "default", "name": name, "labels": label, **metadata}}

    user = clone()
    user["spec"]["source"] = {"kind": "VirtualMachineSnapshot", "name": "used"}
    unrelated = clone(namespace="vms")
    unrelated["spec"]["source"] = {"kind": "VirtualMachineSnapshot", "name": "free"}
    of_a_vm = clone()
    of_a_vm["spec"]["source"] = {"kind": "VirtualMachine", "name": "free"}
    free, used = snapshot("free"), snapshot("used")

    assert is_left_behind(free)
    assert is_left_behind(snapshot("s", ownerReferences=[]))
    assert not is_left_behind(snapshot("s", ownerReferences=[{"name": "c"}]))
    assert not is_left_behind(snapshot("s", labels={}))
    assert unused([free, used], [user, unrelated, of_a_vm]) == [free]


STUCK = Result(
    ("default", "c"),
    Verdict(Outcome.POSSIBLE, "it waits"),
    clone(),
    cause=Cause("restore-failing", "it fails"),
)


@pytest.mark.parametrize("finalizers", [None, [], "x", {}])
def test_a_clone_that_goes_is_held_by_no_cause_of_its_life(finalizers: Any) -> None:
    stuck = clone()
    stuck["metadata"]["finalizers"] = finalizers

    assert held(replace(STUCK, clone=stuck)) == replace(STUCK, clone=stuck, cause=None)
    assert held(replace(STUCK, clone=None)) == replace(STUCK, clone=None, cause=None)


def test_a_clone_that_does_not_go_is_held_by_its_finalizers() -> None:
    stuck = clone()
    stuck["metadata"]["finalizers"] = ["a.io/x", 7]

    assert held(replace(STUCK, clone=stuck)) == replace(
        STUCK,
        clone=stuck,
        cause=None,
        verdict=Verdict(Outcome.POSSIBLE, "held by a.io/x, 7"),
    )


@given(ANYTHING, ANYTHING)
def test_nothing_that_a_server_may_send_makes_a_verdict_fail(one: Any, two: Any) -> None:
    for verdict in (is_finished, remembered, may_have_restored, unfinished, is_left_behind, loss):
        verdict(one)
    is_older(one, 0, NOW)
    remains([one, two], [two], [one, two])
    unused([two], [one, two])


def test_the_line_for_a_deleted_object_is_kubectls() -> None:
    obj = clone("a\nb")

    kind = "virtualmachineclone.clone.kubevirt.io"
    assert deleted(obj, None, "none") == f'{kind} "a\\nb" deleted from default namespace'
    assert (
        deleted(obj, None, "client") == f'{kind} "a\\nb" deleted from default namespace (dry run)'
    )
    assert (
        deleted(obj, None, "server")
        == f'{kind} "a\\nb" deleted from default namespace (server dry run)'
    )
    assert deleted(obj, "name", "server") == f"{kind}/a\\nb"


@pytest.mark.parametrize(
    ("count", "others", "namespace", "text"),
    [
        (12, 0, "default", "delete all 12 clones of the namespace default?"),
        (12, 3, "vms", "delete 12 of 15 clones of the namespace vms?"),
        (1, 0, "", "delete the only clone of all namespaces?"),
    ],
)
def test_the_question_says_how_many_and_where(
    count: int, others: int, namespace: str, text: str
) -> None:
    assert question(count, others, namespace) == text


def test_clones_that_are_left_alone_are_counted() -> None:
    assert (spared(1), spared(2)) == (
        "1 clone is not finished, or not old enough, and left alone",
        "2 clones are not finished, or not old enough, and left alone",
    )


def test_a_few_names_are_told_with_the_command_that_shows_them() -> None:
    many = [("default", f"t{number}") for number in range(50)]

    assert list(staying(Remains(many[:5], many[:1]))) == [
        "target VMs t0, t1, t2, t3, t4 stay, with their volumes; hint: kubectl get vm"
        " t0 t1 t2 t3 t4 -n default",
        "restored and of no VM, but still there: t0; hint: kubectl get pvc t0 -n default",
    ]
    assert list(staying(Remains(many))) == [
        "target VMs t0, t1, t2, t3, t4 and 45 more stay, with their volumes; hint: kubectl get vm"
        " -n default"
    ]
    assert list(staying(Remains([("a", "t"), ("b", "t")], unread=["virtualmachines"]))) == [
        "target VMs a/t, b/t stay, with their volumes; hint: kubectl get vm -A",
        "virtualmachines can't be read: more may have stayed than is said here",
    ]
    assert list(staying(Remains(begun=many[:1]))) == [
        "target VM t0 stays, and may not be complete; hint: kubectl get vm t0 -n default"
    ]
    assert list(staying(Remains(many[:1], begun=many[1:3]))) == [
        "target VM t0 stays, with its volumes; hint: kubectl get vm t0 -n default",
        "target VMs t1, t2 stay, and may not be complete; hint: kubectl get vm t1 t2 -n default",
    ]
    assert list(staying(Remains())) == []
