"""What the program loads before it needs it."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("kubernetes", "tabulate", "urllib3", "cryptography", "jsonpatch", "re2")


@pytest.mark.parametrize(
    "args",
    [
        ("--help",),
        ("create", "--help"),
        ("sandbox", "--help"),
        ("create", "--source=a", "--dry-run=client", "-o", "yaml"),
        ("create", "--source=a", "--label-filter=a*b"),
        ("create", "--source=a", "--label-filter=app*", "--start", "--dry-run=client"),
    ],
)
def test_help_and_a_client_dry_run_do_not_import_what_they_do_not_need(
    args: tuple[str, ...],
) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "kubectl_virt_clone", *args],
        capture_output=True,
        text=True,
        check=False,
    )

    modules = {line.split("|")[-1].strip().split(".")[0] for line in done.stderr.splitlines()}
    assert "click" in modules
    assert modules.isdisjoint(HEAVY)


def test_the_program_runs_as_a_module_under_kubectls_name() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "kubectl_virt_clone", "wait", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.startswith("Usage: kubectl virt-clone wait [OPTIONS] [NAME...]\n")
