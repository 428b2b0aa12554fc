"""Text from a server, made harmless for a terminal; every other room of ``render/`` uses it."""

from __future__ import annotations

import re

# C0 and C1 controls, DEL, line separators, and what turns the direction of writing.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def escaped(text: str, *, keep_lines: bool = False) -> str:
    """Show control and bidirectional characters as escapes, so that none reaches the terminal.

    With ``keep_lines`` line feeds stay, for text that is meant to have several lines.
    """
    return _UNSAFE.sub(lambda match: _shown(match.group(), keep_lines), text)


def _shown(char: str, keep_lines: bool) -> str:
    if char == "\n" and keep_lines:
        return char
    known = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\x1b": "^["}
    return known.get(char) or (f"\\x{ord(char):02x}" if char <= "\xff" else f"\\u{ord(char):04x}")


def is_safe(text: str) -> bool:
    """Whether ``text`` has, line feeds apart, nothing that ``escaped`` would replace."""
    return _UNSAFE.search(text.replace("\n", "")) is None
