"""Watching: where a watch begins, what a selector sees, how it ends."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import server_kind
from tests.sandbox.client import TABLE, Api, Obj

from .conftest import a_clone, settle


def _version(api: Api, clones: str) -> str:
    version: str = api.get(clones, limit=1).body["metadata"]["resourceVersion"]
    return version


def _next_of(events: Iterator[Obj], kind: str) -> Obj:
    return next(event["object"] for event in events if event["type"] == kind)


def _is_of_an_old_etcd(event: Obj) -> bool:
    reasons = ("RequestWatchProgress", "Too large resource version")
    message = event["object"].get("message", "")
    return event["type"] == "ERROR" and any(reason in message for reason in reasons)


def test_a_watch_from_a_version_sees_what_came_after(api: Api, clones: str, name: str) -> None:
    version = _version(api, clones)
    api.post(clones, a_clone(name))
    api.delete(f"{clones}/{name}")
    query = {"resourceVersion": version, "fieldSelector": f"metadata.name={name}"}
    with api.watch(clones, **query) as events:
        added = _next_of(events, "ADDED")
        deleted = _next_of(events, "DELETED")
    assert added["metadata"]["uid"] == deleted["metadata"]["uid"]
    assert int(added["metadata"]["resourceVersion"]) < int(deleted["metadata"]["resourceVersion"])


def test_a_watch_without_a_version_begins_with_what_is_there(
    api: Api, clones: str, settled: Obj, request: pytest.FixtureRequest
) -> None:
    name = settled["metadata"]["name"]
    with api.watch(clones, fieldSelector=f"metadata.name={name}") as events:
        event = next(events)
    if server_kind(request.config) != "sandbox" and _is_of_an_old_etcd(event):
        pytest.skip("an etcd before 3.4.31 and 3.5.13 can't say how far it has come")
    assert event == {"type": "ADDED", "object": settled}


def test_a_watch_of_version_zero_begins_with_what_is_there(
    api: Api, clones: str, settled: Obj
) -> None:
    name = settled["metadata"]["name"]
    query = {"resourceVersion": "0", "fieldSelector": f"metadata.name={name}"}
    with api.watch(clones, **query) as events:
        assert next(events)["object"]["metadata"]["uid"] == settled["metadata"]["uid"]


def test_a_change_is_modified(api: Api, clones: str, settled: Obj) -> None:
    name = settled["metadata"]["name"]
    query = {
        "resourceVersion": settled["metadata"]["resourceVersion"],
        "fieldSelector": f"metadata.name={name}",
    }
    api.patch(f"{clones}/{name}", {"metadata": {"labels": {"a": "b"}}})
    with api.watch(clones, **query) as events:
        event = next(events)
    assert (event["type"], event["object"]["metadata"]["labels"]) == ("MODIFIED", {"a": "b"})


def test_an_object_that_begins_to_match_is_added(api: Api, clones: str, settled: Obj) -> None:
    name = settled["metadata"]["name"]
    query = {
        "resourceVersion": settled["metadata"]["resourceVersion"],
        "labelSelector": f"watched={name}",
    }
    api.patch(f"{clones}/{name}", {"metadata": {"labels": {"watched": name}}})
    with api.watch(clones, **query) as events:
        event = next(events)
    assert (event["type"], event["object"]["metadata"]["name"]) == ("ADDED", name)


def test_an_object_that_ceases_to_match_is_deleted(api: Api, clones: str, name: str) -> None:
    stored = settle(api, clones, a_clone(name, labels={"watched": name}))
    query = {
        "resourceVersion": stored["metadata"]["resourceVersion"],
        "labelSelector": f"watched={name}",
    }
    changed = api.patch(f"{clones}/{name}", {"metadata": {"labels": None}}).body
    with api.watch(clones, **query) as events:
        event = next(events)
    assert event["type"] == "DELETED"
    assert event["object"]["metadata"]["resourceVersion"] == changed["metadata"]["resourceVersion"]
    assert api.get(f"{clones}/{name}").code == 200


def test_other_namespaces_are_not_seen(
    api: Api, clones: str, namespace: str, empty_namespace: str, name: str
) -> None:
    version = _version(api, clones)
    other = clones.replace(namespace, empty_namespace)
    for path in (other, clones):
        api.post(path, a_clone(name))
    query = {"resourceVersion": version, "fieldSelector": f"metadata.name={name}"}
    with api.watch(clones, **query) as events:
        assert next(events)["object"]["metadata"]["namespace"] == namespace


def test_a_watch_ends_with_its_timeout(api: Api, clones: str) -> None:
    query = {"resourceVersion": _version(api, clones), "labelSelector": "nobody=has-this"}
    with api.watch(clones, timeoutSeconds=1, **query) as events:
        assert list(events) == []


def test_bookmarks_say_how_far_a_watch_has_come(api: Api, clones: str, name: str) -> None:
    version = _version(api, clones)
    query = {"resourceVersion": version, "labelSelector": "nobody=has-this"}
    with api.watch(clones, timeoutSeconds=4, allowWatchBookmarks="true", **query) as events:
        created = api.post(clones, a_clone(name)).body
        bookmark = _next_of(events, "BOOKMARK")
    assert bookmark["kind"] == "VirtualMachineClone"
    assert bookmark.keys() == {"apiVersion", "kind", "metadata"}
    seen = int(bookmark["metadata"]["resourceVersion"])
    assert seen >= int(created["metadata"]["resourceVersion"])


FROM_A_LIST = {
    "sendInitialEvents": "true",
    "resourceVersionMatch": "NotOlderThan",
    "allowWatchBookmarks": "true",
}


def _knows_watch_lists(api: Api, clones: str) -> bool:
    """Whether its feature gate WatchList is on, as in Kubernetes 1.34 and newer."""
    answer = api.get(clones, watch="1", sendInitialEvents="true")
    fields = [item["field"] for item in answer.body["details"]["causes"]]
    return "sendInitialEvents" not in fields  # then it names only what else is wrong


def test_a_watch_may_begin_with_the_list_which_a_bookmark_ends(
    api: Api, clones: str, settled: Obj
) -> None:
    if not _knows_watch_lists(api, clones):
        pytest.skip("its feature gate WatchList is off")
    query = {**FROM_A_LIST, "fieldSelector": f"metadata.name={settled['metadata']['name']}"}
    with api.watch(clones, **query) as events:
        added, bookmark = next(events), next(events)
    assert (added["type"], bookmark["type"]) == ("ADDED", "BOOKMARK")
    assert added["object"]["metadata"]["uid"] == settled["metadata"]["uid"]
    assert bookmark["object"].keys() == {"apiVersion", "kind", "metadata"}
    metadata = bookmark["object"]["metadata"]
    assert metadata["annotations"] == {"k8s.io/initial-events-end": "true"}
    assert int(metadata["resourceVersion"]) >= int(settled["metadata"]["resourceVersion"])


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"sendInitialEvents": "true"}, "resourceVersionMatch"),
        ({"sendInitialEvents": "true", "resourceVersionMatch": "Exact"}, "resourceVersionMatch"),
        ({"resourceVersionMatch": "NotOlderThan"}, "resourceVersionMatch"),
    ],
)
def test_a_watch_that_begins_with_the_list_says_how_old_it_may_be(
    api: Api, clones: str, query: dict[str, str], field: str
) -> None:
    answer = api.get(clones, watch="1", timeoutSeconds=1, **query)
    assert (answer.code, answer.body["reason"]) == (422, "Invalid")
    assert field in {item["field"] for item in answer.body["details"]["causes"]}


def test_a_version_that_is_forgotten_is_expired(api: Api, clones: str) -> None:
    with api.watch(clones, resourceVersion="1") as events:
        event = next(events)
    assert event["type"] == "ERROR"
    assert (event["object"]["code"], event["object"]["reason"]) == (410, "Expired")


def test_a_watch_of_a_version_that_is_none_fails(api: Api, clones: str) -> None:
    answer = api.get(clones, watch="true", resourceVersion="abc")
    assert answer.code == 500
    assert answer.body["message"] == (
        'resourceVersion: Invalid value: "abc": strconv.ParseUint: parsing "abc": invalid syntax'
    )


def test_one_object_by_its_name_is_read_not_watched(api: Api, clones: str, settled: Obj) -> None:
    answer = api.get(f"{clones}/{settled['metadata']['name']}", watch="true")
    assert answer.body == settled


def test_a_watch_can_send_tables(api: Api, clones: str, settled: Obj) -> None:
    name = settled["metadata"]["name"]
    query = {"resourceVersion": "0", "fieldSelector": f"metadata.name={name}"}
    with api.watch(clones, TABLE, **query) as events:
        event = next(events)
    assert (event["type"], event["object"]["kind"]) == ("ADDED", "Table")
    assert event["object"]["rows"][0]["cells"][0] == name
