"""Accept and Content-Type headers: in which form an answer is written, how a body is read.

What the answer says is not decided here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import yaml

from ..storage.status import bad_request, not_acceptable, unsupported_media_type
from .protobuf import PROTOBUF, read_object

JSON = "application/json"
YAML = "application/yaml"
JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
READABLE = (JSON, YAML, PROTOBUF)
UNREADABLE = "couldn't get version/kind; json parse error: "
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
        return _read_yaml(raw) if media == YAML else json.loads(raw)
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        line = str(error).splitlines()[0]
        raise bad_request(f"{prefix or UNREADABLE}{line}") from None


def _read_yaml(raw: bytes) -> Any:
    """YAML as JSON knows it: keys are strings, and times as well."""
    value = yaml.safe_load(raw)
    return json.loads(json.dumps(value, default=lambda item: item.isoformat()))
