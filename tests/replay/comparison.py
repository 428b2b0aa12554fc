"""When two outputs count as equal: but for what every run generates anew.

What else may differ is in ``differences``.
"""

from __future__ import annotations

import json
import re

_UID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
_GENERATED: tuple[tuple[str, str], ...] = (
    (_UID.pattern, "UID"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "TIME"),
    (r'(resourceVersion"?: ?"|Resource Version: +)\d+', r"\1N"),
    (r'^(\["[A-Z]+",")\d+', r"\1N"),
    (r"\b(clone-vm-cirros|clone-bare|gen)-[a-z0-9]{5}\b", r"\1-XXXXX"),
    (r'("continue":")[^"]+', r"\1TOKEN"),
    # An age stands in a cell of its own.
    (r"(?<=  )(?:\d+[dhms])+(?=  | \(x|$)|^(?:\d+[dhms])+(?=  )|(?<= over )(?:\d+[dhms])+", "AGE"),
    (r"^(real|user|sys)\t\d+m[\d.]+s$", r"\1\tTIME"),
    # What date says, and the process of a provisioner.
    (r"^\d\d:\d\d:\d\d(\.\d+)?$", "TIME"),
    (r"\b([a-z.]+\.csi\.(?:example\.com|k8s\.io))_\w+_[0-9a-f-]{36}", r"\1_PROCESS"),
    (r"^clone-[a-z0-9]{5}(?=  )", "clone-XXXXX"),
    # Where virt-api listens.
    (r'(Post \\?")https://[^/]+/', r"\1https://VIRT-API/"),
    (r"\b127\.0\.0\.1:\d{4,5}\b", "127.0.0.1:PORT"),
    (r"^E\d{4} [\d:.]+ +\d+ ", "E "),
    # kubectl 1.33 began to name the namespace, and newer ones log and say otherwise what fails.
    (r'(" (?:force )?deleted) from \S+ namespace$', r"\1"),
    (r"(the server doesn't have a resource type \"\w+\") in group \"[\w.]+\"$", r"\1"),
    (r"^E memcache\.go:\d+\] .*err=\"", "E memcache: "),
    (r"^E memcache: couldn't get current server API group list: ", "E memcache: "),
    (r"(?<=\S) {2,}", "  "),
    # Some wc align even one number.
    (r"^ +(\d+)$", r"\1"),
    (r" +$", ""),
)


_TEMPORARY = re.compile(
    r'  VirtualMachineRestore  |"kind": "VirtualMachineRestore"|^\{(?!"object").*"name": "[\w-]*UID'
    r'|^\["tmp-\w+-UID"'
)


def uids(text: str) -> list[str]:
    """The uids in a text, in their order."""
    return _UID.findall(text)


def normalised(text: str) -> list[str]:
    """The lines of a text without what is generated, and without what aligns it."""
    for pattern, replacement in _GENERATED:
        text = re.sub(pattern, replacement, text, flags=re.M)
    lines = [_ordered(line) for line in text.rstrip("\n").splitlines()]
    # A kubectl whose time is up may say so of its watch as well.
    lines = [line for line in lines if not (line.startswith("E ") and "reflector.go" in line)]
    # It tries again as often as it likes, and says each time the same.
    lines = [
        line
        for number, line in enumerate(lines)
        if not (line.startswith("E ") and lines[number - 1 : number] == [line])
    ]
    return sorted(lines) if has_random_order(lines) else lines


def has_random_order(lines: list[str]) -> bool:
    """Whether a list is sorted by generated names, as temporary objects and their events are."""
    temporary = [line for line in lines if _TEMPORARY.search(line)]
    return len(temporary) > 1 or any(re.match(r"\S*(UID|XXXXX)\b.*  ", line) for line in lines)


def _ordered(line: str) -> str:
    """JSON with its keys sorted: their order is the client's."""
    if not line.startswith('{"'):
        return line
    try:
        return json.dumps(json.loads(line), sort_keys=True)
    except ValueError:
        return line
