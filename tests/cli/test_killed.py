"""A bulk create that is killed anywhere, and run again: exactly the wanted clones and targets.

``--kills N`` says how many times; each takes about a second.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time

import pytest

from kubevirt_sandbox.controlplane import ControlPlane
from tests.cli.conftest import Planes
from tests.cli.test_bulk import SNAPSHOTS, VMS, clones, shared
from tests.cli.test_rerun import golden
from tests.cli.test_wait import until

COUNT = 8
LAST_RESTORE = "restore.kubevirt.io/lastRestoreUID"


def started(plane: ControlPlane, *args: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "kubectl_virt_clone", *args],
        env={**os.environ, "KUBECONFIG": str(plane.kubeconfig)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finished(plane: ControlPlane, *args: str) -> str:
    """Run the program to its end, which has to be a good one."""
    run = started(plane, *args)
    out, _ = run.communicate(timeout=120)
    assert run.returncode == 0, out
    return out


def targets(plane: ControlPlane, prefix: str) -> dict[str, str]:
    """The VMs of one series, each with the uid of the clone that made it."""
    made = {}
    for vm in plane.registry.list(VMS).items:
        name = vm["metadata"]["name"]
        if name.startswith(prefix):
            mark = vm["metadata"]["annotations"][LAST_RESTORE]
            made[name] = mark.removeprefix("tmp-restore-")[:36]
    return made


def test_a_run_that_was_killed_is_finished_by_the_same_command(
    make_plane: Planes, pytestconfig: pytest.Config
) -> None:
    plane = make_plane(speed=20)
    began = time.monotonic()
    finished(plane, "create", "--source=vm-data", "--target=all-{}", f"--count={COUNT}", "--wait")
    whole = time.monotonic() - began
    seed = random.randrange(2**32)
    dice = random.Random(seed)

    for number in range(pytestconfig.getoption("kills")):
        prefix = f"k{number}-"
        command = ("create", "--source=vm-data", f"--target={prefix}{{}}", f"--count={COUNT}")
        run = started(plane, *command, "--wait")
        time.sleep(dice.uniform(whole * 0.3, whole))
        run.kill()
        run.communicate(timeout=60)

        told = finished(plane, *command, "--wait")

        where = f"kill {number} of seed {seed}: {told}"
        names = [f"{prefix}{index}" for index in range(1, COUNT + 1)]
        made = {
            f"clone-{name}": clones(plane)[f"clone-{name}"]["metadata"]["uid"] for name in names
        }
        ours = [name for name in clones(plane) if name.startswith(f"clone-{prefix}")]
        assert sorted(ours) == sorted(made), where
        assert targets(plane, prefix) == {name: made[f"clone-{name}"] for name in names}, where
        finished(plane, "delete", "--finished")
        until(lambda: not shared(plane))
        assert [name for name in clones(plane) if name.startswith("clone-")] == [], where
    temporary = [s["metadata"]["name"] for s in plane.registry.list(SNAPSHOTS).items]
    assert [name for name in temporary if name.startswith("tmp-")] == []


def test_a_run_that_was_killed_while_it_deletes_is_finished_by_the_same_command(
    make_plane: Planes, pytestconfig: pytest.Config
) -> None:
    plane = make_plane(speed=20)
    golden(plane)
    command = ("create", "--source=vmsnapshot/golden", f"--count={COUNT}", "--wait", "--rm")
    began = time.monotonic()
    finished(plane, *command, "--target=all-{}")
    whole = time.monotonic() - began
    seed = random.randrange(2**32)
    dice = random.Random(seed)

    for number in range(pytestconfig.getoption("kills")):
        prefix = f"r{number}-"
        run = started(plane, *command, f"--target={prefix}{{}}")
        time.sleep(dice.uniform(whole * 0.3, whole))
        run.kill()
        run.communicate(timeout=60)
        before = targets(plane, prefix)

        told = finished(plane, *command, f"--target={prefix}{{}}")

        where = f"kill {number} of seed {seed}: {told}"
        after = targets(plane, prefix)
        names = [f"{prefix}{index}" for index in range(1, COUNT + 1)]
        assert (sorted(after), clones(plane)) == (sorted(names), {}), where
        assert {name: after[name] for name in before} == before, where
