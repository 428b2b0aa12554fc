"""How the functions of the model could be wrong: mutmut's changes, made where the function is.

What becomes of a changed function is for meeting.py to find out.
"""

from __future__ import annotations

import ast
import difflib
import inspect
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import libcst
from mutmut.mutation.file_mutation import MutationVisitor, deep_replace
from mutmut.mutation.mutators import mutation_operators
from mutmut.mutation.pragma_handling import IgnoredCode

PACKAGE, ROOMS = "kubectl_virt_clone", ("clone", "objects")


@dataclass(frozen=True)
class Mutant:
    """One change of one function of the model."""

    module: str
    function: str
    target: FunctionType
    source: str
    change: str

    def apply(self) -> None:
        """Make it what the function does, for all who have imported it."""
        # What it closes over, as the class of a super() without arguments, has to stay closed over.
        free, name = self.target.__code__.co_freevars, self.target.__name__
        tree = ast.parse(textwrap.dedent(self.source))
        if free:
            outer = ast.parse(f"def closing({', '.join(free)}):\n return {name}")
            (inner,) = tree.body
            inner.body += ast.parse("\n".join(free)).body  # type: ignore[attr-defined]
            outer.body[0].body.insert(0, inner)  # type: ignore[attr-defined]
            tree = outer
        made: dict[str, Any] = {}
        exec(compile(tree, inspect.getfile(self.target), "exec"), self.target.__globals__, made)
        changed = made["closing"](*free) if free else made[name]
        for part in ("__code__", "__defaults__", "__kwdefaults__"):
            setattr(self.target, part, getattr(changed, part))


class _Visitor(MutationVisitor):
    """mutmut's own leaves out what is decorated; here properties and what is cached are in."""

    def _skip_node_and_children(self, node: libcst.CSTNode) -> bool:
        return not isinstance(node, libcst.FunctionDef) and super()._skip_node_and_children(node)


def mutants_of(module: ModuleType) -> Iterator[Mutant]:
    """All changes of the functions and methods of a module."""
    text = Path(inspect.getfile(module)).read_text("utf-8")
    visitor = _Visitor(mutation_operators, IgnoredCode(set(), set(), set()))
    tree = libcst.MetadataWrapper(libcst.parse_module(text)).visit(visitor)
    names = _qualified_names(tree)
    short = module.__name__.removeprefix(f"{PACKAGE}.")
    for mutation in visitor.mutations:
        function = mutation.contained_by_top_level_function
        if isinstance(function, libcst.FunctionDef):
            name = names[function]
            old = _source(function)
            new = _source(deep_replace(function, mutation.original_node, mutation.mutated_node))
            target = _function(module, name)
            yield Mutant(short, f"{short}.{name}", target, new, _change(old, new))


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
