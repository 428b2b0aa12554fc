"""Selectors and numbers in queries that the server can't read, and what it says of them."""

from __future__ import annotations

import pytest

from tests.sandbox.client import Api, Obj


@pytest.mark.parametrize(
    ("selector", "message"),
    [
        ("a=b=c", "found '=', expected: ',' or 'end of string'"),
        (",,", "found ',', expected: !, identifier, or 'end of string'"),
        ("a in", "unable to parse requirement: found '' expected: '('"),
        ("!", "unable to parse requirement: found '', expected: identifier"),
        (
            "a b",
            "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt",
        ),
        (
            "a>x",
            "unable to parse requirement: values[0]: Invalid value: \"x\": for 'Gt', 'Lt' "
            "operators, the value must be an integer",
        ),
        (
            f"a={'x' * 64}",
            f'unable to parse requirement: values[0][a]: Invalid value: "{"x" * 64}": must be no '
            "more than 63 bytes",
        ),
    ],
)
def test_a_label_selector_that_is_none_is_a_bad_request(
    api: Api, clones: str, selector: str, message: str
) -> None:
    answer = api.get(clones, labelSelector=selector)
    assert (answer.code, answer.body["reason"]) == (400, "BadRequest")
    assert answer.body["message"] == message


@pytest.mark.parametrize(
    ("resource", "message"),
    [
        ("events", "field label not supported: spec.nothing"),
        (
            "persistentvolumeclaims",
            '"spec.nothing" is not a known field selector: only "metadata.name", '
            '"metadata.namespace"',
        ),
    ],
)
def test_a_field_of_a_built_in_that_nobody_selects_by_is_a_bad_request(
    api: Api, namespace: str, resource: str, message: str
) -> None:
    path = f"/api/v1/namespaces/{namespace}/{resource}"
    answer = api.get(path, fieldSelector="spec.nothing=1")
    assert (answer.code, answer.body["message"]) == (400, message)


def test_fields_are_unequal_too(api: Api, clones: str, settled: Obj) -> None:
    name = settled["metadata"]["name"]
    found = api.get(clones, fieldSelector=f"metadata.name!={name}").body["items"]
    assert name not in [item["metadata"]["name"] for item in found]


@pytest.mark.parametrize("option", ["limit", "timeoutSeconds"])
def test_a_number_that_is_none_is_a_bad_request(api: Api, clones: str, option: str) -> None:
    answer = api.get(clones, **{option: "x"})
    assert (answer.code, answer.body["message"]) == (
        400,
        'strconv.ParseInt: parsing "x": invalid syntax',
    )


def test_a_limit_below_zero_is_none(api: Api, clones: str, settled: Obj) -> None:
    query = {"fieldSelector": f"metadata.name={settled['metadata']['name']}", "limit": -1}
    assert len(api.get(clones, **query).body["items"]) == 1


def test_a_version_that_is_none_is_a_bad_request(api: Api, clones: str) -> None:
    answer = api.get(clones, resourceVersion="abc")
    assert (answer.code, answer.body["message"]) == (
        400,
        'invalid resource version: resourceVersion: Invalid value: "abc": strconv.ParseUint: '
        'parsing "abc": invalid syntax',
    )


def test_a_version_of_the_future_times_out(api: Api, clones: str) -> None:
    answer = api.get(clones, resourceVersion="999999999")
    assert (answer.code, answer.body["reason"]) == (504, "Timeout")
    assert answer.body["message"].startswith("Timeout: Too large resource version: 999999999")


@pytest.mark.parametrize(
    ("query", "messages"),
    [
        (
            {"resourceVersion": "0", "resourceVersionMatch": "Exact"},
            ['Forbidden: resourceVersionMatch "exact" is forbidden for resourceVersion "0"'],
        ),
        (
            {"resourceVersion": "1", "resourceVersionMatch": "Near"},
            ['Unsupported value: "Near": supported values: "Exact", "NotOlderThan", ""'],
        ),
        (
            {"resourceVersionMatch": "Exact", "continue": "x", "limit": "1"},
            [
                "Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided",
                "Forbidden: resourceVersionMatch is forbidden when continue is provided",
            ],
        ),
    ],
)
def test_a_match_that_does_not_go_with_the_rest_is_invalid(
    api: Api, clones: str, query: Obj, messages: list[str]
) -> None:
    answer = api.get(clones, **query)
    assert answer.code == 422
    assert [item["message"] for item in answer.body["details"]["causes"]] == messages


def test_the_items_of_a_built_in_list_do_not_say_what_they_are(api: Api) -> None:
    listed = api.get("/api/v1/namespaces").body
    assert (listed["kind"], listed["apiVersion"]) == ("NamespaceList", "v1")
    assert all({"kind", "apiVersion"}.isdisjoint(item) for item in listed["items"])


def test_the_items_of_a_custom_list_say_what_they_are(api: Api, clones: str, settled: Obj) -> None:
    query = {"fieldSelector": f"metadata.name={settled['metadata']['name']}"}
    assert api.get(clones, **query).body["items"] == [settled]
