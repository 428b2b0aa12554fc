"""docs/rbac.yaml: every verb works with the rights in it, and none of them is too much."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubevirt_sandbox.apiserver.access.authorization import AUTHENTICATED, Rule, User
from kubevirt_sandbox.apiserver.requestinfo import parse
from kubevirt_sandbox.controlplane import ControlPlane
from kubevirt_sandbox.kubevirt.seed.planting import seed_names
from tests.sandbox import test_revisions as revisions
from tests.sandbox.world import VMS, World

from .markdown import ROOT
from .shell import Shell, shell_in

TOKEN = "cloner"
WORK = (
    "check --source vm-data --target one",
    "check --source web-1 --target one",
    "check --source vm-shared --target one",
    "preview --source vmsnapshot/snap-1 --target one",
    "create one --source vm-data --target one --wait",
    "create 'w-{}' --source vm-data --target 'w-{}' --count 2 --wait --rm",
    "create later --source vm-later --target later --wait",
    "create stuck --source vm-cirros --target taken --skip-check target-exists",
    "create slow --source vm-snap --target slow",
    "get -o wide",
    "describe one later stuck slow",
    "delete slow",
    "delete --finished --older-than 0",
    "version",
)
FORBIDDEN = 403
Right = tuple[str, str, str]
Request = tuple[str, str, int]
RunAs = Callable[[list[Rule]], tuple[Shell, list[Request]]]


def roles() -> dict[str, list[dict[str, Any]]]:
    documents = yaml.safe_load_all((ROOT / "docs" / "rbac.yaml").read_text(encoding="utf-8"))
    return {role["metadata"]["name"]: role["rules"] for role in documents}


def rules_of(role: str, *namespaces: str) -> Iterator[Rule]:
    for rule in roles()[role]:
        names = (tuple(rule[key]) for key in ("apiGroups", "resources", "verbs"))
        yield Rule(*names, namespaces)


def rights_of(rules: list[Rule]) -> set[Right]:
    return {
        (group, resource, verb)
        for rule in rules
        for group in rule.api_groups
        for resource in rule.resources
        for verb in rule.verbs
    }


@pytest.fixture
def run_as(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunAs]:
    """Starts a sandbox with a user; gives what runs the program as this user, and its requests."""
    with ExitStack() as stack:

        def start(rules: list[Rule]) -> tuple[Shell, list[Request]]:
            asked: list[Request] = []
            plane = ControlPlane(
                seeds=[*seed_names(), "sources/vm-shared"],
                speed=float("inf"),
                users={TOKEN: User("cloner", tuple(rules))},
                on_request=lambda *request: asked.append(request),
            )
            stack.enter_context(plane)
            world = World.of(plane)
            revisions.start(world, "web-1")
            world.change(VMS, "web-1", revisions.change_guest)
            world.until(lambda: world.get(VMS, "web-1")["status"].get("desiredGeneration") == 3)
            kubeconfig = tmp_path / "kubeconfig"
            kubeconfig.write_text(plane.kubeconfig_of(TOKEN), encoding="utf-8")
            monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
            return shell_in(tmp_path, kubeconfig), asked

        yield start


OPTIONAL = {"virt-clone-optional": "default", "virt-clone-cluster-optional": "*"}
"""Role → the namespace that it is given in."""


@pytest.mark.parametrize("optional", [True, False])
def test_every_verb_works_with_the_rights_of_the_roles_and_needs_all_of_them(
    run_as: RunAs, optional: bool
) -> None:
    rules = [*rules_of("virt-clone", "default"), *rules_of("virt-clone-cluster", "*")]
    more = [rule for role, where in OPTIONAL.items() for rule in rules_of(role, where)]
    shell, asked = run_as([*rules, *(more if optional else ())])

    answers = {line: shell.run(f"kubectl-virt_clone {line}") for line in WORK}
    # It looks into what the clone's children say, and ends with their cause.
    stuck = shell.run("kubectl-virt_clone wait stuck")
    refused = shell.run("kubectl-virt_clone check --source vm-pvc")

    assert {line: out for line, (out, code) in answers.items() if code} == {}
    assert (stuck[1], refused[1]) == (4, 1), stuck[0]
    assert rights_in(request for request in asked if request[2] == FORBIDDEN) == (
        set() if optional else rights_of(more)
    )
    assert rights_in(asked) - rights_of(list(AUTHENTICATED)) == rights_of([*rules, *more])


def rights_in(asked: Iterable[Request]) -> set[Right]:
    return {
        (info.group, info.resource, info.verb)
        for info in (parse(method, path) for method, path, _ in asked)
        if info.resource
    }


def test_the_rights_that_are_a_must_are_enough_to_make_a_clone_and_wait_for_it(
    run_as: RunAs,
) -> None:
    must = Rule(("clone.kubevirt.io",), ("virtualmachineclones",), ("create", "get"))
    shell, _ = run_as([must])

    assert shell.run("kubectl-virt_clone create c --source vm-data --target t --wait")[1] == 0
