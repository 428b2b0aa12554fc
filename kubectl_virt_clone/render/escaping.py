"""Text from a server, made harmless for a terminal; the rest of ``render/`` uses it."""

from __future__ import annotations

import re

# C0 and C1 controls, DEL, line separators, and what changes the direction of writing or has no
# width: two names must not look the same. This includes joiners, although some scripts and emojis
# use them, but not what a script needs to draw its letters at all.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff"
    "\ufeff\ufff9-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e007f]"
)


def escaped(text: str, *, keep_lines: bool = False) -> str:
    """Show control, bidirectional and invisible characters as escapes: none reaches the terminal.

    With ``keep_lines``, line feeds stay, for text that may have several lines.
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
    """Whether ``escaped`` would replace nothing in ``text`` but line feeds."""
    return _UNSAFE.search(text.replace("\n", "")) is None
