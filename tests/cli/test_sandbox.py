"""``sandbox`` as a user runs it: in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

PROGRAM = (sys.executable, "-m", "kubectl_virt_clone")
SHOW_CONFIG = """
import os, pathlib, stat
path = pathlib.Path(os.environ["KUBECONFIG"])
print(path, *(oct(stat.S_IMODE(p.stat().st_mode)) for p in (path, path.parent)))
"""


def sandbox(*args: str, command: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROGRAM, "sandbox", *args, *(("--", *command) if command else ())],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_the_command_gets_a_private_kubeconfig_that_goes_with_the_sandbox() -> None:
    done = sandbox(command=(sys.executable, "-c", SHOW_CONFIG))

    path, mode, folder_mode = done.stdout.split()
    assert (done.returncode, done.stderr) == (0, "")
    assert (mode, folder_mode) == ("0o600", "0o700")
    assert not Path(path).parent.exists()


def test_the_sandbox_ends_with_the_exit_code_of_its_command() -> None:
    assert sandbox(command=("sh", "-c", "exit 7")).returncode == 7
    assert sandbox(command=("sh", "-c", "kill -TERM $$")).returncode == 128 + signal.SIGTERM


def test_the_program_clones_a_vm_in_the_sandbox() -> None:
    create = (*PROGRAM, "create", "c", "--source=vm-cirros", "--target=t", "--wait")

    done = sandbox("--speed=inf", command=create)

    clone = "virtualmachineclone.clone.kubevirt.io/c"
    assert done.stdout == f"{clone} created\n{clone} condition met\n"
    assert done.returncode == 0


def test_the_sandbox_begins_with_the_objects_of_the_given_seed(tmp_path: Path) -> None:
    seed = tmp_path / "seed.yaml"
    seed.write_text(
        "apiVersion: kubevirt.io/v1\nkind: VirtualMachine\n"
        "metadata: {name: mine, namespace: default}\n"
        "spec: {runStrategy: Halted, template: {spec: {domain: {devices: {}}}}}\n"
    )
    create = (*PROGRAM, "create", "c", "--source=mine", "--target=t", "--wait", "--timeout=20s")

    done = sandbox("--speed=inf", "--seed", str(seed), command=create)

    assert (done.returncode, done.stdout.count("condition met")) == (0, 1)


def test_a_command_that_does_not_exist_is_told_before_anything_starts() -> None:
    done = sandbox(command=("no-such-command",))

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == 'error: exec: "no-such-command": executable file not found in $PATH\n'


@pytest.mark.parametrize("speed", ["0", "-1", "fast"])
def test_a_speed_at_which_nothing_would_happen_is_wrong_usage(speed: str) -> None:
    done = sandbox("--speed", speed, command=("true",))

    assert done.returncode == 2
    assert done.stderr.startswith("error: Invalid value for '--speed'")


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_without_a_command_it_prints_the_export_line_and_runs_until_it_is_ended(
    ending: signal.Signals,
) -> None:
    with subprocess.Popen(
        [*PROGRAM, "sandbox"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        path = Path(line.removeprefix("export KUBECONFIG=").strip())
        create = [*PROGRAM, "create", "c", "--source=vm-cirros", "--target=t", "-o", "name"]
        environment = {**os.environ, "KUBECONFIG": str(path)}
        done = subprocess.run(create, env=environment, capture_output=True, text=True, check=True)
        process.send_signal(ending)
        code = process.wait(timeout=20)

    assert line.startswith("export KUBECONFIG=/")
    assert done.stdout == "virtualmachineclone.clone.kubevirt.io/c\n"
    assert code == 0
    assert not path.exists()
