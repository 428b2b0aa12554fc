"""A shell in a control plane of its own, for the commands of one document."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kubevirt_sandbox.controlplane import ControlPlane
from tests.planes import Plane

from .shell import Shell, shell_in


@pytest.fixture
def plane() -> Iterator[ControlPlane]:
    """A control plane without delays, with all seeds."""
    with Plane(speed=float("inf")) as started:
        yield started


@pytest.fixture
def kubectl(kubectl_path: str, bash_path: str) -> None:
    """Skips where there is no kubectl, or no shell to type its name into."""


@pytest.fixture
def shell(
    kubectl: None, plane: ControlPlane, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Shell:
    """A reader's shell, with the plugin and kubectl on the PATH."""
    opened = shell_in(tmp_path, plane.kubeconfig)
    monkeypatch.chdir(tmp_path)
    for name in ("KUBECONFIG", "HOME", "PATH"):
        monkeypatch.setenv(name, opened.environment[name])
    return opened
