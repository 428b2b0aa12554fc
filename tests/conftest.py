"""Fixtures of the whole suite: the cluster under test, which is the sandbox unless one is given."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from kubevirt_sandbox.controlplane import ControlPlane
from tests.envtest.binaries import ASSETS, why_not
from tests.envtest.cluster import running_cluster


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


# A shell, signals that a test can send, modes of files: Windows has none of them.
POSIX = (
    "test_an_exec_plugin_gives_the_token_and_its_failure_is_told",
    "test_delete_interrupted.py",
    "test_get_watch.py",
    "test_sandbox.py",
    "test_streams_that_are_closed_or_full_end_in_no_traceback",
    "tests/credentials/",
    "tests/docs/",
    "tests/replay/",
    "tests/terminal/",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip on Windows what is about POSIX."""
    for item in items:
        if os.name == "nt" and any(part in item.nodeid for part in POSIX):
            item.add_marker(pytest.mark.skip(reason="is about POSIX"))


def server_kind(config: pytest.Config) -> str:
    """On which of the three servers what is true of all of them is tested."""
    if config.getoption("--kubeconfig"):
        return "cluster"
    return "apiserver" if os.environ.get(ASSETS) else "sandbox"


@pytest.fixture(scope="session")
def kubeconfig(request: pytest.FixtureRequest) -> Iterator[Path]:
    """The cluster of --kubeconfig, else an API server of KUBEBUILDER_ASSETS, else the sandbox."""
    kind = server_kind(request.config)
    if kind == "cluster":
        yield request.config.getoption("--kubeconfig")
    elif kind == "sandbox":
        yield request.getfixturevalue("control_plane").kubeconfig
    elif reason := why_not():
        pytest.fail(reason)
    else:
        with running_cluster() as server:
            yield server.kubeconfig


@pytest.fixture(scope="session")
def control_plane() -> Iterator[ControlPlane]:
    """One sandbox for all tests that don't need their own; its KubeVirt takes no time."""
    with ControlPlane(speed=float("inf")) as running:
        yield running
