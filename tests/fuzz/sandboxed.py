"""Whatever is asked of the sandbox is answered or refused; and what may be asked, to begin with."""

from __future__ import annotations

import json
from functools import cache

from kubectl_virt_clone.kube.transport import read_json
from kubevirt_sandbox.apiserver.access.authorization import User
from kubevirt_sandbox.apiserver.endpoints import Endpoints, Request, refused
from kubevirt_sandbox.apiserver.negotiation import JSON, PROTOBUF
from kubevirt_sandbox.apiserver.requestinfo import parse
from kubevirt_sandbox.storage.status import ApiError
from tests.fuzz import corpus, test_files
from tests.sandbox.world import World as Plane


@cache
def _plane() -> Plane:
    return Plane(seeds=("storage-classes", "vm-cirros", "snapshots"))


def check_request(data: bytes) -> None:
    """Whatever is asked of the sandbox is answered or refused, and its answers are JSON.

    The first line has the method and the URL, the second the types of the body and of the answer.
    """
    line, _, rest = data.partition(b"\n")
    types, _, body = rest.partition(b"\n")
    method, _, url = line.decode("latin-1").partition(" ")
    media, _, accept = types.decode("latin-1").partition(" ")
    registry = _plane().registry
    before = registry.store.version
    try:
        info = parse(method, url)
        info.query["dryRun"] = "All"
        request = Request(info, ADMIN, accept, media, body, alive=lambda: False)
        answer = Endpoints(registry).answer(request)
    except ApiError as error:
        answer = refused(error)
    if registry.store.version != before:  # the body of a DELETE is asked alone
        _plane.cache_clear()
    assert 200 <= answer.code < 600
    if answer.content_type == JSON and answer.stream is None:
        read_json(answer.body)


ADMIN = User("admin", groups=("system:masters",))
CLONES = "/apis/clone.kubevirt.io/v1beta1/namespaces/default/virtualmachineclones"
CLAIMS = "/api/v1/namespaces/default/persistentvolumeclaims"
VMS = "/apis/kubevirt.io/v1/namespaces/default/virtualmachines"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
MERGE, OPERATIONS, STRATEGIC = (
    f"application/{kind}+json" for kind in ("merge-patch", "json-patch", "strategic-merge-patch")
)
CLONE, VM, CLAIM = (
    json.dumps(whole) for whole in (corpus.clones()[-2], corpus.vms()[-1], corpus.claims()[0])
)
REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
REVIEW = {
    "apiVersion": "authorization.k8s.io/v1",
    "kind": "SelfSubjectAccessReview",
    "spec": {"resourceAttributes": {"verb": "get", "resource": "pods"}},
}
REQUESTS = (
    ("GET", CLONES, "", TABLE, ""),
    ("GET", f"{VMS}?labelSelector=a in (b,c),!d&fieldSelector=metadata.name!=x", "", "*/*", ""),
    ("GET", f"{VMS}?limit=1&continue=eyJydiI6MSwic3RhcnQiOiJhL2IifQ", "", "", ""),
    ("GET", f"{CLONES}?watch=1&resourceVersion=1&timeoutSeconds=1&labelSelector=a!=b", "", "", ""),
    ("POST", CLONES, JSON, "", CLONE),
    ("POST", f"{VMS}?fieldValidation=Strict", "application/yaml", "", VM),
    ("POST", VMS, "application/yaml", "", test_files.BOMBS["maps"]),
    ("POST", CLAIMS, JSON, "", CLAIM),
    ("PUT", f"{VMS}/vm-cirros-clone", JSON, "", VM),
    ("PATCH", f"{VMS}/vm-cirros", MERGE, "", '{"metadata":{"labels":{"a":null,"b":"c"}}}'),
    ("PATCH", f"{VMS}/vm-cirros", OPERATIONS, "", '[{"op":"add","path":"/spec/x","value":1}]'),
    ("PATCH", "/api/v1/namespaces/default", STRATEGIC, "", '{"metadata":{"finalizers":["a"]}}'),
    (
        *("PATCH", "/api/v1/namespaces/default", STRATEGIC, ""),
        '{"metadata":{"ownerReferences":[{"uid":"a"}],"$setElementOrder/ownerReferences":[]}}',
    ),
    ("DELETE", f"{VMS}/vm-cirros", JSON, "", '{"preconditions":{"uid":"1"},"dryRun":["All"]}'),
    ("DELETE", f"{CLONES}?propagationPolicy=Orphan", "", "", ""),
    ("DELETE", f"{VMS}/vm-cirros", JSON, "", '{"orphanDependents":true,"dryRun":["All"]}'),
    ("POST", REVIEWS, JSON, "", json.dumps(REVIEW)),
    ("POST", REVIEWS, PROTOBUF, "", "k8s\0\n\4\n\2v1\x12\0"),
)
SEEDS = [
    f"{method} {url}\n{media} {accept}\n{body}".encode()
    for method, url, media, accept, body in REQUESTS
]
