"""The program on a real terminal: a pane of tmux, with a control plane of its own."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kubevirt_sandbox.controlplane import ControlPlane
from tests.planes import Plane

CLONES = "virtualmachineclones.clone.kubevirt.io"
PATIENCE = 60.0
PROMPT = "> "
SHELL = 'run() { kubectl-virt_clone "$@"; echo exit=$?; }\n'
OPTIONS = "set -g status off\nset -g history-limit 10000\n"


class Pane:
    """A shell in a terminal."""

    def __init__(self, tmux: str, folder: Path, columns: int, lines: int) -> None:
        self._tmux = (tmux, "-u", "-S", str(folder / "s"), "-f", str(folder / "options"))
        (folder / "options").write_text(OPTIONS)
        (folder / "shell").write_text(SHELL)
        shell = ("env", f"PS1={PROMPT}", f"ENV={folder / 'shell'}", "sh")
        size = ("-x", str(columns), "-y", str(lines))
        self._call("new-session", "-d", *size, "-s", "t", *shell)
        self.until(lambda rows: rows == [PROMPT.rstrip()])

    def _call(self, *args: str) -> str:
        call = [*self._tmux, *args]
        done = subprocess.run(call, capture_output=True, text=True, check=True, timeout=PATIENCE)
        return done.stdout

    def run(self, *args: str) -> None:
        """Type a call of the program, which is followed by its exit code."""
        self._call("send-keys", "-t", "t", "-l", f"run {shlex.join(args)}")
        self._call("send-keys", "-t", "t", "Enter")

    def press(self, key: str) -> None:
        self._call("send-keys", "-t", "t", key)

    def resize(self, columns: int, lines: int) -> None:
        self._call("resize-window", "-t", "t", "-x", str(columns), "-y", str(lines))

    @property
    def screen(self) -> list[str]:
        """The rows of the screen, without the empty ones below."""
        return self._captured()

    @property
    def history(self) -> list[str]:
        """All rows, with those that have left the screen."""
        return self._captured("-S", "-")

    def _captured(self, *args: str) -> list[str]:
        return self._call("capture-pane", "-p", "-t", "t", *args).rstrip("\n").split("\n")

    def until(self, seen: Callable[[list[str]], object]) -> list[str]:
        """Look until the screen is as expected; returns it."""
        deadline = time.monotonic() + PATIENCE
        while not seen(screen := self.screen):
            assert time.monotonic() < deadline, "\n".join(screen)
            time.sleep(0.02)
        return screen

    def until_done(self) -> list[str]:
        """Look until the program has ended; returns all rows but those of the shell."""
        self.until(lambda rows: rows[-1] == PROMPT.rstrip())
        return self.history[1:-1]

    def close(self) -> None:
        self._call("kill-server")


Panes = Callable[..., Pane]
Planes = Callable[..., ControlPlane]


@pytest.fixture
def plane(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Planes]:
    """Starts the control plane of a test."""
    monkeypatch.setenv("HOME", str(tmp_path))
    planes: list[ControlPlane] = []

    def start(speed: float) -> ControlPlane:
        planes.append(Plane(speed=speed))
        planes[-1].start()
        monkeypatch.setenv("KUBECONFIG", str(planes[-1].kubeconfig))
        return planes[-1]

    yield start
    for started in planes:
        started.stop()


@pytest.fixture
def pane(monkeypatch: pytest.MonkeyPatch, tmux_path: str) -> Iterator[Panes]:
    """Opens a terminal, after the control plane was started; skips where there is no tmux."""
    scripts = Path(sys.executable).parent
    monkeypatch.setenv("PATH", f"{scripts}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    for name in ("NO_COLOR", "COLUMNS", "LINES", "TMUX"):
        monkeypatch.delenv(name, raising=False)
    panes: list[Pane] = []
    # Not tmp_path: the path of a socket must be short.
    with tempfile.TemporaryDirectory() as folder:

        def open_pane(columns: int = 80, lines: int = 10) -> Pane:
            panes.append(Pane(tmux_path, Path(folder), columns, lines))
            return panes[-1]

        yield open_pane
        for opened in panes:
            opened.close()


def a_clone(plane: ControlPlane, name: str, source: str = "vm-cirros") -> None:
    """Create a clone object behind the program's back."""
    vm = {"apiGroup": "kubevirt.io", "kind": "VirtualMachine"}
    spec = {"source": {**vm, "name": source}, "target": {**vm, "name": f"{name}-t"}}
    plane.registry.create(
        CLONES,
        "default",
        {
            "apiVersion": "clone.kubevirt.io/v1beta1",
            "kind": "VirtualMachineClone",
            "metadata": {"name": name},
            "spec": spec,
        },
    )
