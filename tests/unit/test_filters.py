"""Which filters KubeVirt's clone webhook takes; the refused ones were sent to a live one."""

import pytest

from kubectl_virt_clone.errors import InvalidValue
from kubectl_virt_clone.model.filters import check_filter, check_filters


@pytest.mark.parametrize(
    "pattern", ["*", "!*", "app", "!app", "app*", "!example.com/*", "^app$", "a.b/c", "[", "!x"]
)
def test_a_filter_that_the_webhook_takes_stays_as_it_is(pattern):
    assert check_filter(pattern) == pattern


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("", "a filter can't be empty"),
        ("!", '"!" alone is not a filter; write !KEY to leave KEY out'),
        ("a!b", 'filter "a!b": ! can stand only at the beginning'),
        ("x!", 'filter "x!": ! can stand only at the beginning'),
        ("!!", 'filter "!!": ! can stand only at the beginning'),
        ("a*b", 'filter "a*b": * can stand only at the end'),
        ("*a", 'filter "*a": * can stand only at the end'),
        ("**", 'filter "**": * can stand only at the end'),
    ],
)
def test_a_filter_that_the_webhook_refuses_is_refused_with_its_reason(pattern, reason):
    with pytest.raises(InvalidValue) as refusal:
        check_filter(pattern)
    assert refusal.value.reason == reason


def test_filters_keep_their_order():
    assert check_filters(["*", "!app", "tier"]) == ("*", "!app", "tier")


def test_one_bad_filter_refuses_all_of_them():
    with pytest.raises(InvalidValue) as refusal:
        check_filters(["*", "a!b", ""])
    assert refusal.value.reason == 'filter "a!b": ! can stand only at the beginning'
