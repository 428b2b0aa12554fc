"""What proves that a VM is a clone's target, once the clone's object is gone."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_virt_clone.clone.progress.provenance import Proof, predates, proof, told
from tests.unit.builders import WRONG, malformed

Object = dict[str, Any]
FOREIGN, LOST, HOLLOW = Proof.FOREIGN, Proof.LOST, Proof.HOLLOW
MADE, UNPROVEN = Proof.MADE, Proof.UNPROVEN
LAST, NAME = "restore.kubevirt.io/lastRestoreUID", "restore.kubevirt.io/name"
SOURCE, NAMESPACE = "restore.kubevirt.io/source-vm-name", "restore.kubevirt.io/source-vm-namespace"
CLONE: Object = {"spec": {"target": {"kind": "VirtualMachine", "name": "copy"}}}

# The targets "copy" of the clone "first" of recordings 72 to 74, of the VM shop: its restore, the
# restore's uid, the uid of the VMSnapshot, and the namespace. 1.4 marks the VM alone.
RECORDED = {
    "1.4": (
        "tmp-restore-446f709d-7b87-4b18-a984-fd4505a27efe",
        "eb4aaa65-9c73-4a3a-838b-fabd1d498847",
        "423d77d0-1381-44ac-87f2-1086b9e3fb93",
        "relst-4358",
    ),
    "1.6": (
        "tmp-restore-75c7144b-0871-4ba6-ab49-b5e3e5377a34",
        "de4e1645-99f9-4c87-b36d-23eb6e5bb41b",
        "6f1b3443-ff4e-4d3b-a4c5-589c00de7a06",
        "relst-8974",
    ),
    "1.9": (
        "tmp-restore-9fcbb29d-2610-4741-becd-f78fabcd5db6",
        "1e5e4b8d-00bc-40e0-9785-c490480b78d7",
        "f87bf459-c18c-4552-992d-1dcca78c6025",
        "relst-24798",
    ),
}
RESTORE, UID, SNAPSHOT, PLACE = RECORDED["1.9"]
OTHER = "tmp-restore-a1dc4041-d866-4a47-bef7-ee21be4025af"


def a_vm(*claims: str, last: str | None = f"{RESTORE}-{UID}", **metadata: Any) -> Object:
    """The target, with volumes data, data-1, data-2 ... for its claims."""
    volumes = [
        {"name": f"data-{number}" if number else "data", "persistentVolumeClaim": {"claimName": c}}
        for number, c in enumerate(claims)
    ]
    return {
        "metadata": {"name": "copy", "annotations": {LAST: last}, **metadata},
        "spec": {"template": {"spec": {"volumes": [{"name": "image"}, *volumes]}}},
    }


def a_claim(
    name: str = "restored",
    *,
    restore: str | None = RESTORE,
    source: str | None = "shop",
    namespace: str = PLACE,
    phase: str = "Bound",
) -> Object:
    filler = {"kind": "VolumeSnapshot", "name": f"vmsnapshot-{SNAPSHOT}-volume-data"}
    return {
        "metadata": {
            "name": name,
            "namespace": PLACE,
            "annotations": {NAME: restore},
            "labels": {SOURCE: source, NAMESPACE: namespace},
        },
        "spec": {"dataSource": filler},
        "status": {"phase": phase},
    }


def found(vm: Object, *claims: Object, clone: Object = CLONE, **known: Any) -> Proof:
    return proof(clone, vm, claims, **{"source": "shop", "snapshots": (), **known})


@pytest.mark.parametrize("release", RECORDED)
def test_the_marks_of_a_release_name_the_source(release: str) -> None:
    restore, uid, snapshot, namespace = RECORDED[release]
    name = f"restore-{uid}-data"
    own = {LAST: f"{restore}-{uid}"} if release != "1.4" else {}
    claim = {
        "metadata": {
            "annotations": {"example.com/note": "hello", NAME: restore, **own},
            "labels": {SOURCE: "shop", NAMESPACE: namespace, "team": "red"},
            "name": name,
            "namespace": namespace,
        },
        "spec": {"dataSource": {"name": f"vmsnapshot-{snapshot}-volume-data"}},
        "status": {"phase": "Bound"},
    }
    vm = a_vm(name, last=f"{restore}-{uid}")

    assert proof(CLONE, vm, [claim], source="shop", snapshots=()) is MADE
    assert proof(CLONE, vm, [claim], source="late", snapshots=()) is FOREIGN
    claim["status"] = {"phase": "Pending"}
    assert proof(CLONE, vm, [claim], source="shop", snapshots=[snapshot]) is HOLLOW
    assert proof(CLONE, vm, [claim], source="shop", snapshots=[uid]) is LOST


@pytest.mark.parametrize(
    ("vm", "claims", "is_what"),
    [
        (a_vm("restored"), [a_claim()], MADE),
        (a_vm("restored", deletionTimestamp="2026-11-30T23:33:37Z"), [a_claim()], FOREIGN),
        (a_vm("restored", last="my-restore-1"), [a_claim()], FOREIGN),
        (a_vm("restored", last=None), [a_claim()], FOREIGN),
        (a_vm("restored"), [a_claim(restore=OTHER)], FOREIGN),
        (a_vm("restored"), [a_claim(restore="my-restore")], FOREIGN),
        (a_vm("restored"), [a_claim(source="late")], FOREIGN),
        (a_vm("restored"), [a_claim(namespace="elsewhere")], FOREIGN),
        (a_vm("restored"), [a_claim(source=None)], UNPROVEN),
        (a_vm("restored"), [a_claim(restore=None)], UNPROVEN),
        (a_vm("restored"), [], UNPROVEN),
        (a_vm("restored"), [a_claim("another")], UNPROVEN),
        (a_vm(), [], UNPROVEN),
        # Of several claims the strongest counts; one that was added since says nothing.
        (a_vm("a", "b"), [a_claim("a"), a_claim("b", restore=None)], MADE),
        (a_vm("a", "b"), [a_claim("a"), a_claim("b", phase="Pending")], LOST),
        (a_vm("a", "b"), [a_claim("a", phase="Lost"), a_claim("b", source="late")], FOREIGN),
    ],
)
def test_marks_tell_whose_target_a_vm_is(vm: Object, claims: list[Object], is_what: Proof) -> None:
    assert found(vm, *claims) is is_what


@pytest.mark.parametrize(
    ("snapshots", "is_what"),
    [((), LOST), (("other",), LOST), ((SNAPSHOT,), HOLLOW), (None, HOLLOW), (("",), LOST)],
)
def test_what_is_not_bound_may_be_bound_while_its_snapshot_stays(
    snapshots: tuple[str, ...] | None, is_what: Proof
) -> None:
    vm, claim = a_vm("restored"), a_claim(phase="Pending")

    assert found(vm, claim, snapshots=snapshots) is is_what


def test_where_the_source_is_not_known_nothing_is_proven() -> None:
    assert found(a_vm("restored"), a_claim(), source="") is UNPROVEN
    assert found(a_vm("restored"), a_claim(restore=OTHER), source="") is FOREIGN


def test_a_claim_without_marks_under_the_name_of_a_restored_one_was_adopted() -> None:
    """Recordings 44 and 50: PrefixTargetName takes a claim that is there, whatever is in it."""
    clone = {"spec": {**CLONE["spec"], "volumeNamePolicy": "PrefixTargetName"}}
    vm, adopted = a_vm("copy-data"), a_claim("copy-data", restore=None)

    assert found(vm, adopted, clone=clone) is FOREIGN
    assert found(vm, adopted) is UNPROVEN
    assert found(vm, clone=clone) is UNPROVEN
    assert found(a_vm("other"), a_claim("other", restore=None), clone=clone) is UNPROVEN


@pytest.mark.parametrize(
    ("made", "taken", "before"),
    [
        ("2026-11-22T07:59:59Z", "2026-11-22T08:00:00Z", True),
        ("2026-11-22T08:00:00Z", "2026-11-22T08:00:00Z", False),
        ("2026-11-22T08:00:01Z", "2026-11-22T08:00:00Z", False),
        (None, "2026-11-22T08:00:00Z", False),
        ("2026-11-22T07:59:59Z", None, False),
    ],
)
def test_a_vm_that_was_there_before_a_snapshot_is_not_made_of_it(
    made: Any, taken: Any, before: bool
) -> None:
    at = "creationTimestamp"
    assert predates({"metadata": {at: made}}, {"metadata": {at: taken}}) is before


def test_what_is_told_of_a_target() -> None:
    vm = {"kind": "VirtualMachine", "apiVersion": "kubevirt.io/v1", "metadata": {"name": "copy"}}
    name = "virtualmachine.kubevirt.io/copy"

    assert {item: told(vm, item) for item in Proof} == {
        FOREIGN: "",
        LOST: f"{name} was made, but not all of its volumes are bound, and the snapshot that they"
        " are to be filled from is gone: delete it, and run the same command again",
        HOLLOW: f"{name} was made, but not all of its volumes are bound, and its clone is gone:"
        " what they are to be filled from has to stay until they are; run the same command again"
        " then",
        MADE: "",
        UNPROVEN: f"{name} is there already, and nothing proves that it was made from this source",
    }


def test_whatever_is_malformed_is_judged() -> None:
    vm, claim = a_vm("restored"), a_claim()
    judged = [
        *(found(broken, claim) for broken in [*malformed(vm), *WRONG]),
        *(found(vm, broken) for broken in [*malformed(claim), *WRONG]),
        *(found(vm, claim, clone=broken) for broken in [*malformed(CLONE), *WRONG]),
    ]
    assert {type(item) for item in judged} == {Proof}
