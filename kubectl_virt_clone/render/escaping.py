"""Text from a server, made harmless for a terminal; every other room of ``render/`` uses it."""

from __future__ import annotations

import re

# C0 and C1 controls, DEL, line separators, what turns the direction of writing, what has no width:
# two names must not look the same. A joiner is no exception, although some scripts and emojis use
# it. What the letters of a script need to be drawn at all is left.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff"
    "\ufeff\ufff9-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e007f]"
)


def escaped(text: str, *, keep_lines: bool = False) -> str:
    """Show control, bidirectional and invisible characters as escapes: none reaches the terminal.

    With ``keep_lines`` line feeds stay, for text that is meant to have several lines.
    """
    return _UNSAFE.sub(lambda match: _shown(match.group(), keep_lines), text)


def _shown(char: str, keep_lines: bool) -> str:
    if char == "\n" and keep_lines:
        return char
    known = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\x1b": "^["}
    if char.isascii():
        return known.get(char) or f"\\x{ord(char):02x}"
    return char.encode("ascii", "backslashreplace").decode()


def is_safe(text: str) -> bool:
    """Whether ``text`` has, line feeds apart, nothing that ``escaped`` would replace."""
    return _UNSAFE.search(text.replace("\n", "")) is None
