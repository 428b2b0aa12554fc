"""The part of kubectl's JSONPath that points into one object: ``{.status.conditions[0].type}``.

Finds values and sorts by them; the caller knows what they mean. No templates (``range``, text).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from operator import eq, ge, gt, le, lt, ne
from typing import Any

from kubectl_virt_clone.errors import InvalidValue, VirtCloneError
from kubectl_virt_clone.objects.fields import Object

Step = Callable[[Any], Iterable[Any]]
"""Maps a value to what one step of a path finds in it; nothing if it has another type."""

# Compiled on first use: most runs of the program need none of these patterns.
# One token: .. | .name (with \. for a dot in it) | [?(filter)] | [items]; and what is skipped.
_NAME = r"(?:\\.|[^ \t\r\n.,\[\]$@{}\\])+"
_TOKEN = rf"""(?x)
      (?P<recursive>\.\.) (?P<below>{_NAME})?
    | \.(?P<field>{_NAME})
    | \[\?\((?P<filter>(?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[^"')])*)\)\]
    | \[(?P<items>[^\]]*)\]
    | (?P<passed>[ $@])
"""
_SLICE = r"(-?[0-9]{1,9}|)(?::(-?[0-9]{1,9}|))?(?::([0-9]{1,9}|))?"
_COMPARISON = r"(?s)([^!<>=]+)(==|!=|<=|>=|<|>)(.+)"
_LITERAL = r"""(?sx)
      (?P<quote>['"])(?P<text>(?:\\.|(?!(?P=quote)).)*)(?P=quote)
    | (?P<number>[+-]?[0-9]+(?:\.[0-9]+)?)
    | (?P<flag>true|false)
"""

_OPERATORS = {"==": eq, "!=": ne, "<": lt, ">": gt, "<=": le, ">=": ge}


@dataclass(frozen=True)
class Path:
    """A path from ``parse_jsonpath``; its text is as in kubectl's messages: ``{.a.b}``."""

    text: str

    def __str__(self) -> str:
        return self.text

    def find(self, obj: object) -> list[Any]:
        """The values at the path, in order; none if a step is missing or has another type."""
        return _walk(_steps(self.text[1:-1]), obj)


def parse_jsonpath(text: str) -> Path:
    r"""Read ``{.a.b}``, ``.a.b``, ``a.b`` or ``{$.a.b}``, as --sort-by and --for=jsonpath take it.

    Source: client-go ``util/jsonpath``. Unlike there, ``['x.y']`` is one key whether or not its dot
    is escaped, and any form may begin with ``$``. Raises InvalidValue in kubectl's words.
    """
    if not text:
        raise InvalidValue("jsonpath expression cannot be empty")
    match = re.fullmatch(r"\{([^{}]+)\}|([^{}]+)", text)
    bare = (match[1] or match[2]) if match else ""
    if not bare.strip(" ."):
        raise InvalidValue(
            "unexpected path string, expected a 'name1.name2' or '.name1.name2' or '{name1.name2}'"
            " or '{.name1.name2}'"
        )
    path = bare if bare[0] in ".[$@" else f".{bare}"
    _steps(path)
    return Path(f"{{{path}}}")


def split_value(text: str) -> tuple[str, str | None]:
    """Split ``{.path}=VALUE`` as ``kubectl wait --for=jsonpath=`` does; None if there is no value.

    Each ``=`` splits but ``==``, so that neither part can contain one. Raises InvalidValue in
    kubectl's words for more than two parts and for an empty value.
    """
    path, *values = re.split(r"(?<!=)=(?!=)", text)
    if len(values) > 1:
        raise InvalidValue(
            "jsonpath wait format must be --for=jsonpath='{.status.readyReplicas}'=3 or"
            " --for=jsonpath='{.status.readyReplicas}'"
        )
    if values and not (value := values[0].strip("'\"")):
        raise InvalidValue(
            "jsonpath wait has to have a value after equal sign, like"
            " --for=jsonpath='{.status.readyReplicas}'=3"
        )
    return path, value.strip() if values else None


def as_text(value: object) -> str:
    """A value as Go prints it when kubectl compares it with text: ``true``, ``5``, ``<nil>``.

    Raises VirtCloneError for a mapping or a list, which kubectl can't compare.
    """
    if isinstance(value, (Mapping, list)):
        raise VirtCloneError("jsonpath leads to a nested object or list which is not supported")
    if value is None or isinstance(value, bool):
        return {None: "<nil>", True: "true", False: "false"}[value]
    if isinstance(value, float) and value.is_integer():
        return f"{value:.0f}"
    return str(value).strip()


@lru_cache(maxsize=64)
def _steps(path: str) -> tuple[Step, ...]:
    steps: list[Step] = []
    position = 0
    while position < len(path):
        match = re.compile(_TOKEN).match(path, position)
        if match is None:
            raise InvalidValue(_refusal(path[position:]))
        position = match.end()
        if match["recursive"]:
            if steps and steps[-1] is _descend:
                raise InvalidValue("invalid multiple recursive descent")
            steps.append(_descend)
        if name := match["below"] or match["field"]:
            steps.append(_inside if name == "*" else _field(name))
        elif match["filter"] is not None:
            steps.append(_filter(match["filter"]))
        elif match["items"] is not None:
            steps.append(_items(match["items"]))
    return tuple(steps)


def _refusal(rest: str) -> str:
    if rest.startswith("["):
        return f"unterminated {'filter' if rest.startswith('[?(') else 'array'}"
    if word := re.match(r"\w+", rest):
        return f"unrecognized identifier {word[0]}"
    shown = f" '{rest[0]}'" if rest[0].isprintable() else ""
    return f"unrecognized character in action: U+{ord(rest[0]):04X}{shown}"


def _walk(steps: tuple[Step, ...], value: Any) -> list[Any]:
    found = [value]
    for step in steps:
        found = [inner for outer in found for inner in step(outer)]
    return found


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, Mapping):
        return value.values()
    return value if isinstance(value, list) else ()


def _descend(value: Any) -> Iterable[Any]:
    pending = [value]
    while pending:
        outer = pending.pop()
        if inner := list(_inside(outer)):
            yield outer
            pending.extend(reversed(inner))


def _field(escaped: str) -> Step:
    name = escaped.replace("\\", "")
    return lambda value: [value[name]] if isinstance(value, Mapping) and name in value else []


def _items(text: str) -> Step:
    members = [_item(member.strip(" ")) for member in text.split(",")]
    return lambda value: [found for member in members for found in member(value)]


def _item(text: str) -> Step:
    if key := re.fullmatch(r"'([^']*)'", text):
        return _field(key[1])
    match = re.fullmatch(_SLICE, "::" if text == "*" else text)
    if match is None or not text:
        raise InvalidValue(f"invalid array index {text}")
    start, stop, step = (int(part) if part else None for part in match.groups())
    if step == 0:
        raise InvalidValue("step must be > 0")
    if start is not None and ":" not in text:
        stop = start + 1 or None
    return lambda value: value[start:stop:step] if isinstance(value, list) else []


def _filter(text: str) -> Step:
    """The items of a list that pass the comparison; without one, those that have the value."""
    match = re.fullmatch(_COMPARISON, text)
    left = _steps(text) if match is None else _operand(match[1])
    right = () if match is None else _operand(match[3])

    def passes(item: Any) -> bool:
        found, wanted = _walk(left, item), _walk(right, item)
        if match is None:
            return bool(found)
        # Where kubectl fails, and its wait, the item just doesn't pass.
        one = len(found) == len(wanted) == 1
        return one and _compares(_OPERATORS[match[2]], found[0], wanted[0])

    return lambda value: filter(passes, value) if isinstance(value, list) else []


def _operand(text: str) -> tuple[Step, ...]:
    match = re.match(_LITERAL, text.strip(" "))
    if match is None:
        return _steps(text)
    if rest := text.strip(" ")[match.end() :].lstrip(" "):
        raise InvalidValue(_refusal(rest))
    literal: str | float | bool
    if match["text"] is not None:
        literal = re.sub(r"\\(.)", r"\1", match["text"])
    elif match["flag"]:
        literal = match["flag"] == "true"
    else:
        literal = float(match["number"])
    return (lambda _: [literal],)


def _compares(compare: Callable[[Any, Any], bool], left: Any, right: Any) -> bool:
    """Whether both have one type that supports the comparison, and pass it."""
    flags = isinstance(left, bool), isinstance(right, bool)
    if any(flags):
        return all(flags) and compare in (eq, ne) and compare(left, right)
    both = any(isinstance(left, kind) and isinstance(right, kind) for kind in (str, (int, float)))
    return both and compare(left, right)


def sorted_by(objects: Iterable[Object], path: Path) -> list[Object]:
    """The objects by the value at ``path``, as numbers or as text; those without one first.

    Source: ``kubectl get --sort-by``. Raises VirtCloneError in its words if no object has a value.
    """
    ranked = [(_rank(path.find(obj)), obj) for obj in objects]
    if ranked and all(rank == _MISSING for rank, _ in ranked):
        raise VirtCloneError(f'couldn\'t find any field with path "{path}" in the list of objects')
    return [obj for _, obj in sorted(ranked, key=lambda pair: pair[0])]


_MISSING = (0, 0.0, "")


def _rank(values: list[Any]) -> tuple[int, float, str]:
    """The sort key of one object; values of different types are ordered by type."""
    value = values[0] if values else None
    if value is None:
        return _MISSING
    if isinstance(value, (int, float)):
        return 1, value, ""
    return 2, 0, value if isinstance(value, str) else repr(value)
