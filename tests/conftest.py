"""Fixtures of the whole suite: the cluster under test, which is the sandbox unless one is given."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kubectl_virt_clone.sandbox.controlplane import ControlPlane


def pytest_addoption(parser: pytest.Parser) -> None:
    """--kubeconfig FILE: a real cluster for tests/contract and tests/e2e; --kills N."""
    parser.addoption(
        "--kubeconfig",
        type=Path,
        default=None,
        help="run tests/contract and tests/e2e on this cluster (with KubeVirt 1.6 or newer)",
    )
    parser.addoption(
        "--kills", type=int, default=3, help="how often a bulk create is killed and run again"
    )


@pytest.fixture(scope="session")
def control_plane() -> Iterator[ControlPlane]:
    """One sandbox for all tests that don't need their own; its KubeVirt takes no time."""
    with ControlPlane(speed=float("inf")) as running:
        yield running
