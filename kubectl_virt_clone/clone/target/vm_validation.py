"""What KubeVirt and the API server would refuse in a VM that patches have changed.

Only what a patch can break, because the source has already been admitted; ``projection`` applies
the patches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from typing import Any

from kubectl_virt_clone.clone.spec.patches import dashed
from kubectl_virt_clone.clone.spec.target_patches import RUN_STRATEGIES
from kubectl_virt_clone.errors import InvalidValue
from kubectl_virt_clone.objects.fields import Object, at, mapping_at, mappings_at, text_at
from kubectl_virt_clone.objects.names import (
    check_annotation_key,
    check_label_key,
    check_label_value,
)

_METADATA = (("metadata",), ("spec", "template", "metadata"))
_CHECKS: Mapping[str, tuple[Callable[[str], str], Callable[[str], str]]] = {
    "labels": (check_label_key, check_label_value),
    "annotations": (check_annotation_key, str),
}
_REQUIRED = (
    ("spec", "template"),
    ("spec", "template", "spec"),
    ("spec", "template", "spec", "domain"),
)

# The types of a VM's well-known fields, as Go declares them: a type, the members of an object, or
# in brackets the type of a list's items. {} is an object with any members.
_NAMED: Mapping[str, Any] = {"name": str}
_DOMAIN: Mapping[str, Any] = {
    "clock": {},
    "cpu": {"cores": int, "model": str, "sockets": int, "threads": int},
    "devices": {
        "disks": [_NAMED],
        "filesystems": [_NAMED],
        "gpus": [_NAMED],
        "hostDevices": [_NAMED],
        "interfaces": [{"macAddress": str, "model": str, **_NAMED}],
    },
    "features": {},
    "firmware": {"bootloader": {}, "serial": str, "uuid": str},
    "machine": {"type": str},
    "memory": {},
    "resources": {"limits": {}, "requests": {}},
}
_GUEST: Mapping[str, Any] = {
    "affinity": {},
    "architecture": str,
    "domain": _DOMAIN,
    "evictionStrategy": str,
    "hostname": str,
    "networks": [_NAMED],
    "nodeSelector": {},
    "priorityClassName": str,
    "schedulerName": str,
    "subdomain": str,
    "terminationGracePeriodSeconds": int,
    "tolerations": [{}],
    "volumes": [_NAMED],
}
_VM: Mapping[str, Any] = {
    "spec": {
        "dataVolumeTemplates": [{"metadata": {}, "spec": {}}],
        "instancetype": {"kind": str, **_NAMED},
        "preference": {"kind": str, **_NAMED},
        "runStrategy": str,
        "running": bool,
        "template": {"metadata": {"annotations": {}, "labels": {}}, "spec": _GUEST},
    }
}
_KINDS = {str: "string", int: "whole number", bool: "boolean"}


def refusals(vm: Object) -> Iterator[str]:
    """Why such a VM would be refused, as sentences: by Go's types, the VM's webhook, the server."""
    for fault in (*_faults_of_type(vm, _VM, ""), *_missing(vm), *_faults(vm)):
        yield f"{fault}, so KubeVirt refuses the target"


def _faults_of_type(value: object, shape: Any, path: str) -> Iterator[str]:
    """Values whose JSON type differs from the shape's; Go ignores null."""
    if value is None:
        return
    if isinstance(shape, Mapping):
        if not isinstance(value, Mapping):
            yield f"{path} is not an object"
            return
        for key, inner in shape.items():
            yield from _faults_of_type(value.get(key), inner, f"{path}.{key}".lstrip("."))
    elif isinstance(shape, list):
        if not isinstance(value, Sequence) or isinstance(value, str):
            yield f"{path} is not a list"
            return
        for index, item in enumerate(value):
            where = f"{path}[{index}]"
            yield from _faults_of_type(item, shape[0], where)
            # Go reads a null as an object without a name, which no list of a VM may contain.
            if item is None:
                yield f"{where} is not an object"
    elif not isinstance(value, shape) or (isinstance(value, bool) and shape is not bool):
        yield f"{path} is not a {_KINDS[shape]}"


def _missing(vm: Object) -> Iterator[str]:
    for *holder, field in _REQUIRED:
        found = at(vm, *holder)
        if isinstance(found, Mapping) and found.get(field) is None:
            yield f"there is no {'.'.join((*holder, field))}"


def _faults(vm: Object) -> Iterator[str]:
    yield from _faults_of_strategy(mapping_at(vm, "spec"))
    for path, field in product(_METADATA, _CHECKS):
        check_key, check_value = _CHECKS[field]
        where = ".".join((*path, field))
        for key, value in mapping_at(vm, *path, field).items():
            yield from _refused(where, check_key, key)
            if not isinstance(value, (str, type(None))):
                yield f'{where}: the value of "{key}" is not a string'
            yield from _refused(where, check_value, value)
    for interface in mappings_at(vm, "spec", "template", "spec", "domain", "devices", "interfaces"):
        address = text_at(interface, "macAddress")
        try:
            dashed(address or "02-00-00-00-00-01")
        except InvalidValue:
            name = text_at(interface, "name")
            yield f'"{address}" of the interface {name} is not a MAC address'


def _faults_of_strategy(spec: Object) -> Iterator[str]:
    """KubeVirt's vms-admitter.go, ``validateRunStrategy``."""
    strategies = [field for field in ("running", "runStrategy") if spec.get(field) is not None]
    if len(strategies) > 1:
        yield "spec.running and spec.runStrategy can't both be set"
    if not strategies:
        yield "neither spec.running nor spec.runStrategy is set"
    strategy = spec.get("runStrategy")
    if isinstance(strategy, str) and strategy not in RUN_STRATEGIES:
        yield f'spec.runStrategy "{strategy}" is none of {", ".join(RUN_STRATEGIES)}'


def _refused(where: str, check: Callable[[str], str], text: object) -> Iterator[str]:
    if not isinstance(text, str):
        return
    try:
        check(text)
    except InvalidValue as error:
        yield f"{where}: {error.reason}"
