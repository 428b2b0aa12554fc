"""How wide a text is on a terminal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_virt_clone.render.escaping import escaped
from kubectl_virt_clone.render.progress.columns import fitted, padded, shortened, width, wrapped

texts = st.text().map(escaped)


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("", 0),
        ("plain", 5),
        ("Größe", 5),
        ("u\u0308", 1),
        ("日本", 4),
        ("\uff46", 2),
        ("😀", 2),
        ("❤\ufe0f", 2),
        ("\U0001f1e9\U0001f1ea", 2),
    ],
)
def test_a_wide_character_counts_two_and_one_without_a_place_none(text, columns):
    assert width(text) == columns


@pytest.mark.parametrize(
    ("text", "columns", "shown"),
    [
        ("whole", 5, "whole"),
        ("too long", 5, "too …"),
        ("日本語", 5, "日本…"),
        ("日本語", 4, "日…"),
        ("xye\u0301zz", 4, "xye\u0301…"),
        ("ab", 1, "…"),
        ("ab", 0, ""),
    ],
)
def test_a_text_that_is_too_wide_ends_in_an_ellipsis(text, columns, shown):
    assert fitted(text, columns, "…") == shown


def test_an_ellipsis_that_is_too_wide_is_cut_itself():
    assert fitted("abcdef", 2, "...") == ".."


def test_a_shortened_text_keeps_its_end():
    assert shortened("production-database-vm-01", 12, "…") == "product…m-01"


@given(
    texts, st.integers(0, 50), st.sampled_from(["…", "..."]), st.sampled_from([fitted, shortened])
)
def test_a_text_that_was_cut_fits(text, columns, ellipsis, cut):
    assert width(cut(text, columns, ellipsis)) <= columns


def test_a_padded_text_fills_its_columns():
    assert padded("日本", 6) == "日本  "


def test_words_are_wrapped():
    assert wrapped("it waits for the guest-agent of 日本語 VMs", 9) == [
        *("it waits", "for the", "guest-agent", "of 日本語", "VMs"),
    ]
