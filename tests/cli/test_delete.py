"""``delete`` as a user runs it."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from kubevirt_sandbox.controlplane import ControlPlane
from kubevirt_sandbox.kubevirt.pace import NEVER, Pace
from tests.cli.conftest import Kvc, Planes
from tests.sandbox.world import CLAIMS, CLONES, SNAPSHOTS, VMS, World

INF = float("inf")
OBJECT = "virtualmachineclone.clone.kubevirt.io"
NOT_FOUND = f'Error from server (NotFound): {CLONES} "%s" not found\n'
NOTHING = "error: nothing is selected: name clones, or use -l, --all or --finished\n"
USAGE = "See 'kubectl virt-clone delete -h' for help and examples\n"


def clones(plane: ControlPlane, *names: str, source: str = "vm-cirros", wait: bool = True) -> None:
    """Clones of a VM to targets ``<name>-t``, Succeeded and without children."""
    world = World.of(plane)
    for name in names:
        world.clone(name, source, f"{name}-t")
    if wait:
        world.until(lambda: all(is_done(plane, name) for name in names))


def is_done(plane: ControlPlane, name: str) -> bool:
    status = plane.registry.get(CLONES, "default", name).get("status", {})
    return status.get("phase") == "Succeeded" and "snapshotName" not in status


def left(plane: ControlPlane, namespace: str = "default") -> list[str]:
    return [item["metadata"]["name"] for item in plane.registry.list(CLONES, namespace).items]


def deleted(*names: str, dry_run: str = "", namespace: str = "default") -> str:
    where = f"from {namespace} namespace{dry_run}"
    return "".join(f'{OBJECT} "{name}" deleted {where}\n' for name in names)


def test_a_deleted_clone_is_gone_and_the_target_that_stays_is_named(
    kvc: Kvc, plane: ControlPlane
) -> None:
    clones(plane, "a", "b")

    answer = kvc("delete", "a")

    assert answer == (
        deleted("a"),
        "target VM a-t stays, with its volumes; hint: kubectl get vm a-t -n default\n",
    )
    assert left(plane) == ["b"]
    assert World.of(plane).find(VMS, "a-t")


def test_a_name_that_is_missing_is_an_error_and_the_others_are_deleted(
    kvc: Kvc, plane: ControlPlane
) -> None:
    clones(plane, "a", "b")

    answer = kvc("delete", "zz", "a", "yy", "b", exit_code=1)

    assert answer.out == deleted("a", "b")
    assert answer.err == (
        NOT_FOUND % "zz"
        + NOT_FOUND % "yy"
        + "target VMs a-t, b-t stay, with their volumes; hint: kubectl get vm a-t b-t -n default\n"
    )
    assert left(plane) == []


def test_a_name_that_is_missing_may_be_ignored(kvc: Kvc, plane: ControlPlane) -> None:
    assert kvc("delete", "zz", "--ignore-not-found") == ("", "")


def test_only_the_names_are_printed_with_output_name(kvc: Kvc, plane: ControlPlane) -> None:
    clones(plane, "a", "b")

    assert kvc("delete", "--all", "-o", "name").out == f"{OBJECT}/a\n{OBJECT}/b\n"


@pytest.mark.parametrize(
    ("mode", "suffix"), [("client", " (dry run)"), ("server", " (server dry run)")]
)
def test_a_dry_run_says_the_same_and_deletes_nothing(
    kvc: Kvc, plane: ControlPlane, mode: str, suffix: str
) -> None:
    clones(plane, "a", "b")

    answer = kvc("delete", "-l", "!x", f"--dry-run={mode}")

    assert answer == (
        deleted("a", "b", dry_run=suffix),
        "target VMs a-t, b-t stay, with their volumes; hint: kubectl get vm a-t b-t -n default\n",
    )
    assert left(plane) == ["a", "b"]


def test_a_dry_run_of_a_missing_name_says_that_it_is_missing(kvc: Kvc, plane: ControlPlane) -> None:
    answer = kvc("delete", "zz", "--dry-run=client", exit_code=1)

    assert answer == ("", NOT_FOUND % "zz")


@pytest.mark.parametrize(
    "args", [(), ("-A",), ("--all=false",), ("--older-than=0s",), ("-A", "--older-than=1h")]
)
def test_nothing_selected_is_wrong_usage(kvc: Kvc, args: tuple[str, ...]) -> None:
    assert kvc("delete", *args, exit_code=2) == ("", NOTHING + USAGE)


def test_a_negative_age_is_wrong_usage(kvc: Kvc) -> None:
    answer = kvc("delete", "--older-than=-1h", exit_code=2)

    assert answer == ("", "error: --older-than must not be negative\n" + USAGE)


def test_only_clones_that_kubevirt_is_done_with_are_finished(kvc: Kvc, make_plane: Planes) -> None:
    plane = make_plane()
    clones(plane, "done")
    clones(plane, "pending", source="nosuch", wait=False)
    clones(plane, "failed", source="vm-tpm", wait=False)
    clones(plane, "unbound", source="vm-later", wait=False)
    world = World.of(plane)
    world.until(lambda: phase(plane, "failed") == "Failed")
    world.until(lambda: phase(plane, "unbound") == "Succeeded")

    answer = kvc("delete", "--finished")

    assert answer == (
        deleted("done", "failed"),
        "target VM done-t stays, with its volumes; hint: kubectl get vm done-t -n default\n",
    )
    assert left(plane) == ["pending", "unbound"]


def phase(plane: ControlPlane, name: str) -> object:
    return plane.registry.get(CLONES, "default", name).get("status", {}).get("phase")


UNBOUND = (
    "not deleted: not all volumes of {} are bound, and what they are to be filled from would go\n"
    "hint: {}, or use --skip-check claims-unbound\n"
)
START = "virtctl start unbound-t -n default binds them"


@pytest.mark.parametrize("args", [("unbound",), ("unbound", "--dry-run=client"), ("--all", "-y")])
def test_a_clone_whose_target_would_lose_its_data_is_not_deleted(  # recordings 43 and 67
    kvc: Kvc, plane: ControlPlane, args: tuple[str, ...]
) -> None:
    clones(plane, "unbound", source="vm-later", wait=False)
    World.of(plane).until(lambda: phase(plane, "unbound") == "Succeeded")

    answer = kvc("delete", *args, exit_code=1)

    who = UNBOUND.format("its target unbound-t", START)
    assert answer.err == f"error: {OBJECT}/unbound is {who}"
    assert left(plane) == ["unbound"]


def test_several_clones_whose_targets_would_lose_data_are_told_in_one_line(
    kvc: Kvc, plane: ControlPlane
) -> None:
    clones(plane, "a", "b", source="vm-later", wait=False)
    clones(plane, "done")
    World.of(plane).until(lambda: {phase(plane, "a"), phase(plane, "b")} == {"Succeeded"})

    answer = kvc("delete", "--all", "-y", exit_code=1)

    assert answer.out == deleted("done")
    told = UNBOUND.format("their targets", "start the targets to bind them")
    assert answer.err.startswith(f"error: a, b are {told}")
    assert left(plane) == ["a", "b"]


@pytest.mark.parametrize("check", ["claims-unbound", "all"])
def test_a_clone_whose_target_loses_its_data_is_deleted_if_that_is_wanted(
    kvc: Kvc, plane: ControlPlane, check: str
) -> None:
    clones(plane, "unbound", source="vm-later", wait=False)
    World.of(plane).until(lambda: phase(plane, "unbound") == "Succeeded")

    answer = kvc("delete", "unbound", f"--skip-check={check}")

    assert answer.out == deleted("unbound")
    assert "not all volumes of target unbound-t are bound, and what they are to be" in answer.err
    assert left(plane) == []


def test_a_named_clone_that_is_not_finished_is_left_alone_and_that_is_said(
    kvc: Kvc, plane: ControlPlane
) -> None:
    clones(plane, "done")
    clones(plane, "pending", source="nosuch", wait=False)

    answer = kvc("delete", "done", "pending", "--finished")

    assert answer.out == deleted("done")
    assert answer.err.splitlines()[1:] == [
        "1 clone is not finished, or not old enough, and left alone"
    ]
    assert left(plane) == ["pending"]


def test_a_clone_that_is_too_young_is_left_alone(kvc: Kvc, plane: ControlPlane) -> None:
    clones(plane, "a", "b")

    assert kvc("delete", "--all", "--older-than=1h") == (
        "No resources found\n",
        "2 clones are not finished, or not old enough, and left alone\n",
    )
    assert kvc("delete", "--all", "--older-than=0s").out == deleted("a", "b")


def test_finished_clones_of_all_namespaces_are_deleted_where_they_are(
    kvc: Kvc, plane: ControlPlane
) -> None:
    clones(plane, "a")
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "vms"}}
    plane.registry.create("namespaces", "", namespace)
    source = {"apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": "nosuch"}
    other = {"metadata": {"name": "a"}, "spec": {"source": source}}
    kind = {"apiVersion": "clone.kubevirt.io/v1beta1", "kind": "VirtualMachineClone"}
    plane.registry.create(CLONES, "vms", {**kind, **other})

    assert kvc("delete", "-A", "--finished").out == deleted("a")
    assert (left(plane), left(plane, "vms")) == ([], ["a"])
    assert kvc("delete", "-A", "--all").out == deleted("a", namespace="vms")
    assert left(plane, "vms") == []


def test_what_goes_with_an_unfinished_clone_and_what_stays_of_it_is_said(
    kvc: Kvc, make_plane: Planes
) -> None:
    plane = make_plane(pace=Pace(speed=INF, restore=NEVER))
    world = World.of(plane)
    clones(plane, "pending", source="nosuch", wait=False)
    clones(plane, "busy", wait=False)
    world.until(lambda: phase(plane, "busy") == "RestoreInProgress")
    claim = "restore-1234-data"
    restored_claim(plane, claim, f"tmp-restore-{world.get(CLONES, 'busy')['metadata']['uid']}")
    restored_claim(plane, "restore-of-another", "tmp-restore-1234")

    answer = kvc("delete", "--all")

    assert answer == (
        deleted("busy", "pending"),
        "busy: unfinished, in RestoreInProgress: what KubeVirt made for it goes\n"
        "pending: unfinished, and KubeVirt has made nothing for it\n"
        f"restored and of no VM, but still there: {claim}; hint: kubectl get pvc {claim}"
        " -n default\n",
    )
    assert world.find(CLAIMS, claim)


def test_nothing_is_said_of_a_vm_that_only_has_the_name_of_the_target(
    kvc: Kvc, plane: ControlPlane
) -> None:
    World.of(plane).clone("fs", "vm-cirros", "vm-later")
    World.of(plane).until_phase("fs", "RestoreInProgress")

    assert kvc("delete", "fs") == (
        deleted("fs"),
        "fs: unfinished, in RestoreInProgress: what KubeVirt made for it goes\n",
    )


def restored_claim(plane: ControlPlane, name: str, restore: str) -> None:
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "annotations": {"restore.kubevirt.io/name": restore}},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    plane.registry.create(CLAIMS, "default", claim)


def test_what_may_not_be_read_is_said_to_be_unknown_and_is_no_failure(
    kvc: Kvc, make_plane: Planes
) -> None:
    plane = make_plane(
        pace=Pace(speed=INF, restore=NEVER),
        faults=["forbid:verb=list,resource=persistentvolumeclaims"],
    )
    clones(plane, "busy", wait=False)
    World.of(plane).until_phase("busy", "RestoreInProgress")

    answer = kvc("delete", "busy")

    assert answer.out == deleted("busy")
    assert answer.err.splitlines()[1:] == [
        "persistentvolumeclaims can't be read: more may have stayed than is said here"
    ]


def test_a_clone_that_took_the_name_of_a_listed_one_is_left_alone(
    kvc: Kvc, plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    clones(plane, "a", "b")
    world = World.of(plane)
    find = "kubectl_virt_clone.commands.delete._is_confirmed"

    def replaced(*_: object) -> bool:
        plane.registry.delete(CLONES, "default", "a")
        world.clone("a", "nosuch", "other")
        return True

    monkeypatch.setattr(find, replaced)

    answer = kvc("delete", "--all", exit_code=1)

    assert answer.out == deleted("b")
    assert answer.err.splitlines()[:-1] == [
        f"error: {OBJECT}/a was deleted and created again meanwhile: the new one is left alone"
    ]
    assert left(plane) == ["a"]


def test_a_clone_that_went_meanwhile_is_an_error_only_where_it_was_named(
    kvc: Kvc, plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = "kubectl_virt_clone.commands.delete._is_confirmed"
    gone = lambda *_: bool(plane.registry.delete(CLONES, "default", "a")) or True  # noqa: E731
    monkeypatch.setattr(find, gone)

    clones(plane, "a", "b")
    assert kvc("delete", "--all").out == deleted("b")
    clones(plane, "a", wait=False)
    assert kvc("delete", "a", exit_code=1) == ("", NOT_FOUND % "a")
    clones(plane, "a", wait=False)
    assert kvc("delete", "a", "--ignore-not-found") == ("", "")


def test_a_finalizer_is_waited_for_until_the_time_is_up(kvc: Kvc, plane: ControlPlane) -> None:
    clones(plane, "held")
    World.of(plane).change(
        CLONES, "held", lambda obj: obj["metadata"].update(finalizers=["example.com/held"])
    )

    answer = kvc("delete", "held", "--timeout=100ms", exit_code=3)

    assert answer.out == deleted("held")
    assert answer.err.splitlines()[1:] == [
        "error: timed out waiting for the condition on virtualmachineclones/held:"
        " held by example.com/held"
    ]
    for flag in ("--wait=false", "--no-wait"):
        assert kvc("delete", "held", flag).out == deleted("held")


def snapshot(plane: ControlPlane, name: str, **metadata: object) -> None:
    """A snapshot as an interrupted create of several clones leaves it."""
    source = {"apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": "vm-cirros"}
    labels = {"kubectl-virt-clone/shared-snapshot": "true"}
    obj = {
        "apiVersion": "snapshot.kubevirt.io/v1beta1",
        "kind": "VirtualMachineSnapshot",
        "metadata": {"name": name, "labels": labels, **metadata},
        "spec": {"source": source},
    }
    plane.registry.create(SNAPSHOTS, "default", obj)


def test_a_shared_snapshot_that_nobody_needs_goes_after_an_hour_whatever_the_age_of_the_clones(
    kvc: Kvc, make_plane: Planes, monkeypatch: pytest.MonkeyPatch
) -> None:
    plane = make_plane()
    world = World.of(plane)
    snapshot(plane, "unused")
    snapshot(plane, "used")
    snapshot(plane, "another", labels={})
    owner = {"apiVersion": "v1", "kind": "Namespace", "name": "default", "uid": "u"}
    snapshot(plane, "owned", ownerReferences=[owner], finalizers=["example.com/held"])
    world.clone("c", "vmsnapshot/used", "c-t", newSMBiosSerial="a:b")
    before = set(world.names(SNAPSHOTS))

    early = kvc("delete", "--finished", "--older-than=0s")
    in_two_hours(monkeypatch)
    dry = kvc("delete", "--finished", "--dry-run=server")
    answer = kvc("delete", "--finished", "--older-than=3h")

    name = "virtualmachinesnapshot.snapshot.kubevirt.io"
    assert early == (
        "No resources found\n",
        f"{name}/unused stays: it is younger than an hour, and a create may still need it;"
        " hint: kubectl delete vmsnapshot.snapshot.kubevirt.io unused -n default\n"
        "1 clone is not finished, or not old enough, and left alone\n",
    )
    assert dry.out == "No resources found\n"
    assert answer.out == f'{name} "unused" deleted from default namespace\n'
    world.until(lambda: before - set(world.names(SNAPSHOTS)) == {"unused"})


def in_two_hours(monkeypatch: pytest.MonkeyPatch) -> None:
    later = datetime.now(timezone.utc) + timedelta(hours=2)
    monkeypatch.setattr("kubectl_virt_clone.commands.delete._now", lambda: later)


def test_snapshots_that_may_not_be_read_are_said_to_be_unknown_and_are_no_failure(
    kvc: Kvc, make_plane: Planes
) -> None:
    plane = make_plane(faults=["forbid:verb=list,resource=virtualmachinesnapshots"])
    clones(plane, "a")

    answer = kvc("delete", "--finished")

    assert answer.out == deleted("a")
    assert answer.err.splitlines()[1:] == [
        "virtualmachinesnapshots can't be read: more may have stayed than is said here"
    ]


def test_a_snapshot_that_may_not_be_deleted_is_an_error_that_names_it(
    kvc: Kvc, make_plane: Planes, monkeypatch: pytest.MonkeyPatch
) -> None:
    plane = make_plane(faults=["forbid:verb=delete,resource=virtualmachinesnapshots"])
    snapshot(plane, "unused")
    in_two_hours(monkeypatch)

    answer = kvc("delete", "--finished", exit_code=1)

    assert answer.out == "No resources found\n"
    assert answer.err.startswith(
        "Error from server (Forbidden): virtualmachinesnapshots.snapshot.kubevirt.io"
        ' "unused" is forbidden'
    )


def test_names_are_taken_as_they_are_printed(kvc: Kvc, plane: ControlPlane) -> None:
    clones(plane, "a", "b")
    names = kvc("get", "-o", "name").out.split()

    assert names == [f"{OBJECT}/a", f"{OBJECT}/b"]
    assert kvc("get", *names, "-o", "name").out.split() == names
    assert kvc("wait", *names).out == "".join(f"{name} condition met\n" for name in names)
    named, plain = (kvc("describe", name).out.splitlines() for name in ("vmclone/b", "b"))
    assert named[:3] == plain[:3]  # further down stands what grows by the second
    assert kvc("delete", *names).out == deleted("a", "b")


def test_many_clones_are_deleted_page_by_page_each_once_and_in_order(
    kvc: Kvc, make_plane: Planes
) -> None:
    plane = make_plane(controllers=False)
    names = [f"c-{number:03}" for number in range(620)]
    clones(plane, *names, wait=False)

    answer = kvc("delete", "--all", "-v=6", "--wait=false")

    assert answer.out == deleted(*names)
    assert answer.err.count("DELETE ") == len(names)
    assert left(plane) == []
