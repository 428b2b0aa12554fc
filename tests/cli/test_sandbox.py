"""``sandbox`` as a user runs it: in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import pytest

from kubectl_virt_clone.commands.sandbox import command as verb
from kubevirt_sandbox.kubevirt.releases import RELEASES
from tests.cli.conftest import Kvc

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


def ignores_hangups() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def begun(*command: str, signals: Callable[[], None] | None = None) -> subprocess.Popen[str]:
    """A sandbox that runs; ``signals`` says what becomes of signals in its process."""
    return subprocess.Popen(
        [*PROGRAM, "sandbox", *(("--", *command) if command else ())],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        preexec_fn=signals,  # noqa: PLW1509 - it only sets signals
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


def test_throttled_it_takes_one_snapshot_of_a_vm_at_a_time() -> None:
    program = " ".join(PROGRAM)
    create = f"{program} create --source=vm-slow --target=t-{{}} --count=2 --no-shared-snapshot"

    done = sandbox(
        "--throttle",
        command=("sh", "-c", f"{create} && {program} wait clone-t-1 clone-t-2 --timeout=2s"),
    )

    ends = [line for line in done.stderr.splitlines() if "timed out waiting" in line]
    assert done.returncode == 3
    assert [line.count('Source not locked snapshot "tmp-') for line in sorted(ends)] in (
        [0, 1],
        [1, 0],
    )


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


@pytest.fixture
def refused(kvc: Kvc) -> Iterator[Kvc]:
    """Runs ``sandbox`` in this process, which hears signals as before afterwards."""
    names = ("SIGINT", "SIGTERM", "SIGHUP")
    before = [(item, signal.getsignal(item)) for item in signal.Signals if item.name in names]
    yield partial(kvc, "sandbox")
    for number, handler in before:
        signal.signal(number, handler)


def test_a_command_that_does_not_exist_is_told_before_anything_starts(refused: Kvc) -> None:
    said = 'error: exec: "no-such-command": executable file not found in $PATH\n'

    assert refused("--", "no-such-command", exit_code=1) == ("", said)


def test_the_flags_of_the_command_are_its_own() -> None:
    assert sandbox("echo", "-v", "-o=yaml", "--all=true").stdout == "-v -o=yaml --all=true\n"


@pytest.mark.parametrize(
    ("seed", "reason"),
    [
        ("a: b: c", "mapping values are not allowed"),
        ("5", "not a Kubernetes object with a name"),
        ("!!bool maybe", "'maybe'"),
        ("{apiVersion: v1, kind: Node, metadata: {name: a}}", "v1 Node is not served here"),
        (
            "{apiVersion: kubevirt.io/v1, kind: VirtualMachine, metadata: {name: A}, spec: {}}",
            'VirtualMachine.kubevirt.io "A" is invalid',
        ),
    ],
)
def test_a_seed_that_the_sandbox_can_not_begin_with_is_told_by_its_name(
    refused: Kvc, tmp_path: Path, seed: str, reason: str
) -> None:
    path = tmp_path / "seed.yaml"
    path.write_text(seed)

    answer = refused("--seed", path, "--", "true", exit_code=1)

    assert answer.out == ""
    assert answer.err.startswith(f"error: seed {path}: ")
    assert reason in answer.err
    assert answer.err.count("\n") == 1


def test_a_file_that_is_no_program_is_told(refused: Kvc, tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("no shebang")
    program.chmod(0o700)

    said = f'error: exec: "{program}": Exec format error\n'

    assert refused("--", program, exit_code=1) == ("", said)


@pytest.mark.parametrize("ending", [signal.SIGTERM, getattr(signal, "SIGHUP", None)])
def test_what_ends_the_sandbox_ends_its_command_and_leaves_nothing(
    ending: signal.Signals,
) -> None:
    show = "import os, time; print(os.getpid(), os.environ['KUBECONFIG'], flush=True)"
    with begun(sys.executable, "-c", f"{show}; time.sleep(60)") as process:
        assert process.stdout is not None
        pid, path = process.stdout.readline().split()
        process.send_signal(ending)
        code = process.wait(timeout=20)

    assert code == 128 + ending
    assert not Path(path).parent.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid), 0)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
@pytest.mark.parametrize("names", ["TERM TERM", "HUP TERM", "INT INT"])
def test_a_second_signal_does_not_keep_the_sandbox_from_cleaning_up(names: str) -> None:
    # As GNU timeout does: to its child, and then to the group.
    with begun() as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        for name in names.split():
            process.send_signal(signal.Signals[f"SIG{name}"])
            time.sleep(0.002)  # at once they would be one
        code = process.wait(timeout=20)

    assert code == 0
    assert not Path(line.removeprefix("export KUBECONFIG=").strip()).parent.exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
def test_signals_that_go_on_until_the_end_change_nothing() -> None:
    codes = []
    for _ in range(3):
        with begun() as process:
            assert process.stdout is not None
            process.stdout.readline()
            while process.poll() is None:
                process.send_signal(signal.SIGTERM)
                time.sleep(0.002)
        codes.append(process.returncode)

    assert codes == [0, 0, 0]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
def test_a_command_may_clean_up_although_two_signals_come() -> None:
    show = "echo $KUBECONFIG; while :; do sleep 0.1; done"
    trap = f"trap 'sleep 0.2; echo cleaned up; exit' TERM; {show}"
    with begun("sh", "-c", trap) as process:
        assert process.stdout is not None
        path = process.stdout.readline().strip()
        process.send_signal(signal.SIGTERM)
        time.sleep(0.002)
        process.send_signal(signal.SIGTERM)
        code = process.wait(timeout=20)
        said = process.stdout.readline()

    assert (code, said) == (128 + signal.SIGTERM, "cleaned up\n")
    assert not Path(path).parent.exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
def test_a_signal_that_is_ignored_from_the_start_stays_so() -> None:
    with begun("sh", "-c", "echo begun; sleep 1", signals=ignores_hangups) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGHUP)
        time.sleep(0.002)
        process.send_signal(signal.SIGTERM)

        assert process.wait(timeout=20) == 128 + signal.SIGTERM


# A process that runs the program, and has a signal reach a thread which does not handle it.
ANOTHER_THREAD = """
import runpy, signal, sys, threading

def send():
    for line in sys.stdin:
        signal.pthread_kill(threading.get_ident(), signal.Signals[line.strip()])

threading.Thread(target=send, daemon=True).start()
runpy.run_module("kubectl_virt_clone", run_name="__main__")
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
@pytest.mark.parametrize(
    ("command", "code"), [((), 0), (("--", "sh", "-c", "echo begun; exec sleep 60"), 143)]
)
def test_a_signal_that_reaches_another_thread_ends_the_sandbox(
    command: Sequence[str], code: int
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", ANOTHER_THREAD, "sandbox", *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        process.stdout.readline()
        said = "" if command else process.stderr.readline()
        process.stdin.write("SIGTERM\n")
        process.stdin.flush()
        try:
            ended = process.wait(timeout=20)
        finally:
            process.kill()
        said += process.stderr.read()

    assert (ended, said.count("\n")) == (code, 0 if command else 1)


@pytest.mark.parametrize("speed", ["0", "-1", "fast", "nan"])
def test_a_speed_at_which_nothing_would_happen_is_wrong_usage(refused: Kvc, speed: str) -> None:
    answer = refused("--speed", speed, "--", "true", exit_code=2)

    assert answer.err.startswith("error: Invalid value for '--speed'")


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_without_a_command_it_prints_the_export_line_and_runs_until_it_is_ended(
    ending: signal.Signals,
) -> None:
    with begun() as process:
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


def test_the_sandbox_stands_for_the_given_release() -> None:
    create = (*PROGRAM, "create", "c", "--source=vm-cirros", "--target=t", "--wait")
    check = (*PROGRAM, "create", "c", "--source=nosuch", "--target=t", "--skip-check=all")

    older = sandbox("--speed=inf", "--kubevirt=1.4", command=create)
    refused = sandbox("--speed=inf", "--kubevirt=1.4", command=check)

    clone = "virtualmachineclone.clone.kubevirt.io/c"
    assert (older.returncode, older.stdout) == (0, f"{clone} created\n{clone} condition met\n")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "VirtualMachine nosuch does not exist in namespace default" in refused.stderr


def test_a_release_that_is_not_known_is_wrong_usage(refused: Kvc) -> None:
    answer = refused("--kubevirt", "0.1", "--", "true", exit_code=2)

    assert answer.err.startswith("error: Invalid value for '--kubevirt'")


def test_the_verb_offers_the_releases_that_there_are() -> None:
    [option] = [item for item in verb.params if item.name == "kubevirt"]
    assert list(getattr(option.type, "choices", ())) == list(RELEASES)
