"""The rules of the house that import-linter can't express: purity, late imports, names, size.

Which room may import which is written once, in setup.cfg.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

PLUGIN, SANDBOX = "kubectl_virt_clone", "kubevirt_sandbox"
ROOT = Path(__file__).parent.parent

# A pure room reads no file, no clock and no dice, and knows nothing of processes.
PURE = (f"{PLUGIN}.clone", f"{PLUGIN}.objects")
IMPURE = frozenset(
    {
        *("asyncio", "concurrent", "multiprocessing", "signal", "subprocess", "sys", "threading"),
        *("glob", "io", "logging", "os", "pathlib", "shutil", "tempfile"),
        *("http", "select", "socket", "socketserver", "ssl", "urllib"),
        *("random", "secrets", "time"),
    }
)
CLOCKS = frozenset({"now", "utcnow", "today"})
READERS = frozenset({"open", "input", "print", "exec", "eval"})
SLOW = frozenset({"kubernetes", "re2", "tabulate", "urllib3", "wcwidth"})
EMPTY_NAMES = frozenset({"utils", "util", "helpers", "helper", "common", "base", "manager", "misc"})
LONGEST_FUNCTION, LONGEST_VERB, MOST_MODULES = 45, 35, 14


def _modules(package: str) -> Iterator[str]:
    for path in sorted((ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = [*_modules(PLUGIN), *_modules(SANDBOX)]


def _path(module: str) -> Path:
    path = ROOT.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


@cache
def _tree(module: str) -> ast.Module:
    return ast.parse(_path(module).read_text(encoding="utf-8"))


def _imports(module: str) -> Iterator[tuple[str, int, bool]]:
    """(package, line, whether it runs when the module is imported) of each import."""
    top = set(_top_level(_tree(module)))
    for node in ast.walk(_tree(module)):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        for name in names:
            yield name.split(".")[0], node.lineno, node in top


def _top_level(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue
        if not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            yield child
            yield from _top_level(child)


def _functions(module: str) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(_tree(module)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node


def _lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """From ``def`` to the end, without the decorators and the signature, which may be a table."""
    return (function.end_lineno or function.lineno) - function.body[0].lineno + 1


def _is_within(module: str, rooms: tuple[str, ...]) -> bool:
    return module.startswith(tuple(f"{room}." for room in rooms)) or module in rooms


def test_the_rooms_of_the_plugin_are_those_of_the_picture() -> None:
    rooms = {module.split(".")[1] for module in MODULES if module.startswith(f"{PLUGIN}.")}
    folders = {"cli", "commands", "actions", "render", "clone", "kube", "objects"}
    assert rooms == folders | {"__main__", "api", "errors"}


def test_a_slow_package_is_imported_only_when_it_is_needed() -> None:
    at_top = [
        f"{module}:{line} imports {package}"
        for module in MODULES
        for package, line, top in _imports(module)
        if top and package in SLOW
    ]
    assert at_top == []


def test_a_pure_room_knows_no_files_clocks_or_dice() -> None:
    impure = []
    for module in MODULES:
        if not _is_within(module, PURE):
            continue
        impure += [
            f"{module}:{line} imports {package}"
            for package, line, _ in _imports(module)
            if package in IMPURE
        ]
        calls = [node.func for node in ast.walk(_tree(module)) if isinstance(node, ast.Call)]
        impure += [
            f"{module}:{call.lineno} calls {ast.unparse(call)}"
            for call in calls
            if (isinstance(call, ast.Attribute) and call.attr in CLOCKS)
            or (isinstance(call, ast.Name) and call.id in READERS)
        ]
    assert impure == []


def test_a_folder_can_be_surveyed() -> None:
    folders: dict[str, int] = {}
    for module in MODULES:
        folder = str(_path(module).parent.relative_to(ROOT))
        folders[folder] = folders.get(folder, 0) + 1
    assert {name: count for name, count in folders.items() if count > MOST_MODULES} == {}


def test_a_function_fits_onto_a_screen() -> None:
    long = [
        f"{module}:{function.lineno} {function.name} has {_lines(function)} lines"
        for module in MODULES
        for function in _functions(module)
        if _lines(function) > LONGEST_FUNCTION
    ]
    assert long == []


def test_a_verb_is_one_command_of_one_screen() -> None:
    verbs = [module for module in MODULES if module.startswith(f"{PLUGIN}.commands.")]
    lines = {
        module: [_lines(each) for each in _functions(module) if each.name == "command"]
        for module in verbs
    }
    assert verbs
    assert {
        name: found for name, found in lines.items() if len(found) != 1 or found[0] > LONGEST_VERB
    } == {}


def test_a_module_says_what_belongs_in_it() -> None:
    assert [module for module in MODULES if not ast.get_docstring(_tree(module))] == []


def test_a_module_has_a_name_that_says_something() -> None:
    assert [module for module in MODULES if set(module.split(".")) & EMPTY_NAMES] == []


def test_the_tests_of_the_sandbox_know_the_sandbox_only() -> None:
    strangers = [
        f"{path.name}: {name}"
        for path in sorted((ROOT / "tests" / "sandbox").glob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        for name in _absolute_names(node)
        if name.startswith((PLUGIN, "tests"))
    ]
    assert strangers == []


def _absolute_names(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
