"""``create`` of many clones at once: names, the shared snapshot, reruns and partial failures."""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from kubectl_virt_clone.clone.api import VIRTUAL_MACHINES, Reference
from kubectl_virt_clone.clone.shared_snapshot import shared_snapshot
from kubectl_virt_clone.clone.spec.manifest import CloneRequest, build_clone
from kubevirt_sandbox.controlplane import ControlPlane
from tests.cli.conftest import Kvc, Planes
from tests.cli.test_wait import CLONES, OBJECT, errors, phase_of, until

SNAPSHOTS = "virtualmachinesnapshots.snapshot.kubevirt.io"
VMS = "virtualmachines.kubevirt.io"
LABEL = "kubectl-virt-clone/shared-snapshot"
FIVE = ("create", "--source=vm-cirros", "--target=web-{:02}", "--count=5")
NAMES = [f"clone-web-0{number}" for number in range(1, 6)]


def shared(plane: ControlPlane) -> list[dict[str, Any]]:
    """The snapshots that were taken for several clones."""
    items = plane.registry.list(SNAPSHOTS).items
    return [item for item in items if LABEL in item["metadata"].get("labels", {})]


def clones(plane: ControlPlane) -> dict[str, dict[str, Any]]:
    return {item["metadata"]["name"]: item for item in plane.registry.list(CLONES).items}


def fates(out: str) -> dict[str, str]:
    """What became of each object, by its name."""
    lines = (line.split() for line in out.splitlines() if not line.endswith("condition met"))
    return {words[0].partition("/")[2]: words[1].rstrip(",") for words in lines}


def test_many_clones_of_a_vm_are_made_from_one_snapshot(kvc: Kvc, plane: ControlPlane) -> None:
    answer = kvc(*FIVE)

    (snapshot,) = shared(plane)
    name = snapshot["metadata"]["name"]
    assert fates(answer.out) == {name: "created", **dict.fromkeys(NAMES, "created")}
    assert list(fates(answer.out)) == [name, *NAMES]
    assert snapshot["spec"]["source"]["name"] == "vm-cirros"
    assert {
        (clone["spec"]["source"]["kind"], clone["spec"]["source"]["name"])
        for clone in clones(plane).values()
    } == {("VirtualMachineSnapshot", name)}
    targets = [clone["spec"]["target"]["name"] for clone in clones(plane).values()]
    assert sorted(targets) == [f"web-0{number}" for number in range(1, 6)]


def test_the_shared_snapshot_goes_with_the_last_of_its_clones(
    kvc: Kvc, plane: ControlPlane
) -> None:
    kvc(*FIVE)
    for name in NAMES:
        until(lambda name=name: phase_of(plane, name) == "Succeeded")  # type: ignore[misc]
    (snapshot,) = shared(plane)
    owners = [owner["name"] for owner in snapshot["metadata"]["ownerReferences"]]
    assert owners == NAMES

    for name in NAMES[:-1]:
        plane.registry.delete(CLONES, "default", name)
    left = len(shared(plane))
    plane.registry.delete(CLONES, "default", NAMES[-1])

    until(lambda: not shared(plane))
    assert left == 1
    names = [vm["metadata"]["name"] for vm in plane.registry.list(VMS).items]
    assert [name for name in names if name.startswith("web-0")] == [n[6:] for n in NAMES]


def test_with_wait_the_snapshot_is_deleted_as_soon_as_all_have_their_volumes(
    kvc: Kvc, plane: ControlPlane
) -> None:
    answer = kvc(*FIVE, "--wait")

    until(lambda: not shared(plane))
    assert answer.out.splitlines()[-1].endswith(" deleted")
    assert sum(line.endswith("condition met") for line in answer.out.splitlines()) == 5


def test_a_snapshot_that_a_volume_still_waits_for_is_kept(kvc: Kvc, plane: ControlPlane) -> None:
    kvc("create", "--source=vm-later", "--target=l-{}", "--count=2", "--wait")

    (snapshot,) = shared(plane)
    assert len(snapshot["metadata"]["ownerReferences"]) == 2


def test_a_second_run_creates_only_what_is_missing(kvc: Kvc, plane: ControlPlane) -> None:
    kvc(*FIVE, "--wait")
    plane.registry.delete(VMS, "default", "web-03")
    until(lambda: "clone-web-03" not in clones(plane))  # KubeVirt deletes it with its target

    answer = kvc(*FIVE)

    (snapshot,) = shared(plane)
    expected = dict.fromkeys(NAMES, "unchanged") | {"clone-web-03": "created"}
    assert fates(answer.out) == expected | {snapshot["metadata"]["name"]: "created"}


def test_a_run_after_a_complete_one_changes_nothing(kvc: Kvc, make_plane: Planes) -> None:
    sent: list[str] = []
    make_plane(on_request=lambda method, path, code: sent.append(method))
    kvc(*FIVE, "--wait")
    sent.clear()

    answer = kvc(*FIVE, "--wait")

    assert fates(answer.out) == dict.fromkeys(NAMES, "unchanged")
    assert set(sent) == {"GET"}


def test_each_clone_may_have_a_snapshot_of_its_own(kvc: Kvc, plane: ControlPlane) -> None:
    kvc(*FIVE, "--no-shared-snapshot", "--wait")

    kinds = {clone["spec"]["source"]["kind"] for clone in clones(plane).values()}
    assert (kinds, shared(plane)) == ({"VirtualMachine"}, [])


def test_several_targets_are_several_clones(kvc: Kvc, plane: ControlPlane) -> None:
    answer = kvc("create", "n-{}", "--source=vm-cirros", "--target=b", "--target=a", "--wait")

    made = {name: clone["spec"]["target"]["name"] for name, clone in clones(plane).items()}
    assert made == {"n-1": "b", "n-2": "a"}
    assert list(fates(answer.out))[1:3] == ["n-1", "n-2"]


def test_targets_may_be_left_to_kubevirt(kvc: Kvc, plane: ControlPlane) -> None:
    first = kvc("create", "n-{}", "--source=vm-cirros", "--count=2", "--wait")
    second = kvc("create", "n-{}", "--source=vm-cirros", "--count=2", "--wait")

    assert first.out.count("created, target clone-vm-cirros-") == 2
    assert fates(second.out) == {"n-1": "unchanged", "n-2": "unchanged"}


def test_a_clone_object_may_be_deleted_as_soon_as_it_is_not_needed(
    kvc: Kvc, plane: ControlPlane
) -> None:
    answer = kvc("create", "c", "--source=vm-data", "--target=t", "--wait", "--rm")

    assert answer.out.splitlines() == [
        f"{OBJECT}/c created",
        f"{OBJECT}/c condition met",
        f"{OBJECT}/c deleted",
    ]
    assert clones(plane) == {}
    assert plane.registry.get(VMS, "default", "t")["metadata"]["name"] == "t"


def test_what_did_not_get_there_is_not_deleted(kvc: Kvc, plane: ControlPlane) -> None:
    args = ("--source=vm-later", "--target=t", "--wait", "--rm", "--timeout=300ms")
    answer = kvc("create", "c", *args, exit_code=3)

    assert list(clones(plane)) == ["c"]
    assert "is bound only when the VM" in errors(answer)[0]


def test_a_name_that_another_clone_has_is_told_and_the_others_are_made(
    kvc: Kvc, plane: ControlPlane
) -> None:
    kvc("create", "clone-web-02", "--source=vm-data", "--target=elsewhere")

    answer = kvc(*FIVE, exit_code=1)

    assert len(fates(answer.out)) == 5  # the snapshot and four clones
    assert errors(answer) == [f"error: {OBJECT}/clone-web-02 exists already, and is another clone"]


def test_a_finding_about_one_of_many_stops_them_all(kvc: Kvc, plane: ControlPlane) -> None:
    answer = kvc("create", "--source=vm-cirros", "--target=fine", "--target=taken", exit_code=1)

    assert (answer.out, clones(plane), shared(plane)) == ("", {}, [])
    assert "[target-exists]" in answer.err


def test_a_snapshot_that_fails_ends_it_before_any_clone(kvc: Kvc, plane: ControlPlane) -> None:
    args = ("--source=vm-full", "--target=f-{}", "--count=2", "--skip-check=all")
    answer = kvc("create", *args, exit_code=4)

    assert clones(plane) == {}
    assert errors(answer)[0].startswith('error: the snapshot "vm-full-')


def test_a_server_that_is_too_busy_slows_it_down(kvc: Kvc, make_plane: Planes) -> None:
    busy = "verb=create,resource=virtualmachineclones,after=3"
    plane = make_plane(faults=[f"429:{busy},count=2,retry-after=0", f"503:{busy},count=2"])

    kvc("create", "--source=vm-cirros", "--target=w-{}", "--count=12", "--wait")

    assert len(clones(plane)) == 12


def test_an_answer_that_was_lost_is_no_failure(kvc: Kvc, make_plane: Planes) -> None:
    plane = make_plane(faults=["drop:verb=create,resource=virtualmachineclones,after=2"])

    answer = kvc(*FIVE, "--wait")

    assert sorted(clones(plane)) == NAMES
    assert sum(line.endswith("condition met") for line in answer.out.splitlines()) == 5


def test_two_runs_at_once_make_each_clone_once(kvc: Kvc, make_plane: Planes) -> None:
    plane = make_plane(speed=20)
    command = [sys.executable, "-m", "kubectl_virt_clone", *FIVE, "--skip-check=all"]
    runs = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    told = [run.communicate(timeout=60) for run in runs]

    assert sorted(clones(plane)) == NAMES, told
    (snapshot,) = shared(plane)
    assert sorted(o["name"] for o in snapshot["metadata"]["ownerReferences"]) == NAMES, told


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--target=a", "--count=2"), "--count needs {} in --target: 'a-{}'"),
        (("--count=2",), "--count needs {} in --target, or in NAME"),
        (("n", "--target=a-{}", "--count=2"), "NAME needs {} where there are several clones"),
        (
            ("--target=a", "--hostname=h{}"),
            "{} stands for the numbers of --count, which is missing",
        ),
        (("--target=a-{}",), "{} stands for the numbers of --count, which is missing"),
        (("--target=a", "--target=a"), "--target names a twice"),
        (("--target=a", "--target=b-{}"), "{} stands for the numbers of --count"),
        (("--target=a", "--target=b", "--count=2"), "--count can't be used together with several"),
        (
            ("--target=a", "--target=b", "--new-mac-address=default=02:00:00:00:00:09"),
            "--new-mac-address can't be given to several VMs",
        ),
        (("--target=a-{}", "--count=0"), "Invalid value for '--count': 0 is not in the range"),
        (("--target=a", "--rm"), "--rm needs --wait"),
        (("n-{}", "--count=2", "--wait", "--rm"), "--rm with --count needs --target"),
        (("--target=a", "--target-type=vmsnapshot"), "--target-type: a clone's target is a vm"),
    ],
)
def test_wrong_usage_sends_nothing(kvc: Kvc, args: tuple[str, ...], message: str) -> None:
    answer = kvc("create", "-s", "https://127.0.0.1:1", "--source=v", *args, exit_code=2)

    assert answer.err.startswith(f"error: {message}")


def test_a_dry_run_without_a_server_prints_the_snapshot_and_the_clones(kvc: Kvc) -> None:
    answer = kvc(*FIVE, "--dry-run=client", "-s", "https://127.0.0.1:1")

    assert list(fates(answer.out.replace(" (dry run)", "")).values()) == ["created"] * 6


@pytest.mark.parametrize("dry_run", ["client", "server", "none"])
def test_the_names_of_a_series_are_those_of_its_clones(
    kvc: Kvc, plane: ControlPlane, dry_run: str
) -> None:
    answer = kvc(*FIVE, "-o", "name", f"--dry-run={dry_run}")

    assert answer.out.splitlines() == [f"{OBJECT}/{name}" for name in NAMES]


def test_a_dry_run_on_the_server_stores_nothing(kvc: Kvc, plane: ControlPlane) -> None:
    answer = kvc(*FIVE, "--dry-run=server")

    assert answer.out.count("created (server dry run)") == 6
    assert clones(plane) == {}
    until(lambda: shared(plane) == [])  # its finalizer goes a moment later


def test_an_interrupted_run_names_what_is_there(
    kvc: Kvc, make_plane: Planes, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kubectl_virt_clone.actions.create import creating

    plane = make_plane()
    create, made = creating.create, []

    def interrupted(*args: Any, **options: Any) -> Any:
        made.append(args)
        if len(made) == 3:  # two clones are there
            raise KeyboardInterrupt
        return create(*args, **options)

    monkeypatch.setattr(creating, "create", interrupted)
    answer = kvc(*FIVE, "--parallel=1", exit_code=130)
    monkeypatch.undo()
    (snapshot,) = shared(plane)

    name = snapshot["metadata"]["name"]
    assert answer.err.splitlines()[-1] == (
        f"interrupted; 2 of 5 clones are there with the snapshot {name};"
        " the same command creates what is missing"
    )
    monkeypatch.setenv("KUBECONFIG", str(plane.kubeconfig))
    kvc(*FIVE, "--wait")
    until(lambda: not shared(plane))
    assert sorted(clones(plane)) == NAMES


def test_the_checks_of_many_clones_ask_for_all_targets_at_once(
    kvc: Kvc, make_plane: Planes
) -> None:
    sent: list[tuple[str, str]] = []
    make_plane(on_request=lambda method, path, code: sent.append((method, path)))

    kvc("create", "--source=vm-cirros", "--target=w-{}", "--count=30", "--dry-run=server")

    vms = [path for method, path in sent if method == "GET" and "kubevirt.io/v1/" in path]
    vms = [path for path in vms if "/virtualmachines" in path]
    assert len(vms) == 3, vms  # the source, and the list: for what is done, and for the checks


def test_a_target_that_is_taken_is_found_in_the_list(kvc: Kvc, plane: ControlPlane) -> None:
    answer = kvc("create", "--source=vm-cirros", "--target=web-{}", "--count=12", exit_code=1)

    told = [line for line in answer.err.splitlines() if "[target-exists]" in line]
    assert len(told) == 1
    assert told[0].startswith(f"error: {OBJECT}/clone-web-1: [target-exists]")


def test_each_guest_has_a_host_name_of_its_own(kvc: Kvc, plane: ControlPlane) -> None:
    kvc("create", "--source=vm-cirros", "--target=w-{}", "--hostname=w{:02}", "--count=2", "--wait")

    vms = [plane.registry.get(VMS, "default", f"w-{number}") for number in (1, 2)]
    assert [vm["spec"]["template"]["spec"]["hostname"] for vm in vms] == ["w01", "w02"]


def test_clones_that_were_made_beside_one_without_an_answer_are_told(
    kvc: Kvc, make_plane: Planes
) -> None:
    plane = make_plane(faults=["stall:verb=create,resource=virtualmachineclones,count=1"])

    answer = kvc(*FIVE, "--request-timeout=1s", exit_code=1)

    told = {name for name in fates(answer.out) if name.startswith("clone-")}
    assert told == set(clones(plane)) != set()
    (snapshot,) = shared(plane)
    assert {o["name"] for o in snapshot["metadata"]["ownerReferences"]} == told
    assert any("was not created: " in line for line in errors(answer))


def test_a_generated_name_makes_one_clone_though_the_answer_was_lost(
    kvc: Kvc, make_plane: Planes
) -> None:
    plane = make_plane(faults=["drop:verb=create,resource=virtualmachineclones,after=1"])
    document = """
apiVersion: clone.kubevirt.io/v1beta1
kind: VirtualMachineClone
metadata: {generateName: g-}
spec:
  source: {apiGroup: kubevirt.io, kind: VirtualMachine, name: vm-cirros}
---
"""

    kvc("create", "-f", "-", stdin=document * 3)

    assert len(clones(plane)) == 3


def leftover(plane: ControlPlane, *, age: int) -> str:
    """Leave the snapshot of FIVE there, as a run that was killed before its first clone does."""
    manifest = shared_snapshot(
        [
            build_clone(
                CloneRequest(Reference(VIRTUAL_MACHINES, "vm-cirros"), f"clone-{n}", "", n),
                choose=str,
            )
            for n in (name.removeprefix("clone-") for name in NAMES)
        ]
    )
    stored = plane.registry.create(SNAPSHOTS, "default", manifest)
    taken = datetime.now(timezone.utc) - timedelta(minutes=age)
    stored["metadata"]["creationTimestamp"] = taken.strftime("%Y-%m-%dT%H:%M:%SZ")
    plane.registry.store.put(SNAPSHOTS, stored)
    return str(stored["metadata"]["uid"])


@pytest.mark.parametrize(("age", "fate"), [(5, "unchanged"), (20, "created")])
def test_a_leftover_is_used_only_while_another_run_may_be_taking_it(
    kvc: Kvc, plane: ControlPlane, age: int, fate: str
) -> None:
    uid = leftover(plane, age=age)

    answer = kvc(*FIVE)

    (snapshot,) = shared(plane)
    assert fates(answer.out)[snapshot["metadata"]["name"]] == fate
    assert (snapshot["metadata"]["uid"] == uid) == (fate == "unchanged")


def test_a_snapshot_that_failed_gives_way_to_another(kvc: Kvc, make_plane: Planes) -> None:
    plane = make_plane()
    args = ("create", "--source=vm-full", "--target=f-{}", "--count=2", "--skip-check=all")

    kvc(*args, exit_code=4)
    (first,) = shared(plane)
    kvc(*args, exit_code=4)
    (second,) = shared(plane)

    assert first["metadata"]["uid"] != second["metadata"]["uid"]


def test_clones_that_were_deleted_by_rm_before_it_was_cut_off_are_done(
    kvc: Kvc, make_plane: Planes
) -> None:
    plane = make_plane(faults=["no-controller"])
    kvc(*FIVE, "--timeout=0", "--skip-check=all", exit_code=3)
    plane.faults.clear()
    kvc(*FIVE)
    for name in NAMES:
        until(lambda name=name: phase_of(plane, name) == "Succeeded")  # type: ignore[misc]
    for name in NAMES[:2]:
        plane.registry.delete(CLONES, "default", name)

    answer = kvc(*FIVE, "--wait", "--rm")

    assert fates(answer.out)["web-01"] == fates(answer.out)["web-02"] == "unchanged"
    assert clones(plane) == {}
    until(lambda: not shared(plane))


@pytest.mark.parametrize("fault", ["forbid:verb=patch", "500:verb=patch"])
def test_a_snapshot_that_can_not_be_handed_over_hides_nothing(
    kvc: Kvc, make_plane: Planes, fault: str
) -> None:
    plane = make_plane(faults=[f"{fault},resource=virtualmachinesnapshots,count=9"])

    answer = kvc(*FIVE, exit_code=1)

    assert sum(fate == "created" for fate in fates(answer.out).values()) == 6
    (snapshot,) = shared(plane)
    name = snapshot["metadata"]["name"]
    stays = f"error: virtualmachinesnapshot.snapshot.kubevirt.io/{name} stays until somebody "
    assert [line.startswith(stays) for line in errors(answer)] == [True]


def test_a_clone_that_can_not_be_deleted_stays_and_the_others_go(
    kvc: Kvc, make_plane: Planes
) -> None:
    plane = make_plane(faults=["forbid:verb=delete,resource=virtualmachineclones,count=1"])

    answer = kvc(*FIVE, "--wait", "--rm", exit_code=1)

    (left,) = clones(plane)
    (why,) = errors(answer)
    assert why.startswith("Error from server (Forbidden): ")
    assert f'virtualmachineclones.clone.kubevirt.io "{left}" is forbidden' in why


def test_an_output_that_is_closed_ends_it_between_two_clones(
    make_plane: Planes,
) -> None:
    plane = make_plane(speed=20)
    command = [sys.executable, "-m", "kubectl_virt_clone", "create", "--source=vm-cirros"]
    run = subprocess.Popen(
        [*command, "--target=o-{}", "--count=40", "--parallel=2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert run.stdout is not None
    run.stdout.readline()
    run.stdout.close()
    assert run.stderr is not None
    said = run.stderr.read()
    run.stderr.close()

    assert run.wait(timeout=60) == 1
    (snapshot,) = shared(plane)
    owners = {o["name"] for o in snapshot["metadata"].get("ownerReferences", [])}
    assert owners == set(clones(plane))
    assert f"{len(owners)} of 40 clones are there with the snapshot" in said


def test_a_timeout_of_zero_looks_once_at_the_snapshot(kvc: Kvc, plane: ControlPlane) -> None:
    kvc(*FIVE)
    without_the_first(plane)

    assert fates(kvc(*FIVE, "--timeout=0").out)[NAMES[0]] == "created"


def without_the_first(plane: ControlPlane) -> None:
    """Take the first clone of FIVE away, with its target."""
    until(lambda: phase_of(plane, NAMES[0]) == "Succeeded")
    plane.registry.delete(CLONES, "default", NAMES[0])
    plane.registry.delete(VMS, "default", "web-01")


def test_who_may_not_take_snapshots_is_told_the_way_round(kvc: Kvc, make_plane: Planes) -> None:
    make_plane(faults=["forbid:verb=create,resource=virtualmachinesnapshots"])

    answer = kvc(*FIVE, exit_code=1)

    assert errors(answer)[0].startswith("error: no shared snapshot: Error from server (Forbidden)")
    assert answer.err.splitlines()[-1] == "hint: --no-shared-snapshot"


def test_who_may_not_create_clones_leaves_no_snapshot(kvc: Kvc, make_plane: Planes) -> None:
    plane = make_plane(faults=["forbid:verb=create,resource=virtualmachineclones"])

    kvc(*FIVE, exit_code=1)

    until(lambda: not shared(plane))


def test_who_may_not_list_clones_can_create_them(kvc: Kvc, make_plane: Planes) -> None:
    plane = make_plane(faults=["forbid:verb=list,resource=virtualmachineclones"])

    kvc(*FIVE, "--skip-check=target-claimed")

    assert sorted(clones(plane)) == NAMES


def test_an_old_kubevirt_checks_a_series_as_well(kvc: Kvc, make_plane: Planes) -> None:
    make_plane(kubevirt="1.4")

    assert kvc(*FIVE, "--dry-run=server").out.count("created (server dry run)") == 6


def test_a_run_goes_on_without_its_source_if_it_has_the_snapshot(
    kvc: Kvc, make_plane: Planes
) -> None:
    plane = make_plane()
    kvc(*FIVE)
    without_the_first(plane)
    plane.registry.delete(VMS, "default", "vm-cirros")

    assert fates(kvc(*FIVE, "--wait").out)[NAMES[0]] == "created"


def test_a_series_may_grow(kvc: Kvc, plane: ControlPlane) -> None:
    kvc(*FIVE[:-1], "--count=2")

    answer = kvc(*FIVE[:-1], "--count=3")

    clone_fates = {name: fate for name, fate in fates(answer.out).items() if "clone-" in name}
    assert clone_fates == {NAMES[0]: "unchanged", NAMES[1]: "unchanged", NAMES[2]: "created"}
