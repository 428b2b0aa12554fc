"""MAC addresses as KubeVirt's webhooks judge them: Go's net.ParseMAC, then a limit of six bytes.

Only the judgement; which field is looked at and the sentence of the refusal are the webhooks'.
"""

from __future__ import annotations

import re

SIX_BYTES = 6

# Go takes 6, 8 or 20 bytes, in pairs with ":" or "-", or in fours with "."; one separator per
# address. [0-9A-Fa-f] and not \d: Python's \d also takes digits of other scripts.
_PAIRS = re.compile(r"[0-9A-Fa-f]{2}(?P<sep>[:-])[0-9A-Fa-f]{2}(?:(?P=sep)[0-9A-Fa-f]{2})*\Z")
_FOURS = re.compile(r"[0-9A-Fa-f]{4}(?:\.[0-9A-Fa-f]{4})*\Z")
_LENGTHS = (6, 8, 20)


def length_of_mac(address: str) -> int | None:
    """How many bytes ``address`` has, or None when net.ParseMAC would refuse it."""
    if _PAIRS.match(address):
        size = (len(address) + 1) // 3
    elif _FOURS.match(address):
        size = 2 * (len(address) + 1) // 5
    else:
        return None
    return size if size in _LENGTHS else None
