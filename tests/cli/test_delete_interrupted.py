"""``delete`` that is ended in the midst: what is gone by then was named, and nothing else."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from itertools import count

import pytest

from kubevirt_sandbox.controlplane import ControlPlane
from tests.cli.conftest import Planes
from tests.sandbox.world import CLONES, World

PATIENCE = 60
AT_ONCE = 6
COMMAND = (sys.executable, "-u", "-m", "kubectl_virt_clone", "delete", "--all", "--parallel=3")


def left(plane: ControlPlane) -> list[str]:
    return [item["metadata"]["name"] for item in plane.registry.list(CLONES, "default").items]


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"]
)
def test_what_is_deleted_when_a_signal_comes_is_named_line_by_line(
    make_plane: Planes, number: signal.Signals, code: int
) -> None:
    sent = threading.Event()
    deletions = count()

    def hold_back(method: str, *_: object) -> None:
        # The first are answered at once; the others only after the signal, and then slowly.
        if method == "DELETE" and next(deletions) >= AT_ONCE:
            sent.wait(PATIENCE)
            time.sleep(0.5)

    plane = make_plane(controllers=False, on_request=hold_back)
    names = [f"c-{item:02}" for item in range(40)]
    for name in names:
        World.of(plane).clone(name)
    with subprocess.Popen(
        COMMAND, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stderr
        first = process.stdout.readline()
        process.send_signal(number)
        sent.set()
        out, err = process.stdout.read(), process.stderr.read()
        process.wait(PATIENCE)

    gone = [name for name in names if name not in left(plane)]
    said = [line.split('"')[1] for line in (first + out).splitlines()]
    assert process.returncode == code
    assert said == gone
    assert 0 < len(gone) < len(names)
    assert err.splitlines()[-1] == f"interrupted; {len(gone)} of 40 clones are deleted"
