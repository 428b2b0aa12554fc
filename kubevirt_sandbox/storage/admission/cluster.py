"""The API server's own admission as plugins: policies before KubeVirt is asked, the rest after it.

The rules are in ``policies`` and ``foreign``; quotas are asked after both.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from kubevirt_sandbox.storage.admission.foreign import CONFIGURATIONS, refuse_by_webhook
from kubevirt_sandbox.storage.admission.policies import BINDINGS, refuse_by_policy

if TYPE_CHECKING:
    from kubevirt_sandbox.storage.resources import Catalogue
    from kubevirt_sandbox.storage.store import Store, TypeKey
    from kubevirt_sandbox.storage.webhooks import AdmissionRequest

_OWN = "admissionregistration.k8s.io"


class Judge:
    """An admission plugin that changes nothing: it asks ``judge`` of each write.

    ``source`` is the type of what it goes by: without an object of it, it has nothing to say.
    """

    def __init__(self, source: TypeKey, judge: Callable[[AdmissionRequest], None]) -> None:
        self.source = source
        self._judge = judge

    def mutate(self, request: AdmissionRequest) -> dict[str, Any]:
        """The object as it is."""
        return request.object

    def validate(self, request: AdmissionRequest) -> None:
        """Raises ApiError when the write is refused; who refuses may always be taken away."""
        if not request.type_key.endswith(_OWN):
            self._judge(request)


def policies(store: Store, catalogue: Catalogue) -> Judge:
    """Asks the policies that are stored."""
    return Judge(
        BINDINGS, lambda request: refuse_by_policy(store, catalogue[request.type_key], request)
    )


def webhooks(store: Store) -> Judge:
    """Asks the webhooks that are stored."""
    return Judge(CONFIGURATIONS, lambda request: refuse_by_webhook(store, request))
