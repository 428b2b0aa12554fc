"""The one snapshot that several clones of a VM are made from."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from kubectl_virt_clone.clone.shared_snapshot import (
    as_sent,
    can_share,
    is_of_series,
    is_same,
    is_usable,
    owners,
    shared_snapshot,
    shares,
    sharing,
)

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=timezone.utc)
SNAPSHOT_API = "snapshot.kubevirt.io"
DIGEST = "0123abcd"


def a_clone(
    name: str = "c-1",
    *,
    source: str = "web",
    kind: str = "VirtualMachine",
    target: str = "t-1",
    namespace: str = "",
    uid: str = "",
    **spec: Any,
) -> dict[str, Any]:
    group = "kubevirt.io" if kind == "VirtualMachine" else SNAPSHOT_API
    wanted = {"apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": target}
    return {
        "apiVersion": "clone.kubevirt.io/v1alpha1",
        "kind": "VirtualMachineClone",
        "metadata": {
            "name": name,
            **({"namespace": namespace} if namespace else {}),
            **({"uid": uid} if uid else {}),
        },
        "spec": {
            "source": {"apiGroup": group, "kind": kind, "name": source},
            **({"target": wanted} if target else {}),
            **spec,
        },
    }


def a_snapshot(name: str = f"web-{DIGEST}", **metadata: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, **metadata}}


@pytest.mark.parametrize(
    ("clones", "shared"),
    [
        ([a_clone(), a_clone("c-2", target="t-2")], True),
        ([a_clone()], False),
        ([], False),
        ([a_clone(), a_clone(source="db")], False),
        ([a_clone(kind="VirtualMachineSnapshot")] * 2, False),
        ([{}, {}], False),
        ([{"spec": {"source": ["web"]}}] * 2, False),
    ],
)
def test_several_clones_of_one_vm_can_share_a_snapshot(clones: list[Any], shared: bool) -> None:
    assert can_share(clones) is shared


def test_sources_are_the_same_whatever_the_order_of_their_members() -> None:
    one, two = a_clone(), a_clone("c-2")
    two["spec"]["source"] = dict(reversed(two["spec"]["source"].items()))

    assert can_share([one, two])


@pytest.mark.parametrize(("namespace", "stored"), [("", {}), ("ns", {"namespace": "ns"})])
def test_the_shared_snapshot_is_one_of_the_vm_and_marked(
    namespace: str, stored: dict[str, str]
) -> None:
    clones = [a_clone(namespace=namespace), a_clone("c-2", target="t-2")]

    assert shared_snapshot(clones) == {
        "apiVersion": "snapshot.kubevirt.io/v1beta1",
        "kind": "VirtualMachineSnapshot",
        "metadata": {
            "name": "web-5a7a5521",
            **stored,
            "labels": {"kubectl-virt-clone/shared-snapshot": "true"},
        },
        "spec": {"source": clones[0]["spec"]["source"]},
    }


def name_of_shared(*clones: dict[str, Any]) -> str:
    name = shared_snapshot(clones)["metadata"]["name"]
    assert isinstance(name, str)
    return name


def test_every_run_for_the_same_clones_finds_the_same_snapshot_and_no_other_run_does() -> None:
    one, two = a_clone(), a_clone("c-2", target="t-2")
    others = [
        [one],
        [one, a_clone("c-3", target="t-2")],
        [one, a_clone("c-2", target="t-3")],
        [a_clone(source="web2"), a_clone("c-2", source="web2", target="t-2")],
    ]
    names = {name_of_shared(*clones) for clones in others}

    assert name_of_shared(one, two) == name_of_shared(two, one)
    assert len(names | {name_of_shared(one, two)}) == 5


def test_a_target_named_after_the_snapshot_of_a_long_name_is_a_name_still() -> None:
    name = name_of_shared(a_clone(source="a" * 253), a_clone("c-2", source="a" * 253))

    assert (name[:-8], len(name)) == ("a" * 228 + "-", 237)
    assert len(f"clone-{name}-abcde") <= 253


def test_a_clone_of_the_snapshot_is_otherwise_the_clone_of_the_vm() -> None:
    clone, snapshot = a_clone(labelFilters=["*"]), a_snapshot()
    wanted = a_clone(source=f"web-{DIGEST}", kind="VirtualMachineSnapshot", labelFilters=["*"])

    assert sharing(clone, snapshot) == wanted
    assert clone == a_clone(labelFilters=["*"])
    assert as_sent([clone], snapshot) == [snapshot, wanted]


def test_a_clone_shares_the_snapshot_that_is_its_source() -> None:
    snapshot = a_snapshot("s")

    assert shares(a_clone(source="s", kind="VirtualMachineSnapshot"), snapshot)
    assert not shares(a_clone(source="x", kind="VirtualMachineSnapshot"), snapshot)
    assert not shares(a_clone(source="s"), snapshot)
    assert not shares({}, snapshot)


def a_reference(name: str, uid: str, version: str = "v1alpha1") -> dict[str, str]:
    return {
        "apiVersion": f"clone.kubevirt.io/{version}",
        "kind": "VirtualMachineClone",
        "name": name,
        "uid": uid,
    }


def test_the_clones_are_added_to_the_owners_of_the_snapshot_once() -> None:
    first = a_reference("c-1", "u-1") | {"controller": True}
    snapshot = a_snapshot(ownerReferences=[first, None, "x"])
    clones = [a_clone(uid="u-1"), a_clone("c-2", uid="u-2"), {"metadata": {"uid": "u-3"}}]

    assert owners(snapshot, clones) == [
        first,
        a_reference("c-2", "u-2"),
        a_reference("", "u-3", "v1beta1"),
    ]


@pytest.mark.parametrize("references", [None, [], {}, "x", 7])
def test_a_snapshot_without_owners_gets_the_clones(references: Any) -> None:
    snapshot = a_snapshot(ownerReferences=references)

    assert owners(snapshot, [a_clone(uid="u-1")]) == [a_reference("c-1", "u-1")]


@pytest.mark.parametrize(
    ("stored", "wanted", "same"),
    [
        (a_clone(), a_clone(), True),
        (a_clone(uid="u"), a_clone(), True),
        (a_clone(patches=None, labelFilters=[]), a_clone(newSMBiosSerial=""), True),
        (a_clone(patches=["x"]), a_clone(), False),
        (a_clone(), a_clone(patches=["x"]), False),
        (a_clone(target="clone-web-abcde"), a_clone(target=""), True),
        (a_clone(target="t-1"), a_clone(target="t-2"), False),
        (a_clone(target=""), a_clone(), False),
        (a_clone(source="db"), a_clone(), False),
        ({}, a_clone(target=""), False),
        ({"spec": None}, {}, True),
    ],
)
def test_a_stored_clone_is_the_one_that_is_asked_for_if_its_spec_is(
    stored: dict[str, Any], wanted: dict[str, Any], same: bool
) -> None:
    assert is_same(stored, wanted) is same


@pytest.mark.parametrize(
    ("source", "kind", "of_it"),
    [
        ("web", "VirtualMachine", True),
        (f"web-{DIGEST}", "VirtualMachineSnapshot", True),
        (f"web-{DIGEST}", "VirtualMachine", False),
        ("web", "VirtualMachineSnapshot", False),
        (f"xweb-{DIGEST}", "VirtualMachineSnapshot", False),
        (f"web-{DIGEST}0", "VirtualMachineSnapshot", False),
        ("web-0123ABCD", "VirtualMachineSnapshot", False),
        (f"db-{DIGEST}", "VirtualMachineSnapshot", False),
    ],
)
def test_a_clone_of_the_vm_or_of_any_snapshot_shared_for_it_is_of_the_series(
    source: str, kind: str, of_it: bool
) -> None:
    assert is_of_series(a_clone(source=source, kind=kind), a_clone()) is of_it


def test_a_clone_of_the_series_has_to_be_the_same_otherwise() -> None:
    stored = a_clone(source=f"web-{DIGEST}", kind="VirtualMachineSnapshot", patches=["x"])

    assert is_of_series(stored, a_clone(patches=["x"]))
    assert not is_of_series(stored, a_clone())


def test_in_the_name_of_a_source_a_dot_is_a_dot() -> None:
    stored = a_clone(source=f"wxb-{DIGEST}", kind="VirtualMachineSnapshot")

    assert not is_of_series(stored, a_clone(source="w.b"))
    assert is_of_series(
        a_clone(source=f"w.b-{DIGEST}", kind="VirtualMachineSnapshot"), a_clone(source="w.b")
    )


def taken(minutes: float, **changed: Any) -> dict[str, Any]:
    moment = (NOW - timedelta(minutes=minutes)).isoformat().replace("+00:00", "Z")
    return {**a_snapshot(creationTimestamp=moment), **changed}


@pytest.mark.parametrize(
    ("snapshot", "usable"),
    [
        (taken(0), True),
        (taken(14.9), True),
        (taken(15), False),
        (taken(60 * 24), False),
        (a_snapshot(), False),
        (a_snapshot(creationTimestamp=None), False),
        (taken(1, status={"phase": "Succeeded"}), True),
        (taken(1, status={"phase": "Failed"}), False),
        (
            a_snapshot(
                creationTimestamp="2026-11-22T07:59:00Z", deletionTimestamp="2026-11-22T07:59:30Z"
            ),
            False,
        ),
    ],
)
def test_a_snapshot_that_is_young_and_well_may_be_what_another_run_takes(
    snapshot: dict[str, Any], usable: bool
) -> None:
    assert is_usable(snapshot, NOW) is usable
