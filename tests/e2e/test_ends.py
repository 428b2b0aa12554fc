"""How clones end on a real KubeVirt, and many at once: whatever its pace is."""

from __future__ import annotations

import json

import pytest

from kubectl_virt_clone.clone.api import SNAPSHOTS, VIRTUAL_MACHINES
from kubectl_virt_clone.clone.shared_snapshot import SHARED
from kubectl_virt_clone.errors import StatusError
from kubectl_virt_clone.kube.resource import get, items_of, list_page
from kubectl_virt_clone.kube.transport import Session
from kubectl_virt_clone.objects.resource import Resource
from tests.e2e.conftest import Kvc, MakeVm

OBJECT = "virtualmachineclone.clone.kubevirt.io"
NEVER = f"error: {OBJECT}/c will not reach phase=Succeeded: "


def told(err: str) -> str:
    """The sentence of the error, without its hint."""
    return next(line for line in err.splitlines() if line.startswith("error: "))


def test_a_target_that_was_there_before_ends_the_wait(
    kvc: Kvc, make_vm: MakeVm, waits_for_source: bool
) -> None:
    make_vm("source")
    make_vm("taken")

    args = ("create", "c", "--source=source", "--target=taken", "--skip-check=target-exists")
    answer = kvc(*args, "--wait", exit_code=4)
    text = kvc("describe", "c").out

    sentence = 'the target "taken" exists already; KubeVirt goes on only if it is deleted'
    if not waits_for_source:  # nor is there a restore
        sentence = "target VM must not exist"
    assert told(answer.err).startswith(NEVER)
    assert told(answer.err).endswith(sentence)
    assert sentence in text


def test_a_restore_that_admission_refuses_ends_the_wait(kvc: Kvc, make_vm: MakeVm) -> None:
    make_vm("source")

    args = ("create", "c", "--source=source", "--target=t", "--new-smbios-serial=SN:1")
    answer = kvc(*args, "--skip-check=serial-unsafe", "--wait", exit_code=4)

    assert told(answer.err).startswith(f"{NEVER}KubeVirt's admission refuses its restore: ")


def test_a_patch_that_does_not_apply_ends_the_wait(
    kvc: Kvc, make_vm: MakeVm, needs_patches: None
) -> None:
    make_vm("source")
    patch = '{"op":"remove","path":"/spec/nosuch"}'

    args = ("create", "c", "--source=source", "--target=t", "--patch", patch)
    answer = kvc(*args, "--skip-check=patch-invalid", "--wait", exit_code=4)

    assert told(answer.err).startswith(f'{NEVER}its restore "tmp-restore-')


def test_a_clone_goes_with_its_target_and_had_succeeded(
    kvc: Kvc, make_vm: MakeVm, session: Session, namespace: str, clone_resource: Resource
) -> None:
    make_vm("source")
    kvc("create", "c", "--source=source", "--target=copy", "--wait")

    path = f"/apis/kubevirt.io/v1/namespaces/{namespace}/virtualmachines/copy"
    session.request("DELETE", path)
    kvc("wait", "c", "--for=delete")

    with pytest.raises(StatusError) as error:
        get(session, clone_resource, namespace, "c")
    assert error.value.code == 404


def test_many_clones_come_from_one_snapshot_and_leave_nothing_behind(
    kvc: Kvc, make_vm: MakeVm, session: Session, namespace: str, clone_resource: Resource
) -> None:
    make_vm("source")
    command = ("create", "--source=source", "--target=web-{:02}", "--count=5")

    kvc(*command)
    again = kvc(*command, "--wait")
    listed = json.loads(kvc("get", "-o", "json").out)

    names = [f"clone-web-0{number}" for number in range(1, 6)]
    assert sorted(item["metadata"]["name"] for item in listed["items"]) == names
    assert {item["spec"]["source"]["kind"] for item in listed["items"]} == {SNAPSHOTS.kind}
    assert again.out.count(" unchanged\n") == 6
    assert again.out.count(" condition met\n") == 5
    kvc("delete", "--finished")
    query = [("labelSelector", SHARED)]
    assert items_of(list_page(session, clone_resource, namespace)) == []
    left = items_of(list_page(session, SNAPSHOTS, namespace, query))
    assert [item for item in left if not item["metadata"].get("deletionTimestamp")] == []
    for number in range(1, 6):
        get(session, VIRTUAL_MACHINES, namespace, f"web-0{number}")


def test_a_clone_object_is_deleted_as_soon_as_it_is_not_needed(
    kvc: Kvc, make_vm: MakeVm, session: Session, namespace: str
) -> None:
    make_vm("source")

    answer = kvc("create", "c", "--source=source", "--target=copy", "--wait", "--rm")

    assert answer.out.splitlines()[-1] == f"{OBJECT}/c deleted"
    assert get(session, VIRTUAL_MACHINES, namespace, "copy")["metadata"]["name"] == "copy"
