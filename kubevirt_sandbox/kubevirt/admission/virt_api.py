"""virt-api as the service that the API server calls, and what it says when the call fails.

What the webhooks decide when they are reached is in the ``*_webhooks`` modules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubevirt_sandbox.kubevirt.resources import CLONES, RESTORES, SNAPSHOTS, VIRTUAL_MACHINES
from kubevirt_sandbox.storage.status import ApiError, internal_error

if TYPE_CHECKING:
    from kubevirt_sandbox.storage.webhooks import AdmissionRequest

NOBODY_THERE = 'no endpoints available for service "virt-api"'

_OF_SNAPSHOTS = ("virtualmachinesnapshot-validator.snapshot", "/virtualmachinesnapshots-validate")
_OF_RESTORES = ("virtualmachinerestore-validator.snapshot", "/virtualmachinerestores-validate")
_FIRST_CALLED = {
    (CLONES, "CREATE", ""): ("virtualmachineclones-mutator", "/vm-clone-mutate-create"),
    (CLONES, "UPDATE", ""): ("vm-clone-validator", "/vm-clone-validate-create"),
    (VIRTUAL_MACHINES, "CREATE", ""): ("virtualmachines-mutator", "/virtualmachines-mutate"),
    (VIRTUAL_MACHINES, "UPDATE", ""): ("virtualmachines-mutator", "/virtualmachines-mutate"),
    (VIRTUAL_MACHINES, "UPDATE", "status"): ("kubevirt-crd-status-validator", "/status-validate"),
    (SNAPSHOTS, "CREATE", ""): _OF_SNAPSHOTS,
    (SNAPSHOTS, "UPDATE", ""): _OF_SNAPSHOTS,
    (RESTORES, "CREATE", ""): _OF_RESTORES,
    (RESTORES, "UPDATE", ""): _OF_RESTORES,
}
"""(resource, operation, subresource) → the webhook that is asked first, and its path."""


def call_failed(webhook: str, path: str, reason: str) -> ApiError:
    """500: the API server could not ask a webhook, and its policy is to refuse then."""
    url = f"https://virt-api.kubevirt.svc:443{path}?timeout=10s"
    return internal_error(
        f'failed calling webhook "{webhook}": failed to call webhook: Post "{url}": {reason}'
    )


def refuse_unasked(request: AdmissionRequest) -> None:
    """Raises ApiError 500 for a request that no webhook can be asked about, but one has to be."""
    asked = (request.type_key, request.operation, request.subresource)
    for (resource, *event), (webhook, path) in _FIRST_CALLED.items():
        if (resource.qualified, *event) == asked:
            raise call_failed(f"{webhook}.kubevirt.io", path, NOBODY_THERE)
