"""Every public function of the pure rooms and ``render/`` bears whatever a server may send.

What it is called with follows from the names and types of its parameters; one that a table below
does not know makes a test fail, so that no new function is forgotten.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pkgutil import walk_packages
from typing import Any, NamedTuple

import pytest
from hypothesis import given

import kubectl_virt_clone
from kubectl_virt_clone.clone.progress.provenance import Proof
from kubectl_virt_clone.errors import VirtCloneError
from tests.fuzz.effort import fuzzed
from tests.fuzz.hostile import dangerous
from tests.fuzz.worlds import WORLDS, World

Make = Callable[[World], Any]


def one(kind: str) -> Make:
    return lambda world: world.one(kind)


def some(kind: str) -> Make:
    return lambda world: world.some(lambda: world.one(kind))


def several(make: Make, most: int = 3) -> Make:
    return lambda world: world.some(lambda: make(world), most)


def maybe(make: Make) -> Make:
    return lambda world: world.maybe(lambda: make(world))


def any_object(world: World) -> Any:
    return world.one(world.chance.choice(list(world.objects)))


BY_NAME: Mapping[str, Make] = {
    **dict.fromkeys(("clone", "stored", "wanted", "document"), one("clone")),
    **dict.fromkeys(("vm", "source", "target", "projected"), one("vm")),
    **{kind: one(kind) for kind in ("snapshot", "event", "claim", "volume", "versions")},
    **dict.fromkeys(("clones", "requested", "gone", "objects"), some("clone")),
    "snapshots": some("snapshot"),
    "vms": some("vm"),
    "claims": some("claim"),
    "events": some("event"),
    "output": lambda world: world.chance.choice(("name", "json", "yaml")),
    "dry_run": lambda world: world.chance.choice(("none", "client", "server")),
    "fate": lambda world: world.chance.choice(("created", "unchanged")),
}
"""What a parameter of this name gets: by its type it may be any JSON, or any text."""

JSON = ("Object", "object", "Mapping[", "Sequence[Object]", "Iterable[Object]", "Iterable[Mapping[")

BY_TYPE: Mapping[str, Make] = {
    "Surroundings": World.surroundings,
    "Evidence": World.evidence,
    "Proof": lambda world: world.chance.choice(list(Proof)),
    "Facts": World.facts,
    "ClusterFacts": World.cluster,
    "Lookup | None": lambda world: world.maybe(lambda: world.lookup("vm")),
    "Listing": lambda world: world.listing("kubevirt"),
    "Listing | None": lambda world: world.maybe(lambda: world.listing("vm")),
    "Version | None": lambda world: world.chance.choice((None, (1, 4), (1, 6), (1, 9))),
    "Goal": World.goal,
    "Sequence[Goal]": lambda world: [world.goal()],
    "Result": World.result,
    "Sequence[Result]": several(World.result),
    "Remains": World.remains,
    "Iterable[Chunk]": several(World.chunk),
    "Cause | None": World.cause,
    "Collection[str] | None": lambda world: world.maybe(lambda: ("u-1", "")),
    "Path": World.path,
    "Layout": World.layout,
    "Clock": lambda world: world.time,
    "Choose": lambda world: lambda letters: letters[0],
    "datetime": World.time,
    "datetime | None": maybe(World.time),
    "Key": World.key,
    "Sequence[Key]": several(World.key),
    "Iterable[Finding]": several(World.finding),
    "Sequence[Finding]": several(World.finding),
    "Sequence[Judged]": several(lambda world: (world.one("clone"), world.some(world.finding))),
    "Sequence[Preview]": lambda world: [world.preview(), *world.some(world.preview, 1)],
    "Sequence[Step]": several(World.step),
    "Iterable[Sequence[Object]]": several(some("clone")),
    "Access": World.access,
    "Hint": World.hint,
    "Selection": World.selection,
    "Selection | None": maybe(World.selection),
    "str": World.text,
    "str | None": maybe(World.text),
    "Sequence[str]": several(World.text),
    "Sequence[str] | None": maybe(several(World.text)),
    **dict.fromkeys(("Collection[str]", "Iterable[str]"), several(World.text)),
    "list[str]": several(World.text),
    "frozenset[str]": lambda world: frozenset(world.texts),
    "frozenset[str] | None": maybe(lambda world: frozenset(world.texts)),
    "bool": World.yes,
    "float": lambda world: world.chance.random() * 1e9,
    "int": lambda world: world.chance.randint(0, 99),
    "object": World.value,
    "Object": any_object,
    "Object | None": maybe(any_object),
    "Any": World.value,
}

OWNERS: Mapping[str, Make] = {
    "Answers": World.answers,
    "Chunk": World.chunk,
    "Surroundings": World.surroundings,
    "Limits": World.limits,
    "Path": World.path,
    "Style": World.style,
    "Selection": World.selection,
    "Access": World.access,
}
"""What has methods."""

OTHERWISE: Mapping[str, str] = {
    "render.progress.live": "what a wait shows; test_waits",
    "render.progress.frames": "what a wait shows; test_waits",
    "render.progress.screen.Screen": "a terminal; it takes lines that were made harmless",
    "render.tables": "takes rows as wide as its headers; those that show objects are called",
    "render.messages": "writes to stderr; test_server",
    "clone.hint.kubectl": "takes words of our own; hints are called",
    "clone.hint.flag": "takes words of our own; hints are called",
    "clone.hint.leave_out": "takes words of our own; hints are called",
    "clone.checks.facts.error": "takes words of our own; the rules are called",
    "clone.checks.facts.warning": "takes words of our own; the rules are called",
    "render.removal.unread": "takes the name of a resource",
    "render.versions.client_version": "takes our own version",
    "clone.spec.manifest.build_clone": "takes what options made of a user's text; test_options",
    "clone.api.parse_reference": "takes what a user typed; test_options",
    "clone.api.numbered": "takes what a user typed; test_options",
    "objects.documents": "takes a user's file; test_files",
    "clone.checks.findings.Rule": "a table, whose rules are called",
    "clone.checks.findings.judged": "takes as many facts as clones; test_server",
    "clone.checks.values.problem_finding": "takes a rule; the rules are called",
    "clone.shared_snapshot.shared_snapshot": "takes one clone or more, of our own making",
}
"""Rooms and functions that are not called here, and why."""

RAW: Mapping[str, str] = {
    "render.hints.written": "text that those who show it make harmless",
    **dict.fromkeys(
        ("render.progress.outcomes.label", "render.progress.outcomes.state"),
        "what those who draw a line or a frame make harmless",
    ),
    "render.progress.outcomes.failure": "an error, which the door escapes",
    "render.findings.warnings": "lines for render.messages.warn, which escapes them",
    "render.findings.refusal": "an error, which the door escapes",
    "render.removal.kept": "an error, which the door escapes",
    "render.progress.outcomes.interrupted": "an error, which the door escapes",
    "render.progress.columns": "measures text that was made harmless",
    "render.progress.frames.Style.painted": "paints text that was made harmless",
}
"""What returns text that is not for a terminal as it stands, and why."""


class Reader(NamedTuple):
    """A public function or method, what its parameters get, and what it is a method of."""

    name: str
    call: Callable[..., Any]
    parameters: tuple[inspect.Parameter, ...]
    owner: str = ""

    def arguments(self, world: World) -> tuple[list[Any], dict[str, Any]]:
        positional = [OWNERS[self.owner](world)] if self.owner else []
        named = {}
        for parameter in self.parameters:
            value = _make(parameter)(world)
            if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
                named[parameter.name] = value
            else:
                positional.append(value)
        return positional, named


def _make(parameter: inspect.Parameter) -> Make:
    kind = str(parameter.annotation)
    if parameter.name in BY_NAME and kind.startswith((*JSON, "str")):
        make = BY_NAME[parameter.name]
        return maybe(make) if kind.endswith("None") else make
    return any_object if kind.startswith("Mapping[str, ") else BY_TYPE[kind]


def _readers() -> Iterator[Reader]:
    for room in ("clone", "objects", "render"):
        package = import_module(f"{kubectl_virt_clone.__name__}.{room}")
        for info in walk_packages(package.__path__, f"{package.__name__}."):
            module = import_module(info.name)
            where = info.name.removeprefix(f"{kubectl_virt_clone.__name__}.")
            for name, value in vars(module).items():
                if name.startswith("_") or getattr(value, "__module__", "") != info.name:
                    continue
                if inspect.isclass(value):
                    yield from _methods(f"{where}.{name}", value)
                elif callable(value):
                    yield Reader(f"{where}.{name}", value, _parameters(value))


def _methods(where: str, owner: type) -> Iterator[Reader]:
    for name, method in vars(owner).items():
        if not name.startswith("_") and inspect.isfunction(method):
            yield Reader(f"{where}.{name}", method, _parameters(method)[1:], owner.__name__)


def _parameters(call: Callable[..., Any]) -> tuple[inspect.Parameter, ...]:
    return tuple(inspect.signature(call).parameters.values())


def _is_in(reader: Reader, names: Mapping[str, str]) -> bool:
    return any(reader.name == name or reader.name.startswith(f"{name}.") for name in names)


ALL = list(_readers())
CALLED = [reader for reader in ALL if not _is_in(reader, OTHERWISE)]


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _texts(item)


def _fault(reader: Reader, world: World) -> str:
    """What is wrong with a function's answer; empty if nothing is."""
    positional, named = reader.arguments(world)
    before = repr((positional, named))
    try:
        result = reader.call(*positional, **named)
        if isinstance(result, Iterator):
            result = list(result)
    except VirtCloneError as error:
        doc = reader.call.__doc__ or ""
        return (
            "" if "raises" in doc.lower() else f"its docstring doesn't say that it raises {error!r}"
        )
    except Exception as error:  # noqa: BLE001 - which function it was matters more than where
        return f"{error!r} with {before}"
    if repr((positional, named)) != before:
        return "it has changed its argument"
    unsafe = dangerous("\n".join(_texts(result))) if reader.name.startswith("render.") else ()
    return f"{unsafe} reach a terminal" if unsafe and not _is_in(reader, RAW) else ""


def test_every_public_function_is_called_here_or_says_why_not() -> None:
    unknown = []
    for reader in CALLED:
        try:
            [_make(parameter) for parameter in reader.parameters]
            _ = reader.owner and OWNERS[reader.owner]
        except KeyError as missing:
            unknown.append((reader.name, missing.args[0]))

    assert unknown == []


def test_the_tables_name_no_function_that_is_gone() -> None:
    names = {**OTHERWISE, **RAW}

    assert [name for name in names if not any(_is_in(each, {name: ""}) for each in ALL)] == []


@pytest.mark.filterwarnings("ignore:Generating overly large repr")
@fuzzed(5)
@given(world=WORLDS)
def test_every_function_bears_whatever_a_server_sends(world: World) -> None:
    faults = {reader.name: _fault(reader, world) for reader in CALLED}

    assert {name: fault for name, fault in faults.items() if fault} == {}
