"""YAML and JSON text as kubectl reads it: every document of a file, and the items of a List.

What a document must be is ``manifest``'s to say.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
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
_ALIASED = 100_000  # values that may come of aliases

_PLAIN_SCALARS = (
    (f"{_TAGS}float", _NUMBER, "-+.0123456789"),
    (f"{_TAGS}bool", re.compile(r"[yYnN]$"), "yYnN"),
)
"""(tag, pattern, first characters) of unquoted text that kubectl takes for something else.

Source: the resolver of ``sigs.k8s.io/yaml``, a mixture of YAML 1.1 and 1.2.
"""


class _Loader(yaml.SafeLoader):
    """YAML as kubectl resolves it, where PyYAML reads YAML 1.1.

    ``y`` and ``1e3`` are no strings, a time stays text, and ``52:54:00:12:34:56`` is a MAC
    address, not a number to the base 60. An alias counts for all that its anchor holds: a few
    lines of aliases of aliases must not stand for more values than fit into memory.
    """

    bool_values = {**yaml.SafeLoader.bool_values, "y": True, "n": False}  # noqa: RUF012

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._count = 0
        self._most = len(text) + _ALIASED
        self._sizes: dict[str, int] = {}  # by anchor, once its end was seen

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Read a value, and count it with all that is in it."""
        event = self.peek_event()  # type: ignore[no-untyped-call]
        anchor = event.anchor
        if isinstance(event, yaml.AliasEvent):
            node = super().compose_node(parent, index)
            if anchor not in self._sizes:
                raise ValueError(f"the anchor {anchor} holds itself")
            self._count += self._sizes[anchor]
        else:
            before = self._count
            self._count += 1
            self._sizes.pop(anchor, None)
            self.anchors.pop(anchor, None)  # an anchor may come again, and means the last one
            node = super().compose_node(parent, index)
            if anchor is not None:
                self._sizes[anchor] = self._count - before
        if self._count > self._most:
            raise ValueError("its aliases stand for too many values")
        return node


def _number(loader: _Loader, node: yaml.ScalarNode) -> int | float | str:
    """What kubectl makes of it: 64 bits, else a float, else text (``1e999`` and long ``0x...``)."""
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
for _tag, _pattern, _first in _PLAIN_SCALARS:
    _Loader.add_implicit_resolver(_tag, _pattern, list(_first))
_Loader.add_constructor(f"{_TAGS}float", _number)


class Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    """YAML without anchors: the same value twice is written twice, as kubectl does.

    A string that kubectl would take for a number or a boolean is quoted: 12e03, 089, y.
    """

    def ignore_aliases(self, data: Any) -> bool:
        """Whether ``data`` is written anew where it comes up again."""
        return True


for _tag, _pattern, _first in _PLAIN_SCALARS:
    Dumper.add_implicit_resolver(_tag, _pattern, list(_first))


def parse_documents(text: str, origin: str) -> list[Any]:
    """The documents in ``text``, empty ones left out and Lists taken apart.

    Raises ManifestError that names ``origin`` for what is neither YAML nor JSON.
    """
    try:
        documents = values_in(text)
    except ValueError as error:
        raise ManifestError(f"error parsing {origin}: {error}") from error
    return [item for document in documents if document is not None for item in _items(document)]


def values_in(text: str) -> list[Any]:
    """The value of each document in ``text``, as JSON has values.

    Raises ValueError, with one line that quotes no line of the text: there may be secrets in it.
    """
    try:
        return [_as_json(document) for document in _documents(text)]
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        raise ValueError(f"{error.problem or error.context}{where}") from error
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    # PyYAML's constructors raise the latter ones for an explicit tag as in "!!bool maybe".
    except (yaml.YAMLError, ValueError, LookupError, AttributeError) as error:
        raise ValueError(" ".join(str(error).split())) from error


def _documents(text: str) -> list[Any]:
    """One JSON object after the other, as some tools write them; else YAML."""
    text = text.removeprefix("\ufeff")
    if text.lstrip().startswith("{"):
        try:
            return list(_json_objects(text))
        except ValueError:
            pass  # YAML has braces too
    return list(yaml.load_all(text, Loader=_Loader))


def _json_objects(text: str) -> Iterator[Any]:
    decoder, space, place = json.JSONDecoder(), re.compile(r"\s*"), 0
    while (place := space.match(text, place).end()) < len(text):  # type: ignore[union-attr]
        value, place = decoder.raw_decode(text, place)
        yield value


def _as_json(value: Any) -> Any:
    """The value with keys as JSON has them; raises ValueError for what JSON can't express."""
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
        raise ValueError("a text holds half a character")
    return text


def _key(key: Any) -> str:
    if isinstance(key, str):
        return _text(key)
    if isinstance(key, (bool, int, float)):
        return json.dumps(key)
    raise ValueError("unsupported map key: it is neither text nor a number")


def _items(document: Any) -> list[Any]:
    """The items of a List of whichever kind, as ``kubectl get -o yaml`` and the API write them."""
    if isinstance(document, dict) and str(document.get("kind")).endswith("List"):
        items = document.get("items")
        return items if isinstance(items, list) else []
    return [document]
