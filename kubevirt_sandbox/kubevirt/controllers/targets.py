"""What a clone changes on its way from source to target: the patches of its restore.

Pure: the source VM and the clone's spec in, texts of JSON Patch operations out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from kubevirt_sandbox.kubevirt.filters import kept
from kubevirt_sandbox.kubevirt.objects import Obj, entries, section

LAST_RESTORE = "restore.kubevirt.io/lastRestoreUID"
GUEST = "/spec/template/spec/domain"


def restore_patches(source: Obj, spec: Obj) -> list[str]:
    """The patches in KubeVirt's order: MACs, serial, what filters remove, uuid, the user's."""
    template = section(source, "spec", "template", "metadata")
    return [
        *_mac_patches(source, section(spec, "newMacAddresses")),
        *_firmware_patch(source, "serial", spec.get("newSMBiosSerial") or ""),
        *_removals(_unprotected(section(source, "metadata")), spec, "/metadata"),
        *_removals(template, section(spec, "template"), "/spec/template/metadata"),
        *_firmware_patch(source, "uuid", ""),
        *(spec.get("patches") or []),
    ]


def _mac_patches(source: Obj, addresses: Mapping[str, str]) -> Iterator[str]:
    devices = section(source, "spec", "template", "spec", "domain", "devices")
    for index, interface in enumerate(entries(devices, "interfaces")):
        # Empty: something else in the cluster has to choose one. The source's is never kept.
        address = addresses.get(str(interface.get("name"))) or ""
        yield _operation("replace", f"{GUEST}/devices/interfaces/{index}/macAddress", address)


def _firmware_patch(source: Obj, field: str, value: str) -> Iterator[str]:
    if section(source, "spec", "template", "spec", "domain").get("firmware") is not None:
        yield _operation("replace", f"{GUEST}/firmware/{field}", value)


def _unprotected(metadata: Obj) -> Obj:
    """A VM's metadata without the annotation that no filter may remove.

    It is protected there only: in labels and in the template it is a key like any other.
    """
    annotations = section(metadata, "annotations")
    kept_out = {key: item for key, item in annotations.items() if key != LAST_RESTORE}
    return {**metadata, "annotations": kept_out}


def _removals(metadata: Obj, filters: Obj, path: str) -> Iterator[str]:
    for field, rules in (("labels", "labelFilters"), ("annotations", "annotationFilters")):
        if filters.get(rules) is None:
            continue
        keys = section(metadata, field)
        stay = kept(keys, filters[rules])
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
