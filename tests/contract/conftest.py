"""The API under contract, a namespace of its own in it, and clones that nothing changes."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.sandbox.client import CLONES, PATIENCE, Api, Obj

MakeClone = Callable[..., Obj]


@pytest.fixture(scope="session")
def api(kubeconfig: Path) -> Api:
    """The API under contract."""
    return Api(kubeconfig)


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
    return name


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
    return f"{CLONES}/namespaces/{namespace}/virtualmachineclones"


_numbers = itertools.count(1)


@pytest.fixture
def name() -> str:
    """A name that no other test uses."""
    return f"contract-{next(_numbers)}"


def a_clone(name: str, **metadata: object) -> Obj:
    """A clone of a VM that does not exist: KubeVirt lets it wait for ever."""
    return {
        "apiVersion": "clone.kubevirt.io/v1beta1",
        "kind": "VirtualMachineClone",
        "metadata": {"name": name, **metadata},
        "spec": {
            "source": {"apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": "missing"},
            "target": {"apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": f"{name}-t"},
        },
    }


@pytest.fixture
def settled(api: Api, clones: str, name: str) -> Obj:
    """A stored clone to which KubeVirt has done what it will ever do: it is pending."""
    return settle(api, clones, a_clone(name))


def settle(api: Api, clones: str, body: Obj) -> Obj:
    """Creates a clone and waits until KubeVirt has written its status."""
    created = api.post(clones, body)
    assert created.code == 201, created.body
    path = f"{clones}/{created.body['metadata']['name']}"
    until(lambda: "conditions" in api.get(path).body.get("status", {}))
    found: Obj = api.get(path).body
    return found


def until(condition: Callable[[], object]) -> None:
    """Waits for what the server is about to do."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        time.sleep(0.02)


def until_gone(api: Api, path: str) -> None:
    """Waits until an object is deleted."""
    until(lambda: api.get(path).code == 404)
