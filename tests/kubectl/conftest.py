"""A real kubectl as the client of a control plane of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from kubevirt_sandbox.controlplane import ControlPlane
from tests.planes import Plane
from tests.tools import path_of

PATIENCE = 60
OLDEST = (1, 36)
# A line of klog: I, W, E or F with the date, the time, the process and the line of the source.
_LOGGED = re.compile(r"(?m)^[IWEF]\d{4} \d\d:\d\d:\d\d\.\d+ +\d+ \S+\.go:\d+\] .*\n")


class Answer(NamedTuple):
    """What kubectl wrote."""

    out: str
    err: str


Kubectl = Callable[..., Answer]


def answered(err: str) -> str:
    """What kubectl itself says, without what its client library logs when it had to wait."""
    return _LOGGED.sub("", err)


@cache
def is_recent(path: str) -> bool:
    """Whether a kubectl is so new that ours can be held to its words and flags."""
    command = [path, "version", "--client", "-o", "json"]
    # A test may have a home with a faulty kuberc, which ends every kubectl.
    environment = {**os.environ, "KUBECTL_KUBERC": "false"}
    told = subprocess.run(command, env=environment, capture_output=True, check=True).stdout
    numbers = re.match(r"v(\d+)\.(\d+)", json.loads(told)["clientVersion"]["gitVersion"])
    return bool(numbers) and (int(numbers[1]), int(numbers[2])) >= OLDEST


@pytest.fixture(scope="session", autouse=True)
def _recent_kubectl() -> None:
    """Skip these tests where kubectl is an older one."""
    if not is_recent(path_of("kubectl")):
        pytest.skip(f"kubectl is older than {OLDEST[0]}.{OLDEST[1]}")


@pytest.fixture
def plane() -> Iterator[ControlPlane]:
    """A control plane without delays, with all seeds."""
    with Plane(speed=float("inf")) as started:
        yield started


@pytest.fixture
def environment(plane: ControlPlane, tmp_path: Path) -> dict[str, str]:
    """The environment of a shell in the sandbox, with the plugin on the PATH."""
    scripts = Path(sys.executable).parent
    return {
        **os.environ,
        "KUBECONFIG": str(plane.kubeconfig),
        # As long as the control plane lives, it serves the same resources.
        "KUBECACHEDIR": str(plane.kubeconfig.parent / "cache"),
        "HOME": str(tmp_path),
        "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}",
    }


@pytest.fixture
def kubectl(kubectl_path: str, environment: dict[str, str]) -> Kubectl:
    """Runs kubectl; fails at once on another exit code than the one expected."""

    def call(*args: str, exit_code: int = 0, stdin: str = "") -> Answer:
        done = subprocess.run(
            [kubectl_path, *args],
            input=stdin,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
        answer = Answer(done.stdout, answered(done.stderr))
        assert done.returncode == exit_code, answer
        return answer

    return call
