"""The webhooks as an API server calls them, and their registration: AdmissionReview over HTTPS.

The form of questions and answers only; ``kubevirt.admission`` decides.
"""

from __future__ import annotations

import base64
import http.server
import json
import ssl
import threading
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any

from kubevirt_sandbox.kubevirt.admission import clone_webhooks, restore_webhooks, vm_webhooks
from kubevirt_sandbox.kubevirt.resources import (
    CLONES,
    RESTORES,
    SNAPSHOTS,
    VIRTUAL_MACHINES,
    Resource,
)
from kubevirt_sandbox.storage.status import ApiError
from kubevirt_sandbox.storage.webhooks import AdmissionRequest

if TYPE_CHECKING:
    from kubevirt_sandbox.kubevirt.admission.dispatch import Admission

Obj = dict[str, Any]
HOST = "127.0.0.1"
REGISTRATIONS = "admissionregistration.k8s.io"


@dataclass(frozen=True)
class Webhook:
    """One webhook: its name in refusals, where it is called, and about what."""

    name: str
    path: str
    resources: tuple[Resource, ...]
    operations: tuple[str, ...] = ("CREATE", "UPDATE")
    mutating: bool = False


WEBHOOKS = (
    Webhook(clone_webhooks.MUTATOR, "/vm-clone-mutate-create", (CLONES,), ("CREATE",), True),
    Webhook(
        "virtualmachines-mutator.kubevirt.io",
        "/virtualmachines-mutate",
        (VIRTUAL_MACHINES,),
        mutating=True,
    ),
    # KubeVirt's controllers set the finalizers of these two; ours find them set.
    Webhook(
        "snapshots-mutator.virt-clone-sandbox.kubevirt.io",
        "/snapshots-mutate-create",
        (SNAPSHOTS, RESTORES),
        ("CREATE",),
        True,
    ),
    Webhook(clone_webhooks.VALIDATOR, "/vm-clone-validate-create", (CLONES,)),
    Webhook(vm_webhooks.VALIDATOR, "/virtualmachines-validate", (VIRTUAL_MACHINES,)),
    Webhook(restore_webhooks.SNAPSHOT_VALIDATOR, "/virtualmachinesnapshots-validate", (SNAPSHOTS,)),
    Webhook(restore_webhooks.RESTORE_VALIDATOR, "/virtualmachinerestores-validate", (RESTORES,)),
)


def registrations(url: str, ca: bytes) -> list[tuple[Resource, Obj]]:
    """The objects that make an API server ask the webhooks at ``url``, whose CA is ``ca``."""
    bundle = base64.b64encode(ca).decode()
    found = []
    for begins, mutating in (("Mutating", True), ("Validating", False)):
        kind = f"{begins}WebhookConfiguration"
        resource = Resource(REGISTRATIONS, "v1", f"{kind.lower()}s", kind)
        hooks = [_registered(item, url, bundle) for item in WEBHOOKS if item.mutating is mutating]
        metadata = {"name": "virt-clone-sandbox"}
        body = {"apiVersion": resource.api_version, "kind": kind, "metadata": metadata}
        found.append((resource, {**body, "webhooks": hooks}))
    return found


def _registered(webhook: Webhook, url: str, bundle: str) -> Obj:
    rules = [
        {
            "apiGroups": [resource.group],
            "apiVersions": [resource.version],
            "operations": list(webhook.operations),
            "resources": [resource.plural],
            "scope": "Namespaced",
        }
        for resource in webhook.resources
    ]
    return {
        "name": webhook.name,
        "clientConfig": {"url": url + webhook.path, "caBundle": bundle},
        "rules": rules,
        # A request in another version is asked about in the one that is stored.
        "matchPolicy": "Equivalent",
        "failurePolicy": "Fail",
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "timeoutSeconds": 10,
    }


class WebhookServer:
    """Answers on a port of its own of 127.0.0.1; a context manager."""

    def __init__(self, admission: Admission, tls: ssl.SSLContext) -> None:
        self._server = _Server(admission)
        self._server.socket = tls.wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
        self.url = f"https://{HOST}:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> WebhookServer:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, admission: Admission) -> None:
        super().__init__((HOST, 0), _Handler)
        self.admission = admission
        # The rules were written for a server that asks about one write at a time.
        self.lock = threading.Lock()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        """Answers one AdmissionReview; a webhook that crashes closes the connection."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        path = self.path.partition("?")[0]
        webhook = next((item for item in WEBHOOKS if item.path == path), None)
        if webhook is None:
            self.send_error(404)
            return
        with self.server.lock:
            response = review(self.server.admission, webhook, json.loads(body)["request"])
        if response is None:
            self.close_connection = True
            return
        answer = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview"}
        raw = json.dumps({**answer, "response": response}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *_: object) -> None:
        """Says nothing: the API server tells its client what came of it."""


def review(admission: Admission, webhook: Webhook, request: Obj) -> Obj | None:
    """The response to a request of an AdmissionReview; None when the webhook crashes."""
    asked = _request(request)
    response: Obj = {"uid": request["uid"], "allowed": True}
    try:
        if webhook.mutating:
            changed = admission.mutate(asked)
            patch = _patch(asked.object, changed)
            if patch:
                encoded = base64.b64encode(json.dumps(patch).encode()).decode()
                response.update(patchType="JSONPatch", patch=encoded)
        else:
            admission.validate(asked)
    except ApiError as refusal:
        if refusal.reason == "InternalError":
            return None
        # The API server says by itself who it is that refuses.
        prefix = f'admission webhook "{webhook.name}" denied the request: '
        message = str(refusal).removeprefix(prefix)
        return {**response, "allowed": False, "status": {**refusal.status, "message": message}}
    return {**response, "warnings": asked.warnings} if asked.warnings else response


def _request(request: Obj) -> AdmissionRequest:
    resource = request["resource"]
    return AdmissionRequest(
        operation=request["operation"],
        type_key=f"{resource['resource']}.{resource['group']}",
        namespace=request.get("namespace", ""),
        name=request.get("name", ""),
        object=request["object"],
        old_object=request.get("oldObject"),
        user=request["userInfo"].get("username", ""),
        dry_run=request.get("dryRun") is True,
        subresource=request.get("subResource", ""),
    )


def _patch(before: Obj, after: Obj) -> list[Obj]:
    """The sections that a webhook has changed, whole; it takes none away."""
    return [
        {"op": "replace" if key in before else "add", "path": f"/{key}", "value": after[key]}
        for key in after
        if before.get(key) != after[key]
    ]
