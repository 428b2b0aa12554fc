"""Validating webhooks that are not KubeVirt's: what each answers stands in an annotation.

Nobody is called. ``virt-clone-sandbox/answer`` of a ValidatingWebhookConfiguration is a sentence
with which it refuses, ``unreachable``, or JSON ``{"message": …, "code": …, "reason": …}``; without
it the webhook lets everything pass.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from kubevirt_sandbox.storage import status
from kubevirt_sandbox.storage.admission.matching import concerns, entries, section

if TYPE_CHECKING:
    from kubevirt_sandbox.storage.store import Store
    from kubevirt_sandbox.storage.webhooks import AdmissionRequest

Obj = dict[str, Any]
CONFIGURATIONS = "validatingwebhookconfigurations.admissionregistration.k8s.io"
ANSWER = "virt-clone-sandbox/answer"
UNREACHABLE = "unreachable"
_WITHOUT_EFFECTS = ("None", "NoneOnDryRun")


def refuse_by_webhook(store: Store, request: AdmissionRequest) -> None:
    """Raises what the first webhook refuses with, or that it can't be asked."""
    for _, configuration in store.snapshot(CONFIGURATIONS, None)[1]:
        answer = section(configuration, "metadata", "annotations").get(ANSWER)
        for webhook in entries(configuration, "webhooks"):
            if concerns(webhook, "rules", request):
                _ask(webhook, answer, request)


def _ask(webhook: Obj, answer: str | None, request: AdmissionRequest) -> None:
    name = str(webhook.get("name"))
    if request.dry_run and webhook.get("sideEffects") not in _WITHOUT_EFFECTS:
        raise status.bad_request(f'admission webhook "{name}" does not support dry run')
    if answer == UNREACHABLE:
        if webhook.get("failurePolicy") != "Ignore":
            raise _unreachable(webhook, name)
    elif answer:
        said = _said(answer)
        code = max(int(said.get("code") or 0), HTTPStatus.BAD_REQUEST)
        raise status.denied(
            name, str(said.get("message", "")), code=code, reason=str(said.get("reason", ""))
        )


def _said(answer: str) -> Obj:
    try:
        said = json.loads(answer)
    except ValueError:
        said = None
    return said if isinstance(said, dict) else {"message": answer}


def _unreachable(webhook: Obj, name: str) -> status.ApiError:
    client = section(webhook, "clientConfig")
    service = section(client, "service")
    url = str(client.get("url") or "")
    if url:
        address = url.partition("://")[2].partition("/")[0]
        why = f"dial tcp {address}: connect: connection refused"
    else:
        host = f"{service.get('name')}.{service.get('namespace')}.svc"
        url = f"https://{host}:{service.get('port', 443)}{service.get('path', '')}"
        why = f'service "{service.get("name")}" not found'
    seconds = webhook.get("timeoutSeconds") or 10
    post = f'Post "{url}?timeout={seconds}s"'
    return status.internal_error(
        f'failed calling webhook "{name}": failed to call webhook: {post}: {why}'
    )
