"""A real API server with the sandbox's KubeVirt as its client: CRDs, webhooks, controllers.

The processes are in ``binaries``; the garbage collector, a client too, is in ``collector``.
"""

from __future__ import annotations

import contextlib
import ssl
import time
from collections.abc import Iterator
from typing import Any

from kubevirt_sandbox.apiserver.access.certificates import Certificates, make_certificates
from kubevirt_sandbox.kubevirt.loop import KubeVirt
from kubevirt_sandbox.kubevirt.pace import NEVER, Pace
from kubevirt_sandbox.kubevirt.releases import NEWEST, catalogue_of
from kubevirt_sandbox.kubevirt.resources import (
    KUBEVIRT_NAMESPACE,
    SNAPSHOT_CLASSES,
    VOLUME_SNAPSHOTS,
    Resource,
)
from kubevirt_sandbox.kubevirt.seed.planting import load_seed, plant
from kubevirt_sandbox.storage.status import ApiError
from tests.envtest.remote_api import RemoteApi
from tests.envtest.webhook_server import WebhookServer, registrations

from .binaries import HOST, PATIENCE, ApiServer, running_apiserver
from .collector import NAMESPACES, GarbageCollector

Obj = dict[str, Any]
SEEDS = ("kubevirt", "storage-classes")


@contextlib.contextmanager
def running_cluster() -> Iterator[ApiServer]:
    """An API server with CRDs, webhooks, controllers and a garbage collector."""
    catalogue = catalogue_of(NEWEST)
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(running_apiserver())

        def client() -> RemoteApi:
            access = (server.url, server.ca_file, server.token)
            return stack.enter_context(RemoteApi(*access, catalogue))

        api = client()
        _define(api, [*catalogue.crds, *map(_definition, (SNAPSHOT_CLASSES, VOLUME_SNAPSHOTS))])
        api.create(NAMESPACES, {"metadata": {"name": KUBEVIRT_NAMESPACE}})
        for seed in SEEDS:
            plant(api, load_seed(seed))
        kubevirt = KubeVirt(api, pace=Pace(speed=float("inf"), failure_deadline=NEVER))
        certificates = make_certificates(HOST)
        tls = _tls(server, certificates)
        webhooks = stack.enter_context(WebhookServer(kubevirt.admission, tls))
        for resource, body in registrations(webhooks.url, certificates.ca):
            api.send("POST", f"/apis/{resource.api_version}/{resource.plural}", body)
        stack.enter_context(GarbageCollector(client()))
        kubevirt.start()
        stack.callback(kubevirt.stop)
        yield server


def _define(api: RemoteApi, crds: list[Obj]) -> None:
    """Creates the CRDs and waits until their resources are served."""
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    for crd in crds:
        api.send("POST", path, crd)
    deadline = time.monotonic() + PATIENCE
    for crd in crds:
        group, names = crd["spec"]["group"], crd["spec"]["names"]
        for version in crd["spec"]["versions"]:
            served = Resource(group, version["name"], names["plural"], names["kind"])
            while not _is_served(api, served):
                assert time.monotonic() < deadline, f"{served.qualified} is never served"
                time.sleep(0.05)


def _is_served(api: RemoteApi, resource: Resource) -> bool:
    try:
        api.send("GET", f"/apis/{resource.api_version}/{resource.plural}")
    except ApiError:
        return False
    return True


def _definition(resource: Resource) -> Obj:
    """The CRD of a resource of which KubeVirt reads a few fields."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version: Obj = {"name": resource.version, "served": True, "storage": True}
    if resource == VOLUME_SNAPSHOTS:
        version["subresources"] = {"status": {}}
    names = {"plural": resource.plural, "singular": resource.singular, "kind": resource.kind}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": resource.qualified,
            # The group belongs to the Kubernetes community: it asks for a word of theirs.
            "annotations": {"api-approved.kubernetes.io": "unapproved, for tests"},
        },
        "spec": {
            "group": resource.group,
            "scope": "Namespaced" if resource == VOLUME_SNAPSHOTS else "Cluster",
            "names": names,
            "versions": [{**version, "schema": {"openAPIV3Schema": schema}}],
        },
    }


def _tls(server: ApiServer, certificates: Certificates) -> ssl.SSLContext:
    chain, key = server.folder / "webhooks.crt", server.folder / "webhooks.key"
    chain.write_bytes(certificates.server)
    key.write_bytes(certificates.server_key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    return context
