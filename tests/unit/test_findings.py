"""What ``create`` says of the findings on its clones: each once, for however many clones."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_virt_clone.clone.checks.facts import Finding
from kubectl_virt_clone.clone.hint import flag, kubectl
from kubectl_virt_clone.render.findings import refusal, warnings

NOT_READY = Finding("snapshot-not-ready", "warning", "it is not ready", (kubectl("wait", "x"),))
UNUSED = Finding("filter-unused", "warning", "a matches nothing")
RERUNS = Finding("cloud-init-reruns", "info", "it runs again", (flag("--patch", "x"),))
GATE = Finding("snapshot-gate", "error", "the gate is off", (kubectl("patch", "y"),))
TAKEN = Finding("clone-exists", "error", "there is a clone already", (flag("--name", "z"),))
UNKNOWN = Finding("target-claimed", "unknown", "the other clones can't be read: Forbidden")
ENDS = "error: no VirtualMachineClone was created; --skip-check ID (or all) goes on without a check"
OBJECT = "virtualmachineclone.clone.kubevirt.io"


def checked(**found: tuple[Finding, ...]) -> list[tuple[dict[str, Any], tuple[Finding, ...]]]:
    return [({"metadata": {"name": name}}, items) for name, items in found.items()]


def test_the_warnings_about_one_clone_need_no_name() -> None:
    assert warnings(checked(a=(NOT_READY, UNUSED, RERUNS, UNKNOWN))) == [
        "[snapshot-not-ready] it is not ready; hint: kubectl wait x",
        "[filter-unused] a matches nothing",
        "not checked: target-claimed (the other clones can't be read: Forbidden)",
    ]


def test_a_warning_about_several_clones_is_told_once_with_the_first_of_them() -> None:
    found = checked(
        a=(NOT_READY, UNKNOWN),
        b=(NOT_READY, UNUSED, UNKNOWN),
        c=(NOT_READY,),
        d=(NOT_READY, NOT_READY, UNKNOWN),
    )

    assert warnings(found) == [
        "4 clones (a, b, c, ...): [snapshot-not-ready] it is not ready; hint: kubectl wait x",
        f"{OBJECT}/b: [filter-unused] a matches nothing",
        "3 clones (a, b, d): not checked: target-claimed (the other clones can't be read:"
        " Forbidden)",
    ]


def test_an_error_about_several_clones_is_told_once_and_nothing_is_created() -> None:
    assert str(refusal(checked(a=(GATE, UNUSED)))) == (
        f"error: [snapshot-gate] the gate is off\nhint: kubectl patch y\n{ENDS}"
    )
    found = checked(a=(GATE,), b=(GATE, TAKEN), c=(Finding("rbac", "error", "you may not"),))
    assert str(refusal(found)) == (
        "error: 2 clones (a, b): [snapshot-gate] the gate is off\nhint: kubectl patch y\n"
        f"error: {OBJECT}/c: [rbac] you may not\n{ENDS}"
    )


@pytest.mark.parametrize("found", [(), (UNUSED, RERUNS, UNKNOWN), (TAKEN,)])
def test_what_is_no_error_or_the_servers_to_say_refuses_nothing(found: tuple[Finding, ...]) -> None:
    assert refusal(checked(a=found, b=found)) is None
