"""YAML of what needs no more than plain and single-quoted words: the same text as PyYAML's.

Faster than to import PyYAML. Whatever is not certain to come out the same is left to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

_LONGEST_KEY, _LONGEST_TEXT = 100, 10_000  # PyYAML writes longer ones in another way
# What is certain by its first letter: no number begins so, and nothing else needs quotes.
_WORD = r"[A-Za-z_/](?:[ -~]*[!-~])?"
_BEGINS_QUOTED = r"[ #,\[\]{}&*!|>'\"%@`][ -~]*|[A-Za-z_/][ -~]*|"
_NUMBER_OR_TIME = r"[0-9]+|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z"
_UID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
# What an unquoted word would be read as, in YAML 1.1 or by kubectl, if not as text.
_READ_OTHERWISE = frozenset(
    spelling
    for word in ("y", "n", "yes", "no", "on", "off", "true", "false", "null")
    for spelling in (word, word.title(), word.upper())
)


def plain_yaml(value: Any) -> str | None:
    """A mapping or a list as YAML in block style; None for what PyYAML has to write."""
    if not isinstance(value, (dict, list)):
        return None
    try:
        return "".join(f"{line}\n" for line in _lines(value))
    except ValueError:
        return None


def _lines(value: Any) -> Iterator[str]:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            if not isinstance(key, str) or not 0 < len(key) <= _LONGEST_KEY:
                raise ValueError(key)
            head = f"{_text(key)}:"
            if isinstance(item, (dict, list)) and item:
                yield head
                yield from _indented(item, "  " if isinstance(item, dict) else "")
            else:
                yield f"{head} {_scalar(item)}"
    elif isinstance(value, list) and value:
        for item in value:
            lines = _lines(item)
            yield f"- {next(lines)}"
            yield from (f"  {line}" for line in lines)
    else:
        yield _scalar(value)


def _indented(value: Any, indent: str) -> Iterator[str]:
    return (f"{indent}{line}" for line in _lines(value))


def _scalar(value: Any) -> str:
    if isinstance(value, str):
        return _text(value)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int):
        return str(value)
    if isinstance(value, (dict, list)):
        return "{}" if isinstance(value, dict) else "[]"
    raise ValueError(value)


def _text(text: str) -> str:
    if len(text) > _LONGEST_TEXT:
        raise ValueError(text)
    if re.fullmatch(_WORD, text) and not _ends_word(text):
        return text
    if re.fullmatch(_UID, text):
        return text
    if re.fullmatch(_BEGINS_QUOTED, text) or re.fullmatch(_NUMBER_OR_TIME, text):
        return "'{}'".format(text.replace("'", "''"))
    raise ValueError(text)


def _ends_word(text: str) -> bool:
    """Whether something in the text would end it, or make it something else, without quotes."""
    return ": " in text or " #" in text or text.endswith(":") or text in _READ_OTHERWISE
