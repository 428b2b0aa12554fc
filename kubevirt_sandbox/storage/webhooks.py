"""Writes and what is asked about them: options, admission requests, plugins, the order of checks.

What a webhook says is its own; storing the result is the registry's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from kubevirt_sandbox.storage import checks, schema, status
from kubevirt_sandbox.storage.decoding import decode
from kubevirt_sandbox.storage.resources import ResourceType
from kubevirt_sandbox.storage.store import TypeKey

Obj = dict[str, Any]
Operation = Literal["CREATE", "UPDATE", "DELETE"]

CONTROLLER = "system:serviceaccount:kubevirt:kubevirt-controller"


@dataclass(frozen=True)
class AdmissionRequest:
    """What a webhook is asked: ``object`` may be changed by a mutating one."""

    operation: Operation
    type_key: TypeKey
    namespace: str
    name: str
    object: Obj
    old_object: Obj | None
    user: str
    dry_run: bool
    subresource: str = ""
    warnings: list[str] = field(default_factory=list, compare=False)
    """What is to be told to the client of the write."""


class AdmissionPlugin(Protocol):
    """A pair of webhooks, called on every create, update and delete."""

    def mutate(self, request: AdmissionRequest) -> Obj:
        """The object to go on with."""

    def validate(self, request: AdmissionRequest) -> None:
        """Raises ApiError (status.denied) to refuse."""


@dataclass(frozen=True)
class Write:
    """How a write is to be done; ``warnings`` collects the texts of Warning headers."""

    user: str = CONTROLLER
    dry_run: bool = False
    version: str = ""
    field_validation: str = "Ignore"
    warnings: list[str] = field(default_factory=list)


def admit(
    plugins: Sequence[AdmissionPlugin],
    operation: Operation,
    resource: ResourceType,
    new: Obj,
    old: Obj | None,
    how: Write,
    subresource: str = "",
) -> Obj:
    """The object to store: after mutating webhooks, schema and validating webhooks, in this order.

    Raises ApiError 422 with all causes when metadata or schema are broken, and whatever a webhook
    refuses with.
    """
    for plugin in plugins:
        new = plugin.mutate(_request(operation, resource, new, old, how, subresource))
    if plugins:
        new, _ = decode(resource, new)
    causes = list(checks.metadata_violations(resource, new, old))
    causes.extend(schema.violations(resource.schema, new))
    causes.extend(checks.builtin_violations(resource, new))
    if causes:
        name = new["metadata"].get("name", "")
        raise status.invalid(resource.group, resource.kind, name, causes)
    how.warnings.extend(checks.finalizer_warnings(new, old))
    ask(plugins, operation, resource, new, old, how, subresource)
    return new


def ask(
    plugins: Sequence[AdmissionPlugin],
    operation: Operation,
    resource: ResourceType,
    new: Obj,
    old: Obj | None,
    how: Write,
    subresource: str = "",
) -> None:
    """Validating webhooks alone; raises what one refuses with."""
    for plugin in plugins:
        plugin.validate(_request(operation, resource, new, old, how, subresource))


def _request(
    operation: Operation,
    resource: ResourceType,
    new: Obj,
    old: Obj | None,
    how: Write,
    subresource: str,
) -> AdmissionRequest:
    metadata = new["metadata"]
    return AdmissionRequest(
        operation=operation,
        type_key=resource.key,
        namespace=metadata.get("namespace", ""),
        name=metadata.get("name", ""),
        object=new,
        old_object=old,
        user=how.user,
        dry_run=how.dry_run,
        subresource=subresource,
        warnings=how.warnings,
    )
