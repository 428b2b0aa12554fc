"""``describe`` as a user runs it, compared as a whole."""

from __future__ import annotations

import re
from pathlib import Path

from kubectl_virt_clone.sandbox.apiserver.authorization import Rule, User
from kubectl_virt_clone.sandbox.controlplane import ControlPlane
from tests.cli.conftest import Kvc, Planes
from tests.cli.test_wait import a_clone, phase_of, until

GOLDEN = Path(__file__).parent.parent / "golden"
CLONES = "virtualmachineclones.clone.kubevirt.io"
RESTORES = "virtualmachinerestores.snapshot.kubevirt.io"


def normalised(text: str) -> str:
    """Replace what differs from run to run: uids, times, ages, and the columns they widen."""
    text = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "UID", text)
    text = re.sub(r"\w{3}, \d\d \w{3} \d{4} [\d:]{8} \+0000 \(\d+s ago\)", "WHEN", text)
    text = re.sub(r"(?<= )\d+s( \(x\d+ over \d+s\))?(?= |$)", "AGE", text, flags=re.M)
    lines = [re.sub(r"(?<=\S) {2,}", "  ", line) for line in text.splitlines()]
    events = lines.index("Events:") + 3
    # Events of one second have no order between the objects that they are on.
    return "\n".join(lines[:events] + sorted(lines[events:])) + "\n"


def test_a_clone_that_succeeded_is_described_as_a_whole(kvc: Kvc, plane: ControlPlane) -> None:
    kvc(
        *("create", "full", "--source=vm-cirros", "--target=full-t", "--wait"),
        *("--label-filter=*", "--label-filter=!tier", "--template-annotation-filter=*"),
        *("--new-mac-address=default=02:00:00:00:00:99", "--new-smbios-serial=SN-NEW"),
    )

    text = kvc("describe", "full").out

    assert normalised(text) == (GOLDEN / "describe-succeeded.txt").read_text()


def test_a_failed_clone_is_described_with_its_cause(kvc: Kvc, plane: ControlPlane) -> None:
    a_clone(plane, "failed", source="vm-tpm")
    until(lambda: phase_of(plane, "failed") == "Failed")

    text = kvc("describe", "failed").out

    assert normalised(text) == (GOLDEN / "describe-failed.txt").read_text()


def test_a_restore_that_is_stuck_is_described_with_its_own_error(
    kvc: Kvc, plane: ControlPlane
) -> None:
    kvc("create", "stuck", "--source=vm-cirros", "--target=taken", "--skip-check=target-exists")

    def refused() -> bool:
        restores = plane.registry.list(RESTORES, "default").items
        return any(r.get("status", {}).get("conditions") for r in restores)

    until(refused)

    text = kvc("describe", "stuck").out

    assert re.search(
        r"^Restore: +tmp-restore-\S+ \(not complete: restore source and restore target are"
        r" different but restore target already exists\)$",
        text,
        re.M,
    )
    assert "VirtualMachineRestoreError" in text


def test_what_may_not_be_read_is_shown_as_unknown(kvc: Kvc, make_plane: Planes) -> None:
    rules = (Rule(("clone.kubevirt.io",), ("virtualmachineclones",), ("get",)),)
    plane = make_plane(users={"token": User("cloner", rules)})
    a_clone(plane, "c")
    until(lambda: phase_of(plane, "c") == "Succeeded")

    lines = kvc("describe", "c", "--token=token").out.splitlines()

    states = [line.split(":", 1)[1].strip() for line in lines if line.startswith("  State:")]
    assert states == ["<unknown> (Forbidden)"] * 2
    assert lines[-1] == "Events:  <unknown> (Forbidden)"


def test_a_missing_clone_is_told_after_the_others_were_described(
    kvc: Kvc, plane: ControlPlane
) -> None:
    a_clone(plane, "a")
    a_clone(plane, "b")

    answer = kvc("describe", "a", "nosuch", "b", exit_code=1)

    assert re.findall(r"^(?:Name|UID): +(\w+)", answer.out, re.M)[::2] == ["a", "b"]
    assert "\n\n\nName:" in answer.out
    assert answer.err == f'Error from server (NotFound): {CLONES} "nosuch" not found\n'
