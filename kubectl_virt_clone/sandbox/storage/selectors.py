"""Label and field selectors: text of a query parameter → a predicate on objects.

Which objects a request is about otherwise (namespace, name, version) is not decided here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from .status import ApiError, bad_request

if TYPE_CHECKING:
    from .resources import ResourceType

Obj = dict[str, Any]
Predicate = Callable[[Obj], bool]

EVENT_FIELDS = (
    "involvedObject.kind",
    "involvedObject.namespace",
    "involvedObject.name",
    "involvedObject.uid",
    "involvedObject.apiVersion",
    "involvedObject.resourceVersion",
    "involvedObject.fieldPath",
    "reason",
    "reportingComponent",
    "source",
    "type",
)
_TOKEN = re.compile(r"\s*(!=|==|=|!|\(|\)|,|>|<|[^\s=!(),<>]+)")
_KEY = re.compile(r"([a-z0-9A-Z.-]+/)?[a-zA-Z0-9]([-_.a-zA-Z0-9]*[a-zA-Z0-9])?")
_VALUE = re.compile(r"([a-zA-Z0-9]([-_.a-zA-Z0-9]*[a-zA-Z0-9])?)?")


def label_predicate(text: str) -> Predicate:
    """``a=b,c in (d,e),!f`` → a predicate; raises ApiError 400 when it can't be read."""
    tests = _Requirements(text).parse()

    def matches(obj: Obj) -> bool:
        labels = obj["metadata"].get("labels") or {}
        return all(test(labels) for test in tests)

    return matches


def field_predicate(text: str, resource: ResourceType) -> Predicate:
    """``metadata.name=x,type!=y`` → a predicate; raises ApiError 400 on an unknown field."""
    tests = []
    for part in re.split(r"(?<!\\),", text) if text else ():
        if not part:
            continue
        found = re.fullmatch(r"([^=!]+)(!=|==|=)(.*)", part, re.DOTALL)
        if not found:
            raise bad_request(f"invalid selector: '{text}'; can't understand '{part}'")
        path, operator, value = found.groups()
        _require_supported(path, resource)
        tests.append((path, operator == "!=", re.sub(r"\\([,=\\])", r"\1", value)))

    def matches(obj: Obj) -> bool:
        return all((field_value(obj, path) == value) != negated for path, negated, value in tests)

    return matches


def field_value(obj: Obj, path: str) -> str:
    """The text of one selectable field; empty when it is not set."""
    if path == "source":
        # The one field label of events that names no path of theirs.
        path = "source.component"
    value: Any = obj
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return "" if value is None else str(value)


def _require_supported(path: str, resource: ResourceType) -> None:
    supported = ["metadata.name"]
    if resource.namespaced:
        supported.append("metadata.namespace")
    if resource.key == "events":
        supported += EVENT_FIELDS
    if resource.key == "namespaces":
        supported.append("status.phase")
    if path not in supported:
        kind = "" if resource.custom else f'"{path}" is not a known field selector: only '
        if not kind:
            raise bad_request(f"field label not supported: {path}")
        names = ", ".join(f'"{name}"' for name in supported)
        raise bad_request(f"{kind}{names}")


class _Requirements:
    """Recursive descent over the tokens of a label selector."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = self._tokenize()

    def parse(self) -> list[Callable[[dict[str, str]], bool]]:
        """One test of the labels per requirement."""
        tests = []
        while self._tokens:
            tests.append(self._requirement())
            if self._tokens:
                self._expect(",")
                if not self._tokens:
                    raise self._error("found '', expected: identifier after ','")
        return tests

    def _tokenize(self) -> list[str]:
        tokens, position = [], 0
        text = self._text.rstrip()
        while position < len(text):
            found = _TOKEN.match(text, position)
            if not found:
                raise self._error(f"found '{text[position:]}', expected: identifier")
            tokens.append(found[1])
            position = found.end()
        return tokens

    def _requirement(self) -> Callable[[dict[str, str]], bool]:
        if self._peek() == "!":
            self._take()
            absent = self._key()
            return lambda labels: absent not in labels
        key = self._key()
        operator = self._peek()
        if operator in ("", ","):
            return lambda labels: key in labels
        self._take()
        if operator in ("=", "=="):
            wanted = self._value()
            return lambda labels: labels.get(key) == wanted
        if operator == "!=":
            unwanted = self._value()
            return lambda labels: labels.get(key) != unwanted
        if operator in (">", "<"):
            return self._comparison(key, operator)
        values = self._set(operator)
        if operator == "in":
            return lambda labels: labels.get(key) in values
        return lambda labels: labels.get(key) not in values

    def _comparison(self, key: str, operator: str) -> Callable[[dict[str, str]], bool]:
        text = self._value()
        if not re.fullmatch(r"-?\d+", text):
            raise self._error(f"found '{text}', expected: an integer")
        limit = int(text)

        def compare(labels: dict[str, str]) -> bool:
            value = labels.get(key, "")
            if not re.fullmatch(r"-?\d+", value):
                return False
            return int(value) > limit if operator == ">" else int(value) < limit

        return compare

    def _set(self, operator: str) -> set[str]:
        if operator not in ("in", "notin"):
            raise self._error(f"found '{operator}', expected: in, notin, =, ==, !=, gt, lt")
        self._expect("(")
        values = {self._value()}
        while self._peek() == ",":
            self._take()
            values.add(self._value())
        self._expect(")")
        return values

    def _key(self) -> str:
        key = self._take()
        if not _KEY.fullmatch(key):
            raise self._error(f"found '{key}', expected: !, identifier, or 'end of string'")
        return key

    def _value(self) -> str:
        if self._peek() in ("", ",", ")"):
            return ""
        value = self._take()
        if not _VALUE.fullmatch(value):
            raise self._error(f"found '{value}', expected: a label value")
        return value

    def _peek(self) -> str:
        return self._tokens[0] if self._tokens else ""

    def _take(self) -> str:
        return self._tokens.pop(0) if self._tokens else ""

    def _expect(self, token: str) -> None:
        taken = self._take()
        if taken != token:
            raise self._error(f"found '{taken}', expected: '{token}'")

    def _error(self, what: str) -> ApiError:
        return bad_request(f'unable to parse requirement: {what} in "{self._text}"')


def both(predicates: Iterable[Predicate]) -> Predicate:
    """An object matches when every predicate matches."""
    tests = tuple(predicates)
    return lambda obj: all(test(obj) for test in tests)
