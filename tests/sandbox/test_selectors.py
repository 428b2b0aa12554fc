"""Selectors that the contract does not reach: comparisons, escapes, texts that can't be read."""

from __future__ import annotations

import pytest

from kubevirt_sandbox.storage.resources import default_catalogue
from kubevirt_sandbox.storage.selectors import field_predicate, label_predicate
from kubevirt_sandbox.storage.status import ApiError

CATALOGUE = default_catalogue()


def _labelled(**labels: str) -> dict[str, object]:
    return {"metadata": {"name": "x", "labels": labels}}


@pytest.mark.parametrize(
    ("selector", "matches"),
    [
        ("", True),
        ("size>3", True),
        ("size>4", False),
        ("size<5", True),
        ("missing<5", False),
        ("app=", False),
        ("empty=", True),
        ("empty in (,a)", True),
        (" app = web , size = 4 ", True),
        ("app notin (web),size", False),
    ],
)
def test_label_selectors(selector: str, matches: bool) -> None:
    obj = _labelled(app="web", size="4", empty="")
    assert label_predicate(selector)(obj) is matches


@pytest.mark.parametrize(
    "selector", ["a b", "a=b=c", "=a", "a in b", "a in (b", "a,", "a>b", "-a", "a=b c", "!"]
)
def test_label_selectors_that_cannot_be_read(selector: str) -> None:
    with pytest.raises(ApiError) as refused:
        label_predicate(selector)
    assert (refused.value.code, refused.value.reason) == (400, "BadRequest")


@pytest.mark.parametrize(
    ("selector", "matches"),
    [
        ("metadata.name=x", True),
        ("metadata.name==x", True),
        ("metadata.name!=x", False),
        ("metadata.name=x,metadata.namespace=ns", True),
        ("metadata.name=x,metadata.namespace!=ns", False),
    ],
)
def test_field_selectors(selector: str, matches: bool) -> None:
    clones = CATALOGUE["virtualmachineclones.clone.kubevirt.io"]
    obj = {"metadata": {"name": "x", "namespace": "ns"}}
    assert field_predicate(selector, clones)(obj) is matches


def test_a_comma_in_a_field_selector_can_be_escaped() -> None:
    event = {"metadata": {"name": "x"}, "reason": "a,b=c"}
    assert field_predicate("reason=a\\,b\\=c", CATALOGUE["events"])(event)


def test_an_event_is_selected_by_its_source() -> None:
    event = {"metadata": {"name": "x"}, "source": {"component": "clone-controller"}}
    assert field_predicate("source=clone-controller", CATALOGUE["events"])(event)


@pytest.mark.parametrize("selector", ["spec.x=1", "metadata.name"])
def test_field_selectors_that_cannot_be_read(selector: str) -> None:
    clones = CATALOGUE["virtualmachineclones.clone.kubevirt.io"]
    with pytest.raises(ApiError) as refused:
        field_predicate(selector, clones)
    assert refused.value.code == 400
