"""Whole objects as YAML, JSON or names: ``-o``. The caller decides where to print them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from kubectl_virt_clone.clone.api import named
from kubectl_virt_clone.objects.fields import Object, at, well_formed
from kubectl_virt_clone.render.escaping import escaped, is_safe

DRY_RUNS = {"client": " (dry run)", "server": " (server dry run)"}
"""What kubectl adds to a line about an object."""
_NEVER_FOLD = 10**6


def formatted(objects: Sequence[Object], output: str) -> str:
    """Objects as ``yaml``, ``json`` or ``name``, without ``managedFields``; ends with a newline.

    Several objects become one ``List``, as kubectl prints them.
    """
    return "".join((documents if len(objects) == 1 else listed)([objects], output))


def documents(pages: Iterable[Sequence[Object]], output: str) -> Iterator[str]:
    """The objects one by one, as they come: names, YAML documents, or one JSON value each."""
    between = ""
    for objects in pages:
        for obj in objects:
            if output == "name":
                yield f"{escaped(named(obj))}\n"
            elif output == "json":
                yield f"{_json(obj)}\n"
            else:
                yield between + _yaml(_without_managed_fields(obj))
                between = "---\n"


def watch_events(pages: Iterable[Sequence[Object]], output: str) -> Iterator[str]:
    """WatchEvents one by one, as they come, as kubectl writes them: in JSON each on a line."""
    if output == "json":
        return (f"{_json(event, **_ONE_LINE)}\n" for events in pages for event in events)
    return documents(([dict(sorted(e.items())) for e in events] for events in pages), output)


def listed(pages: Iterable[Sequence[Object]], output: str) -> Iterator[str]:
    """The objects as the items of one ``List``, page by page; names need none.

    If reading breaks off, the List stays open: half of it must not look like all.
    """
    if output == "name":
        yield from documents(pages, output)
        return
    head, between, after, nothing = _JSON_LIST if output == "json" else _YAML_LIST
    item = _json_item if output == "json" else _yaml_item
    begun = False
    for objects in pages:
        if objects:
            yield (between if begun else f"{head}\n") + between.join(map(item, objects))
            begun = True
    yield after if begun else head + nothing


# What comes before the items of a List, between them, after the last, and instead of any.
_JSON_LIST = (
    """{
    "apiVersion": "v1",
    "kind": "List",
    "metadata": {
        "resourceVersion": ""
    },
    "items": [""",
    *(",\n", "\n    ]\n}\n", "]\n}\n"),
)
_YAML_LIST = (
    "apiVersion: v1\nkind: List\nmetadata:\n  resourceVersion: ''\nitems:",
    *("", "", " []\n"),
)
_ITEM_INDENT = " " * 8
_ONE_LINE: dict[str, Any] = {"indent": None, "separators": (",", ":")}


def _json(obj: Object, *, indent: int | None = 4, **style: Any) -> str:
    """ASCII with escapes if the server's text could move the cursor or change its direction."""
    value = _without_managed_fields(obj)
    text = json.dumps(value, indent=indent, ensure_ascii=False, **style)
    return text if is_safe(text) else json.dumps(value, indent=indent, **style)


def _json_item(obj: Object) -> str:
    return _ITEM_INDENT + _json(obj).replace("\n", f"\n{_ITEM_INDENT}")


def _yaml_item(obj: Object) -> str:
    return _yaml([_without_managed_fields(obj)])


def _yaml(value: Any) -> str:
    """Like ``_json``, ASCII if that is safer."""
    import yaml  # here, as most commands print none

    from kubectl_virt_clone.objects.documents import Dumper

    text = json.dumps(value, ensure_ascii=False)
    if well_formed(text) != text:  # libyaml writes UTF-8, which has no lone surrogates
        value = json.loads(well_formed(text))
    return yaml.dump(
        value,
        Dumper=Dumper,
        sort_keys=False,
        default_flow_style=False,
        allow_unicode=is_safe(text),
        width=_NEVER_FOLD,
    )


def _without_managed_fields(obj: Object) -> dict[str, Any]:
    copy = dict(obj)
    if at(copy, "metadata", "managedFields") is not None:
        copy["metadata"] = {k: v for k, v in copy["metadata"].items() if k != "managedFields"}
    return copy
