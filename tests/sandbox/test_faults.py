"""Faults as a client sees them: which requests they strike, and what then comes over the wire."""

from __future__ import annotations

import contextlib
import http.client
import json
import ssl
import threading
import time
import urllib.error
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml

from kubevirt_sandbox.apiserver.faults import disturbances
from kubevirt_sandbox.apiserver.faults.fault import Fault, parse_fault
from kubevirt_sandbox.controlplane import ControlPlane

from .client import CLONES as CLONES_PATH
from .client import MERGE_PATCH, Api, Obj
from .world import CLONES, NAMESPACE, a_clone

AT_ONCE = float("inf")
PATH = f"{CLONES_PATH}/namespaces/default/virtualmachineclones"
VMS_PATH = "/apis/kubevirt.io/v1/namespaces/default/virtualmachines"
SNAPSHOTS_PATH = "/apis/snapshot.kubevirt.io/v1beta1/namespaces/default/virtualmachinesnapshots"
UNREACHABLE = (
    'Internal error occurred: failed calling webhook "{}.kubevirt.io": failed to call webhook: '
    'Post "https://virt-api.kubevirt.svc:443/{}?timeout=10s": '
    'no endpoints available for service "virt-api"'
)

Serve = Callable[..., tuple[ControlPlane, Api]]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts control planes with faults; they end after the test."""
    planes: list[ControlPlane] = []

    def start(*faults: str | Fault, **options: Any) -> tuple[ControlPlane, Api]:
        plane = ControlPlane(faults=faults, **{"seeds": [], "speed": AT_ONCE, **options})
        plane.start()
        planes.append(plane)
        return plane, Api(plane.kubeconfig)

    yield start
    for plane in planes:
        plane.stop()


def codes(api: Api, times: int, path: str = PATH) -> list[int]:
    return [api.get(path).code for _ in range(times)]


def is_dropped(api: Api, path: str = PATH, method: str = "GET", body: Any = None) -> bool:
    """Whether the connection ends without an answer."""
    try:
        api.request(method, path, body)
    except (urllib.error.URLError, http.client.HTTPException, ConnectionError):
        return True
    return False


def changes(plane: ControlPlane, *names: str, touches: int = 0) -> None:
    """Stores clones, then touches each so many times."""
    for name in names:
        plane.registry.create(CLONES, NAMESPACE, a_clone(name, "missing", f"{name}-t"))
    for number in range(touches):
        for name in names:
            clone = plane.registry.get(CLONES, NAMESPACE, name)
            clone["metadata"]["labels"] = {"touch": str(number)}
            plane.registry.update(CLONES, NAMESPACE, name, clone)


def seen(event: Obj) -> tuple[str, str]:
    """Type, and the name or the sentence, of a watch's event."""
    obj = event["object"]
    return event["type"], obj["metadata"].get("name") or obj["message"]


# Texts.


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("drop", Fault("drop")),
        ("drop:", Fault("drop")),
        ("500:verb=list,resource=virtualmachines", Fault("500", "list", "virtualmachines")),
        ("429:after=2,count=3,every=4,retry-after=5", Fault("429", "", "", 2, 3, 4, retry_after=5)),
        ("410:event=true", Fault("410", event=True)),
        ("stall:seconds=0.5", Fault("stall", seconds=0.5)),
        ("delay:seconds=2,after=1", Fault("delay", seconds=2, after=1)),
        ("no-webhook", Fault("no-webhook")),
    ],
)
def test_a_text_asks_for_a_fault(text: str, fault: Fault) -> None:
    assert parse_fault(text) == fault


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "boom",
            '"boom" is no fault; there are drop, stall, 401, 410, 429, 500, 503, close, delay, '
            "reorder, expire, forbid, no-controller, no-webhook, stale-cache",
        ),
        ("", '"" is no fault; there are drop, '),
        (
            "close:verb=get",
            '"verb=get" is no option of close; it has resource=, after=, count=, every=',
        ),
        ("drop:after", '"after" is no option of drop; it has verb=, '),
        ("no-webhook:count=1", "no-webhook has no options"),
        ("500:verb=post", '"verb=post": the verbs are get, list, watch, create, update, patch, '),
        ("500:resource=vmclone", '"resource=vmclone": nothing is served under this plural'),
        ("500:after=-1", '"after=-1": a whole number from 0 on is needed'),
        ("500:every=0", '"every=0": a whole number from 1 on is needed'),
        ("stall:seconds=nan", '"seconds=nan": a number of seconds is needed'),
        ("stall:seconds=soon", '"seconds=soon": a number of seconds is needed'),
        ("410:event=yes", '"event=yes": true or false is needed'),
        ("410:event=true,verb=list", "event=true goes with verb=watch"),
        ("delay", "delay needs seconds=…"),
    ],
)
def test_a_text_that_asks_for_nothing_is_told_why(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=r"\S") as refused:
        parse_fault(text)
    assert str(refused.value).startswith(sentence)
    with pytest.raises(ValueError, match=r"\S"):
        ControlPlane(faults=[text])


# Which requests.


def test_a_fault_strikes_once_and_is_over(serve: Serve) -> None:
    _, api = serve("500")
    assert codes(api, 3) == [500, 200, 200]


def test_after_count_and_every_choose_among_the_requests(serve: Serve) -> None:
    _, api = serve("500:verb=list,resource=virtualmachineclones,after=1,every=2,count=2")
    assert codes(api, 7) == [200, 500, 200, 500, 200, 200, 200]


def test_only_the_verb_and_the_resource_that_are_named_are_struck(serve: Serve) -> None:
    _, api = serve("500:verb=delete,resource=virtualmachineclones,count=9")
    assert codes(api, 2) == [200, 200]
    assert api.delete(VMS_PATH).code == 200
    assert (api.delete(f"{PATH}/c").code, api.delete(PATH).code) == (500, 500)


def test_of_two_faults_the_first_strikes_and_the_second_waits(serve: Serve) -> None:
    _, api = serve("500", "503")
    assert codes(api, 3) == [500, 503, 200]


def test_the_health_of_the_server_is_never_struck(serve: Serve) -> None:
    _, api = serve("500:count=9", "drop:count=9")
    assert [api.get(path).code for path in ("/readyz", "/livez", "/version")] == [200] * 3
    assert codes(api, 1, "/apis/clone.kubevirt.io") == [500]


def test_faults_come_and_go_while_the_server_runs(serve: Serve) -> None:
    plane, api = serve()
    assert codes(api, 1) == [200]
    plane.faults.add("503:count=9")
    assert codes(api, 2) == [503, 503]
    plane.faults.clear()
    assert codes(api, 1) == [200]


def test_one_of_several_threads_is_struck(serve: Serve) -> None:
    _, api = serve("500:count=3")
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.extend(codes(api, 5))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [200] * 17 + [500] * 3


# What requests get.


@pytest.mark.parametrize(
    ("fault", "code", "reason", "message", "retry_after"),
    [
        ("401", 401, "Unauthorized", "Unauthorized", None),
        (
            "410",
            410,
            "Expired",
            "The provided continue parameter is too old to display a consistent list result. You "
            "can start a new list without the continue parameter.",
            None,
        ),
        ("429", 429, "TooManyRequests", "Too many requests, please try again later.", 1),
        (
            "429:retry-after=7",
            429,
            "TooManyRequests",
            "Too many requests, please try again later.",
            7,
        ),
        ("500", 500, None, "etcdserver: request timed out", None),
        (
            "503",
            503,
            "ServiceUnavailable",
            "the server is currently unable to handle the request",
            None,
        ),
        (
            "503:retry-after=2",
            503,
            "ServiceUnavailable",
            "the server is currently unable to handle the request",
            2,
        ),
        (
            "forbid",
            403,
            "Forbidden",
            'virtualmachineclones.clone.kubevirt.io is forbidden: User "admin" cannot list '
            'resource "virtualmachineclones" in API group "clone.kubevirt.io" in the namespace '
            '"default"',
            None,
        ),
    ],
)
def test_a_refusal_is_a_status_of_the_api_server(
    serve: Serve, fault: str, code: int, reason: str | None, message: str, retry_after: int | None
) -> None:
    _, api = serve(fault)
    answer = api.get(PATH)
    assert answer.code == code
    assert (answer.body["kind"], answer.body["code"]) == ("Status", code)
    assert (answer.body.get("reason"), answer.body["message"]) == (reason, message)
    assert answer.body.get("details", {}).get("retryAfterSeconds") == retry_after
    header = answer.headers.get("Retry-After")
    assert header == (None if retry_after is None else str(retry_after))


def test_a_permission_that_is_missing_stays_missing(serve: Serve) -> None:
    _, api = serve("forbid:verb=get,resource=virtualmachines")
    message = (
        'virtualmachines.kubevirt.io "a" is forbidden: User "admin" cannot get resource '
        '"virtualmachines" in API group "kubevirt.io" in the namespace "default"'
    )
    answers = [api.get(f"{VMS_PATH}/a") for _ in range(3)]
    assert [(item.code, item.body["message"]) for item in answers] == [(403, message)] * 3
    assert codes(api, 1, VMS_PATH) == [200]


def test_a_dropped_request_has_no_answer_and_no_effect(serve: Serve) -> None:
    plane, api = serve("drop:verb=create")
    clone = a_clone("c", "missing", "t")
    assert is_dropped(api, method="POST", body=clone)
    assert plane.registry.list(CLONES).items == []
    assert api.post(PATH, clone).code == 201


def test_a_stalled_request_is_answered_when_its_time_has_passed(serve: Serve) -> None:
    _, api = serve("stall:seconds=0.2")
    started = time.monotonic()
    assert codes(api, 1) == [200]
    assert time.monotonic() - started >= 0.2


def test_a_request_may_be_stalled_for_ever(serve: Serve) -> None:
    plane, _ = serve("stall:verb=list")
    with pytest.raises(TimeoutError), _opened(plane, PATH, timeout=0.3):
        pass


@contextlib.contextmanager
def _opened(
    plane: ControlPlane, path: str, timeout: float = 10
) -> Iterator[http.client.HTTPResponse]:
    """The response as it comes from the socket, on a connection of its own."""
    context = ssl.create_default_context(cafile=str(plane.ca_file))
    host = plane.url.removeprefix("https://")
    connection = http.client.HTTPSConnection(host, timeout=timeout, context=context)
    with contextlib.closing(connection):
        connection.request("GET", path, headers={"Authorization": f"Bearer {plane.token}"})
        with connection.getresponse() as response:
            yield response


def test_an_expired_token_is_refused_until_the_new_one_is_read(serve: Serve) -> None:
    plane, api = serve("expire:after=2")
    old = plane.token
    assert codes(api, 5) == [200, 200, 401, 401, 401]
    held = yaml.safe_load(plane.kubeconfig.read_text())["users"][0]["user"]["token"]
    assert held == plane.token != old
    assert oct(plane.kubeconfig.stat().st_mode)[-3:] == "600"
    assert codes(Api(plane.kubeconfig), 3) == [200, 200, 200]
    assert codes(api, 1) == [401]


# What watches get.


def test_a_watch_is_dropped_in_the_midst_of_a_line(serve: Serve) -> None:
    plane, _ = serve("drop:verb=watch,after=2")
    changes(plane, "a", "b", "c")
    # A stream that ends well would be read to its end without an error.
    watch, failure = _opened(plane, f"{PATH}?watch=1"), pytest.raises(http.client.IncompleteRead)
    with watch as response, failure as dropped:
        response.read()
    *whole, half = dropped.value.partial.splitlines(keepends=True)
    assert [seen(json.loads(line)) for line in whole] == [("ADDED", "a"), ("ADDED", "b")]
    assert half.startswith(b'{"type":"ADDED","object":{')
    assert not half.endswith(b"}\n")


@pytest.mark.parametrize("after", [0, 2])
def test_a_watch_is_closed_after_so_many_events(serve: Serve, after: int) -> None:
    plane, api = serve(f"close:after={after}")
    changes(plane, "a", "b", "c")
    with api.watch(PATH) as events:
        assert [seen(event) for event in events] == [("ADDED", "a"), ("ADDED", "b")][:after]
    with api.watch(PATH, timeoutSeconds=1) as events:
        assert len(list(events)) == 3


def test_an_outdated_watch_is_told_in_its_stream(serve: Serve) -> None:
    plane, api = serve("410:event=true,after=1", controllers=False)
    changes(plane, "a", "b")
    version = plane.registry.store.version
    with api.watch(PATH) as events:
        first, error = list(events)
    assert seen(first) == ("ADDED", "a")
    assert seen(error) == ("ERROR", f"too old resource version: 0 ({version})")
    assert (error["object"]["code"], error["object"]["reason"]) == (410, "Expired")


def test_an_outdated_watch_may_be_refused_as_a_request(serve: Serve) -> None:
    plane, api = serve("410:verb=watch", controllers=False)
    answer = api.get(PATH, watch="true", resourceVersion=3)
    version = plane.registry.store.version
    assert (answer.code, answer.body["reason"]) == (410, "Expired")
    assert answer.body["message"] == f"too old resource version: 3 ({version})"


def test_a_stalled_watch_stays_open_and_sends_nothing(serve: Serve) -> None:
    plane, _ = serve("stall:verb=watch,after=1")
    changes(plane, "a", "b")
    with _opened(plane, f"{PATH}?watch=1", timeout=0.5) as response:
        assert json.loads(response.readline())["object"]["metadata"]["name"] == "a"
        with pytest.raises(TimeoutError):
            response.readline()


def test_a_watch_may_go_on_after_its_stall(serve: Serve) -> None:
    plane, api = serve("stall:verb=watch,after=1,seconds=0.2")
    changes(plane, "a", "b")
    with api.watch(PATH) as events:
        assert [seen(next(events)) for _ in range(2)] == [("ADDED", "a"), ("ADDED", "b")]


def test_late_events_come_late_each_but_not_one_after_the_other(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    sleep = time.sleep

    def noted(seconds: float) -> None:
        slept.append(seconds)
        sleep(seconds)

    plane, api = serve("delay:seconds=0.3", controllers=False)
    names = [f"c-{number:02}" for number in range(20)]
    changes(plane, *names)
    monkeypatch.setattr(disturbances.time, "sleep", noted)
    started = time.monotonic()
    with api.watch(PATH) as events:
        assert [seen(next(events)) for _ in names] == [("ADDED", name) for name in names]
    assert time.monotonic() - started >= 0.3
    # Each waits its 0.3 s side by side with the others; in a row it were 6 s.
    assert sum(slept) < 3


def test_events_are_swapped_but_never_those_of_one_object(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disturbances, "HOLD", 5.0)
    plane, api = serve("reorder", controllers=False)
    with api.watch(PATH, resourceVersion=plane.registry.store.version) as events:
        changes(plane, "a", "b", touches=2)
        changes(plane, "c", touches=2)
        found = [seen(next(events)) for _ in range(8)]
    assert found == [
        ("ADDED", "b"),
        ("ADDED", "a"),
        ("MODIFIED", "b"),
        ("MODIFIED", "a"),
        ("MODIFIED", "b"),
        ("MODIFIED", "a"),
        ("ADDED", "c"),
        ("MODIFIED", "c"),
    ]


def test_an_event_that_finds_no_other_is_not_held_back(serve: Serve) -> None:
    plane, api = serve("reorder", controllers=False)
    with api.watch(PATH, resourceVersion=plane.registry.store.version) as events:
        for name in ("a", "b"):
            changes(plane, name)
            assert seen(next(events)) == ("ADDED", name)


def test_every_second_watch_is_struck(serve: Serve) -> None:
    plane, api = serve("close:every=2,count=2")
    changes(plane, "a")
    lengths = []
    for _ in range(4):
        with api.watch(PATH, timeoutSeconds=1) as events:
            lengths.append(len(list(events)))
    assert lengths == [0, 1, 0, 1]


# KubeVirt's own parts.


def test_without_virt_api_nothing_that_it_guards_is_written(serve: Serve) -> None:
    plane, api = serve("no-webhook", seeds=["vm-cirros"])
    before = api.get(f"{VMS_PATH}/vm-cirros").body["metadata"]["labels"]
    created = api.post(PATH, a_clone("c"))
    labelled = api.patch(f"{VMS_PATH}/vm-cirros", {"metadata": {"labels": {"a": "b"}}}, MERGE_PATCH)
    snapshot = {
        "apiVersion": "snapshot.kubevirt.io/v1beta1",
        "kind": "VirtualMachineSnapshot",
        "metadata": {"name": "s"},
        "spec": {"source": {"apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": "x"}},
    }
    taken = api.post(SNAPSHOTS_PATH, snapshot, dryRun="All")
    for answer, webhook, path in (
        (created, "virtualmachineclones-mutator", "vm-clone-mutate-create"),
        (labelled, "virtualmachines-mutator", "virtualmachines-mutate"),
        (
            taken,
            "virtualmachinesnapshot-validator.snapshot",
            "virtualmachinesnapshots-validate",
        ),
    ):
        assert (answer.code, answer.body["reason"]) == (500, "InternalError")
        assert answer.body["message"] == UNREACHABLE.format(webhook, path)
    assert api.get(f"{VMS_PATH}/vm-cirros").body["metadata"]["labels"] == before
    assert api.delete(f"{VMS_PATH}/vm-cirros").code == 200
    plane.faults.clear()
    assert api.post(PATH, a_clone("c")).code == 201


def test_without_virt_controller_a_clone_has_neither_status_nor_events(serve: Serve) -> None:
    plane, api = serve("no-controller", seeds=["vm-cirros", "vm-data", "storage-classes"])
    assert api.get(f"{VMS_PATH}/vm-data").body["status"]["printableStatus"] == "Stopped"
    assert api.post(PATH, a_clone("c")).code == 201
    version = plane.registry.store.version
    assert plane.registry.store.changes_since(version, 0.5) == (version, [])
    assert "status" not in api.get(f"{PATH}/c").body
    plane.faults.clear()
    with api.watch(PATH, fieldSelector="metadata.name=c") as events:
        phases = (event["object"].get("status", {}).get("phase") for event in events)
        assert "Succeeded" in phases
