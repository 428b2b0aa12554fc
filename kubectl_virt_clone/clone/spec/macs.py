"""MAC addresses of a clone: accept every usual notation, return the one that KubeVirt can restore.

Whether an interface exists or an address is free is checked in ``clone/checks``.
"""

from __future__ import annotations

import re

from kubectl_virt_clone.errors import InvalidValue

# What Go's net.ParseMAC accepts for six octets, as KubeVirt's webhook does.
_NOTATIONS = (
    r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}",
    r"(?:[0-9a-f]{2}-){5}[0-9a-f]{2}",
    r"(?:[0-9a-f]{4}\.){2}[0-9a-f]{4}",
)
_EXAMPLE = "02-00-00-00-00-01"


def dashed(address: str) -> str:
    """Rewrite a MAC address in any usual notation with dashes, in lower case.

    The clone's webhook accepts colons too, but the restore that follows splits its patch at each
    colon and never starts (KubeVirt 1.0 to 1.9), so colons are never sent. Raises InvalidValue.
    """
    lower = address.lower()
    if not any(re.fullmatch(notation, lower) for notation in _NOTATIONS):
        raise InvalidValue(f'"{address}" is not a MAC address; write one like {_EXAMPLE}')
    digits = re.sub(r"[^0-9a-f]", "", lower)
    return "-".join(digits[start : start + 2] for start in range(0, len(digits), 2))


def parse_assignment(text: str) -> tuple[str, str]:
    """Split ``IFACE=MAC`` or ``IFACE:MAC`` into the interface and the dashed address.

    The separator is the first ``=``, or else the first ``:``, so that a MAC may contain colons.
    Raises InvalidValue if the interface is empty or the address is not a MAC address.
    """
    separator = "=" if "=" in text else ":"
    interface, found, address = text.partition(separator)
    if not found or not interface:
        raise InvalidValue(f'"{text}" names no interface; write IFACE={_EXAMPLE}')
    return interface, dashed(address)
