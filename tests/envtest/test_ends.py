"""etcd and kube-apiserver end with the test run that started them, whatever ends that.

Most of it is played with programs that only wait; what the real ones serve is tests/contract's.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.tools import needs

from .binaries import ASSETS, PATIENCE, running_apiserver, why_not

pytestmark = [needs("ps"), pytest.mark.skipif(os.name == "nt", reason="is about POSIX")]

ROOT = Path(__file__).parent.parent.parent
RUN = """
import sys
from tests.envtest.{module} import {function}
with {function}():
    print("ready", flush=True)
    sys.stdin.read()
"""
WAITS = "#!/bin/sh\nn=0; while [ $n -lt 300 ]; do sleep 1; n=$((n + 1)); done\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where each temporary folder of a run is made, ours or that of a program that we start."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def assets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An etcd and a kube-apiserver that never get ready."""
    assets = tmp_path / "assets"
    assets.mkdir()
    for name in ("etcd", "kube-apiserver"):
        (assets / name).write_text(WAITS)
        (assets / name).chmod(0o755)
    monkeypatch.setenv(ASSETS, str(assets))
    return assets


def left(folder: Path) -> list[str]:
    """The processes to which the folder was named, and what is in it.

    For a moment that may be a shell's child, which is about to become the program that it starts.
    """
    running = subprocess.check_output(["ps", "-A", "-ww", "-o", "args="], text=True)
    named = [line for line in running.splitlines() if str(folder) in line]
    return [*named, *map(str, folder.iterdir())]


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        time.sleep(0.05)


def begun(module: str, function: str) -> subprocess.Popen[str]:
    program = RUN.format(module=module, function=function)
    return subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_run_that_is_ended_while_they_start_leaves_nothing(
    folder: Path, assets: Path, number: signal.Signals
) -> None:
    with begun("binaries", "running_apiserver") as run:
        until(lambda: any(line.startswith(f"/bin/sh {assets}/kube-") for line in left(folder)))
        run.send_signal(number)

        assert run.wait(PATIENCE) == -number
        until(lambda: left(folder) == [])


@pytest.mark.skipif(not os.environ.get(ASSETS), reason=f"needs {ASSETS}")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_run_that_is_ended_while_they_serve_leaves_nothing(
    folder: Path, number: signal.Signals
) -> None:
    with begun("cluster", "running_cluster") as run:
        assert run.stdout
        assert run.stdout.readline() == "ready\n"
        assert len(left(folder)) == 4, left(folder)  # the folder, the two and their keeper
        run.send_signal(number)

        assert run.wait(PATIENCE) == -number
        until(lambda: left(folder) == [])


def test_a_run_that_is_interrupted_while_they_start_leaves_nothing(
    folder: Path, assets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(urllib.request, "urlopen", interrupted)
    with pytest.raises(KeyboardInterrupt), running_apiserver():
        pass

    until(lambda: left(folder) == [])


def test_a_program_that_ends_is_named_with_what_it_said(folder: Path, assets: Path) -> None:
    (assets / "etcd").write_text("#!/bin/sh\necho no room\nexit 3\n")

    with pytest.raises(RuntimeError) as error, running_apiserver():
        pass

    assert str(error.value) == "etcd ended with exit code 3:\nno room"
    until(lambda: left(folder) == [])


def test_a_program_that_is_missing_is_named_and_the_other_ends(folder: Path, assets: Path) -> None:
    (assets / "kube-apiserver").unlink()

    with pytest.raises(RuntimeError) as error, running_apiserver():
        pass

    assert str(error.value) == f"{assets}/kube-apiserver: No such file or directory"
    assert why_not() == f"{ASSETS}={assets}: kube-apiserver can't be run"
    until(lambda: left(folder) == [])


def test_a_program_that_may_not_be_run_is_named_and_the_other_ends(
    folder: Path, assets: Path
) -> None:
    (assets / "kube-apiserver").chmod(0o644)

    with pytest.raises(RuntimeError) as error, running_apiserver():
        pass

    assert str(error.value) == f"{assets}/kube-apiserver: Permission denied"
    assert why_not() == f"{ASSETS}={assets}: kube-apiserver can't be run"
    until(lambda: left(folder) == [])
