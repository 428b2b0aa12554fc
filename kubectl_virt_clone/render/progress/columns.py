"""How many columns of a terminal a text takes, and text made to fit into some.

Control characters are not dealt with here: a text is escaped before it is measured.
"""

from __future__ import annotations

import unicodedata

# What joins or parts characters takes no place. The selector for emoji does in some terminals: it
# makes the character before it wide. A text may be taken for wider than it is, never for narrower.
_JOINERS = frozenset("\u200b\u200c\u200d\u2060\ufeff")
_EMOJI_SELECTOR = "\ufe0f"
# Wide in terminals, but not in the Unicode of every Python: half a flag, trigrams and the like
# (Unicode 16); so is, for all we know, what a Python does not know yet.
_WIDE = (
    ("\u2630", "\u2637"),
    ("\u268a", "\u268f"),
    ("\u4dc0", "\u4dff"),
    ("\U0001d300", "\U0001d376"),
    ("\U0001f1e6", "\U0001f1ff"),
)


def width(text: str) -> int:
    """The columns that ``text`` takes: two for a wide character, none for a combining one."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def _columns(char: str) -> int:
    if char == _EMOJI_SELECTOR:
        return 1
    if char in _JOINERS or unicodedata.category(char) in ("Mn", "Me"):
        return 0
    if unicodedata.category(char) == "Cn" or any(first <= char <= last for first, last in _WIDE):
        return 2
    return 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1


def fitted(text: str, columns: int, ellipsis: str) -> str:
    """``text`` in at most so many columns, cut at its end if it is too wide."""
    if width(text) <= columns:
        return text
    return _beginning(text, columns - width(ellipsis)) + ellipsis[: max(columns, 0)]


def shortened(text: str, columns: int, ellipsis: str) -> str:
    """``text`` in at most so many columns, cut in its midst: names often differ at their ends."""
    if width(text) <= columns:
        return text
    end = _beginning(text[::-1], columns // 3)[::-1]
    return fitted(text, columns - width(end), ellipsis) + end


def _beginning(text: str, columns: int) -> str:
    """As much of ``text`` as has place in so many columns."""
    used = 0
    for end, char in enumerate(text):
        used += _columns(char)
        if used > columns:
            return text[:end]
    return text


def padded(text: str, columns: int) -> str:
    """``text`` with blanks behind it, up to so many columns."""
    return text + " " * (columns - width(text))


def wrapped(text: str, columns: int) -> list[str]:
    """The words of ``text`` in lines of so many columns; a word that is wider has its own line."""
    lines = [""]
    for word in text.split():
        joined = f"{lines[-1]} {word}".lstrip()
        if width(joined) <= columns:
            lines[-1] = joined
        else:
            lines.append(word)
    return [line for line in lines if line]
