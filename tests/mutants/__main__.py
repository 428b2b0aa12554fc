"""Whether the tests of the model notice when it changes: ``make mutants``.

mutmut says how a function could be wrong; each such mutant meets the tests that run the function.
One that no test kills changes nothing, or a test is missing: those of the first kind are in
equivalent.md, with the reason, and any other is an error.

    python -m tests.mutants [MODULE...] [TESTS...]    clone.spec.filters tests/unit/test_filters.py
"""

from __future__ import annotations

import importlib
import os
import re
import sys
from pathlib import Path

import click
import hypothesis
import pytest

from tests.mutants.changes import PACKAGE, ROOMS, Mutant
from tests.mutants.meeting import Run

ROOT = Path(__file__).parents[2]
EQUIVALENT = Path(__file__).with_name("equivalent.md")
TESTS = ("tests/unit", "--ignore=tests/unit/test_kubeconfig.py")  # which is about no model
OPTIONS = ("-qs", "--no-header", "--assert=plain", "-p", "no:cacheprovider")


def equivalent() -> set[tuple[str, str]]:
    """(function, change) of each mutant in equivalent.md."""
    found, function = set(), ""
    for heading, change in re.findall(
        r"^### (\S+)$|^```diff\n(.*?)\n```$", EQUIVALENT.read_text("utf-8"), re.M | re.S
    ):
        function = heading or function
        if change:
            found.add((function, change))
    return found


def shown(mutant: Mutant) -> str:
    """A survivor as equivalent.md has it."""
    return f"### {mutant.function}\n\n```diff\n{mutant.change}\n```\n"


def modules() -> list[str]:
    """Every module of the pure rooms, as ``clone.api`` or ``clone.checks.volumes``."""
    root = ROOT / PACKAGE
    paths = sorted(path for room in ROOMS for path in (root / room).rglob("*.py"))
    parts = [path.relative_to(root).with_suffix("").parts for path in paths]
    return [".".join(names) for names in parts if names[-1] != "__init__"]


def _table(*found: list[Mutant]) -> str:
    """How many of all, of the survivors and of the new ones there are in each module."""
    lines = [
        "| module | mutants | killed | equivalent | left |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for module in (*dict.fromkeys(mutant.module for mutant in found[0]), ""):
        of_all, of_survivors, of_new = (
            sum(mutant.module == module or not module for mutant in mutants) for mutants in found
        )
        counts = (of_all, of_all - of_survivors, of_survivors - of_new, of_new)
        lines.append(f"| {' | '.join((module or 'all', *map(str, counts)))} |")
    return "\n".join(lines)


def main(wanted: list[str]) -> str:
    """Run the mutants of the wanted modules; why it went wrong, if it did."""
    hypothesis.settings.register_profile(
        "mutants",
        database=None,
        deadline=None,
        derandomize=True,
        phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
    )
    hypothesis.settings.load_profile("mutants")
    tests = [argument for argument in wanted if "/" in argument]
    names = [argument for argument in wanted if "/" not in argument] or modules()
    loaded = [importlib.import_module(f"{PACKAGE}.{name}") for name in names]
    run = Run(loaded)
    os.chdir(ROOT)
    if pytest.main([*OPTIONS, *(tests or TESTS)], plugins=[run]):
        return "the tests could not be run"
    listed = equivalent()
    new = [mutant for mutant in run.survivors if (mutant.function, mutant.change) not in listed]
    click.echo("\n".join(map(shown, new)))
    click.echo(_table(run.mutants, run.survivors, new))
    functions = {mutant.function for mutant in run.mutants}
    survived = {(mutant.function, mutant.change) for mutant in run.survivors}
    if stale := [each for each in sorted(listed - survived) if not wanted or each[0] in functions]:
        lines = (f"{function}: {change}" for function, change in stale)
        return "\n".join(("no such mutant survives; take it out of equivalent.md:", *lines))
    return "mutants survived: a test is missing, or they belong in equivalent.md" if new else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]) or None)  # an empty text would be an error, too
