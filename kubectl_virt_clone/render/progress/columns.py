"""How many columns of a terminal a text takes, and text made to fit into some.

Control characters are not dealt with here: a text is escaped before it is measured.
"""

from __future__ import annotations

from functools import lru_cache

# In some terminals the selector for emoji makes the character before it wide: a text may be taken
# for wider than it is, never for narrower.
_EMOJI_SELECTOR = "\ufe0f"


def width(text: str) -> int:
    """The columns that ``text`` takes: two for a wide character, none for a combining one."""
    return len(text) if text.isascii() else sum(map(_columns, text))


@lru_cache(maxsize=4096)  # a screen is drawn again and again
def _columns(char: str) -> int:
    from wcwidth import wcwidth  # here, for most texts are ASCII

    return 1 if char == _EMOJI_SELECTOR else max(wcwidth(char), 0)


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
