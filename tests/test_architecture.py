"""The picture of the house, read from the source: which room imports which, and how large it is.

What the rooms do is tested elsewhere.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = "kubectl_virt_clone"
ROOT = Path(__file__).parent.parent / PACKAGE

# Short for the modules of the package; "." in front means one of ours, a bare name another's.
_VERB = (
    *(".cluster", ".render", ".model", ".options", ".clone_options", ".clone_requests"),
    *(".selection_options", ".errors", "click"),
)

ROOMS: dict[str, tuple[str, ...]] = {
    ".": (),
    ".__main__": (".cli",),
    ".cli": (".", ".candidates", ".errors", ".options", ".render.escaping", "click"),
    ".candidates": (".cluster.names", ".model", ".options", ".errors", "click"),
    ".errors": (),
    ".options": (".model", ".errors", "click"),
    ".clone_options": (".model", ".options", ".errors", "click"),
    ".clone_requests": (".model", ".errors", "click"),
    ".selection_options": (".model", ".options", ".errors", "click"),
    ".commands.sandbox": (".sandbox.controlplane", ".sandbox.apiserver.faults", *_VERB),
    ".commands.version": (".", *_VERB),
    ".commands": _VERB,
    ".cluster.exec_plugin": (".model.objects", ".errors"),
    ".cluster.proxies": (".errors",),
    ".cluster.oidc": (
        *(".cluster.kubeconfig", ".model.documents", ".model.objects", ".errors"),
        *("certifi", "kubernetes", "yaml"),
    ),
    ".cluster.unanswered": (".errors", "urllib3"),
    ".cluster.answers": (".model.objects", ".errors"),
    ".cluster.kubeconfig": (
        *(".cluster.exec_plugin", ".cluster.kubeconfig_files", ".model.connection", ".errors"),
    ),
    ".cluster.kubeconfig_files": (".model.connection", ".model.documents", ".errors"),
    ".cluster.credentials": (
        *(".cluster.exec_plugin", ".cluster.kubeconfig", ".cluster.oidc", ".cluster.proxies"),
        *(".model.objects", ".errors", "urllib3"),
    ),
    ".cluster.session": (
        *(".", ".cluster.answers", ".cluster.credentials", ".cluster.kubeconfig"),
        ".cluster.unanswered",
        *(".model.connection", ".errors", "urllib3"),
    ),
    ".cluster.resources": (".cluster.session", ".model.api", ".model.objects", ".errors"),
    ".cluster.facts": (
        *(".cluster.concurrency", ".cluster.related", ".cluster.resources", ".cluster.session"),
        *(".model", ".errors"),
    ),
    ".cluster.concurrency": (".errors",),
    ".cluster.paging": (
        *(".cluster.concurrency", ".cluster.session", ".cluster.resources", ".model.api"),
        ".model.objects",
        *(".model.selection", ".errors"),
    ),
    ".cluster.following": (
        *(".cluster.changes", ".cluster.session", ".cluster.watching", ".model.batch"),
        *(".model.objects", ".errors"),
    ),
    ".cluster.unfinished": (
        *(".cluster.concurrency", ".cluster.paging", ".cluster.session", ".model.api"),
        *(".model.batch", ".model.objects", ".model.progress", ".errors"),
    ),
    ".cluster.removing": (
        *(".cluster.concurrency", ".cluster.paging", ".cluster.resources", ".cluster.session"),
        *(".model", ".errors"),
    ),
    ".cluster.leftovers": (
        *(".cluster.concurrency", ".cluster.paging", ".cluster.resources", ".cluster.session"),
        *(".model", ".errors"),
    ),
    ".cluster.versions": (
        *(".cluster.concurrency", ".cluster.resources", ".cluster.session", ".model.api"),
        *(".model.objects", ".errors"),
    ),
    ".cluster.names": (
        *(".cluster.kubeconfig", ".cluster.paging", ".cluster.resources", ".cluster.session"),
        *(".model", "urllib3"),
    ),
    ".cluster.related": (
        *(".cluster.concurrency", ".cluster.paging", ".cluster.session", ".cluster.resources"),
        *(".model", ".errors"),
    ),
    ".cluster.changes": (".cluster.session", ".model.api", ".model.objects"),
    ".cluster.watching": (
        *(".cluster.answers", ".cluster.changes", ".cluster.session", ".cluster.resources"),
        *(".model.objects", ".errors"),
    ),
    ".cluster.children": (".cluster.changes", ".cluster.watching", ".model"),
    ".cluster.confirming": (
        *(".cluster.session", ".cluster.resources", ".cluster.related", ".cluster.paging"),
        *(".model", ".errors"),
    ),
    ".cluster.looking": (),
    ".cluster.judging": (
        *(".cluster.confirming", ".cluster.looking", ".cluster.related", ".cluster.resources"),
        *(".cluster.session", ".model", ".errors"),
    ),
    ".cluster.observing": (".model",),
    ".cluster.seen": (".model",),
    ".cluster.awaited": (
        *(".cluster.changes", ".cluster.children", ".cluster.judging", ".cluster.looking"),
        *(".cluster.observing", ".cluster.seen", ".cluster.watching", ".model", ".errors"),
    ),
    ".cluster.wanted": (".cluster.changes", ".cluster.paging", ".cluster.session", ".model"),
    ".cluster.waiting": (
        *(".cluster.awaited", ".cluster.changes", ".cluster.children", ".cluster.judging"),
        *(".cluster.looking", ".cluster.observing", ".cluster.resources", ".cluster.session"),
        *(".cluster.wanted", ".cluster.watching", ".model", ".errors"),
    ),
    ".cluster.snapshots": (
        *(".cluster.changes", ".cluster.resources", ".cluster.seen", ".cluster.session"),
        *(".cluster.watching", ".model", ".errors"),
    ),
    ".cluster.planning": (
        *(".cluster.concurrency", ".cluster.paging", ".cluster.resources", ".cluster.session"),
        *(".cluster.snapshots", ".model", ".errors"),
    ),
    ".cluster.creating": (
        *(".cluster.concurrency", ".cluster.planning", ".cluster.removing", ".cluster.resources"),
        *(".cluster.session", ".cluster.snapshots", ".model", ".errors"),
    ),
    ".cluster": (),
    ".render.tables": (".render.columns", ".render.escaping", "tabulate"),
    ".render.findings": (".render", ".model", ".errors"),
    ".render.live": (".render", ".model", ".errors"),
    ".render.outcomes": (".render", ".model", ".errors"),
    ".render.formats": (".render", ".model", "yaml"),
    ".render": (".render", ".model"),
    ".model.api": (),
    ".model.connection": (),
    ".model.objects": (),
    ".model.selection": (".errors",),
    ".model.jsonpath": (".errors",),
    ".model.sorting": (".model.jsonpath", ".model.objects", ".errors"),
    ".model.batch": (".model.api", ".model.objects", ".model.surroundings"),
    ".model.filters": (".model.objects", ".errors", "re2"),
    ".model.patches": (".model.objects", ".errors", "jsonpatch"),
    ".model.macs": (".errors",),
    ".model.names": (".errors",),
    ".model.target_patches": (".model.names", ".model.patches", ".errors"),
    ".model.documents": (".model.objects", ".errors", "yaml"),
    ".model.references": (".model.api", ".errors"),
    ".model.manifest": (
        *(".model.api", ".model.filters", ".model.macs", ".model.objects"),
        *(".model.patches", ".errors"),
    ),
    ".model.admitted": (
        *(".model.macs", ".model.names", ".model.objects", ".model.target_patches"),
        ".errors",
    ),
    ".model.restored": (".model.filters", ".model.objects"),
    ".model.projection": (
        *(".model.admitted", ".model.filters", ".model.manifest", ".model.objects"),
        *(".model.patches", ".model.restored", ".errors"),
    ),
    ".model.preview": (
        *(".model.api", ".model.manifest", ".model.objects", ".model.preflight"),
        *(".model.projection", ".errors"),
    ),
    ".model.finding": (),
    ".model.preflight": (
        *(".model.api", ".model.filters", ".model.finding", ".model.macs", ".model.manifest"),
        *(".model.objects", ".model.patches", ".model.preflight", ".model.projection"),
        *(".model.surroundings", ".model.target_patches", ".errors"),
    ),
    ".model.surroundings": (".model.objects",),
    ".model.progress": (
        *(".model.api", ".model.cause", ".model.jsonpath", ".model.objects", ".errors"),
    ),
    ".model.series": (),
    ".model.shared_snapshot": (
        *(".model.api", ".model.manifest", ".model.names", ".model.objects", ".model.stalled"),
    ),
    ".model.descent": (
        *(".model.objects", ".model.origin", ".model.projection", ".model.restored"),
    ),
    ".model.cause": (".model.finding", ".model.objects"),
    ".model.origin": (".model.objects", ".model.progress", ".model.surroundings"),
    ".model.stalled": (
        *(".model.api", ".model.cause", ".model.objects", ".model.origin", ".model.progress"),
        ".model.surroundings",
    ),
    ".model.diagnosis": (
        *(".model.api", ".model.cause", ".model.finding", ".model.objects", ".model.origin"),
        *(".model.progress", ".model.stalled", ".model.surroundings"),
    ),
    ".model.timeline": (
        *(".model.api", ".model.objects", ".model.progress", ".model.surroundings"),
    ),
    ".model.removal": (
        *(".model.api", ".model.manifest", ".model.objects", ".model.origin"),
        *(".model.progress", ".model.shared_snapshot", ".errors"),
    ),
    ".model.effects": (
        *(".model.api", ".model.objects", ".model.projection", ".model.surroundings"),
        ".model.filters",
    ),
    ".model": (),
    ".sandbox.storage": (".sandbox.storage", ".model.api", "yaml"),
    ".sandbox.kubevirt.informers": (
        *(".sandbox.kubevirt", ".sandbox.storage", ".model.api", "urllib3"),
    ),
    ".sandbox.kubevirt.remote_api": (
        *(".sandbox.kubevirt", ".sandbox.storage", ".model.api", "urllib3"),
    ),
    ".sandbox.kubevirt": (".sandbox.kubevirt", ".sandbox.storage", ".model.api", "yaml", "re2"),
    ".sandbox.apiserver": (
        *(".sandbox.apiserver", ".sandbox.storage", ".model.api"),
        *("yaml", "jsonpatch", "cryptography"),
    ),
    ".sandbox": (".sandbox", "yaml"),
}
"""Module or folder → what it may import beside the standard library; the longest match decides."""

# A model is pure: it reads no file, no clock and no dice, and knows nothing of processes.
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

LONGEST_MODULE, LONGEST_FUNCTION, LONGEST_VERB = 320, 45, 35
EMPTY_NAMES = frozenset({"utils", "util", "helpers", "helper", "common", "base", "manager", "misc"})


class Import(NamedTuple):
    """One import: the module's full name, and whether it stands at the top of its file."""

    module: str
    line: int
    at_top: bool


def _modules() -> Iterator[str]:
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT.parent).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = list(_modules())


def _path(module: str) -> Path:
    path = ROOT.parent.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


@cache
def _tree(module: str) -> ast.Module:
    return ast.parse(_path(module).read_text(encoding="utf-8"))


def _short(module: str) -> str:
    """``.model.api`` for a module of ours, the full name for another's."""
    if module == PACKAGE:
        return "."
    return module[len(PACKAGE) :] if module.startswith(f"{PACKAGE}.") else module


def _within(module: str, room: str) -> bool:
    """Whether a module is a room or stands in it; the package itself holds itself alone."""
    return module == room or (room != "." and module.startswith(f"{room}."))


def _imports(module: str) -> list[Import]:
    """Every import in the module's source, inside functions too, relative ones made absolute."""
    top = set(_top_level(_tree(module)))
    found = []
    for node in ast.walk(_tree(module)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [_resolved(module, node, alias.name) for alias in node.names]
        else:
            continue
        found += [Import(name, node.lineno, node in top) for name in names]
    return found


def _resolved(module: str, node: ast.ImportFrom, name: str) -> str:
    """The module that ``from X import name`` reads: ``X.name`` if that is one of ours, else X."""
    origin = node.module or ""
    if node.level:
        package = module if _path(module).name == "__init__.py" else module.rpartition(".")[0]
        parents = package.split(".")[: len(package.split(".")) - node.level + 1]
        origin = ".".join([*parents, *filter(None, [origin])])
    return f"{origin}.{name}" if f"{origin}.{name}" in MODULES else origin


def _top_level(node: ast.AST) -> Iterator[ast.AST]:
    """The statements that run when the module is imported."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            yield child
            yield from _top_level(child)


def _in(*rooms: str) -> list[str]:
    return [module for module in MODULES if any(_within(_short(module), room) for room in rooms)]


def _functions(module: str) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [
        node
        for node in ast.walk(_tree(module))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    ]


def test_the_source_was_found() -> None:
    rooms = {_short(module).split(".")[1] for module in MODULES if module != PACKAGE}
    folders = {"commands", "cluster", "render", "model", "sandbox"}
    doors = {"__main__", "cli", "candidates", "options", "clone_options", "clone_requests"}
    doors |= {"selection_options", "errors"}
    assert rooms == folders | doors


@pytest.mark.parametrize("module", MODULES)
def test_a_room_imports_only_what_the_picture_allows(module: str) -> None:
    name = _short(module)
    room = max((room for room in ROOMS if _within(name, room)), key=len)
    surplus = [
        f"{name}:{found.line} imports {_short(found.module)}"
        for found in _imports(module)
        if found.module.split(".")[0] not in sys.stdlib_module_names
        and not any(_within(_short(found.module), allowed) for allowed in ROOMS[room])
    ]
    assert surplus == []


@pytest.mark.parametrize("module", _in(".commands"))
def test_a_verb_imports_no_other_verb(module: str) -> None:
    others = {found.module for found in _imports(module)} & set(_in(".commands"))
    assert others == set()


# The storeys, from the top; the options stand at the door above the model.
STOREYS = (
    (".__main__",),
    (".cli",),
    (".candidates", ".commands"),
    (".cluster", ".render", ".sandbox"),
    (".clone_options", ".clone_requests", ".selection_options"),
    (".options",),
    (".model",),
    (".errors",),
    (".",),
)


def _storey(module: str) -> tuple[int, str]:
    for height, rooms in enumerate(reversed(STOREYS)):
        for room in rooms:
            if _within(_short(module), room):
                return height, room
    raise AssertionError(f"{module} stands on no storey")


@pytest.mark.parametrize("module", MODULES)
def test_what_lies_lower_imports_nothing_that_lies_higher_or_beside(module: str) -> None:
    height, room = _storey(module)
    wrong = [
        f"{_short(module)}:{found.line} imports {_short(found.module)}"
        for found in _imports(module)
        if found.module in MODULES
        and _storey(found.module)[0] >= height
        and _storey(found.module)[1] != room
    ]
    assert wrong == []


@pytest.mark.parametrize("package", ["kubernetes", "re2", "tabulate", "urllib3"])
def test_a_slow_package_is_imported_by_those_who_need_it_and_only_when_they_do(
    package: str,
) -> None:
    at_top = [
        f"{_short(module)}:{found.line}"
        for module in MODULES
        for found in _imports(module)
        if found.module.split(".")[0] == package and found.at_top
    ]
    assert at_top == []


@pytest.mark.parametrize("module", _in(".model"))
def test_a_model_knows_no_files_clocks_or_dice(module: str) -> None:
    impure = [
        f"{_short(module)}:{found.line} imports {found.module}"
        for found in _imports(module)
        if found.module.split(".")[0] in IMPURE
    ]
    calls = [node.func for node in ast.walk(_tree(module)) if isinstance(node, ast.Call)]
    read = [
        f"{_short(module)}:{call.lineno} calls {ast.unparse(call)}"
        for call in calls
        if (isinstance(call, ast.Attribute) and call.attr in CLOCKS)
        or (isinstance(call, ast.Name) and call.id in READERS)
    ]
    assert impure + read == []


@pytest.mark.parametrize("module", MODULES)
def test_a_module_fits_into_a_head(module: str) -> None:
    lines = len(_path(module).read_text(encoding="utf-8").splitlines())
    assert lines <= LONGEST_MODULE, f"{_short(module)} has {lines} lines"


@pytest.mark.parametrize("module", MODULES)
def test_a_function_fits_onto_a_screen(module: str) -> None:
    long = [
        f"{_short(module)}:{function.lineno} {function.name} has {_lines(function)} lines"
        for function in _functions(module)
        if _lines(function) > LONGEST_FUNCTION
    ]
    assert long == []


def _lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """From ``def`` to the end, without the decorators and the signature, which may be a table."""
    return (function.end_lineno or function.lineno) - function.body[0].lineno + 1


@pytest.mark.parametrize("module", [module for module in _in(".commands") if module.count(".") > 1])
def test_a_verb_is_one_command_of_one_screen(module: str) -> None:
    verbs = [function for function in _functions(module) if function.name == "command"]
    assert [_lines(verb) <= LONGEST_VERB for verb in verbs] == [True]


@pytest.mark.parametrize("module", MODULES)
def test_a_module_says_what_belongs_in_it(module: str) -> None:
    assert ast.get_docstring(_tree(module))


@pytest.mark.parametrize("module", MODULES)
def test_a_module_has_a_name_that_says_something(module: str) -> None:
    assert set(module.split(".")) & EMPTY_NAMES == set()
