"""What the program loads before it needs it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from kubectl_virt_clone.cli.main import VERBS

HEAVY = ("kubernetes", "tabulate", "urllib3", "cryptography", "jsonpatch", "re2", "ssl")
OURS = "kubectl_virt_clone"
# What completion and help need of us is the flags; a client dry run needs the manifest too.
CLUSTER = (f"{OURS}.actions", f"{OURS}.kube", "kubevirt_sandbox")
FLAGS_ONLY = (*HEAVY, *CLUSTER, "yaml", "secrets", "hashlib", "subprocess", "concurrent", "email")
FLAGS_ONLY = (*FLAGS_ONLY, f"{OURS}.render.formats", f"{OURS}.clone.spec.manifest")
DRY_RUN = ("create", "--source=a", "--target=b", "--dry-run=client")


def imported_by(*args: str) -> set[str]:
    """Every module that ``python ARGS`` has loaded by its end."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *args],
        capture_output=True,
        text=True,
        check=False,
    )
    times = [line.split("|") for line in done.stderr.splitlines() if line.startswith("import time")]
    return {name.strip() for *_, name in times}


@pytest.fixture(scope="session")
def clicks() -> set[str]:
    """What click itself loads; on Python 3.10 subprocess is among it."""
    return imported_by("-c", "import click")


@pytest.mark.parametrize(
    ("args", "unwanted"),
    [
        pytest.param(args, unwanted, id=" ".join(args))
        for args, unwanted in {
            ("--help",): (*FLAGS_ONLY, f"{OURS}.commands"),
            ("version", "--client"): FLAGS_ONLY,
            ("create", "--help"): FLAGS_ONLY,
            ("__complete", ""): (*FLAGS_ONLY, f"{OURS}.commands"),
            **{("__complete", verb, "--"): FLAGS_ONLY for verb in VERBS},
            (*DRY_RUN, "-o", "yaml"): (*HEAVY, *CLUSTER, "secrets", "hashlib"),
            (*DRY_RUN, "-o", "json"): (*HEAVY, *CLUSTER, "yaml", "secrets", "hashlib"),
            (*DRY_RUN, "-o", "name"): (*HEAVY, *CLUSTER, "yaml", "secrets", "hashlib"),
            (*DRY_RUN, "--label-filter=app*", "--start"): (*HEAVY, *CLUSTER, "yaml"),
        }.items()
    ],
)
def test_what_needs_no_cluster_loads_only_what_it_needs(
    args: tuple[str, ...], unwanted: tuple[str, ...], clicks: set[str]
) -> None:
    modules = imported_by("-m", OURS, *args)

    assert {"click", f"{OURS}.cli"} <= modules
    assert {
        module
        for module in modules - clicks
        if any(module == name or module.startswith(f"{name}.") for name in unwanted)
    } == set()


def test_the_program_runs_as_a_module_under_kubectls_name() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "kubectl_virt_clone", "wait", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.startswith("Usage: kubectl virt-clone wait [OPTIONS] [NAME...]\n")
