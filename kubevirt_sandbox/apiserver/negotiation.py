"""Accept and Content-Type headers: in which form an answer is written, how a body is read.

What the answer says is not decided here.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field
from typing import Any, NoReturn

import yaml

from kubevirt_sandbox.apiserver.protobuf import PROTOBUF, read_object
from kubevirt_sandbox.storage.status import bad_request, not_acceptable, unsupported_media_type

JSON = "application/json"
YAML = "application/yaml"
JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
READABLE = (JSON, YAML, PROTOBUF)
UNREADABLE = "couldn't get version/kind; json parse error: "
_MOST_VALUES = 100_000
_ALIASES = (JSON, "application/*", "*/*")


@dataclass(frozen=True)
class Form:
    """One way to write an answer: ``kind`` is "", Table, PartialObjectMetadata(List), …"""

    kind: str = ""
    group: str = ""
    version: str = ""
    parameters: dict[str, str] = field(default_factory=dict)

    @property
    def content_type(self) -> str:
        """The Content-Type of an answer in this form."""
        if not self.kind:
            return JSON
        return f"{JSON};g={self.group};v={self.version};as={self.kind}"


def forms(accept: str) -> list[Form]:
    """The JSON forms that an Accept header names, in the client's order; all others are left out.

    A missing header accepts everything.
    """
    found = []
    for part in (accept or JSON).split(","):
        media, *pairs = [item.strip() for item in part.split(";")]
        if media not in _ALIASES:
            continue
        parameters = dict(pair.partition("=")[::2] for pair in pairs)
        if parameters.get("q") == "0":
            continue
        found.append(
            Form(
                parameters.get("as", ""),
                parameters.get("g", ""),
                parameters.get("v", ""),
                parameters,
            )
        )
    return found


def choose(accept: str, known: tuple[tuple[str, str, str], ...] = ()) -> Form:
    """The first form that can be written: plain JSON or one of ``known`` (kind, group, version).

    Raises ApiError 406 when there is none.
    """
    for form in forms(accept):
        if not form.kind or (form.kind, form.group, form.version) in known:
            return form
    raise not_acceptable(READABLE)


def read_body(
    content_type: str, raw: bytes, accepted: tuple[str, ...] = READABLE, prefix: str = ""
) -> Any:
    """The JSON (or YAML) value of a body; None for an empty one. Raises ApiError 400 or 415.

    ``prefix`` is what an error says first of a body that can't be read.
    """
    media = (content_type or JSON).partition(";")[0].strip()
    if media not in accepted:
        raise unsupported_media_type(accepted)
    if media == PROTOBUF:
        return read_object(raw, accepted)
    if not raw.strip():
        return None
    try:
        return _read_json(_json_of(raw) if media == YAML else raw.decode("utf-8", "replace"))
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        line = str(error).partition("\n")[0]
        raise bad_request(f"{prefix or UNREADABLE}{line}") from None


def _json_of(raw: bytes) -> str:
    """YAML as JSON knows it: keys are strings, and times as well."""
    if _size(yaml.compose(raw, Loader=yaml.SafeLoader), {}) > _MOST_VALUES:
        raise ValueError("yaml: document contains excessive aliasing")
    try:
        return json.dumps(yaml.safe_load(raw), default=lambda item: item.isoformat())
    except (AttributeError, LookupError, TypeError) as error:  # of a tag, or of a key
        raise ValueError("yaml: JSON has no such value") from error


def _size(node: yaml.Node | None, known: dict[int, float]) -> float:
    """The values that a node stands for, its aliases counted; without end where it holds itself."""
    if not isinstance(node, yaml.CollectionNode):
        return 1
    if id(node) not in known:
        known[id(node)] = math.inf
        pairs = isinstance(node, yaml.MappingNode)
        inner = [part for pair in node.value for part in pair] if pairs else node.value
        known[id(node)] = 1 + sum(_size(part, known) for part in inner)
    return known[id(node)]


def _read_json(text: str) -> Any:
    """JSON as Go reads it: NaN is none, and half a character becomes U+FFFD."""
    value = json.loads(text, parse_constant=_refuse)
    if "\\ud" not in text.lower():
        return value
    written = json.dumps(value, ensure_ascii=False)
    return json.loads(re.sub("[\ud800-\udfff]", "\ufffd", written))


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"invalid character '{constant[0]}' looking for beginning of value")
