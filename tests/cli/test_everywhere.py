"""The program on whatever server the contract is tested on: nothing is assumed but KubeVirt.

Each test has a namespace of its own and makes what it needs; all else is in the other files here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Kvc
from tests.contract.conftest import new_namespace, until
from tests.sandbox.client import CLONES, Api, Obj

NAME = "virtualmachineclones.clone.kubevirt.io"
MISSING = "Source doesnt exist: VirtualMachine {}/missing"
PENDING = ("--source=missing", "--skip-check=source-missing")


class Place:
    """A namespace, and what is in it."""

    def __init__(self, api: Api, name: str) -> None:
        self.api = api
        self.name = name
        self.clones = f"{CLONES}/namespaces/{name}/virtualmachineclones"
        self.vms = f"/apis/kubevirt.io/v1/namespaces/{name}/virtualmachines"

    def clone(self, name: str) -> Obj:
        """The stored clone."""
        body: Obj = self.api.get(f"{self.clones}/{name}").body
        return body

    def names(self) -> list[str]:
        """The names of all stored clones."""
        return [item["metadata"]["name"] for item in self.api.get(self.clones).body["items"]]

    def vm(self, name: str) -> None:
        """Makes a halted VM without volumes, and waits until KubeVirt has seen it."""
        guest = {"domain": {"devices": {}, "memory": {"guest": "64Mi"}}}
        body = {
            "apiVersion": "kubevirt.io/v1",
            "kind": "VirtualMachine",
            "metadata": {"name": name},
            "spec": {"runStrategy": "Halted", "template": {"spec": guest}},
        }
        answer = self.api.post(self.vms, body)
        assert answer.code == 201, answer.body
        until(lambda: "status" in self.api.get(f"{self.vms}/{name}").body)

    def until_pending(self, name: str) -> None:
        """Waits until KubeVirt has said that the clone's source is missing."""
        until(lambda: "conditions" in self.clone(name).get("status", {}))


@pytest.fixture
def place(kubeconfig: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Place]:
    """A namespace of one's own, which the program finds in the kubeconfig's context."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    api = Api(kubeconfig)
    name = new_namespace(api)
    yield Place(api, name)
    api.delete(f"/api/v1/namespaces/{name}")


def test_a_clone_is_created_once(kvc: Kvc, place: Place) -> None:
    answer = kvc("create", "a", "-n", place.name, "--target=b", *PENDING)
    assert answer.out == "virtualmachineclone.clone.kubevirt.io/a created\n"
    answer = kvc("create", "a", "-n", place.name, "--target=b", *PENDING, exit_code=1)
    assert answer.err == f'Error from server (AlreadyExists): {NAME} "a" already exists\n'
    assert place.clone("a")["spec"]["target"]["name"] == "b"


def test_what_admission_refuses_is_told(kvc: Kvc, place: Place) -> None:
    args = ("--source=vm", "--target=vm", "--skip-check=all")
    answer = kvc("create", "a", "-n", place.name, *args, exit_code=1)
    assert "Target name cannot be equal to source name" in answer.err
    assert place.names() == []


def test_a_source_that_is_missing_is_found_before_a_clone_is_made(kvc: Kvc, place: Place) -> None:
    answer = kvc("create", "a", "-n", place.name, "--source=missing", exit_code=1)
    assert answer.err.splitlines()[0] == (
        'error: [source-missing] there is no VirtualMachine "missing" in the namespace '
        f"{place.name}"
    )
    assert place.names() == []


@pytest.mark.parametrize("where", ["server", "client"])
def test_a_dry_run_creates_nothing(kvc: Kvc, place: Place, where: str) -> None:
    args = (f"--dry-run={where}", "-o", "json", "--target=b", *PENDING)
    made = json.loads(kvc("create", "a", "-n", place.name, *args).out)
    assert (made["kind"], made["metadata"]["name"]) == ("VirtualMachineClone", "a")
    assert place.names() == []


def test_a_clone_is_shown_as_it_is_stored(kvc: Kvc, place: Place) -> None:
    kvc("create", "a", "-n", place.name, "--target=b", *PENDING)
    place.until_pending("a")
    shown = json.loads(kvc("get", "a", "-n", place.name, "-o", "json").out)
    stored = place.clone("a")
    stored["metadata"].pop("managedFields", None)
    assert shown == stored


def test_a_pending_clone_is_listed_with_its_state(kvc: Kvc, place: Place) -> None:
    kvc("create", "a", "-n", place.name, "--target=b", *PENDING)
    place.until_pending("a")
    header, row = kvc("get", "-n", place.name).out.splitlines()
    assert header.split() == ["NAME", "PHASE", "SOURCE", "TARGET", "READY", "AGE"]
    assert row.split()[:5] == ["a", "Pending", "missing", "b", "False"]


def test_clones_are_selected(kvc: Kvc, place: Place) -> None:
    for name in ("a", "b"):
        kvc("create", name, "-n", place.name, f"--target={name}-t", *PENDING)
    place.api.patch(f"{place.clones}/b", {"metadata": {"labels": {"team": "x"}}})
    answer = kvc("get", "-n", place.name, "-l", "team=x", "-o", "name")
    assert answer.out == "virtualmachineclone.clone.kubevirt.io/b\n"
    answer = kvc("get", "-n", place.name, "-l", "team in", exit_code=1)
    assert answer.err.startswith("Error from server (BadRequest): unable to parse requirement: ")


def test_a_name_that_is_missing_is_not_found(kvc: Kvc, place: Place) -> None:
    answer = kvc("get", "nosuch", "-n", place.name, exit_code=1)
    assert answer.err == f'Error from server (NotFound): {NAME} "nosuch" not found\n'


def test_waiting_for_a_clone_without_a_source_says_why_it_ended(kvc: Kvc, place: Place) -> None:
    kvc("create", "a", "-n", place.name, "--target=b", *PENDING)
    place.until_pending("a")
    answer = kvc("wait", "a", "-n", place.name, "--timeout=1s", exit_code=3)
    assert MISSING.format(place.name) in answer.err


def test_a_pending_clone_is_described_with_its_cause(kvc: Kvc, place: Place) -> None:
    kvc("create", "a", "-n", place.name, "--target=b", *PENDING)
    place.until_pending("a")
    lines = kvc("describe", "a", "-n", place.name).out.splitlines()
    assert f"Cause:  {MISSING.format(place.name)}" in lines


@pytest.mark.parametrize(("mode", "told"), [("server", "server dry run"), ("client", "dry run")])
def test_a_dry_run_deletes_nothing(kvc: Kvc, place: Place, mode: str, told: str) -> None:
    kvc("create", "a", "-n", place.name, "--target=b", *PENDING)
    answer = kvc("delete", "a", "-n", place.name, f"--dry-run={mode}")
    where = f"from {place.name} namespace"
    assert answer.out == f'virtualmachineclone.clone.kubevirt.io "a" deleted {where} ({told})\n'
    assert place.names() == ["a"]


def test_a_deleted_clone_is_gone(kvc: Kvc, place: Place) -> None:
    kvc("create", "a", "-n", place.name, "--target=b", *PENDING)
    kvc("delete", "a", "-n", place.name)
    assert place.names() == []
    kvc("delete", "a", "-n", place.name, exit_code=1)
    assert kvc("delete", "a", "-n", place.name, "--ignore-not-found") == ("", "")


def test_a_clone_succeeds_and_its_target_is_there(kvc: Kvc, place: Place) -> None:
    place.vm("source")
    args = ("--source=source", "--target=copy", "--wait", "--timeout=60s")
    answer = kvc("create", "a", "-n", place.name, *args)
    assert answer.out.splitlines()[-1] == "virtualmachineclone.clone.kubevirt.io/a condition met"
    assert place.api.get(f"{place.vms}/copy").code == 200
    assert place.clone("a")["status"]["phase"] == "Succeeded"


def test_a_target_that_is_there_is_found_before_a_clone_is_made(kvc: Kvc, place: Place) -> None:
    place.vm("source")
    place.vm("copy")
    args = ("--source=source", "--target=copy")
    answer = kvc("create", "a", "-n", place.name, *args, exit_code=1)
    assert answer.err.startswith('error: [target-exists] there is a VM "copy" already')


def test_who_may_not_list_is_told_by_the_server(kvc: Kvc, place: Place) -> None:
    answer = kvc("get", "-n", place.name, "--as", "nobody-at-all", exit_code=1)
    assert answer.err == (
        f'Error from server (Forbidden): {NAME} is forbidden: User "nobody-at-all" cannot list '
        'resource "virtualmachineclones" in API group "clone.kubevirt.io" in the namespace '
        f'"{place.name}"\n'
    )


def test_the_cluster_is_judged_and_its_versions_are_told(kvc: Kvc, place: Place) -> None:
    kvc("check", "-n", place.name)
    told = kvc("version").out
    assert re.search(r"^Server Version: v1\.\d+", told, re.M)
    assert "Clone API Versions: v1beta1, v1alpha1\n" in told
