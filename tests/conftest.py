"""Fixtures of the whole suite: the cluster under test, which is the sandbox unless one is given."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from kubevirt_sandbox.controlplane import ControlPlane
from tests.envtest.binaries import ASSETS, why_not
from tests.envtest.cluster import running_cluster
from tests.planes import Plane, changed
from tests.surroundings import settle
from tests.tools import mark_by_fixtures, path_of, require

settle()  # before any test is imported: some read help texts by then


def pytest_addoption(parser: pytest.Parser) -> None:
    """--kubeconfig FILE: a real cluster for tests/contract and tests/e2e; --kills N."""
    parser.addoption(
        "--kubeconfig",
        type=Path,
        default=None,
        help="run tests/contract and tests/e2e on this cluster (with KubeVirt 1.6 or newer)",
    )
    parser.addoption(
        "--kills", type=int, default=1, help="how often a bulk create is killed and run again"
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
    """Skip on Windows what is about POSIX; mark what needs more tools than a stock machine's."""
    for item in items:
        mark_by_fixtures(item)
        if os.name == "nt" and any(part in item.nodeid for part in POSIX):
            item.add_marker(pytest.mark.skip(reason="is about POSIX"))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what needs a tool that is not there, before any fixture of it begins."""
    require(item)


@pytest.fixture(scope="session")
def bash_path() -> str:
    """The bash on the PATH; skips where there is none, as the two below."""
    return path_of("bash")


@pytest.fixture(scope="session")
def kubectl_path() -> str:
    """The kubectl on the PATH."""
    return path_of("kubectl")


@pytest.fixture(scope="session")
def tmux_path() -> str:
    """The tmux on the PATH."""
    return path_of("tmux")


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
    with Plane(speed=float("inf")) as running:
        yield running


@pytest.fixture(scope="session", autouse=True)
def planted() -> Iterator[None]:
    """Fails at the end if a test has changed an object that control planes share."""
    yield
    assert changed() == []
