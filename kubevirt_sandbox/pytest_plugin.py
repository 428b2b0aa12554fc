"""pytest fixtures: a Kubernetes API with a simulated KubeVirt, for each test or for a whole run.

pytest loads this module by its entry point, wherever the package is installed; the control plane is
loaded only for a test that asks for it. docs/python.md has an example.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

    from kubevirt_sandbox.controlplane import ControlPlane

_OPTIONS = ("release", "speed", "seeds", "faults")
MARKER = (
    "kubevirt_sandbox(release, speed, seeds, faults): what the sandbox of this test is like;"
    " what is left out is as the ini file says"
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """What the sandboxes of a project are like."""
    add = parser.addini
    add("kubevirt_sandbox_scope", "function: one for each test; session: one for all", default="")
    add("kubevirt_sandbox_release", "the KubeVirt release that it stands for, such as 1.6")
    add("kubevirt_sandbox_speed", "1 for the pace of a real KubeVirt; without delay by default")
    add("kubevirt_sandbox_seeds", "packaged seeds, or YAML files of objects", type="linelist")
    add("kubevirt_sandbox_faults", "what goes wrong, as sandbox --fault has it", type="linelist")


def pytest_configure(config: pytest.Config) -> None:
    """Let a test have a sandbox of its own kind."""
    config.addinivalue_line("markers", MARKER)


def _scope(fixture_name: str, config: pytest.Config) -> str:
    scope = config.getini("kubevirt_sandbox_scope") or "function"
    if scope not in ("function", "session"):
        raise pytest.UsageError(f"kubevirt_sandbox_scope: {scope!r} is not function or session")
    return str(scope)


@pytest.fixture(scope=_scope)  # type: ignore[arg-type]
def kubevirt_sandbox(request: pytest.FixtureRequest) -> Iterator[ControlPlane]:
    """A running control plane, with a kubeconfig at ``.kubeconfig`` and its URL at ``.url``."""
    from kubevirt_sandbox.controlplane import ControlPlane

    chosen = {name: request.config.getini(f"kubevirt_sandbox_{name}") for name in _OPTIONS}
    marker = request.node.get_closest_marker("kubevirt_sandbox")
    chosen |= marker.kwargs if marker else {}
    if unknown := chosen.keys() - set(_OPTIONS):
        raise pytest.UsageError(f"kubevirt_sandbox has no option {', '.join(sorted(unknown))}")
    options: dict[str, Any] = {"speed": float(chosen["speed"] or "inf")}
    options |= {"kubevirt": chosen["release"]} if chosen["release"] else {}
    options |= {name: chosen[name] for name in ("seeds", "faults") if chosen[name]}
    with ControlPlane(**options) as plane:
        yield plane


@pytest.fixture(scope=_scope)  # type: ignore[arg-type]
def kubeconfig(kubevirt_sandbox: ControlPlane) -> Path:
    """The kubeconfig file of the sandbox's admin."""
    return kubevirt_sandbox.kubeconfig


@pytest.fixture(scope=_scope)  # type: ignore[arg-type]
def kubevirt_client(kubevirt_sandbox: ControlPlane) -> Iterator[ApiClient]:
    """A ``kubernetes.client.ApiClient`` that is connected to the sandbox."""
    from kubernetes import config

    with config.new_client_from_config(str(kubevirt_sandbox.kubeconfig)) as client:
        yield client
