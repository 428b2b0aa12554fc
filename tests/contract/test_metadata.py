"""Metadata without the rest: what a client gets that wants to know little about many objects."""

from __future__ import annotations

import pytest

from tests.sandbox.client import MERGE_PATCH, Api, Obj

from .conftest import a_clone

ONE = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
MANY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"


def _partial(obj: Obj) -> Obj:
    return {
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": obj["metadata"],
    }


@pytest.mark.parametrize("accept", [ONE, f"{ONE},application/json"])
def test_one_object(api: Api, clones: str, settled: Obj, accept: str) -> None:
    path = f"{clones}/{settled['metadata']['name']}"
    assert api.get(path, accept).body == _partial(settled)


def test_a_list_of_objects(api: Api, clones: str, settled: Obj) -> None:
    name = settled["metadata"]["name"]
    found = api.get(clones, MANY, fieldSelector=f"metadata.name={name}").body
    assert (found["kind"], found["apiVersion"]) == ("PartialObjectMetadataList", "meta.k8s.io/v1")
    assert found["metadata"]["resourceVersion"]
    assert [item["metadata"] for item in found["items"]] == [settled["metadata"]]
    assert found["items"][0].keys() <= {"kind", "apiVersion", "metadata"}


def test_a_list_comes_in_pages(api: Api, clones: str, name: str) -> None:
    names = [f"{name}-{number}" for number in range(3)]
    for item in names:
        assert api.post(clones, a_clone(item, labels={"paged": name})).code == 201
    query = {"labelSelector": f"paged={name}", "limit": 2}
    first = api.get(clones, MANY, **query).body
    token = first["metadata"]["continue"]
    second = api.get(clones, MANY, **query, **{"continue": token}).body
    assert [item["metadata"]["name"] for page in (first, second) for item in page["items"]] == names
    assert "continue" not in second["metadata"]


def test_an_empty_list(api: Api, clones: str) -> None:
    found = api.get(clones, MANY, labelSelector="nobody=has-this").body
    assert (found["kind"], found["items"]) == ("PartialObjectMetadataList", None)


def test_built_in_resources_have_metadata_too(api: Api) -> None:
    found = api.get("/api/v1/namespaces", MANY).body
    assert "default" in [item["metadata"]["name"] for item in found["items"]]
    assert all("status" not in item for item in found["items"])


def test_a_list_is_not_one_object(api: Api, clones: str) -> None:
    answer = api.get(clones, f"{ONE},application/json")
    assert (answer.code, answer.body["reason"]) == (406, "NotAcceptable")
    assert answer.body["message"] == (
        "you requested PartialObjectMetadata, but the requested object is a list "
        "(*unstructured.UnstructuredList)"
    )


def test_a_watch(api: Api, clones: str, settled: Obj) -> None:
    name = settled["metadata"]["name"]
    query = {
        "resourceVersion": settled["metadata"]["resourceVersion"],
        "fieldSelector": f"metadata.name={name}",
    }
    changed = api.patch(f"{clones}/{name}", {"metadata": {"labels": {"a": "b"}}}, MERGE_PATCH).body
    api.delete(f"{clones}/{name}")
    with api.watch(clones, ONE, **query) as events:
        first, last = next(events), next(events)
        while last["type"] == "MODIFIED":
            last = next(events)
    assert (first["type"], last["type"]) == ("MODIFIED", "DELETED")
    assert first["object"] == _partial(changed)
    assert last["object"]["kind"] == "PartialObjectMetadata"
    assert last["object"]["metadata"]["uid"] == settled["metadata"]["uid"]


def test_an_error_in_a_watch_is_a_status_all_the_same(api: Api, clones: str) -> None:
    with api.watch(clones, ONE, resourceVersion="1") as events:
        event = next(events)
    assert (event["type"], event["object"]["kind"]) == ("ERROR", "Status")


def test_a_bookmark_has_metadata_only(api: Api, clones: str, name: str) -> None:
    version = api.get(clones, MANY, limit=1).body["metadata"]["resourceVersion"]
    query = {"resourceVersion": version, "allowWatchBookmarks": "true", "timeoutSeconds": 4}
    with api.watch(clones, ONE, **query) as events:
        # Where nothing happens, a server may have nothing to say.
        api.post(clones, a_clone(name))
        bookmark = next(event["object"] for event in events if event["type"] == "BOOKMARK")
    assert bookmark["kind"] == "PartialObjectMetadata"
    assert int(bookmark["metadata"]["resourceVersion"]) >= int(version)


def test_a_written_object_may_be_answered_with_its_metadata(
    api: Api, clones: str, settled: Obj
) -> None:
    path = f"{clones}/{settled['metadata']['name']}"
    headers = {"Accept": ONE, "Content-Type": MERGE_PATCH}
    answer = api.request("PATCH", path, {"metadata": {"labels": {"c": "d"}}}, headers)
    assert answer.body["kind"] == "PartialObjectMetadata"
    assert answer.body["metadata"]["labels"] == {"c": "d"}
    assert "spec" not in answer.body
