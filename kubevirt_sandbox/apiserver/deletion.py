"""DeleteOptions: what the body and the query of a DELETE say about how to delete.

Deleting, and what goes along with it, is the registry's and the collector's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kubevirt_sandbox.apiserver import requestinfo
from kubevirt_sandbox.apiserver.requestinfo import RequestInfo
from kubevirt_sandbox.storage.status import ApiError, Cause, bad_request, cause, invalid

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
        raise bad_request("couldn't get version/kind; json parse error: DeleteOptions expected")
    # A body speaks alone: what the query says besides it is not looked at.
    options: dict[str, Any] = _of_query(info) if body is None else body
    dry_run = options.get("dryRun") or []
    preconditions = options.get("preconditions") or {}
    if not isinstance(dry_run, list) or not isinstance(preconditions, dict):
        raise bad_request("json: cannot unmarshal dryRun or preconditions into DeleteOptions")
    requestinfo.check_write_options(info, dry_run)
    return DeleteOptions(
        propagation=_propagation(options),
        uid=preconditions.get("uid"),
        resource_version=preconditions.get("resourceVersion"),
        dry_run=bool(dry_run),
    )


def _of_query(info: RequestInfo) -> dict[str, Any]:
    options: dict[str, Any] = {"dryRun": requestinfo.dry_run_of(info)}
    for key in ("propagationPolicy", "orphanDependents"):
        if key in info.query:
            options[key] = info.flag(key) if key == "orphanDependents" else info.query[key]
    return options


def _propagation(options: dict[str, Any]) -> str:
    orphaned, wanted = options.get("orphanDependents"), options.get("propagationPolicy")
    if orphaned is not None and wanted:
        text = (
            f'Invalid value: "{wanted}": orphanDependents and deletionPropagation cannot be both '
            "set"
        )
        raise _invalid(cause("FieldValueInvalid", text, "propagationPolicy"))
    if orphaned is not None:
        return "Orphan" if orphaned else "Background"
    if wanted and wanted not in _PROPAGATIONS:
        known = ", ".join(f'"{item}"' for item in (*_PROPAGATIONS, "nil"))
        text = f'Unsupported value: "{wanted}": supported values: {known}'
        raise _invalid(cause("FieldValueNotSupported", text, "propagationPolicy"))
    return str(wanted or "Background")


def _invalid(wrong: Cause) -> ApiError:
    return invalid("meta.k8s.io", "DeleteOptions", "", [wrong])
