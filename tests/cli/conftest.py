"""The program in process against a control plane of its own, with stdout and stderr kept apart."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from kubectl_virt_clone.cli.main import run
from kubevirt_sandbox.controlplane import ControlPlane
from tests.cli.stub import serve  # noqa: F401 - a fixture of the tests here
from tests.planes import Plane

AT_ONCE = float("inf")


class Answer(NamedTuple):
    """What the program wrote."""

    out: str
    err: str


Kvc = Callable[..., Answer]
Planes = Callable[..., ControlPlane]


@pytest.fixture
def make_plane(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Planes]:
    """Starts control planes; KUBECONFIG names the newest. They end after the test."""
    monkeypatch.setenv("HOME", str(tmp_path))
    planes: list[ControlPlane] = []

    def make(**options: object) -> ControlPlane:
        plane = Plane(**{"speed": AT_ONCE, **options})
        plane.start()
        planes.append(plane)
        monkeypatch.setenv("KUBECONFIG", str(plane.kubeconfig))
        return plane

    yield make
    for plane in planes:
        plane.stop()


@pytest.fixture
def plane(make_plane: Planes) -> ControlPlane:
    """A control plane without delays, with all seeds."""
    return make_plane()


@pytest.fixture
def kvc(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Kvc:
    """Runs the program; fails at once on another exit code than expected, maybe for its answer."""

    def call(
        *args: object, exit_code: int | Callable[[Answer], int] = 0, stdin: str = ""
    ) -> Answer:
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        capsys.readouterr()
        code = run([str(arg) for arg in args])
        answer = Answer(*capsys.readouterr())
        assert code == (exit_code(answer) if callable(exit_code) else exit_code), answer
        return answer

    return call
