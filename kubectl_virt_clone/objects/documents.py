"""Read YAML and JSON text as kubectl does: every document of a file, and the items of a List.

``clone/spec/manifest`` checks what a document contains.
"""

from __future__ import annotations

import json
import math
import re
from contextlib import suppress
from typing import Any

import yaml

from kubectl_virt_clone.errors import ManifestError
from kubectl_virt_clone.objects.fields import well_formed

_NUMBER = re.compile(
    r"[-+]?(?:0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+"
    r"|(?:\.[0-9][0-9_]*|[0-9][0-9_]*(?:\.[0-9_]*)?)(?:[eE][-+]?[0-9][0-9_]*)?"
    r"|\.(?:inf|Inf|INF|nan|NaN|NAN))$"
)
_OCTAL = re.compile(r"[-+]?0[0-7]+")
_TAGS = "tag:yaml.org,2002:"
_ALIASED = 100_000  # values that aliases may expand to


class _Loader(yaml.SafeLoader):
    """YAML as kubectl resolves it, where PyYAML reads YAML 1.1.

    ``y`` and ``1e3`` are not strings, a time stays text, and ``52:54:00:12:34:56`` is a MAC
    address, not a sexagesimal number. An alias counts as many values as its anchor holds, so that
    a few lines of nested aliases can't expand to more values than fit into memory.
    """

    bool_values = {**yaml.SafeLoader.bool_values, "y": True, "n": False}  # noqa: RUF012

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._count = 0
        self._most = len(text) + _ALIASED
        self._sizes: dict[str, int] = {}  # by anchor, once it is complete

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Read a value and count the values in it."""
        event = self.peek_event()  # type: ignore[no-untyped-call]
        anchor = event.anchor
        if isinstance(event, yaml.AliasEvent):
            node = super().compose_node(parent, index)
            if anchor not in self._sizes:
                raise ValueError(f"the anchor {anchor} contains itself")
            self._count += self._sizes[anchor]
        else:
            before = self._count
            self._count += 1
            self._sizes.pop(anchor, None)
            self.anchors.pop(anchor, None)  # an anchor may be redefined; the last definition counts
            node = super().compose_node(parent, index)
            if anchor is not None:
                self._sizes[anchor] = self._count - before
        if self._count > self._most:
            raise ValueError("its aliases expand to too many values")
        return node


def _number(loader: _Loader, node: yaml.ScalarNode) -> int | float | str:
    """The number as kubectl reads it: 64 bits, or a float, or text (``1e999``, long ``0x…``)."""
    text = str(loader.construct_scalar(node))
    plain = text.replace("_", "").lower()
    try:
        whole = int(plain, 8 if _OCTAL.fullmatch(plain) else 0)
    except ValueError:
        pass
    else:
        if -(2**63) <= whole < 2**64:
            return whole if whole < 2**63 else float(whole)
    try:
        number = float(re.sub(r"\.(inf|nan)$", r"\1", plain))
    except ValueError:
        return text
    if math.isinf(number) and "inf" not in plain:
        return text
    return int(number) if number.is_integer() and abs(number) < 2**53 else number


_OTHERWISE = ("timestamp", "int", "float", "value")
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag[len(_TAGS) :] not in _OTHERWISE]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_constructor(f"{_TAGS}float", _number)


class Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    """YAML without anchors: repeats a value that occurs twice, as kubectl does.

    Quotes strings that kubectl would read as a number or a boolean: 12e03, 089, y.
    """

    def ignore_aliases(self, data: Any) -> bool:
        """Whether to repeat ``data`` where it occurs again."""
        return True


# Text without quotes that kubectl does not read as a string, and its first characters.
# Source: the resolver of sigs.k8s.io/yaml, a mixture of YAML 1.1 and 1.2.
for _kind in (_Loader, Dumper):
    _kind.add_implicit_resolver(f"{_TAGS}float", _NUMBER, list("-+.0123456789"))
    _kind.add_implicit_resolver(f"{_TAGS}bool", re.compile(r"[yYnN]$"), list("yYnN"))


def parse_documents(text: str, origin: str) -> list[Any]:
    """The documents in ``text``, without empty ones, and with Lists expanded.

    Raises ManifestError, which names ``origin``, if the text is neither YAML nor JSON.
    """
    try:
        documents = values_in(text)
    except ValueError as error:
        raise ManifestError(f"error parsing {origin}: {error}") from error
    return [item for document in documents if document is not None for item in _items(document)]


def _items(document: Any) -> list[Any]:
    """The items of a List of any kind, as ``kubectl get -o yaml`` and the API write them."""
    if isinstance(document, dict) and str(document.get("kind")).endswith("List"):
        items = document.get("items")
        return items if isinstance(items, list) else []
    return [document]


def values_in(text: str) -> list[Any]:
    """The value of each document in ``text``, as JSON types.

    Raises ValueError with a single line that never quotes the text: it may hold secrets.
    """
    try:
        return [_as_json(document) for document in _documents(text)]
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        raise ValueError(f"{error.problem or error.context}{where}") from error
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    # PyYAML's constructors raise the last three for an explicit tag, as in "!!bool maybe".
    except (yaml.YAMLError, ValueError, LookupError, AttributeError) as error:
        raise ValueError(" ".join(str(error).split())) from error


def _documents(text: str) -> list[Any]:
    """Concatenated JSON objects, as some tools write them; otherwise YAML."""
    text = text.removeprefix("\ufeff")
    if text.lstrip().startswith("{"):
        decoder, space, place, found = json.JSONDecoder(), re.compile(r"\s*"), 0, []
        with suppress(ValueError):  # YAML also has braces
            while (place := space.match(text, place).end()) < len(text):  # type: ignore[union-attr]
                value, place = decoder.raw_decode(text, place)
                found.append(value)
            return found
    return list(yaml.load_all(text, Loader=_Loader))


def _as_json(value: Any) -> Any:
    """The value with string keys; raises ValueError for anything JSON can't express."""
    if isinstance(value, dict):
        return {_key(key): _as_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_as_json(item) for item in value]
    if isinstance(value, str):
        return _text(value)
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    what = value if isinstance(value, float) else type(value).__name__
    raise ValueError(f"unsupported value: {what}")


def _text(text: str) -> str:
    if well_formed(text) != text:
        raise ValueError("a string contains half a character")
    return text


def _key(key: Any) -> str:
    if isinstance(key, str):
        return _text(key)
    if isinstance(key, (bool, int, float)):
        return json.dumps(key)
    raise ValueError("unsupported map key: it is neither text nor a number")
