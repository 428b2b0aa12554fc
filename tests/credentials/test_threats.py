"""SECURITY.md promises only what a test shows."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from kubectl_virt_clone.clone.spec.filters import matches
from tests.credentials.cases import CASES

TESTS = Path(__file__).parents[1]
PAGE = (TESTS.parent / "SECURITY.md").read_text(encoding="utf-8")
ROWS = [line for line in PAGE.splitlines() if line.startswith("| ")][1:]


def defined() -> set[str]:
    """The names of all tests."""
    return {
        node.name
        for path in TESTS.rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
    }


def test_each_test_that_the_threat_model_names_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    cases = set(re.findall(r"`case: ([^`]+)`", PAGE))

    assert (named - defined(), cases - set(CASES)) == (set(), set())


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[2].strip())
def test_each_row_of_the_threat_model_names_a_test(row: str) -> None:
    assert re.search(r"`(test_\w+|case: [^`]+)`", row.split("|")[4])


def test_a_filter_that_explodes_elsewhere_is_linear_here() -> None:
    assert not matches("^(a|aa)+$", "a" * 5000 + "!")


def test_a_module_in_the_working_directory_is_not_imported(tmp_path: Path) -> None:
    program = Path(sys.executable).parent / "kubectl-virt_clone"
    if not program.exists():
        pytest.skip("the program is not installed beside Python")
    for name in ("click", "yaml", "urllib3", "kubectl_virt_clone"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('imported')")

    done = subprocess.run(
        [program, "wait", "c", "-s", "http://127.0.0.1:1"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.stderr.startswith("The connection to the server 127.0.0.1:1 was refused")
