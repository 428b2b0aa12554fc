"""Label and field selectors: text of a query parameter → a predicate on objects.

Which objects a request is about otherwise (namespace, name, version) is not decided here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from kubevirt_sandbox.storage.checks import VALUE_RULE
from kubevirt_sandbox.storage.status import ApiError, bad_request

if TYPE_CHECKING:
    from kubevirt_sandbox.storage.resources import ResourceType

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
_OPERATORS = ("", "!", "=", "==", "!=", "(", ")", ",", ">", "<")
_LABEL_LENGTH = 63
_KEY_RULE = (
    "a valid label key must consist of alphanumeric characters, '-', '_' or '.', and must start "
    "and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex "
    "used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS "
    "subdomain prefix and '/' (e.g. 'example.com/MyName')"
)
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
        if resource.custom or resource.key == "events":
            raise bad_request(f"field label not supported: {path}")
        names = ", ".join(f'"{name}"' for name in supported)
        raise bad_request(f'"{path}" is not a known field selector: only {names}')


class _Requirements:
    """Recursive descent over the tokens of a label selector."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._of = ""
        self._tokens = self._tokenize()

    def parse(self) -> list[Callable[[dict[str, str]], bool]]:
        """One test of the labels per requirement."""
        tests = []
        while self._tokens:
            tests.append(self._requirement())
            if self._tokens:
                found = self._take()
                if found != ",":
                    raise bad_request(f"found '{found}', expected: ',' or 'end of string'")
                if not self._tokens:
                    raise bad_request("found '', expected: identifier after ','")
        return tests

    def _tokenize(self) -> list[str]:
        tokens, position = [], 0
        text = self._text.rstrip()
        while position < len(text):
            found = _TOKEN.match(text, position)
            if not found:
                raise _unparsed(f"found '{text[position:]}', expected: identifier")
            tokens.append(found[1])
            position = found.end()
        return tokens

    def _requirement(self) -> Callable[[dict[str, str]], bool]:
        if self._peek() == "!":
            self._take()
            absent = self._key(negated=True)
            return lambda labels: absent not in labels
        key = self._of = self._key()
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
            raise _unparsed(
                f"values[0]: Invalid value: \"{text}\": for 'Gt', 'Lt' operators, the value must "
                "be an integer"
            )
        limit = int(text)

        def compare(labels: dict[str, str]) -> bool:
            value = labels.get(key, "")
            if not re.fullmatch(r"-?\d+", value):
                return False
            return int(value) > limit if operator == ">" else int(value) < limit

        return compare

    def _set(self, operator: str) -> set[str]:
        if operator not in ("in", "notin"):
            raise _unparsed(f"found '{operator}', expected: in, notin, =, ==, !=, gt, lt")
        self._expect("(")
        values = {self._value()}
        while self._peek() == ",":
            self._take()
            values.add(self._value())
        self._expect(")")
        return values

    def _key(self, *, negated: bool = False) -> str:
        key = self._take()
        if key in _OPERATORS:
            if negated:
                raise _unparsed(f"found '{key}', expected: identifier")
            raise bad_request(f"found '{key}', expected: !, identifier, or 'end of string'")
        if not _KEY.fullmatch(key):
            raise _unparsed(f'<nil>: Invalid value: "{key}": {_KEY_RULE}')
        return key

    def _value(self) -> str:
        if self._peek() in ("", ",", ")"):
            return ""
        value = self._take()
        if len(value) > _LABEL_LENGTH:
            raise _unparsed(
                f'values[0][{self._of}]: Invalid value: "{value}": must be no more than 63 bytes'
            )
        if not _VALUE.fullmatch(value):
            raise _unparsed(f'values[0][{self._of}]: Invalid value: "{value}": {VALUE_RULE}')
        return value

    def _peek(self) -> str:
        return self._tokens[0] if self._tokens else ""

    def _take(self) -> str:
        return self._tokens.pop(0) if self._tokens else ""

    def _expect(self, token: str) -> None:
        taken = self._take()
        if taken != token:
            raise _unparsed(f"found '{taken}' expected: '{token}'")


def _unparsed(what: str) -> ApiError:
    return bad_request(f"unable to parse requirement: {what}")


def both(predicates: Iterable[Predicate]) -> Predicate:
    """An object matches when every predicate matches."""
    tests = tuple(predicates)
    return lambda obj: all(test(obj) for test in tests)
