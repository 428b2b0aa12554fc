"""Objects in the order of a field, as ``kubectl get --sort-by`` orders them."""

import pytest

from kubectl_virt_clone.errors import VirtCloneError
from kubectl_virt_clone.objects.jsonpath import parse_jsonpath, sorted_by

PATH = parse_jsonpath(".x")


def test_what_has_no_value_comes_first_and_numbers_come_before_text():
    values = ["c2", "c10", None, "", "a", 10, 9.5, "10", "9", True, {"b": 1}, ["z"]]
    objects = [{"x": value} for value in values]
    assert [obj.get("x", "none") for obj in sorted_by([*objects, {}], PATH)] == [
        *(None, "none", True, 9.5, 10, "", "10", "9", ["z"], "a", "c10", "c2", {"b": 1}),
    ]


def test_objects_of_the_same_value_keep_their_order():
    objects = [{"x": "same", "n": number} for number in range(5)]
    assert sorted_by(objects, PATH) == objects


def test_a_field_that_no_object_has_is_an_error_in_kubectls_words():
    with pytest.raises(VirtCloneError) as error:
        sorted_by([{"y": 1}, {"x": None}], PATH)
    path = '"{.x}"'
    assert str(error.value) == (
        f"error: couldn't find any field with path {path} in the list of objects"
    )


def test_no_objects_are_in_order():
    assert sorted_by([], PATH) == []
