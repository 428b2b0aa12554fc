"""A namespace of its own on a real cluster with KubeVirt, and the program run against it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from kubectl_virt_clone.actions.versions import served_clones
from kubectl_virt_clone.cli.main import run
from kubectl_virt_clone.clone.api import VIRTUAL_MACHINES
from kubectl_virt_clone.errors import StatusError
from kubectl_virt_clone.kube.connection import ConnectionFlags
from kubectl_virt_clone.kube.resource import path_of
from kubectl_virt_clone.kube.transport import Session, connect
from kubectl_virt_clone.objects.resource import Resource

NAMESPACES = "/api/v1/namespaces"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


class Answer(NamedTuple):
    """What the program wrote."""

    out: str
    err: str


Kvc = Callable[..., Answer]
MakeVm = Callable[..., None]


@pytest.fixture(scope="session")
def kubeconfig(request: pytest.FixtureRequest) -> Path:
    """The kubeconfig of the real cluster; skips where none is given."""
    path: Path | None = request.config.getoption("--kubeconfig")
    if path is None:
        pytest.skip("needs a cluster with KubeVirt: pytest tests/e2e --kubeconfig FILE")
    return path


@pytest.fixture(scope="session")
def session(kubeconfig: Path) -> Session:
    """A connection for what the program itself does not do."""
    flags = ConnectionFlags(kubeconfig=str(kubeconfig))
    return connect(flags, log=lambda _: None, warn=lambda _: None)


@pytest.fixture(scope="session")
def clone_resource(session: Session) -> Resource:
    """Clones in the version that this cluster serves."""
    return served_clones(session)


@pytest.fixture(scope="session")
def clone_fields(session: Session, clone_resource: Resource) -> frozenset[str]:
    """The fields of a clone's spec, which are not the same in each release."""
    crd = session.request("GET", f"{DEFINITIONS}/{clone_resource.qualified}")
    version = next(
        item for item in crd["spec"]["versions"] if item["name"] == clone_resource.version
    )
    schema = version["schema"]["openAPIV3Schema"]
    return frozenset(schema["properties"]["spec"]["properties"])


@pytest.fixture
def needs_patches(clone_fields: frozenset[str]) -> None:
    """Skips where clones have no patches."""
    if "patches" not in clone_fields:
        pytest.skip("its clones have no patches")


@pytest.fixture(scope="session")
def waits_for_source(session: Session, clone_resource: Resource) -> bool:
    """Whether a clone may be created before its source; KubeVirt 1.4 refuses that, and more."""
    source = {"apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": "no-such-source"}
    body = {
        "apiVersion": clone_resource.api_version,
        "kind": clone_resource.kind,
        "metadata": {"name": "no-such-clone"},
        "spec": {"source": source},
    }
    path = path_of(clone_resource, "default")
    try:
        session.request("POST", path, query=[("dryRun", "All")], body=body)
    except StatusError:
        return False
    return True


@pytest.fixture
def namespace(session: Session) -> Iterator[str]:
    """A new namespace, deleted after the test with all that is in it."""
    body = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"generateName": "virt-clone-e2e-"},
    }
    name = session.request("POST", NAMESPACES, body=body)["metadata"]["name"]
    yield name
    session.request("DELETE", f"{NAMESPACES}/{name}")


@pytest.fixture
def make_vm(session: Session, namespace: str) -> MakeVm:
    """Creates a halted VM without volumes that need storage."""

    def make(name: str, *, devices: dict[str, Any] | None = None) -> None:
        interface = {"name": "default", "masquerade": {}}
        body = {
            "apiVersion": VIRTUAL_MACHINES.api_version,
            "kind": VIRTUAL_MACHINES.kind,
            "metadata": {"name": name, "labels": {"app": "e2e", "tier": "test"}},
            "spec": {
                "runStrategy": "Halted",
                "template": {
                    "metadata": {"labels": {"app": "e2e"}},
                    "spec": {
                        "domain": {
                            "devices": {"interfaces": [interface], **(devices or {})},
                            "memory": {"guest": "64Mi"},
                            "firmware": {"serial": "SN-0001"},
                        },
                        "networks": [{"name": "default", "pod": {}}],
                    },
                },
            },
        }
        session.request("POST", path_of(VIRTUAL_MACHINES, namespace), body=body)

    return make


@pytest.fixture
def kvc(kubeconfig: Path, namespace: str, capsys: pytest.CaptureFixture[str]) -> Kvc:
    """Runs the program in the namespace; fails at once on another exit code than expected."""

    def call(*args: str, exit_code: int = 0) -> Answer:
        capsys.readouterr()
        code = run(["--kubeconfig", str(kubeconfig), "-n", namespace, *args])
        answer = Answer(*capsys.readouterr())
        assert code == exit_code, answer
        return answer

    return call
