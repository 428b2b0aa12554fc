"""Whether the tests of the model notice when it changes: ``make mutants``.

mutmut says how a function could be wrong; each such mutant meets the tests that run the function,
in a process of its own. A mutant that no test kills changes nothing, or a test is missing: those of
the first kind are in mutants.md, with the reason, and any other is an error.

    python -m tests.mutants [MODULE...] [TESTS...]      filters tests/unit/test_filters.py
"""

from __future__ import annotations

import difflib
import gc
import importlib
import inspect
import os
import pickle
import re
import resource
import signal
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import click
import hypothesis
import libcst
import pytest
from mutmut.mutation.file_mutation import MutationVisitor, deep_replace
from mutmut.mutation.mutators import mutation_operators
from mutmut.mutation.pragma_handling import IgnoredCode

PACKAGE = "kubectl_virt_clone.model"
ROOT = Path(__file__).parents[1]
EQUIVALENT = Path(__file__).with_name("mutants.md")
# Of these, what the model does is tested elsewhere too; they take long.
TESTS = ("tests/unit", "--ignore=tests/unit/test_kubeconfig.py")
OPTIONS = ("-qs", "--no-header", "--assert=plain", "-p", "no:cacheprovider")
SECONDS, MEMORY = 20, 4 << 30
SURVIVED, KILLED = 0, 1


@dataclass(frozen=True)
class Mutant:
    """One change of one function of the model."""

    function: str
    target: FunctionType
    source: str
    change: str

    def apply(self) -> None:
        """Make it what the function does, for all who have imported it."""
        code = compile(textwrap.dedent(self.source), inspect.getfile(self.target), "exec")
        made: dict[str, Any] = {}
        exec(code, self.target.__globals__, made)
        (changed,) = made.values()
        for part in ("__code__", "__defaults__", "__kwdefaults__"):
            setattr(self.target, part, getattr(changed, part))


class _Visitor(MutationVisitor):
    """mutmut's own, which leaves out what is decorated: properties and what is cached."""

    def _skip_node_and_children(self, node: libcst.CSTNode) -> bool:
        return not isinstance(node, libcst.FunctionDef) and super()._skip_node_and_children(node)


def mutants_of(module: ModuleType) -> Iterator[Mutant]:
    """All changes of the functions and methods of a module."""
    text = Path(inspect.getfile(module)).read_text("utf-8")
    visitor = _Visitor(mutation_operators, IgnoredCode(set(), set(), set()))
    tree = libcst.MetadataWrapper(libcst.parse_module(text)).visit(visitor)
    names = _qualified_names(tree)
    for mutation in visitor.mutations:
        function = mutation.contained_by_top_level_function
        if isinstance(function, libcst.FunctionDef):
            name = names[function]
            old = _source(function)
            new = _source(deep_replace(function, mutation.original_node, mutation.mutated_node))
            path = f"{module.__name__.removeprefix(f'{PACKAGE}.')}.{name}"
            yield Mutant(path, _function(module, name), new, _change(old, new))


def _qualified_names(tree: libcst.Module) -> dict[libcst.CSTNode, str]:
    names: dict[libcst.CSTNode, str] = {}
    for node in tree.body:
        if isinstance(node, libcst.FunctionDef):
            names[node] = node.name.value
        elif isinstance(node, libcst.ClassDef):
            for member in node.body.body:
                if isinstance(member, libcst.FunctionDef):
                    names[member] = f"{node.name.value}.{member.name.value}"
    return names


def _source(function: Any) -> str:
    bare = function.with_changes(decorators=[], leading_lines=[], lines_after_decorators=[])
    return libcst.Module([bare]).code


def _function(module: ModuleType, name: str) -> FunctionType:
    found: Any = module
    for part in name.split("."):
        found = inspect.getattr_static(found, part)
    if isinstance(found, property):
        found = found.fget
    found = getattr(found, "__func__", found)
    return inspect.unwrap(found)


def _change(old: str, new: str) -> str:
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=0)
    return "\n".join(
        f"{line[0]} {line[1:].strip()}" for line in list(lines)[2:] if not line.startswith("@@")
    )


class Run:
    """In place of running the tests: finds which of them run what, and meets them with mutants."""

    def __init__(self, modules: list[ModuleType]) -> None:
        self.mutants = [mutant for module in modules for mutant in mutants_of(module)]
        self.survivors: list[Mutant] = []
        # Open also in a child, whose own streams are not.
        self.complaints = os.dup(2)
        self.judging = True

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        gc.freeze()
        status, timed = _in_child(lambda: _timed(session.items))
        if status != SURVIVED:
            pytest.exit("the tests fail without any mutant", 1)
        seconds = pickle.loads(timed)
        reach = pickle.loads(_in_child(lambda: self._reach(session.items))[1])
        os.dup2(os.open(os.devnull, os.O_WRONLY), self.complaints)
        for number, mutant in enumerate(self.mutants, 1):
            numbers = sorted(reach[mutant.function], key=seconds.__getitem__)
            items = [session.items[index] for index in numbers]
            if _in_child(lambda m=mutant, i=items: _meet(m, i))[0] == SURVIVED:
                self.survivors.append(mutant)
            if number % 100 == 0:
                click.echo(f"{number}/{len(self.mutants)}, now {mutant.function}")
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and self.judging:
            os.write(self.complaints, f"{report.nodeid}\n{report.longreprtext}\n".encode())
            os._exit(KILLED)

    def _reach(self, items: list[pytest.Item]) -> bytes:
        """Function → the tests that run it."""
        self.judging = False
        reach: dict[str, set[int]] = {mutant.function: set() for mutant in self.mutants}
        running = set[str]()
        for name, target in {mutant.function: mutant.target for mutant in self.mutants}.items():
            _observe(target, name, running)
        for index, item in enumerate(items):
            running.clear()
            _run(item, items[index + 1 :][:1])
            for name in running:
                reach[name].add(index)
        return pickle.dumps(reach)


def _observe(target: FunctionType, name: str, running: set[str]) -> None:
    """From now on the function says so when it runs."""
    original = FunctionType(
        target.__code__, target.__globals__, name, target.__defaults__, target.__closure__
    )
    original.__kwdefaults__ = target.__kwdefaults__
    target.__globals__.setdefault("_observed", {})[name] = (original, running)
    code = f"""def told(*args, **named):
        original, running = _observed[{name!r}]
        running.add({name!r})
        return original(*args, **named)"""
    made: dict[str, Any] = {}
    exec(code, made)
    target.__code__ = made["told"].__code__


def _timed(items: list[pytest.Item]) -> bytes:
    """How long each test takes, if none of them fails."""
    seconds = []
    for index, item in enumerate(items):
        began = time.perf_counter()
        _run(item, items[index + 1 :][:1])
        seconds.append(time.perf_counter() - began)
    return pickle.dumps(seconds)


def _run(item: pytest.Item, following: list[pytest.Item]) -> None:
    item.ihook.pytest_runtest_protocol(item=item, nextitem=following[0] if following else None)


def _meet(mutant: Mutant, items: list[pytest.Item]) -> bytes:
    for module in list(sys.modules.values()):
        if module.__name__.startswith(PACKAGE):
            for value in vars(module).values():
                if hasattr(value, "cache_clear"):
                    value.cache_clear()
    mutant.apply()
    for index, item in enumerate(items):
        _run(item, items[index + 1 :][:1])
    return b""


def _in_child(work: Callable[[], bytes]) -> tuple[int, bytes]:
    """(exit status, result) of ``work`` in a process of its own, which may loop or grow."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        _confine()
        status = KILLED
        try:
            answer = work()
            with os.fdopen(writing, "wb") as stream:
                stream.write(answer)
            status = SURVIVED
        finally:
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        answer = stream.read()
    return os.waitpid(child, 0)[1], answer


def _confine() -> None:
    for stream in (1, 2):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
    used = int(time.process_time())
    resource.setrlimit(resource.RLIMIT_CPU, (used + 6 * SECONDS, used + 6 * SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    signal.alarm(30 * SECONDS)


def equivalent() -> set[tuple[str, str]]:
    """(function, change) of each mutant in mutants.md."""
    found, function = set(), ""
    for heading, change in re.findall(
        r"^### (\S+)$|^```diff\n(.*?)\n```$", EQUIVALENT.read_text("utf-8"), re.M | re.S
    ):
        function = heading or function
        if change:
            found.add((function, change))
    return found


def shown(mutant: Mutant) -> str:
    """A survivor as mutants.md has it."""
    return f"### {mutant.function}\n\n```diff\n{mutant.change}\n```\n"


def modules() -> list[str]:
    """Every module of the model, as ``filters`` or ``preflight.volumes``."""
    root = ROOT.joinpath(*PACKAGE.split("."))
    paths = sorted(path.relative_to(root).with_suffix("") for path in root.rglob("*.py"))
    names = [".".join(part for part in path.parts if part != "__init__") for path in paths]
    return [name for name in names if name]


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
    killed = len(run.mutants) - len(run.survivors)
    known = len(run.survivors) - len(new)
    click.echo(f"{len(run.mutants)} mutants, {killed} killed, {known} equivalent, {len(new)} left")
    return "mutants survived: a test is missing, or they belong in tests/mutants.md" if new else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
