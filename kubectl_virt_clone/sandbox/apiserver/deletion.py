"""DeleteOptions: what the body and the query of a DELETE say about how to delete.

Deleting, and what goes along with it, is the registry's and the collector's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..storage.status import bad_request, cause, invalid
from . import requestinfo
from .requestinfo import RequestInfo

_PROPAGATIONS = ("Foreground", "Background", "Orphan")


@dataclass(frozen=True)
class DeleteOptions:
    """The options of one deletion; ``uid`` and ``resource_version`` are preconditions."""

    propagation: str = "Background"
    uid: str | None = None
    resource_version: str | None = None
    dry_run: bool = False


def parse(info: RequestInfo, body: Any) -> DeleteOptions:
    """The options of a request; ``body`` is its JSON value, None for none.

    Raises ApiError 400 for a body that is no object, 422 for values that no server knows.
    """
    if body is not None and not isinstance(body, dict):
        raise bad_request("the object provided is unrecognized: DeleteOptions expected")
    options: dict[str, Any] = body or {}
    dry_run = requestinfo.dry_run_of(info) or list(options.get("dryRun") or ())
    requestinfo.check_write_options(info, dry_run)
    preconditions = options.get("preconditions") or {}
    return DeleteOptions(
        propagation=_propagation(info, options),
        uid=preconditions.get("uid"),
        resource_version=preconditions.get("resourceVersion"),
        dry_run=bool(dry_run),
    )


def _propagation(info: RequestInfo, options: dict[str, Any]) -> str:
    if options.get("orphanDependents") is not None:
        return "Orphan" if options["orphanDependents"] else "Background"
    wanted = options.get("propagationPolicy") or info.query.get("propagationPolicy")
    if wanted and wanted not in _PROPAGATIONS:
        known = ", ".join(f'"{item}"' for item in (*_PROPAGATIONS, "nil"))
        text = f'Unsupported value: "{wanted}": supported values: {known}'
        wrong = cause("FieldValueNotSupported", text, "propagationPolicy")
        raise invalid("meta.k8s.io", "DeleteOptions", "", [wrong])
    return str(wanted or "Background")
