"""create, wait and describe against a real KubeVirt: whatever its pace is."""

from __future__ import annotations

import json
import re

import pytest

from kubectl_virt_clone.clone.api import VIRTUAL_MACHINES
from kubectl_virt_clone.errors import StatusError
from kubectl_virt_clone.kube.resource import get
from kubectl_virt_clone.kube.transport import Session
from tests.e2e.conftest import Kvc, MakeVm

OBJECT = "virtualmachineclone.clone.kubevirt.io"


def test_a_vm_is_cloned_followed_and_described(
    kvc: Kvc, make_vm: MakeVm, session: Session, namespace: str
) -> None:
    make_vm("source")
    flags = ("--label-filter=*", "--label-filter=!tier", "--new-smbios-serial=SN-NEW")
    mac = "--new-mac-address=default=02:00:00:00:00:99"

    created = kvc("create", "c", "--source=source", "--target=copy", *flags, mac, "--wait")
    text = kvc("describe", "c").out

    assert created.out == f"{OBJECT}/c created\n{OBJECT}/c condition met\n"
    assert "c: Succeeded 4/4" in created.err
    target = get(session, VIRTUAL_MACHINES, namespace, "copy")
    domain = target["spec"]["template"]["spec"]["domain"]
    assert target["metadata"]["labels"] == {"app": "e2e"}
    assert domain["devices"]["interfaces"][0]["macAddress"] == "02-00-00-00-00-99"
    assert domain["firmware"]["serial"] == "SN-NEW"
    assert re.search(r"^Phase: +Succeeded \(4/4\)", text, re.M)
    assert re.search(r"^  State: +Stopped \(made by this clone\)$", text, re.M)
    assert "TargetVMCreated" in text


def test_an_annotation_may_hold_what_the_restore_counts_in_a_patch(
    kvc: Kvc, make_vm: MakeVm, session: Session, namespace: str, needs_patches: None
) -> None:
    make_vm("source")
    url = "https://example.com:8443/a,b"

    kvc("create", "c", "--source=source", "--target=copy", f"--annotation=url={url}", "--wait")

    target = get(session, VIRTUAL_MACHINES, namespace, "copy")
    assert target["metadata"]["annotations"]["url"] == url


def test_the_target_that_kubevirt_names_stands_in_the_answer(kvc: Kvc, make_vm: MakeVm) -> None:
    make_vm("source")

    answer = kvc("create", "c", "--source=source")

    assert re.fullmatch(rf"{OBJECT}/c created, target clone-source-[a-z0-9]{{5}}\n", answer.out)


def test_a_missing_source_is_waited_for_and_named_until_it_appears(
    kvc: Kvc, make_vm: MakeVm, namespace: str, waits_for_source: bool
) -> None:
    create = ("create", "c", "--source=late", "--target=copy", "--skip-check=source-missing")
    if not waits_for_source:
        assert kvc(*create, exit_code=1).err == (
            "The request is invalid: spec.Source: VirtualMachine late does not exist in namespace "
            f"{namespace}\n"
        )
        return
    kvc(*create)

    pending = kvc("wait", "c", "--timeout=5s", exit_code=3)
    make_vm("late")
    done = kvc("wait", "c")

    assert pending.err.splitlines()[-2] == (
        "error: timed out waiting for the condition on virtualmachineclones/c:"
        f" Source doesnt exist: VirtualMachine {namespace}/late"
    )
    assert done.out == f"{OBJECT}/c condition met\n"


def test_a_clone_that_failed_ends_the_wait_with_kubevirts_sentence(
    kvc: Kvc, make_vm: MakeVm, namespace: str, waits_for_source: bool
) -> None:
    try:
        make_vm("tpm", devices={"tpm": {"persistent": True}})
    except StatusError as error:
        # 1.4 has a feature gate for it, which was on when it was recorded.
        assert not waits_for_source
        pytest.skip(str(error))

    args = ("create", "c", "--source=tpm", "--target=copy", "--skip-check=backend-storage")
    if not waits_for_source:
        assert kvc(*args, exit_code=1).err == (
            "The request is invalid: spec.Source: Virtual Machine requires backend storage, "
            "operation not supported\n"
        )
        return

    answer = kvc(*args, "--wait", exit_code=4)

    assert answer.err.splitlines()[-2] == (
        f"error: {OBJECT}/c will not reach phase=Succeeded:"
        f" Clone of source with backendstorage is not supported: VM {namespace}/tpm"
    )


def test_a_server_dry_run_is_refused_in_the_words_of_the_webhook(kvc: Kvc, make_vm: MakeVm) -> None:
    make_vm("source")
    create = ("create", "c", "--source=source", "--dry-run=server")

    taken = json.loads(kvc(*create, "--target=copy", "-o", "json").out)
    refused = kvc(*create, "--target=source", "--skip-check=target-is-source", exit_code=1)

    assert taken["spec"]["target"]["name"] == "copy"
    assert refused.err == (
        "The request is invalid: spec.target.name: Target name cannot be equal to source name"
        " when both are VirtualMachines\n"
    )
