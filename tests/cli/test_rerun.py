"""The same command again: it takes nobody's VM for its own, and makes only what is missing."""

from __future__ import annotations

from typing import Any

import pytest

from kubevirt_sandbox.controlplane import ControlPlane
from kubevirt_sandbox.storage.status import ApiError
from tests.cli.conftest import Kvc, Planes
from tests.cli.test_bulk import CLONES, OBJECT, SNAPSHOTS, VMS, clones, fates, shared
from tests.cli.test_wait import errors, phase_of, until

CONFLICT = 409
VM = "virtualmachine.kubevirt.io"
DONE = ("--wait", "--rm")
DATA = ("create", "--source=vm-data", "--target=e-{}", "--count=4")
NAMED = ("create", "--source=vmsnapshot/golden", "--target=c-{}", "--count=4", "--label=golden=1")
EXISTS = '[target-exists] there is a VM "{}" already; KubeVirt clones only to a new one'


def another(kvc: Kvc, target: str) -> None:
    """Make the target from another VM than that of DATA."""
    kvc("create", "another", "--source=vm-later", f"--target={target}", "--wait")


def names(plane: ControlPlane) -> list[str]:
    """The names of all snapshots."""
    return sorted(item["metadata"]["name"] for item in plane.registry.list(SNAPSHOTS).items)


def unchanged(prefix: str) -> dict[str, str]:
    """What becomes of four targets that are done."""
    return {f"{prefix}-{number}": "unchanged" for number in range(1, 5)}


def doubts(prefix: str) -> list[str]:
    """What is said of four targets that may be done."""
    return [
        f"Warning: {VM}/{name} is there already, and nothing proves that it was made from this"
        " source"
        for name in unchanged(prefix)
    ]


def golden(plane: ControlPlane, source: str = "vm-data") -> None:
    """Take the snapshot ``golden``, which nobody deletes."""
    vm = {"apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": source}
    relabelled(plane, source, app="web")
    kind = {"apiVersion": "snapshot.kubevirt.io/v1beta1", "kind": "VirtualMachineSnapshot"}
    snapshot = {**kind, "metadata": {"name": "golden"}, "spec": {"source": vm}}
    plane.registry.create(SNAPSHOTS, "default", snapshot)
    until(lambda: phase(plane) == "Succeeded")


def phase(plane: ControlPlane) -> object:
    return plane.registry.get(SNAPSHOTS, "default", "golden").get("status", {}).get("phase")


def changed(plane: ControlPlane, name: str, change: Any) -> None:
    """Change a VM, again where a controller was faster."""
    while True:
        vm = plane.registry.get(VMS, "default", name)
        change(vm)
        try:
            plane.registry.update(VMS, "default", name, vm)
        except ApiError as error:
            if error.code != CONFLICT:
                raise
        else:
            return


def relabelled(plane: ControlPlane, name: str, **labels: str) -> None:
    changed(plane, name, lambda vm: vm["metadata"].setdefault("labels", {}).update(labels))


def started(plane: ControlPlane, name: str) -> None:
    changed(plane, name, lambda vm: vm["spec"].update(runStrategy="Always"))
    until(lambda: not waits(plane, name))


def waits(plane: ControlPlane, name: str) -> bool:
    (volume,) = [
        item["persistentVolumeClaim"]["claimName"]
        for item in plane.registry.get(VMS, "default", name)["spec"]["template"]["spec"]["volumes"]
    ]
    claim = plane.registry.get("persistentvolumeclaims", "default", volume)
    return bool(claim["status"]["phase"] != "Bound")


def without(plane: ControlPlane, *names: str) -> None:
    """Delete clone objects, as --rm does before it is cut off."""
    for name in names:
        until(lambda name=name: phase_of(plane, name) == "Succeeded")  # type: ignore[misc]
        plane.registry.delete(CLONES, "default", name)


def test_a_vm_that_somebody_else_cloned_is_told_and_the_others_are_finished(
    kvc: Kvc, make_plane: Planes
) -> None:
    plane = make_plane()
    kvc(*DATA)
    without(plane, "clone-e-1", "clone-e-4")
    plane.registry.delete(VMS, "default", "e-4")
    another(kvc, "e-4")

    answer = kvc(*DATA, *DONE, exit_code=1)

    assert errors(answer) == [f"error: {EXISTS.format('e-4')}"]
    told = {name: fate for name, fate in fates(answer.out).items() if "e-" in name}
    assert told == {"e-1": "unchanged", "clone-e-2": "deleted", "clone-e-3": "deleted"}
    until(lambda: not shared(plane))
    assert list(clones(plane)) == ["another"]


def test_a_target_whose_volume_waits_for_the_snapshot_keeps_it(
    kvc: Kvc, plane: ControlPlane
) -> None:
    later = ("create", "ua-{}", "--source=vm-later", "--target=ua-{}", "--count=2")
    kvc(*later, "--wait")
    kvc("delete", "ua-1", "--skip-check=claims-unbound")
    started(plane, "ua-2")

    answer = kvc(*later, *DONE, exit_code=1)

    assert errors(answer) == [
        f"error: {VM}/ua-1 was made, but not all of its volumes are bound, and its clone is gone:"
        " what they are to be filled from has to stay until they are; run the same command again"
        " then"
    ]
    assert (list(clones(plane)), len(shared(plane))) == (["ua-2"], 1)

    started(plane, "ua-1")
    answer = kvc(*later, *DONE)

    assert fates(answer.out)["ua-1"] == "unchanged"
    assert clones(plane) == {}
    until(lambda: not shared(plane))


@pytest.mark.parametrize("source", ["vm-data", "vm-cirros"])
def test_a_run_from_a_snapshot_that_was_cut_off_is_finished(
    kvc: Kvc, plane: ControlPlane, source: str
) -> None:
    golden(plane, source)
    kvc(*NAMED, "--wait")
    without(plane, "clone-c-1", "clone-c-2", "clone-c-4")
    plane.registry.delete(VMS, "default", "c-4")
    changed(plane, "c-2", lambda vm: vm["spec"].update(runStrategy="Always"))
    relabelled(plane, "c-2", mine="1")

    answer = kvc(*NAMED, *DONE)

    assert answer.out.splitlines() == [
        f"{VM}/c-1 unchanged",
        f"{VM}/c-2 unchanged",
        f"{OBJECT}/clone-c-3 unchanged",
        f"{OBJECT}/clone-c-4 created",
        f"{OBJECT}/clone-c-3 condition met",
        f"{OBJECT}/clone-c-4 condition met",
        f"{OBJECT}/clone-c-3 deleted",
        f"{OBJECT}/clone-c-4 deleted",
    ]
    assert phase(plane) == "Succeeded"


def test_many_targets_of_a_snapshot_are_looked_for_in_lists(kvc: Kvc, make_plane: Planes) -> None:
    sent: list[str] = []
    plane = make_plane(on_request=lambda method, path, code: sent.append(f"{method} {path}"))
    golden(plane)
    many = ("create", "--source=vmsnapshot/golden", "--target=m-{}", "--count=12")
    kvc(*many, *DONE)
    sent.clear()

    answer = kvc(*many, *DONE)

    assert set(fates(answer.out).values()) == {"unchanged"}
    assert len(fates(answer.out)) == 12
    claims = [line for line in sent if "/persistentvolumeclaims" in line]
    assert len(claims) == 1


def test_marks_tell_the_source_and_not_what_else_was_asked_for(
    kvc: Kvc, plane: ControlPlane
) -> None:
    golden(plane)
    kvc(*NAMED, *DONE)

    answer = kvc(*NAMED[:-1], "--label=golden=2", *DONE)

    assert (fates(answer.out), answer.err) == (unchanged("c"), "")


@pytest.mark.parametrize("kubevirt", ["1.4", "1.6", "1.9"])
@pytest.mark.parametrize("how", [(), ("--no-shared-snapshot",)])
def test_a_complete_run_from_a_vm_is_unchanged_however_often_it_runs(
    kvc: Kvc, make_plane: Planes, kubevirt: str, how: tuple[str, ...]
) -> None:
    plane = make_plane(kubevirt=kubevirt)
    before = names(plane)
    kvc(*DATA, *how, *DONE)
    until(lambda: not shared(plane))

    for _ in range(2):
        assert kvc(*DATA, *how, *DONE) == (
            "".join(f"{VM}/e-{number} unchanged\n" for number in range(1, 5)),
            "",
        )

    assert (clones(plane), names(plane)) == ({}, before)


def test_of_a_vm_without_volumes_nothing_proves_whose_clone_it_is(
    kvc: Kvc, plane: ControlPlane
) -> None:
    kvc("create", "--source=vm-cirros", *DATA[2:], *DONE)

    answer = kvc("create", "--source=vm-cirros", *DATA[2:], *DONE)

    assert fates(answer.out) == unchanged("e")
    assert answer.err.splitlines() == doubts("e")
    assert clones(plane) == {}
    until(lambda: shared(plane) == [])  # its finalizer goes a moment later


def test_a_target_that_lost_its_snapshot_before_it_was_bound_is_told(
    kvc: Kvc, plane: ControlPlane
) -> None:
    later = ("create", "--source=vm-later", "--target=ub-{}", "--count=2", "--no-shared-snapshot")
    kvc(*later, "--wait")
    without(plane, "clone-ub-1")
    started(plane, "ub-2")

    answer = kvc(*later, *DONE, exit_code=1)

    assert errors(answer) == [
        f"error: {VM}/ub-1 was made, but not all of its volumes are bound, and the snapshot that"
        " they are to be filled from is gone: delete it, and run the same command again"
    ]
    assert clones(plane) == {}


def test_a_run_without_a_shared_snapshot_that_was_cut_off_is_finished(
    kvc: Kvc, plane: ControlPlane
) -> None:
    kvc(*DATA, "--no-shared-snapshot", "--wait")
    without(plane, "clone-e-1", "clone-e-2")

    answer = kvc(*DATA, "--no-shared-snapshot", *DONE)

    rest = {"clone-e-3": "deleted", "clone-e-4": "deleted"}
    assert fates(answer.out) == {"e-1": "unchanged", "e-2": "unchanged", **rest}
    assert clones(plane) == {}


def test_who_may_not_list_vms_finds_many_targets_one_by_one(kvc: Kvc, make_plane: Planes) -> None:
    plane = make_plane()
    golden(plane)
    many = ("create", "--source=vmsnapshot/golden", "--target=m-{}", "--count=10")
    kvc(*many, *DONE)
    plane.faults.add("forbid:verb=list,resource=virtualmachines")
    plane.faults.add("forbid:verb=list,resource=persistentvolumeclaims")

    answer = kvc(*many, *DONE)

    assert fates(answer.out) == {f"m-{number}": "unchanged" for number in range(1, 11)}


def test_a_target_that_is_going_is_not_done(kvc: Kvc, plane: ControlPlane) -> None:
    golden(plane)
    kvc(*NAMED, *DONE)
    changed(plane, "c-2", lambda vm: vm["metadata"].update(finalizers=["example.com/held"]))
    plane.registry.delete(VMS, "default", "c-2")

    answer = kvc(*NAMED, *DONE, exit_code=1)

    assert errors(answer) == [f"error: {EXISTS.format('c-2')}"]
    assert fates(answer.out) == {f"c-{n}": "unchanged" for n in (1, 3, 4)}


def test_a_target_that_is_older_than_its_snapshot_is_not_made_from_it(
    kvc: Kvc, plane: ControlPlane
) -> None:
    golden(plane)
    kvc(*NAMED, *DONE)
    snapshot = plane.registry.get(SNAPSHOTS, "default", "golden")
    snapshot["metadata"]["creationTimestamp"] = "2100-01-01T00:00:00Z"
    plane.registry.store.put(SNAPSHOTS, snapshot)

    answer = kvc("check", *NAMED[1:], exit_code=1)

    assert answer.out.count("target-exists") == 4


def test_where_a_clone_is_missing_the_others_keep_their_snapshot(
    kvc: Kvc, make_plane: Planes
) -> None:
    plane = make_plane(faults=["500:verb=create,resource=virtualmachineclones,after=2,count=1"])
    first = kvc(*DATA, "--parallel=1", *DONE, exit_code=1)
    (snapshot,) = shared(plane)

    answer = kvc(*DATA, *DONE)

    name = snapshot["metadata"]["name"]
    assert errors(first)[-1] == (
        f"error: the clones stay with the snapshot {name}: the same command finishes what is"
        " missing"
    )
    assert [fates(answer.out)[f"clone-e-{number}"] for number in (1, 2, 3, 4)] == ["deleted"] * 4
    assert answer.out.count(" created\n") == 1
    assert clones(plane) == {}
    until(lambda: shared(plane) == [])  # its finalizer goes a moment later


def test_who_may_not_read_the_evidence_is_told_that_nothing_proves_it(
    kvc: Kvc, make_plane: Planes
) -> None:
    plane = make_plane()
    golden(plane)
    kvc(*NAMED, *DONE)
    plane.faults.add("forbid:verb=get,resource=persistentvolumeclaims")

    answer = kvc(*NAMED, *DONE)

    assert (fates(answer.out), answer.err.splitlines()) == (unchanged("c"), doubts("c"))


def test_where_the_snapshot_that_was_cloned_is_gone_nothing_proves_it(
    kvc: Kvc, plane: ControlPlane
) -> None:
    golden(plane)
    kvc(*NAMED, *DONE)
    plane.registry.delete(SNAPSHOTS, "default", "golden")
    until(lambda: "golden" not in names(plane))

    answer = kvc(*NAMED, *DONE)

    assert (fates(answer.out), answer.err.splitlines()) == (unchanged("c"), doubts("c"))


def test_check_and_preview_find_in_a_series_what_create_finds(
    kvc: Kvc, plane: ControlPlane
) -> None:
    golden(plane)
    kvc(*NAMED, "--wait")
    without(plane, "clone-c-1", "clone-c-2")
    plane.registry.delete(VMS, "default", "c-2")
    flags = NAMED[1:]

    checked = kvc("check", *flags)
    previewed = kvc("preview", *flags)

    assert (checked.err, checked.out.count("no findings")) == ("", 4)
    assert "target-exists" not in previewed.out
    assert kvc(*NAMED, *DONE).err.count("target-exists") == 0


def test_check_names_the_target_of_a_series_that_is_somebody_elses(
    kvc: Kvc, plane: ControlPlane
) -> None:
    another(kvc, "e-2")
    kvc("create", "clone-e-3", "--source=vm-cirros", "--target=other")

    answer = kvc("check", *DATA[1:], exit_code=1)

    other = f"error: {OBJECT}/clone-e-3 exists already, and is another clone"
    assert other in kvc("preview", *DATA[1:]).err.splitlines()
    assert answer.err.splitlines() == [other]
    assert answer.out.count("target-exists") == 1


def test_without_rm_a_target_that_is_somebody_elses_stops_them_all(
    kvc: Kvc, plane: ControlPlane
) -> None:
    another(kvc, "e-2")

    answer = kvc(*DATA, "--wait", exit_code=1)

    assert errors(answer)[0] == f"error: {OBJECT}/clone-e-2: {EXISTS.format('e-2')}"
    assert (list(clones(plane)), shared(plane)) == (["another"], [])


def test_a_snapshot_that_nobody_could_own_is_deleted_by_us(kvc: Kvc, make_plane: Planes) -> None:
    plane = make_plane(faults=["forbid:verb=patch,resource=virtualmachinesnapshots"])

    answer = kvc(*DATA, *DONE)

    assert clones(plane) == {}
    until(lambda: shared(plane) == [])  # its finalizer goes a moment later
    assert answer.err.count(" stays until somebody deletes it: Error from server (Forbidden)") == 1
    assert [line for line in answer.err.splitlines() if line.startswith("error")] == []


def test_a_snapshot_that_an_earlier_run_left_is_deleted_though_all_is_done(
    kvc: Kvc, make_plane: Planes
) -> None:
    rights = ["patch", "delete"]
    plane = make_plane(
        faults=[f"forbid:verb={verb},resource=virtualmachinesnapshots" for verb in rights]
    )
    answer = kvc(*DATA, *DONE, exit_code=1)
    (left,) = shared(plane)
    stays = f"virtualmachinesnapshot.snapshot.kubevirt.io/{left['metadata']['name']} stays "
    assert any(stays in line for line in errors(answer))
    plane.faults.clear()

    answer = kvc(*DATA, *DONE)

    assert fates(answer.out) == {
        **{f"e-{number}": "unchanged" for number in range(1, 5)},
        left["metadata"]["name"]: "deleted",
    }


def test_documents_that_are_there_are_left_as_they_are(kvc: Kvc, plane: ControlPlane) -> None:
    text = "---\n".join(
        "apiVersion: clone.kubevirt.io/v1beta1\nkind: VirtualMachineClone\n"
        f"metadata: {{name: f-{number}}}\n"
        "spec:\n  source: {apiGroup: kubevirt.io, kind: VirtualMachine, name: vm-data}\n"
        f"  target: {{apiGroup: kubevirt.io, kind: VirtualMachine, name: f-{number}}}\n"
        for number in range(1, 4)
    )
    kvc("create", "-f", "-", "--wait", stdin=text)
    plane.registry.delete(VMS, "default", "f-2")
    until(lambda: "f-2" not in clones(plane))

    answer = kvc("create", "-f", "-", stdin=text)

    assert fates(answer.out) == {"f-1": "unchanged", "f-2": "created", "f-3": "unchanged"}
    assert "no findings" in kvc("check", "-f", "-", stdin=text).out


@pytest.mark.parametrize(
    ("args", "rest"),
    [
        ((), "; the same command deletes the others"),
        (
            ("--no-shared-snapshot",),
            ". To delete the others:\n"
            "  kubectl virt-clone delete clone-e-2 clone-e-3 clone-e-4 -n default",
        ),
    ],
)
def test_ctrl_c_while_the_clones_are_deleted_tells_how_to_go_on(
    kvc: Kvc, make_plane: Planes, monkeypatch: pytest.MonkeyPatch, args: tuple[str, ...], rest: str
) -> None:
    from kubectl_virt_clone.actions.delete import removing

    plane = make_plane()
    delete, deleted = removing.delete, []

    def interrupted(*given: Any, **options: Any) -> Any:
        deleted.append(given)
        if len(deleted) == 2:
            raise KeyboardInterrupt
        return delete(*given, **options)

    monkeypatch.setattr(removing, "delete", interrupted)
    answer = kvc(*DATA, *DONE, *args, "--parallel=1", exit_code=130)
    monkeypatch.undo()

    assert answer.err.endswith(f"interrupted; 1 of 4 clones are deleted{rest}\n")
    monkeypatch.setenv("KUBECONFIG", str(plane.kubeconfig))
    if not args:
        kvc(*DATA, *DONE)
        assert clones(plane) == {}


def test_who_may_not_read_snapshots_is_told_the_way_round(kvc: Kvc, make_plane: Planes) -> None:
    make_plane(faults=["forbid:verb=get,resource=virtualmachinesnapshots"])

    answer = kvc(*DATA, exit_code=1)

    assert errors(answer)[0].startswith("error: no shared snapshot: Error from server (Forbidden)")
    assert answer.err.splitlines()[-1] == "hint: --no-shared-snapshot"
    kvc("check", *DATA[1:])
    kvc(*DATA, "--no-shared-snapshot")
