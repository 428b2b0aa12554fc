"""``sandbox --fault`` as a user asks for it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from kubevirt_sandbox.apiserver.faults.fault import OPTIONS
from tests.cli.conftest import Kvc

PROGRAM = (sys.executable, "-m", "kubectl_virt_clone")
CREATE = (*PROGRAM, "create", "c", "--source=vm-cirros", "--target=t", "--skip-check=all")


def sandbox(*args: str, command: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROGRAM, "sandbox", "--speed=inf", *args, "--", *command],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_the_command_meets_the_faults_that_were_asked_for() -> None:
    done = sandbox("--fault", "500:verb=create,resource=virtualmachineclones", command=CREATE)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "Error from server: etcdserver: request timed out\n"


def test_faults_may_be_repeated() -> None:
    done = sandbox(
        "--fault=429:verb=create,resource=virtualmachineclones,retry-after=0",
        "--fault=no-webhook",
        command=CREATE,
    )

    assert (done.returncode, done.stdout) == (1, "")
    assert "failed calling webhook" in done.stderr


def test_a_command_that_survives_a_fault_knows_nothing_of_it() -> None:
    done = sandbox("--fault=429:retry-after=1,resource=virtualmachineclones", command=CREATE)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "virtualmachineclone.clone.kubevirt.io/c created\n"


def test_the_help_names_every_fault_and_every_key(kvc: Kvc) -> None:
    words = set(kvc("sandbox", "--help").out.replace(",", " ").replace(".", " ").split())

    assert {*OPTIONS, *(key for keys in OPTIONS.values() for key in keys)} <= words


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ("boom", '"boom" is no fault; there are drop, stall, '),
        ("drop:until=3", '"until=3" is no option of drop; it has verb=, resource=, '),
        ("500:resource=vmclone", '"resource=vmclone": nothing is served under this plural'),
        ("delay", "delay needs seconds=…"),
    ],
)
def test_a_fault_that_nobody_knows_is_wrong_usage(spec: str, sentence: str) -> None:
    done = sandbox("--fault", spec, command=("true",))

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: Invalid value for '--fault': {sentence}")
