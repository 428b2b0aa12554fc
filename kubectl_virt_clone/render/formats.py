"""Whole objects as YAML, JSON or names: ``-o``. What is printed where is not decided here."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import yaml

from kubectl_virt_clone.model.documents import PLAIN_SCALARS
from kubectl_virt_clone.model.manifest import named
from kubectl_virt_clone.model.objects import Object, at
from kubectl_virt_clone.render.escaping import escaped, is_safe

FORMATS = ("json", "name", "yaml")
_NEVER_FOLD = 10**6


def formatted(objects: Sequence[Object], output: str) -> str:
    """Objects as ``yaml``, ``json`` or ``name``, without ``managedFields``; ends with a newline.

    Several objects become one ``List``, as kubectl prints them.
    """
    if output == "name":
        return "".join(f"{escaped(named(obj))}\n" for obj in objects)
    shown = [_without_managed_fields(obj) for obj in objects]
    value: Any = shown[0] if len(shown) == 1 else _list(shown)
    text = json.dumps(value, indent=4, ensure_ascii=False)
    # Plain ASCII with escapes where the server's text could move the cursor or turn its direction.
    safe = is_safe(text)
    if output == "json":
        return (text if safe else json.dumps(value, indent=4)) + "\n"
    return yaml.dump(
        value,
        Dumper=_Dumper,
        sort_keys=False,
        default_flow_style=False,
        allow_unicode=safe,
        width=_NEVER_FOLD,
    )


class _Dumper(yaml.SafeDumper):
    """YAML without anchors: the same value twice is written twice, as kubectl does."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


# A string that kubectl would take for a number or a boolean is quoted: 12e03, 089, y.
for _tag, _pattern, _first in PLAIN_SCALARS:
    _Dumper.add_implicit_resolver(_tag, _pattern, list(_first))


def _list(objects: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "List",
        "metadata": {"resourceVersion": ""},
        "items": objects,
    }


def _without_managed_fields(obj: Object) -> dict[str, Any]:
    copy = dict(obj)
    if at(copy, "metadata", "managedFields") is not None:
        copy["metadata"] = {k: v for k, v in copy["metadata"].items() if k != "managedFields"}
    return copy
