"""What a shell is told may stand next on the command line, in cobra's protocol."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from kubectl_virt_clone.cli import completion
from kubectl_virt_clone.cli.main import VERBS
from kubevirt_sandbox.controlplane import ControlPlane
from tests.cli.conftest import Kvc, Planes
from tests.cli.stub import Serve, answering
from tests.cli.test_startup import HEAVY
from tests.terminal.conftest import a_clone

NOTHING = ":4"
PHASES = [
    *("phase=SnapshotInProgress", "phase=RestoreInProgress", "phase=CreatingTargetVM"),
    *("phase=Succeeded", "phase=Failed"),
]
PLUGIN = "kubectl_complete-virt_clone"


def told(kvc: Kvc, *words: str) -> list[str]:
    """The lines for these words, of which the last is being typed, without the descriptions."""
    answer = kvc("__complete", *words)
    assert answer.err == ""
    return [line.partition("\t")[0] for line in answer.out.splitlines()]


def test_verbs_are_told_with_what_they_do(kvc: Kvc) -> None:
    assert kvc("__complete", "").out.splitlines() == [
        *(f"{verb}\t{text}" for verb, text in VERBS.items()),
        ":4",
    ]
    assert kvc("__complete", "-n", "vms", "d").out.splitlines() == [
        f"describe\t{VERBS['describe']}",
        f"delete\t{VERBS['delete']}",
        ":4",
    ]


def test_flags_are_told_with_their_help_unless_they_were_given(kvc: Kvc) -> None:
    assert kvc("__complete", "wait", "x", "--t").out.splitlines() == [
        "--timeout\tHow long for all of them; 0 looks once, a negative one waits a week.",
        "--token\tBearer token for the API server.",
        "--tls-server-name\tName the server's certificate must have.",
        ":4",
    ]
    assert told(kvc, "wait", "--timeout=1s", "--t") == ["--token", "--tls-server-name", ":4"]
    assert told(kvc, "--cont") == ["--context", ":4"]
    assert told(kvc, "delete", "--no-w") == ["--no-wait", ":4"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("get", "-o", ""), ["json", "name", "wide", "yaml", ":4"]),
        (("get", "-o=", "w"), [":4"]),
        (
            (
                "get",
                "-o=w",
            ),
            ["wide", ":4"],
        ),
        (
            (
                "get",
                "--output=",
            ),
            ["json", "name", "wide", "yaml", ":4"],
        ),
        (("create", "--dry-run", "s"), ["server", ":4"]),
        (("create", "--run-strategy", "Re"), ["RerunOnFailure", ":4"]),
        (
            (
                "create",
                "--volume-name-policy=P",
            ),
            ["PrefixTargetName", ":4"],
        ),
        (("create", "--source-type", ""), ["vm", "vmsnapshot", ":4"]),
        (("create", "--skip-check", "mac-i"), ["mac-invalid", "mac-in-use", ":4"]),
        (("wait", "--for", "phase"), [*PHASES, ":4"]),
        (
            (
                "wait",
                "--for=v",
            ),
            ["volumes-bound", ":4"],
        ),
        (
            (
                "wait",
                "--for=js",
            ),
            ["jsonpath=", ":6"],
        ),
        (("sandbox", "--kubevirt", ""), ["1.4", "1.6", "1.9", ":4"]),
        (("completion", ""), ["bash", "zsh", "fish", ":4"]),
    ],
)
def test_values_that_are_fixed_are_told(
    kvc: Kvc, words: tuple[str, ...], expected: list[str]
) -> None:
    assert told(kvc, *words) == expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("create", "-f", ""), ["json", "yaml", "yml", ":8"]),
        (("get", "--kubeconfig", "x"), [":0"]),
        (
            (
                "get",
                "--client-key=x",
            ),
            [":0"],
        ),
        (("sandbox", "--seed", ""), [":0"]),
        (("sandbox", "--", "sh", "-c"), [":0"]),
        (("completion", "--install", ""), [":16"]),
    ],
)
def test_where_files_may_stand_the_shell_is_told_which(
    kvc: Kvc, words: tuple[str, ...], expected: list[str]
) -> None:
    assert told(kvc, *words) == expected


@pytest.mark.parametrize(
    "words",
    [
        ("create", ""),
        ("create", "--target", ""),
        (
            "create",
            "--nosuch=x",
        ),
        ("nosuch", "-o", ""),
        ("create", "--new-mac-address", ""),
        ("create", "--source", "pod/x"),
        ("completion", "bash", ""),
    ],
)
def test_nothing_is_told_where_nobody_knows(
    kvc: Kvc, plane: ControlPlane, words: tuple[str, ...]
) -> None:
    assert told(kvc, *words) == [NOTHING]


@pytest.fixture
def clones(plane: ControlPlane) -> ControlPlane:
    """Three clones in the default namespace, and another one beside it."""
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "vms"}}
    plane.registry.create("namespaces", "", namespace)
    for name in ("daily", "nightly-1", "nightly-2"):
        a_clone(plane, name)
    return plane


@pytest.mark.parametrize("verb", ["wait", "get", "describe", "delete"])
def test_clones_are_told_but_those_that_were_named(
    kvc: Kvc, clones: ControlPlane, verb: str
) -> None:
    assert told(kvc, verb, "") == ["daily", "nightly-1", "nightly-2", ":4"]
    assert told(kvc, verb, "-v", "nightly-2", "n") == ["nightly-1", ":4"]


def test_connection_flags_on_the_line_are_honoured(kvc: Kvc, clones: ControlPlane) -> None:
    assert told(kvc, "-n", "vms", "get", "") == [NOTHING]
    assert told(kvc, "get", "--namespace=vms", "") == [NOTHING]
    assert told(kvc, "get", "--kubeconfig=/nowhere", "") == [NOTHING]
    assert told(kvc, "get", "-n", "default", "d") == ["daily", ":4"]


def test_namespaces_and_entries_of_the_kubeconfig_are_told(kvc: Kvc, clones: ControlPlane) -> None:
    assert told(kvc, "-n", "") == ["default", "kube-system", "kubevirt", "vms", ":4"]
    assert told(kvc, "get", "--namespace=v") == ["vms", ":4"]
    assert told(kvc, "get", "--context", "") == ["virt-clone-sandbox", ":4"]
    assert told(kvc, "--cluster", "") == ["virt-clone-sandbox", ":4"]
    assert told(kvc, "get", "--user=") == ["admin", ":4"]


def test_entries_that_a_shell_would_expand_are_not_told(
    kvc: Kvc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = ["arn:aws:eks:eu-1:1:cluster/a", "default/api-x:6443/kube:admin"]
    hostile = ["$(reboot)", "`reboot`", "a b", "-x", "a\nb", "~root", "*"]
    config = tmp_path / "config"
    contexts = [{"name": name, "context": {}} for name in (*hostile, *wanted)]
    config.write_text(yaml.safe_dump({"contexts": contexts}))
    monkeypatch.setenv("KUBECONFIG", str(config))

    assert told(kvc, "--context", "") == [*wanted, ":4"]


def test_sources_are_vms_and_with_a_prefix_what_it_says(kvc: Kvc, plane: ControlPlane) -> None:
    snapshots = ["snap-1", "snap-2", "snap-3"]
    prefixed = [f"vmsnapshot/{name}" for name in snapshots]

    assert told(kvc, "create", "--source", "vm-t") == ["vm-tpm", "vm-two-nics", ":4"]
    assert told(kvc, "check", "--source", "vm/vm-c") == ["vm/vm-cirros", ":4"]
    assert told(kvc, "create", "--source=vms") == ["vmsnapshot/", ":6"]
    assert told(kvc, "preview", "--source", "vmsnapshot/") == [*prefixed, ":4"]
    assert told(kvc, "create", "--source-type=snapshot", "--source", "") == [*snapshots, ":4"]
    assert told(kvc, "create", "--source-name", "vm-c") == ["vm-cirros", ":4"]


def test_interfaces_of_the_source_are_told_but_those_that_have_an_address(
    kvc: Kvc, plane: ControlPlane
) -> None:
    source = ("create", "--source", "vm-two-nics")
    flag = "--new-mac-address"
    first, second, directive = told(kvc, *source, flag, "")

    assert (first, second, directive) == ("default=", "backup=", ":6")
    assert told(kvc, *source, flag, f"{first}02:00:00:00:00:01", f"{flag}=") == [second, ":6"]
    assert told(kvc, "create", "--source=vmsnapshot/snap-1", flag, "") == ["default=", ":6"]
    assert told(kvc, "create", "--source=nosuch", flag, "") == [NOTHING]


def test_a_server_that_refuses_or_is_not_there_leaves_the_line_alone(
    kvc: Kvc, make_plane: Planes
) -> None:
    plane = make_plane(faults=["forbid"])

    assert told(kvc, "get", "") == [NOTHING]
    assert told(kvc, "create", "--source", "") == ["vm/", "vmsnapshot/", ":6"]
    plane.stop()
    assert told(kvc, "get", "") == [NOTHING]


@pytest.mark.parametrize("fault", ["stall:verb=list", "429:verb=list,retry-after=2"])
def test_a_server_that_takes_its_time_gives_no_names(
    kvc: Kvc, make_plane: Planes, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    make_plane(faults=[fault])
    monkeypatch.setattr(completion, "PATIENCE", 0.2)

    assert told(kvc, "-n", "") == [NOTHING]


def test_a_server_that_sends_nonsense_gives_no_names(kvc: Kvc, serve: Serve) -> None:
    url = serve(answering(200, {"items": [None, {"metadata": {"name": 5}}, {"metadata": 1}]}))

    assert told(kvc, "get", "-s", url, "") == [NOTHING]


@pytest.mark.parametrize(
    "words", [("",), ("wait", "--f"), ("create", "--"), ("get", "-o", ""), ("wait", "--for", "")]
)
def test_verbs_flags_and_fixed_values_import_no_client(words: tuple[str, ...]) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "kubectl_virt_clone", "__complete", *words],
        capture_output=True,
        text=True,
        check=True,
    )

    modules = {line.split("|")[-1].strip().split(".")[0] for line in done.stderr.splitlines()}
    assert "click" in modules
    assert modules.isdisjoint(HEAVY)
    assert done.stdout.splitlines()[-1] in (":4", ":6")


def test_what_kubectl_runs_gives_the_same_answer(kvc: Kvc) -> None:
    program = Path(sys.executable).with_name(PLUGIN)

    done = subprocess.run([program, "get", "-o="], capture_output=True, text=True, check=True)

    assert done.stdout == kvc("__complete", "get", "-o=").out


def test_completion_wants_a_shell_or_a_folder(kvc: Kvc, tmp_path: Path) -> None:
    message = "error: name one of bash, zsh and fish, or a folder with --install\n"

    assert kvc("completion", exit_code=2).err.startswith(message)
    assert kvc("completion", "zsh", "--install", tmp_path, exit_code=2).err.startswith(message)
    assert "is none of" not in kvc("completion", "tcsh", exit_code=2).err


def test_what_kubectl_asks_is_installed_and_runs_the_program_on_the_path(
    kvc: Kvc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripts = Path(sys.executable).parent
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{scripts}{os.pathsep}{os.environ['PATH']}")
    path = tmp_path / PLUGIN

    for _ in range(2):  # the second time over the first
        answer = kvc("completion", "--install", tmp_path)
        assert (answer.out, answer.err) == (f"{path} installed\n", "")

    assert stat.S_IMODE(path.stat().st_mode) == 0o755
    done = subprocess.run([path, "completion", "z"], capture_output=True, text=True, check=True)
    assert done.stdout == "zsh\n:4\n"


def test_a_folder_that_is_not_on_the_path_is_said_to_be_useless_there(
    kvc: Kvc, tmp_path: Path
) -> None:
    assert kvc("completion", "--install", tmp_path).err == (
        "hint: kubectl does not find it there before you put the folder on the PATH:\n"
        f'  export PATH="$PATH:{tmp_path}"\n'
    )


def test_a_file_of_another_is_not_overwritten(kvc: Kvc, tmp_path: Path) -> None:
    path = tmp_path / PLUGIN
    path.write_bytes(b"\xff not ours")

    assert kvc("completion", "--install", tmp_path, exit_code=1).err == (
        f"error: {path} is there already, and not ours; delete it, or choose another folder\n"
    )
    assert path.read_bytes() == b"\xff not ours"


def test_a_folder_that_is_not_there_is_wrong_usage(kvc: Kvc, tmp_path: Path) -> None:
    kvc("completion", "--install", tmp_path / "nosuch", exit_code=2)
