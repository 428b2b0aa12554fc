"""The API under contract, a namespace of its own in it, and clones that nothing changes."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.sandbox.client import PATIENCE, Api, Obj

MakeClone = Callable[..., Obj]
GROUP = "clone.kubevirt.io"
SOURCE = "missing"


class Served:
    """What the cluster has of clones: each release of KubeVirt serves other versions and fields."""

    def __init__(self) -> None:
        self.versions: list[str] = []
        """The served ones, preferred first."""
        self.fields: dict[str, Obj] = {}
        """The schema of each field of a clone's spec."""
        self.waits_for_source = True
        """Whether a clone may be created before its source; KubeVirt 1.4 refuses that."""

    @property
    def version(self) -> str:
        """The version that the tests speak."""
        return self.versions[0]

    @property
    def api_version(self) -> str:
        """It as an object names it."""
        return f"{GROUP}/{self.version}"

    @property
    def group(self) -> str:
        """Where it is served."""
        return f"/apis/{self.api_version}"

    @property
    def other_version(self) -> str:
        """One that is not the tests', whether it is served or not."""
        return "v1alpha1" if self.version != "v1alpha1" else "v1beta1"

    @property
    def settled_phase(self) -> str | None:
        """The phase in which a clone stays that nothing changes any more."""
        return None if self.waits_for_source else "RestoreInProgress"

    def learn(self, api: Api) -> None:
        """Asks a cluster."""
        listed = api.get(f"/apis/{GROUP}").body["versions"]
        self.versions = [item["version"] for item in listed]
        self.fields = clone_schema(api, self.version)["properties"]["spec"]["properties"]
        clones = f"{self.group}/namespaces/default/virtualmachineclones"
        self.waits_for_source = True  # for the clone that is tried
        answer = api.post(clones, a_clone("no-such-source"), dryRun="All")
        self.waits_for_source = answer.code == 201


def clone_schema(api: Api, version: str) -> Obj:
    """The published schema of clones in one version."""
    index = json.loads(api.get("/openapi/v3").body)["paths"]
    # A real server's URL carries the hash of the document.
    document = api.get(index[f"apis/{GROUP}/{version}"]["serverRelativeURL"]).body
    wanted = {"group": GROUP, "version": version, "kind": "VirtualMachineClone"}
    schema: Obj = next(
        item
        for item in document["components"]["schemas"].values()
        if wanted in item.get("x-kubernetes-group-version-kind", [])
    )
    return schema


SERVED = Served()
"""What is true of the one cluster of a run; known once there is an ``api``."""


def needs_other_version() -> None:
    """Skips a test about a second version where there is but one."""
    if SERVED.other_version not in SERVED.versions:
        pytest.skip(f"its clones have no {SERVED.other_version}")


def needs_field(name: str) -> None:
    """Skips a test about a field that the cluster's release does not have."""
    if name not in SERVED.fields:
        pytest.skip(f"its clones have no {name}")


@pytest.fixture(scope="session")
def api(kubeconfig: Path) -> Api:
    """The API under contract."""
    api = Api(kubeconfig)
    SERVED.learn(api)
    return api


def new_namespace(api: Api) -> str:
    """A namespace by a name that nobody else has."""
    body = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"generateName": "virt-clone-contract-"},
    }
    answer = api.post("/api/v1/namespaces", body)
    assert answer.code == 201, answer.body
    name: str = answer.body["metadata"]["name"]
    if not SERVED.waits_for_source:
        vms = f"/apis/kubevirt.io/v1/namespaces/{name}/virtualmachines"
        created = api.post(vms, _source())
        assert created.code == 201, created.body
    return name


def _source() -> Obj:
    """The source of clones where there has to be one; they change its MAC address."""
    devices = {"interfaces": [{"name": "default", "masquerade": {}}]}
    guest = {
        "domain": {"devices": devices, "memory": {"guest": "64Mi"}},
        "networks": [{"name": "default", "pod": {}}],
    }
    return {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachine",
        "metadata": {"name": SOURCE},
        "spec": {"runStrategy": "Halted", "template": {"spec": guest}},
    }


@pytest.fixture(scope="session")
def namespace(api: Api) -> Iterator[str]:
    """A namespace that all tests share: they tell their objects apart by name and label."""
    name = new_namespace(api)
    yield name
    api.delete(f"/api/v1/namespaces/{name}")


@pytest.fixture
def empty_namespace(api: Api) -> Iterator[str]:
    """A namespace for a test that counts everything in it."""
    name = new_namespace(api)
    yield name
    api.delete(f"/api/v1/namespaces/{name}")


@pytest.fixture
def clones(namespace: str) -> str:
    """The path of the clones in the shared namespace."""
    return f"{SERVED.group}/namespaces/{namespace}/virtualmachineclones"


_numbers = itertools.count(1)


@pytest.fixture
def name() -> str:
    """A name that no other test uses."""
    return f"contract-{next(_numbers)}"


def a_clone(name: str, **metadata: object) -> Obj:
    """A clone with which KubeVirt never comes to an end.

    Its source does not exist; where that is refused, its restore is, for the colons in the MAC.
    """
    colons = {"newMacAddresses": {"default": "02:00:00:00:00:78"}}
    held_up = {} if SERVED.waits_for_source else colons
    return {
        "apiVersion": SERVED.api_version,
        "kind": "VirtualMachineClone",
        "metadata": {"name": name, **metadata},
        "spec": {
            "source": {"apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": SOURCE},
            "target": {"apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": f"{name}-t"},
            **held_up,
        },
    }


@pytest.fixture
def settled(api: Api, clones: str, name: str) -> Obj:
    """A stored clone to which KubeVirt has done what it will ever do: it waits."""
    return settle(api, clones, a_clone(name))


def settle(api: Api, clones: str, body: Obj) -> Obj:
    """Creates a clone and waits until KubeVirt has written its status."""
    created = api.post(clones, body)
    assert created.code == 201, created.body
    path = f"{clones}/{created.body['metadata']['name']}"
    until(lambda: _has_settled(api.get(path).body.get("status", {})))
    found: Obj = api.get(path).body
    return found


def _has_settled(status: Obj) -> bool:
    return "conditions" in status and status.get("phase") == SERVED.settled_phase


def until(condition: Callable[[], object]) -> None:
    """Waits for what the server is about to do."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        time.sleep(0.02)


def until_gone(api: Api, path: str) -> None:
    """Waits until an object is deleted."""
    until(lambda: api.get(path).code == 404)
