"""Checks of clones that depend on each other, and of clusters that answer in part."""

from __future__ import annotations

import json
from functools import partial

import pytest

from kubevirt_sandbox.apiserver.access.authorization import Rule, User
from kubevirt_sandbox.controlplane import ControlPlane
from tests.cli.conftest import Kvc, Planes
from tests.cli.stub import Answer, Serve, answering, failing
from tests.cli.test_wait import until

CLONES = "virtualmachineclones.clone.kubevirt.io"
OBJECT = "virtualmachineclone.clone.kubevirt.io"


def manifest(metadata: str, source: str, target: str) -> str:
    reference = "apiGroup: kubevirt.io, kind: VirtualMachine"
    return (
        "---\napiVersion: clone.kubevirt.io/v1beta1\nkind: VirtualMachineClone\n"
        f"metadata: {{{metadata}}}\nspec:\n  source: {{{reference}, name: {source}}}\n"
        f"  target: {{{reference}, name: {target}}}\n"
    )


def test_two_clones_of_one_request_can_not_have_the_same_target(
    kvc: Kvc, plane: ControlPlane
) -> None:
    twice = manifest("generateName: g-", "vm-cirros", "same") * 2

    answer = kvc("create", "-f", "-", stdin=twice, exit_code=1)

    assert answer.err.startswith(
        f'error: {OBJECT}/g-: [target-claimed] the unfinished clone "g-" has the'
    )
    assert plane.registry.list(CLONES, "default").items == []


def test_one_clone_can_not_stand_in_a_request_twice(kvc: Kvc, plane: ControlPlane) -> None:
    twice = manifest("name: a", "vm-cirros", "t1") + manifest("name: a", "vm-cirros", "t2")

    answer = kvc("create", "-f", "-", stdin=twice, exit_code=1)

    assert answer == ("", f"error: {OBJECT}/a appears twice\n")


def test_a_clone_may_copy_what_an_earlier_one_of_the_request_makes(
    kvc: Kvc, plane: ControlPlane
) -> None:
    chain = manifest("name: a", "vm-cirros", "mid") + manifest("name: b", "mid", "end")

    answer = kvc("create", "-f", "-", "--wait", stdin=chain)

    assert answer.out.count("condition met") == 2
    assert answer.err.startswith(
        f'Warning: {OBJECT}/b: [source-missing] the source "mid" is yet to be made by the clone "a"'
    )


def test_somebody_who_may_not_delete_may_clone_all_the_same(kvc: Kvc, make_plane: Planes) -> None:
    verbs = ("create", "get", "list", "watch")
    rules = (Rule(("clone.kubevirt.io",), ("virtualmachineclones",), verbs),)
    make_plane(users={"token": User("https://issuer/x#al", rules)})

    found = json.loads(kvc("check", "--token=token", "-o", "json").out)["findings"]

    assert [(f["id"], f["level"]) for f in found if f["id"] == "rbac"] == [("rbac", "warning")]
    assert "rolebinding https-issuer-x-al-may-clone" in found[0]["hint"]


def test_a_check_of_the_cluster_alone_can_be_skipped(kvc: Kvc, make_plane: Planes) -> None:
    make_plane(users={"token": User("nobody", ())})

    kvc("check", "--token=token", exit_code=1)
    kvc("check", "--token=token", "--skip-check=rbac")


def test_the_content_of_a_snapshot_that_can_not_be_read_is_a_check_that_did_not_run(
    kvc: Kvc, make_plane: Planes
) -> None:
    rules = (
        Rule(("clone.kubevirt.io",), ("virtualmachineclones",), ("*",)),
        Rule(("snapshot.kubevirt.io",), ("virtualmachinesnapshots",), ("get",)),
        Rule(("kubevirt.io",), ("virtualmachines",), ("get", "list")),
    )
    plane = make_plane(users={"token": User("cloner", rules)})
    snapshots = "virtualmachinesnapshots.snapshot.kubevirt.io"
    stored = partial(plane.registry.get, snapshots, "default", "snap-1")
    until(lambda: stored().get("status", {}).get("phase") == "Succeeded")
    flags = ("--source=vmsnapshot/snap-1", "--target=t", "--token=token", "-o", "json")

    found = json.loads(kvc("check", *flags).out)["findings"]

    unknown = {f["id"] for f in found if f["level"] == "unknown"}
    assert {"volume-not-snapshottable", "backend-storage"} <= unknown


VM = {"metadata": {"name": "a"}, "spec": {"template": {"spec": {"domain": {}}}}}
CREATED = {"metadata": {"name": "c"}}


@pytest.mark.parametrize("part", ["/openapi/", "/kubevirts", "/virtualmachineclones"])
def test_an_answer_that_is_no_json_stops_no_clone(kvc: Kvc, serve: Serve, part: str) -> None:
    def answer(handler) -> None:  # type: ignore[no-untyped-def]
        what: Answer = answering(200, {})
        if handler.command == "POST":
            what = answering(201, CREATED)
        elif part in handler.path:
            what = answering(200, "a proxy's page")
        elif handler.path.endswith("/virtualmachines/a"):
            what = answering(200, VM)
        elif handler.path.endswith("/virtualmachines/t"):
            what = failing(404, "NotFound")
        what(handler)

    told = kvc("create", "c", "--source=a", "--target=t", "-s", serve(answer))

    assert told.out == f"{OBJECT}/c created\n"


def test_a_version_that_is_not_served_is_no_missing_source(kvc: Kvc, serve: Serve) -> None:
    def answer(handler) -> None:  # type: ignore[no-untyped-def]
        unserved = "/snapshot.kubevirt.io/" in handler.path
        (failing(404, "NotFound") if unserved else answering(200, {}))(handler)

    flags = ("--source=vmsnapshot/s", "--target=t", "-o", "json")
    found = json.loads(kvc("check", *flags, "-s", serve(answer), exit_code=1).out)["findings"]

    (missing,) = [f for f in found if f["id"] == "source-missing"]
    assert (missing["level"], missing["message"]) == (
        "unknown",
        "the VirtualMachineSnapshot can't be read: snapshot.kubevirt.io/v1beta1 is not served",
    )
