"""The target VM that KubeVirt will make of a source and a clone's spec, and why.

Whether the clone gets that far, and whether its author meant it, is a finding.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kubectl_virt_clone.clone.api import LAST_RESTORE_UID, target_name
from kubectl_virt_clone.clone.spec.filters import Decision, decisions
from kubectl_virt_clone.clone.spec.patches import applied, pointer_of, unsafe_reason
from kubectl_virt_clone.clone.target.restore_rules import (
    GENERATED,
    HALTED,
    OBSERVED,
    PCI_TOPOLOGY,
    Version,
    VolumeClaim,
    claim_of,
    completed,
    restored,
    unrestored,
)
from kubectl_virt_clone.clone.target.vm_validation import refusals
from kubectl_virt_clone.errors import InvalidValue
from kubectl_virt_clone.objects.fields import Object, at, mapping_at, mappings_at, text_at

_TEMPLATE = ("spec", "template", "metadata")
_DOMAIN = ("spec", "template", "spec", "domain")
_STRATEGIES = {True: "Always", False: HALTED}

PATCHED = "<patch>"
"""Stands in for the filter where a patch of the user sets or removes a key."""

REMOVED = "<removed>"
"""Stands in for the MAC address of an interface that a patch removes."""


@dataclass(frozen=True)
class InterfaceMac:
    """An interface's MAC address; ``after`` is empty if the cluster chooses it.

    ``before`` is also empty if a patch adds the interface; ``after`` is REMOVED if one removes it.
    """

    interface: str
    before: str
    after: str


@dataclass(frozen=True)
class Projection:
    """The target VM, without the server's bookkeeping, and what became of the source's values.

    A key is kept if the target has it, whether a filter or one of the user's ``patches`` decides.
    ``generated`` holds the JSON pointers of the values in ``target`` that contain GENERATED.
    ``others`` are the volumes without a claim, each with what becomes of it.
    ``problems`` are sentences that say why KubeVirt would not make this target; if a patch does
    not apply, ``target`` contains none of the user's patches.
    """

    target: dict[str, Any]
    labels: tuple[Decision, ...]
    annotations: tuple[Decision, ...]
    template_labels: tuple[Decision, ...]
    template_annotations: tuple[Decision, ...]
    macs: tuple[InterfaceMac, ...]
    serial_before: str
    serial_after: str
    uuid_before: str
    uuid_after: str
    run_strategy_before: str
    run_strategy_after: str
    volumes: tuple[VolumeClaim, ...]
    others: tuple[tuple[str, str], ...]
    patches: tuple[str, ...]
    generated: tuple[str, ...]
    problems: tuple[str, ...]


def project(source: Object, clone: Object, version: Version | None = None) -> Projection:
    """The target that a clone of ``source`` will have with a KubeVirt of ``version``.

    ``source`` is a VirtualMachine, or the metadata and spec of one in a snapshot's content;
    ``clone`` is the manifest. Source of the rules: KubeVirt's vm-target.go and restore.go.
    """
    asked = _texts(at(clone, "spec", "patches"))
    # The clone's webhook generates a missing name.
    name = target_name(clone) or f"clone-{text_at(clone, 'spec', 'source', 'name')}-{GENERATED}"
    vm, volumes = restored(source, name, text_at(clone, "spec", "volumeNamePolicy"))
    own = [*_own_patches(source, clone), *_removals(source, clone)]
    unasked, patched, problems = _patched(vm, own, asked)
    before, target = (completed(vm, source, version) for vm in (unasked, patched))
    labels, annotations, template_labels, template_annotations = (
        _as_patched(
            _decided(source, clone, path, _written_again(source, path)),
            mapping_at(before, *path),
            mapping_at(target, *path),
        )
        for path in _GROUPS
    )
    firmware = mapping_at(source, *_DOMAIN, "firmware")
    return Projection(
        target=target,
        labels=labels,
        annotations=annotations,
        template_labels=template_labels,
        template_annotations=template_annotations,
        macs=tuple(_macs(source, target)),
        serial_before=text_at(firmware, "serial"),
        serial_after=text_at(target, *_DOMAIN, "firmware", "serial"),
        uuid_before=text_at(firmware, "uuid"),
        uuid_after=text_at(target, *_DOMAIN, "firmware", "uuid"),
        run_strategy_before=run_strategy(source),
        run_strategy_after=run_strategy(target),
        volumes=tuple(_mounted(volumes, target)),
        others=_others(source, target),
        patches=asked,
        generated=tuple(_generated(target)),
        problems=(*problems, *_refusals(vm, target)),
    )


def _others(source: Object, target: Object) -> tuple[tuple[str, str], ...]:
    volumes = mappings_at(target, "spec", "template", "spec", "volumes")
    kept = {text_at(volume, "name") for volume in volumes}
    found = unrestored(source)
    return tuple((name, fate if name in kept else "dropped") for name, fate in found)


def run_strategy(vm: Object) -> str:
    """``spec.runStrategy``, or what the older ``spec.running`` means; empty if neither is set."""
    running = at(vm, "spec", "running")
    return _STRATEGIES[running] if isinstance(running, bool) else text_at(vm, "spec", "runStrategy")


# The filtered maps, in KubeVirt's order → where the clone keeps their filters, and the annotations
# that KubeVirt writes back after a filter has removed them.
_GROUPS: dict[tuple[str, ...], tuple[tuple[str, ...], Mapping[str, str]]] = {
    ("metadata", "labels"): (("spec", "labelFilters"), {}),
    ("metadata", "annotations"): (("spec", "annotationFilters"), OBSERVED),
    (*_TEMPLATE, "labels"): (("spec", "template", "labelFilters"), {}),
    (*_TEMPLATE, "annotations"): (("spec", "template", "annotationFilters"), PCI_TOPOLOGY),
}


def filters_of(clone: Object, *path: str) -> tuple[str, ...] | None:
    """The filters at ``path`` as the controller sees them; None if every key is kept.

    The webhook that names an unnamed target rewrites the spec and drops empty lists, which would
    strip every key; if the target has a name, they stay.
    """
    listed = at(clone, *path)
    if not isinstance(listed, list) or not (listed or target_name(clone)):
        return None
    return _texts(listed)


def _decided(
    source: Object, clone: Object, path: tuple[str, ...], kept: Iterable[str] = ()
) -> tuple[Decision, ...]:
    filters = filters_of(clone, *_GROUPS[path][0])
    always = frozenset({LAST_RESTORE_UID, *kept})
    return decisions(filters, map(str, mapping_at(source, *path)), always_kept=always)


def _as_patched(decided: Iterable[Decision], before: Object, after: Object) -> tuple[Decision, ...]:
    """The decisions, except that PATCHED decides on keys that the user's patches change."""
    changed = {key for key in (*before, *after) if before.get(key) != after.get(key)}
    rows = [decision for decision in decided if decision.key not in changed]
    rows += [Decision(key, kept=key in after, by=PATCHED) for key in changed]
    return tuple(sorted(rows, key=lambda decision: decision.key))


def _written_again(source: Object, path: tuple[str, ...]) -> list[str]:
    """The keys that the target has unchanged although a filter may have removed them."""
    present = mapping_at(source, *path)
    return [key for key, value in _GROUPS[path][1].items() if present.get(key) == value]


def _own_patches(source: Object, clone: Object) -> Iterator[str]:
    """MAC of each interface (empty unless the clone gives one), serial and UUID of the firmware."""
    interfaces = at(source, *_DOMAIN, "devices", "interfaces")
    addresses = mapping_at(clone, "spec", "newMacAddresses")
    for index, interface in enumerate(interfaces if isinstance(interfaces, list) else ()):
        path = (*_DOMAIN, "devices", "interfaces", str(index), "macAddress")
        yield _operation("replace", path, text_at(addresses, text_at(interface, "name")))
    if isinstance(at(source, *_DOMAIN, "firmware"), Mapping):
        serial = text_at(clone, "spec", "newSMBiosSerial")
        yield _operation("replace", (*_DOMAIN, "firmware", "serial"), serial)
        yield _operation("replace", (*_DOMAIN, "firmware", "uuid"), "")


def _removals(source: Object, clone: Object) -> Iterator[str]:
    for path in _GROUPS:
        for decision in _decided(source, clone, path):
            if not decision.kept:
                yield _operation("remove", (*path, decision.key))


def _operation(op: str, path: Iterable[str], *value: str) -> str:
    """A patch as the clone controller writes it: it escapes neither colons nor commas."""
    operation = {"op": op, "path": pointer_of(path), **({"value": value[0]} if value else {})}
    return json.dumps(operation, ensure_ascii=False, separators=(",", ":"))


def _patched(
    vm: dict[str, Any], own: Sequence[str], asked: Sequence[str]
) -> tuple[dict[str, Any], dict[str, Any], list[str]]:
    """``vm`` after KubeVirt's patches, after the user's too, and why some don't apply."""
    problems = [reason for text in (*own, *asked) if (reason := unsafe_reason(text))]
    stages = []
    for texts in (own, asked):
        try:
            vm = applied(vm, texts)
        except InvalidValue as error:
            problems.append(error.reason)
        stages.append(vm)
    return stages[0], stages[1], problems


def _texts(value: object) -> tuple[str, ...]:
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def _macs(source: Object, target: Object) -> Iterator[InterfaceMac]:
    path = (*_DOMAIN, "devices", "interfaces")
    before, after = (
        {text_at(item, "name"): text_at(item, "macAddress") for item in mappings_at(vm, *path)}
        for vm in (source, target)
    )
    for name in dict.fromkeys((*before, *after)):
        yield InterfaceMac(name, before.get(name, ""), after.get(name, REMOVED))


def _mounted(volumes: Iterable[VolumeClaim], target: Object) -> Iterator[VolumeClaim]:
    """The claims behind the source's volumes and those that only the target has."""
    before = {volume.volume: volume.before for volume in volumes}
    listed = mappings_at(target, "spec", "template", "spec", "volumes")
    after = {text_at(volume, "name"): claim_of(volume) for volume in listed}
    for name in dict.fromkeys((*before, *after)):
        if before.get(name) or after[name]:
            yield VolumeClaim(name, before.get(name, ""), after.get(name, ""))


def _refusals(vm: Object, target: Object) -> Iterator[str]:
    """Why KubeVirt would refuse the target, except for what it accepted in the source."""
    refused = list(refusals(target))
    taken = frozenset(refusals(vm) if refused else ())
    return (reason for reason in refused if reason not in taken)


def _generated(value: object, path: tuple[str, ...] = ()) -> Iterator[str]:
    if isinstance(value, str) and GENERATED in value:
        yield pointer_of(path)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _generated(item, (*path, str(key)))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _generated(item, (*path, str(index)))
