"""A client of the Kubernetes package, connected to a sandbox that may be shared or disturbed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from kubernetes import config
from kubernetes.client import ApiClient

from tests.planes import Plane


def connected(plane: Plane, folder: Path, token: str = "", namespace: str = "default") -> ApiClient:
    """A client of the admin, or of the user of a token."""
    file = plane.kubeconfig
    if token:
        file = folder / "kubeconfig"
        file.write_text(plane.kubeconfig_of(token, namespace), encoding="utf-8")
    return config.new_client_from_config(str(file))


@pytest.fixture(scope="module")
def shared() -> Iterator[Plane]:
    with Plane(speed=float("inf")) as plane:
        yield plane


@pytest.fixture
def client(shared: Plane, tmp_path: Path) -> Iterator[ApiClient]:
    """Of a sandbox that the tests of a module share."""
    with connected(shared, tmp_path) as client:
        yield client


@pytest.fixture
def disturbed(tmp_path: Path) -> Iterator[Callable[..., tuple[Plane, ApiClient]]]:
    """Starts a sandbox of its own, with options such as ``faults``; returns it and a client."""
    with ExitStack() as stack:

        def start(**options: object) -> tuple[Plane, ApiClient]:
            plane = stack.enter_context(Plane(**{"speed": float("inf"), **options}))
            return plane, stack.enter_context(connected(plane, tmp_path))

        yield start
