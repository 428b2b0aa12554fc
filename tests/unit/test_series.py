"""Names of many from one."""

import pytest

from kubectl_virt_clone.clone.api import has_place, numbered


@pytest.mark.parametrize(
    ("text", "number", "name"),
    [
        ("web-{}", 1, "web-1"),
        ("web-{:03}", 7, "web-007"),
        ("web-{:03}", 1234, "web-1234"),
        ("{:02}-{}", 5, "05-5"),
        ("{:01}", 12, "12"),
    ],
)
def test_a_number_stands_in_each_place_with_zeros_up_to_its_width(text, number, name):
    assert has_place(text)
    assert numbered(text, number) == name


@pytest.mark.parametrize("text", ["web", "", "{", "{:3}", "{:00}", "{:012}", "{0}", "{:0}", "{ }"])
def test_what_is_no_place_stays_as_it_is(text):
    assert not has_place(text)
    assert numbered(text, 1) == text
