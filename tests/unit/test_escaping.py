"""What a server says is made harmless for a terminal."""

import sys
import unicodedata

import pytest

from kubectl_virt_clone.render.escaping import escaped, is_safe

CONTROLS = ("Cc", "Cs", "Zl", "Zp")
MARKS = ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")


@pytest.fixture(scope="module")
def dangerous():
    """Every control, surrogate and separator, and every mark that turns the direction of writing.

    There are too many characters to look through each time the tests are collected.
    """
    return [
        char
        for char in map(chr, range(sys.maxunicode + 1))
        if unicodedata.category(char) in CONTROLS
        or unicodedata.bidirectional(char) in MARKS
        or char in "\u061c\u200e\u200f"
    ]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text", "plain text"),
        ("Größe, 名前, 😀, שלום", "Größe, 名前, 😀, שלום"),
        ("\x1b[31mred\x1b[0m", "^[[31mred^[[0m"),
        ("one\ntwo\r\tthree", "one\\ntwo\\r\\tthree"),
        ("\x00\x07\x7f\x9b", "\\x00\\x07\\x7f\\x9b"),
        ("gpj.\u202eexe\u2069\u061c", "gpj.\\u202eexe\\u2069\\u061c"),
        ("a\u2028b\u2029c", "a\\u2028b\\u2029c"),
        ("\ud800 half", "\\ud800 half"),
        ("in\u200bvisible\ufeff\u00ad", "in\\u200bvisible\\ufeff\\xad"),
        ("a family of \u200djoined\U000e0041 tags", "a family of \\u200djoined\\U000e0041 tags"),
        ("", ""),
    ],
)
def test_control_characters_are_shown_as_escapes(text, shown):
    assert escaped(text) == shown


def test_line_feeds_and_nothing_else_may_be_kept():
    assert escaped("one\ntwo\r\n\x1b", keep_lines=True) == "one\ntwo\\r\n^["


def test_each_dangerous_character_of_unicode_is_escaped(dangerous):
    assert [char for char in dangerous if char in escaped(f"a{char}b")] == []


def test_only_a_text_without_dangerous_characters_is_safe(dangerous):
    assert [char for char in dangerous if is_safe(f"a{char}b")] == ["\n"]


def test_an_ordinary_text_is_safe():
    assert is_safe("Größe, 名前,\n😀, שלום")
