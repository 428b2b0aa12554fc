"""Reading objects: get, lists, selectors and pages."""

from __future__ import annotations

import pytest

from tests.sandbox.client import Api

from .conftest import SERVED, a_clone


def test_what_is_not_there_is_not_found(api: Api, clones: str) -> None:
    answer = api.get(f"{clones}/nobody")
    assert (answer.code, answer.body["reason"]) == (404, "NotFound")
    assert answer.body["message"] == 'virtualmachineclones.clone.kubevirt.io "nobody" not found'
    assert answer.body["details"] == {
        "name": "nobody",
        "group": "clone.kubevirt.io",
        "kind": "virtualmachineclones",
    }


def test_a_list_has_kind_version_and_items(api: Api, clones: str, name: str) -> None:
    api.post(clones, a_clone(name))
    answer = api.get(clones)
    assert (answer.code, answer.body["kind"]) == (200, "VirtualMachineCloneList")
    assert answer.body["apiVersion"] == SERVED.api_version
    assert answer.body["metadata"]["resourceVersion"].isdigit()
    assert name in [item["metadata"]["name"] for item in answer.body["items"]]


def test_a_list_of_an_unknown_namespace_is_empty(api: Api) -> None:
    answer = api.get(f"{SERVED.group}/namespaces/no-such-ns/virtualmachineclones")
    assert (answer.code, answer.body["items"]) == (200, [])


def test_a_list_without_a_namespace_is_of_all(api: Api, clones: str, name: str) -> None:
    api.post(clones, a_clone(name))
    items = api.get(f"{SERVED.group}/virtualmachineclones").body["items"]
    assert name in [item["metadata"]["name"] for item in items]


@pytest.mark.parametrize(
    ("selector", "found"),
    [
        ("app=web", ["one", "two"]),
        ("app==web,tier=front", ["one"]),
        ("tier!=front", ["three", "two"]),
        ("app", ["one", "two"]),
        ("!app", ["three"]),
        ("tier in (front,back)", ["one", "two"]),
        ("tier notin (front)", ["three", "two"]),
        ("app=none", []),
    ],
)
def test_labels_select(
    api: Api, clones: str, namespace: str, selector: str, found: list[str]
) -> None:
    labels = {
        "one": {"app": "web", "tier": "front"},
        "two": {"app": "web", "tier": "back"},
        "three": {},
    }
    for name, own in labels.items():
        api.post(clones, a_clone(f"sel-{name}", labels={"test": "selectors", **own}))
    items = api.get(clones, labelSelector=f"test=selectors,{selector}").body["items"]
    assert [item["metadata"]["name"] for item in items] == [f"sel-{name}" for name in found]


def test_a_broken_label_selector_is_a_bad_request(api: Api, clones: str) -> None:
    answer = api.get(clones, labelSelector="a in (b")
    assert (answer.code, answer.body["reason"]) == (400, "BadRequest")
    assert answer.body["message"].startswith("unable to parse requirement")


def test_a_field_selects_by_name(api: Api, clones: str, name: str) -> None:
    api.post(clones, a_clone(name))
    items = api.get(clones, fieldSelector=f"metadata.name={name}").body["items"]
    assert [item["metadata"]["name"] for item in items] == [name]


def test_an_unknown_field_selector_is_a_bad_request(api: Api, clones: str) -> None:
    answer = api.get(clones, fieldSelector="spec.source.name=x")
    assert (answer.code, answer.body["reason"]) == (400, "BadRequest")
    assert answer.body["message"].endswith("field label not supported: spec.source.name")


def test_pages_hold_everything_once(api: Api, empty_namespace: str) -> None:
    path = f"{SERVED.group}/namespaces/{empty_namespace}/virtualmachineclones"
    for number in range(5):
        assert api.post(path, a_clone(f"page-{number}")).code == 201
    first = api.get(path, limit=2).body
    second = api.get(path, limit=2, **{"continue": first["metadata"]["continue"]}).body
    third = api.get(path, limit=2, **{"continue": second["metadata"]["continue"]}).body
    names = [item["metadata"]["name"] for page in (first, second, third) for item in page["items"]]
    assert names == [f"page-{number}" for number in range(5)]
    assert first["metadata"]["remainingItemCount"] == 3
    assert third["metadata"]["continue"] == ""


def test_pages_are_of_one_moment(api: Api, empty_namespace: str) -> None:
    path = f"{SERVED.group}/namespaces/{empty_namespace}/virtualmachineclones"
    for letter in "ace":
        assert api.post(path, a_clone(letter)).code == 201
    first = api.get(path, limit=1).body
    api.post(path, a_clone("b"))
    api.delete(f"{path}/c")
    rest = api.get(path, **{"continue": first["metadata"]["continue"]}).body
    assert [item["metadata"]["name"] for item in rest["items"]] == ["c", "e"]
    assert rest["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]


def test_a_page_of_selected_objects_does_not_count_the_rest(
    api: Api, clones: str, name: str
) -> None:
    for suffix in "ab":
        api.post(clones, a_clone(f"{name}-{suffix}", labels={"page": name}))
    metadata = api.get(clones, labelSelector=f"page={name}", limit=1).body["metadata"]
    assert metadata["continue"]
    assert "remainingItemCount" not in metadata


def test_a_broken_continue_token_is_a_bad_request(api: Api, clones: str) -> None:
    answer = api.get(clones, limit=1, **{"continue": "nonsense"})
    assert (answer.code, answer.body["reason"]) == (400, "BadRequest")


def test_a_list_of_an_exact_version_is_of_that_moment(api: Api, clones: str, name: str) -> None:
    before = api.get(clones, labelSelector=f"exact={name}").body["metadata"]["resourceVersion"]
    api.post(clones, a_clone(name, labels={"exact": name}))
    query = {"resourceVersion": before, "resourceVersionMatch": "Exact"}
    answer = api.get(clones, labelSelector=f"exact={name}", **query)
    assert (answer.code, answer.body["items"]) == (200, [])


def test_version_match_needs_a_version(api: Api, clones: str) -> None:
    answer = api.get(clones, resourceVersionMatch="Exact")
    assert (answer.code, answer.body["reason"]) == (422, "Invalid")


def test_events_are_selected_by_their_object(api: Api, namespace: str, name: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/events"
    for about in (name, f"{name}-other"):
        event = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": f"{about}.1"},
            "involvedObject": {
                "apiVersion": SERVED.api_version,
                "kind": "VirtualMachineClone",
                "name": about,
                "namespace": namespace,
            },
            "reason": "Tested",
            "message": "by the contract",
            "type": "Warning",
        }
        assert api.post(path, event).code == 201
    selector = f"involvedObject.name={name},reason=Tested,type=Warning"
    items = api.get(path, fieldSelector=selector).body["items"]
    assert [item["metadata"]["name"] for item in items] == [f"{name}.1"]
