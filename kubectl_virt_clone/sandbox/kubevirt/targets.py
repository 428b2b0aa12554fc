"""What a clone changes on its way from source to target: the patches of its restore.

Pure: the source VM and the clone's spec in, texts of JSON Patch operations out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from .filters import kept
from .objects import Obj, entries, section

LAST_RESTORE = "restore.kubevirt.io/lastRestoreUID"
GUEST = "/spec/template/spec/domain"


def restore_patches(source: Obj, spec: Obj) -> list[str]:
    """The patches in KubeVirt's order: MACs, serial, uuid, what filters remove, the user's."""
    return [
        *_mac_patches(source, section(spec, "newMacAddresses")),
        *_firmware_patches(source, spec.get("newSMBiosSerial") or ""),
        *_removals(section(source, "metadata"), spec, "/metadata"),
        *_removals(
            section(source, "spec", "template", "metadata"),
            section(spec, "template"),
            "/spec/template/metadata",
        ),
        *(spec.get("patches") or []),
    ]


def _mac_patches(source: Obj, addresses: Mapping[str, str]) -> Iterator[str]:
    devices = section(source, "spec", "template", "spec", "domain", "devices")
    for index, interface in enumerate(entries(devices, "interfaces")):
        # Empty: something else in the cluster has to choose one. The source's is never kept.
        address = addresses.get(str(interface.get("name"))) or ""
        yield _operation("replace", f"{GUEST}/devices/interfaces/{index}/macAddress", address)


def _firmware_patches(source: Obj, serial: str) -> Iterator[str]:
    if section(source, "spec", "template", "spec", "domain", "firmware"):
        yield _operation("replace", f"{GUEST}/firmware/serial", serial)
        yield _operation("replace", f"{GUEST}/firmware/uuid", "")


def _removals(metadata: Obj, filters: Obj, path: str) -> Iterator[str]:
    for field, rules in (("labels", "labelFilters"), ("annotations", "annotationFilters")):
        if filters.get(rules) is None:
            continue
        keys = section(metadata, field)
        stay = kept(keys, filters[rules]) | {LAST_RESTORE}
        for key in sorted(keys.keys() - stay):
            escaped = key.replace("~", "~0").replace("/", "~1")
            yield _operation("remove", f"{path}/{field}/{escaped}")


def _operation(op: str, path: str, *value: Any) -> str:
    operation = {"op": op, "path": path, **({"value": value[0]} if value else {})}
    written = json.dumps(operation, separators=(",", ":"), ensure_ascii=False)
    # Go's encoder writes these three as escapes.
    for character in "<>&":
        written = written.replace(character, f"\\u{ord(character):04x}")
    return written
