"""The program and a real kubectl against servers that look closely; no output may hold a secret."""

from __future__ import annotations

import logging
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest

from kubectl_virt_clone.cli.main import run
from tests.credentials.kit import Kit
from tests.credentials.servers import Cluster, Identity

PATIENCE = 60


class Answer(NamedTuple):
    """How a program ended, what it wrote, and whom the server took it for."""

    code: int
    out: str
    err: str
    seen: tuple[Identity, ...]


Kvc = Callable[..., Answer]
Kubectl = Callable[..., Answer]
Transcript = list[str]


def leaks(text: str, secrets: set[str]) -> set[str]:
    """The secrets that a text holds, on one line or broken over several."""
    return {secret for secret in secrets if secret in text or secret in "".join(text.split())}


@pytest.fixture(scope="session")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kit]:
    cluster = Cluster()
    with ExitStack() as stack:
        stack.callback(cluster.stop)
        yield Kit(cluster, tmp_path_factory.mktemp("kit"), stack)


@pytest.fixture(autouse=True)
def transcript(
    kit: Kit, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> Iterator[Transcript]:
    """All that a test wrote, in whatever way; at its end it is searched for every secret."""
    caplog.set_level(logging.DEBUG)
    written: Transcript = []
    yield written
    written += [*capfd.readouterr(), caplog.text]
    assert leaks("".join(written), kit.secrets) == set()


@pytest.fixture(autouse=True)
def environment(kit: Kit, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An environment without a kubeconfig, a proxy or a pod, and servers that remember nothing."""
    kit.cluster.server.forget()
    (kit.folder / "plugin.log").unlink(missing_ok=True)
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name.startswith(("KUBE", "REQUEST_METHOD")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("HINT", "none")


@pytest.fixture
def kvc(kit: Kit, capfd: pytest.CaptureFixture[str], transcript: Transcript) -> Kvc:
    """Runs the program; its answer has no lines of the log of -v."""

    def call(*args: object) -> Answer:
        transcript.extend(capfd.readouterr())
        server = kit.cluster.server
        server.seen.clear()
        code = run([str(arg) for arg in args])
        out, err = capfd.readouterr()
        transcript.extend((out, err))
        lines = err.splitlines(keepends=True)
        said = "".join(line for line in lines if not line.startswith(("GET ", "the plugin speaks")))
        return Answer(code, out, said, tuple(dict.fromkeys(server.seen)))

    return call


@pytest.fixture
def kubectl(kit: Kit, kubectl_path: str) -> Kubectl:
    """Runs a real kubectl; skips where there is none."""

    def call(*args: object) -> Answer:
        server = kit.cluster.server
        server.seen.clear()
        done = subprocess.run(
            [kubectl_path, *map(str, args)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
        # Of a server's version anybody may ask, and this kubectl may do so first.
        known = dict.fromkeys(seen for seen in server.seen if seen.name != "system:anonymous")
        return Answer(done.returncode, done.stdout, done.stderr, tuple(known))

    return call
