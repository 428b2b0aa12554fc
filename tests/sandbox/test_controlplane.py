"""The control plane as a whole: credentials, users, refusals, and how it starts and stops."""

from __future__ import annotations

import json
import socket
import ssl
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path

import pytest

from kubevirt_sandbox.apiserver.access.authorization import Rule, User
from kubevirt_sandbox.controlplane import ControlPlane

from .client import CLONES, MERGE_PATCH, Api, Obj

VIEWER, CLONER = "token-of-viewer", "token-of-cloner"
USERS = {
    VIEWER: User("viewer"),
    CLONER: User(
        "cloner",
        (
            Rule(
                ("clone.kubevirt.io",),
                ("virtualmachineclones",),
                ("get", "list", "watch", "create", "delete", "deletecollection", "patch", "update"),
                ("default",),
            ),
        ),
    ),
}
DEFAULT = f"{CLONES}/namespaces/default/virtualmachineclones"


@pytest.fixture(scope="module")
def seen() -> list[tuple[str, str, int]]:
    """The requests that the control plane has answered."""
    return []


@pytest.fixture(scope="module")
def plane(seen: list[tuple[str, str, int]]) -> Iterator[ControlPlane]:
    """A control plane with users of few rights and nothing seeded."""

    def note(method: str, path: str, code: int) -> None:
        seen.append((method, path, code))

    with ControlPlane(seeds=[], users=USERS, on_request=note) as running:
        yield running


@pytest.fixture(scope="module")
def api(plane: ControlPlane) -> Api:
    return Api(plane.kubeconfig)


def a_clone(name: str) -> Obj:
    return {
        "apiVersion": "clone.kubevirt.io/v1beta1",
        "kind": "VirtualMachineClone",
        "metadata": {"name": name},
        "spec": {"source": {"apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": "none"}},
    }


def test_only_the_user_can_read_the_kubeconfig(plane: ControlPlane) -> None:
    assert stat.S_IMODE(plane.kubeconfig.stat().st_mode) == 0o600
    assert stat.S_IMODE(plane.kubeconfig.parent.stat().st_mode) == 0o700
    assert sorted(path.name for path in plane.kubeconfig.parent.iterdir()) == [
        "ca.crt",
        "kubeconfig",
        "server.crt",
    ]


def test_a_client_without_the_ca_does_not_trust_the_server(plane: ControlPlane) -> None:
    port = int(plane.url.rpartition(":")[2])
    context = ssl.create_default_context()
    with (
        socket.create_connection(("127.0.0.1", port)) as raw,
        pytest.raises(ssl.SSLCertVerificationError),
        context.wrap_socket(raw, server_hostname="127.0.0.1"),
    ):
        pass


def test_the_certificate_passes_the_strictest_check(plane: ControlPlane) -> None:
    context = ssl.create_default_context(cafile=plane.ca_file)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    port = int(plane.url.rpartition(":")[2])
    for name in ("127.0.0.1", "localhost"):
        with (
            socket.create_connection(("127.0.0.1", port)) as raw,
            context.wrap_socket(raw, server_hostname=name) as connection,
        ):
            assert connection.version() in ("TLSv1.2", "TLSv1.3")


def test_requests_are_heard_of(api: Api, seen: list[tuple[str, str, int]]) -> None:
    seen.clear()
    api.get("/version")
    api.get(f"{DEFAULT}/nobody", limit=1)
    assert seen == [("GET", "/version", 200), ("GET", f"{DEFAULT}/nobody?limit=1", 404)]


@pytest.mark.parametrize(
    ("token", "path", "message"),
    [
        (
            VIEWER,
            DEFAULT,
            'virtualmachineclones.clone.kubevirt.io is forbidden: User "viewer" cannot list '
            'resource "virtualmachineclones" in API group "clone.kubevirt.io" in the namespace '
            '"default"',
        ),
        (
            CLONER,
            "/apis/kubevirt.io/v1/namespaces/default/virtualmachines/vm-cirros",
            'virtualmachines.kubevirt.io "vm-cirros" is forbidden: User "cloner" cannot get '
            'resource "virtualmachines" in API group "kubevirt.io" in the namespace "default"',
        ),
        (
            CLONER,
            "/api/v1/namespaces/default/events",
            'events is forbidden: User "cloner" cannot list resource "events" in API group "" in '
            'the namespace "default"',
        ),
        (
            CLONER,
            f"{CLONES}/virtualmachineclones",
            'virtualmachineclones.clone.kubevirt.io is forbidden: User "cloner" cannot list '
            'resource "virtualmachineclones" in API group "clone.kubevirt.io" at the cluster '
            "scope",
        ),
        (
            CLONER,
            f"{DEFAULT}/x/status",
            'virtualmachineclones.clone.kubevirt.io "x" is forbidden: User "cloner" cannot '
            'get resource "virtualmachineclones/status" in API group "clone.kubevirt.io" in the '
            'namespace "default"',
        ),
        (VIEWER, "/secret", 'forbidden: User "viewer" cannot get path "/secret"'),
    ],
)
def test_what_is_not_allowed_is_forbidden(api: Api, token: str, path: str, message: str) -> None:
    answer = api.with_token(token).get(path)
    assert (answer.code, answer.body["reason"]) == (403, "Forbidden")
    assert answer.body["message"] == message


def test_rights_count_where_they_are_bound(api: Api) -> None:
    cloner = api.with_token(CLONER)
    assert cloner.get(DEFAULT).code == 200
    assert cloner.get(DEFAULT.replace("default", "kubevirt")).code == 403
    assert cloner.post(DEFAULT, a_clone("mine"), dryRun="All").code == 201


def test_everybody_may_discover(api: Api) -> None:
    viewer = api.with_token(VIEWER)
    for path in ("/apis", CLONES, "/openapi/v3", "/version", "/readyz"):
        assert viewer.get(path).code == 200


def test_only_an_admin_may_impersonate(api: Api) -> None:
    headers = {"Impersonate-User": "admin"}
    answer = api.with_token(VIEWER).request("GET", DEFAULT, headers=headers)
    assert answer.code == 403
    assert answer.body["message"] == (
        'users "admin" is forbidden: User "viewer" cannot impersonate resource "users" in API '
        'group "" at the cluster scope'
    )


def test_an_impersonated_user_has_their_own_rights(api: Api) -> None:
    headers = {"Impersonate-User": "cloner"}
    assert api.request("GET", DEFAULT, headers=headers).code == 200
    masters = {"Impersonate-User": "anybody", "Impersonate-Group": "system:masters"}
    assert api.request("GET", CLONES + "/virtualmachineclones", headers=masters).code == 200


@pytest.mark.parametrize("verb", ["create", "get"])
def test_a_review_says_what_the_server_would_decide(api: Api, verb: str) -> None:
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {
            "resourceAttributes": {
                "verb": verb,
                "group": "clone.kubevirt.io",
                "resource": "virtualmachineclones",
                "namespace": "default",
            }
        },
    }
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    verdicts = [api.with_token(token).post(path, body).body["status"] for token in USERS]
    assert verdicts == [{"allowed": False}, {"allowed": True}]


def test_a_request_without_a_token_may_ask_for_health_alone(plane: ControlPlane) -> None:
    nobody = Api(plane.kubeconfig, token="")
    nobody._headers.clear()
    assert nobody.get("/readyz").code == 200
    assert nobody.get("/apis").code == 401


def test_server_side_apply_is_refused(api: Api) -> None:
    answer = api.patch(f"{DEFAULT}/x", {}, "application/apply-patch+yaml")
    assert (answer.code, answer.body["reason"]) == (415, "UnsupportedMediaType")
    assert MERGE_PATCH in answer.body["message"]


@pytest.mark.parametrize("form", ["vnd.kubernetes.protobuf", "cbor"])
def test_binary_answers_are_not_given(api: Api, form: str) -> None:
    answer = api.get(DEFAULT, f"application/{form}")
    assert (answer.code, answer.body["reason"]) == (406, "NotAcceptable")
    assert api.get(DEFAULT, f"application/{form},application/json").code == 200


def test_the_body_that_kubectl_sends_in_protobuf_is_read(api: Api) -> None:
    review = b"\x12\x30\x0a\x2e\x12\x04list\x1a\x11clone.kubevirt.io*\x13somebody/unknown/it"
    spec = review.replace(b"\x13somebody/unknown/it", b"\x13virtualmachineclon\x65")
    kind = b"\x0a\x17authorization.k8s.io/v1\x12\x17SelfSubjectAccessReview"
    body = b"k8s\x00\x0a" + bytes([len(kind)]) + kind + b"\x12" + bytes([len(spec)]) + spec
    headers = {"Content-Type": "application/vnd.kubernetes.protobuf"}
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    answer = api.request("POST", path, body, headers)
    assert answer.code == 201
    assert answer.body["spec"] == {
        "resourceAttributes": {
            "verb": "list",
            "group": "clone.kubevirt.io",
            "resource": "virtualmachineclone",
        }
    }


@pytest.mark.parametrize("body", [b"", b"k8s\x00\x0a\xff", b"k8s\x00\x0a\x02\x0a"])
def test_a_broken_protobuf_body_is_refused(api: Api, body: bytes) -> None:
    headers = {"Content-Type": "application/vnd.kubernetes.protobuf"}
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    assert api.request("POST", path, body, headers).code in (400, 415)


ODD_BODIES = [
    None,
    5,
    [],
    "x",
    {},
    {"kind": "VirtualMachineClone"},
    {**a_clone("odd"), "metadata": None},
    {**a_clone("odd"), "metadata": "x"},
    {**a_clone("odd"), "spec": None},
    {**a_clone("odd"), "spec": "x"},
    {**a_clone("odd"), "spec": {"source": []}},
    *(
        {**a_clone("odd"), "metadata": {"name": "odd", **odd}}
        for odd in (
            {"name": 5},
            {"name": ["odd"]},
            {"labels": {"a": {}}},
            {"annotations": "x"},
            {"ownerReferences": [None]},
            {"ownerReferences": ["x"]},
            {"ownerReferences": [{"uid": 5}]},
            {"ownerReferences": {}},
            {"finalizers": [5]},
            {"finalizers": [None]},
            {"managedFields": "x"},
            {"resourceVersion": 5},
            {"creationTimestamp": "yesterday"},
        )
    ),
]


@pytest.mark.parametrize("body", ODD_BODIES)
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_an_odd_object_is_refused_with_a_status(api: Api, method: str, body: object) -> None:
    path = DEFAULT if method == "POST" else f"{DEFAULT}/odd"
    answer = api.request(method, path, json.dumps(body).encode(), dryRun="All")
    assert 400 <= answer.code < 500
    assert answer.body["kind"] == "Status"


@pytest.mark.parametrize(
    "operations",
    [
        None,
        {},
        [1],
        ["x"],
        [{}],
        [{"op": 1, "path": "/a"}],
        [{"op": "fly", "path": "/a"}],
        [{"op": "add"}],
        [{"op": "add", "path": 5, "value": 1}],
        [{"op": "add", "path": "/spec/x/y", "value": 1}],
        [{"op": "replace", "path": "", "value": 5}],
        [{"op": "remove", "path": "/metadata"}],
        [{"op": "remove", "path": "/kind"}],
        [{"op": "move", "path": "/spec"}],
    ],
)
def test_an_odd_json_patch_is_refused_with_a_status(api: Api, operations: object) -> None:
    api.post(DEFAULT, a_clone("patched"))
    body = json.dumps(operations).encode()
    answer = api.patch(f"{DEFAULT}/patched", body, "application/json-patch+json")
    assert 400 <= answer.code < 500
    assert answer.body["kind"] == "Status"


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "x"},
        {"watch": "1", "timeoutSeconds": "x"},
        {"resourceVersion": "x"},
        {"continue": "e30"},
        {"continue": "IiI"},
        {"labelSelector": "a=b=c"},
        {"watch": "1", "fieldSelector": "no=1"},
        {"resourceVersion": "1", "resourceVersionMatch": "Near"},
    ],
)
def test_an_odd_query_is_refused_with_a_status(api: Api, query: dict[str, str]) -> None:
    answer = api.get(DEFAULT, **query)
    assert 400 <= answer.code < 500
    assert answer.body["kind"] == "Status"


def test_a_yaml_body_is_read(api: Api) -> None:
    body = b"""
        apiVersion: clone.kubevirt.io/v1beta1
        kind: VirtualMachineClone
        metadata: {name: of-yaml, labels: {1: "x"}}
        spec: {source: {apiGroup: kubevirt.io, kind: VirtualMachine, name: none}}
    """
    headers = {"Content-Type": "application/yaml"}
    answer = api.request("POST", DEFAULT, body, headers, dryRun="All")
    assert (answer.code, answer.body["metadata"]["labels"]) == (201, {"1": "x"})


def test_a_deprecated_version_comes_with_a_warning(api: Api) -> None:
    answer = api.get("/apis/kubevirt.io/v1alpha3/virtualmachines")
    assert answer.code == 200
    assert len(answer.warnings) == 1


def test_a_watch_is_told_when_its_version_is_compacted(plane: ControlPlane, api: Api) -> None:
    version = api.get(DEFAULT).body["metadata"]["resourceVersion"]
    assert api.post(DEFAULT, a_clone("compacted")).code == 201
    plane.registry.store.compact()
    with api.watch(DEFAULT, resourceVersion=version) as events:
        (event,) = events
    assert event["object"]["reason"] == "Expired"
    assert event["object"]["message"].startswith(f"too old resource version: {version} (")


def test_a_client_that_leaves_ends_its_watch_in_silence(
    api: Api, capfd: pytest.CaptureFixture[str]
) -> None:
    others = set(threading.enumerate())  # of other tests' servers, perhaps
    with api.watch(DEFAULT) as events:
        assert api.post(DEFAULT, a_clone("seen-once")).code == 201
        next(events)
    deadline = time.monotonic() + 10
    while any(map(_is_watching, set(threading.enumerate()) - others)):
        assert time.monotonic() < deadline, "the watch goes on without its client"
        time.sleep(0.05)
    assert capfd.readouterr() == ("", "")


def _is_watching(thread: threading.Thread) -> bool:
    return "process_request_thread" in thread.name


def test_stopping_is_prompt_and_leaves_nothing() -> None:
    threads = set(threading.enumerate())
    plane = ControlPlane(seeds=[])
    plane.start()
    kubeconfig = plane.kubeconfig
    with Api(kubeconfig).watch(DEFAULT, timeoutSeconds=60) as events:
        before = time.monotonic()
        plane.stop()
        took = time.monotonic() - before
        assert list(events) == []
    assert took < 30  # the watch would end by itself after 60
    assert not kubeconfig.parent.exists()
    deadline = time.monotonic() + 60
    while set(threading.enumerate()) - threads:
        assert time.monotonic() < deadline, "a thread goes on"
        time.sleep(0.01)


def test_a_connection_that_is_closed_amid_a_request_is_no_error(
    capfd: pytest.CaptureFixture[str],
) -> None:
    others = set(threading.enumerate())
    with ControlPlane(seeds=[]) as plane:
        server = plane._server
        assert server

        def strike(*_: object) -> list[object]:
            server._server.close_connections()
            return []

        server.strike = strike  # type: ignore[method-assign]
        with pytest.raises((OSError, HTTPException)):
            Api(plane.kubeconfig).get(DEFAULT)
        for thread in set(threading.enumerate()) - others:
            if "process_request_thread" in thread.name:
                thread.join(60)

    assert capfd.readouterr().err == ""


def test_a_seed_of_an_unknown_kind_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    seed = tmp_path / "seed.yaml"
    seed.write_text(json.dumps({"apiVersion": "v9", "kind": "No", "metadata": {"name": "x"}}))
    plane = ControlPlane(seeds=[seed])
    with pytest.raises(ValueError, match="v9 No is not served here"):
        plane.start()
    with pytest.raises(RuntimeError, match="not running"):
        _ = plane.kubeconfig


def test_the_package_loads_the_control_plane_when_it_is_asked_for() -> None:
    program = (
        "import sys, kubevirt_sandbox as package\n"
        "print('yaml' in sys.modules, package.ControlPlane.__module__, hasattr(package, 'Other'))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert run.stdout == "False kubevirt_sandbox.controlplane False\n"
