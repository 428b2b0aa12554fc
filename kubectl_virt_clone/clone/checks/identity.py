"""Rules about what a copy has of its source that only one of them can have, or that both share.

By what keys and values hold, not by who writes them: addresses, names, the marks of other tools.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_address, ip_interface

from kubectl_virt_clone.clone.checks.facts import (
    INFO,
    Facts,
    Finding,
    from_snapshot,
    source_vm,
    warning,
)
from kubectl_virt_clone.clone.checks.filters import escaped, some
from kubectl_virt_clone.clone.hint import Hint, flag
from kubectl_virt_clone.clone.spec.filters import NEGATION, WILDCARD
from kubectl_virt_clone.clone.target.restore_rules import claim_of, named_by
from kubectl_virt_clone.objects.fields import Object, at, mapping_at, mappings_at, name_of, text_at
from kubectl_virt_clone.objects.resource import Lookup

_MAC = re.compile(r"(?i)(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}")
# What may stand around an address in a value, which may be JSON.
_BETWEEN = re.compile(r"[\s\"'\[\](){},;=]+")
# Pools and fixed addresses that a network plugin gives by a name.
_POOL = re.compile(r"(?i)(?:^|[./_-])(?:ip|mac)[-_]?(?:addr(?:ess(?:es)?|s)?|pools?)$|ipam")
_OURS = "kubevirt.io"
# The last part of a key by which a tool knows what it has made or applied.
_HOLDS = re.compile(
    r"(?:tracking-id|last-applied(?:-configuration)?|managed-by|instance|release-name"
    r"|release-namespace|backup-name|restore-name)$"
)
_GUEST = ("spec", "template", "spec")
_PLACES = (
    (("metadata",), ("spec",), "", "the target"),
    (("spec", "template", "metadata"), ("spec", "template"), "template-", "the target's template"),
)
"""Where keys are, where their filters are, the prefix of the flag, and what to call it."""


def identity_findings(clone: Object, target: Object, source: str) -> Iterator[Finding]:
    """What the projected ``target`` has of the VM called ``source``, and a filter can drop.

    Network plugins give the same address twice (kubevirt#10374); other tools take the copy for
    what they made. A label of the template that names the VM is not told: most VMs have one.
    """
    for owner, filters, prefix, what in _PLACES:
        for noun in ("annotation", "label"):
            keys = {str(k): v for k, v in mapping_at(target, *owner, f"{noun}s").items()}
            addresses = [key for key, value in keys.items() if holds_address(key, value)]
            keys = {key: value for key, value in keys.items() if not _is_kubevirts(key)}
            held = [key for key in keys if key not in addresses and _HOLDS.search(key)]
            if noun == "annotation" or owner == ("metadata",):
                held += [
                    key
                    for key, value in keys.items()
                    if key not in (*addresses, *held) and _names(value, source)
                ]
            for id_, found, said in (
                ("network-annotations", addresses, "gets the source's addresses"),
                (
                    "identity-copied",
                    held,
                    "gets what names the source, or another tool's hold on it",
                ),
            ):
                if found:
                    given = at(clone, *filters, f"{noun}Filters")
                    hint = _dropping(f"--{prefix}{noun}-filter", given, found)
                    yield warning(id_, f"{what} {said}: {some(found)}", *hint)
    yield from _of_guest(target)


def _of_guest(target: Object) -> Iterator[Finding]:
    """A host name, and a host to run on, which the copy has in its spec."""
    for path, said in (
        (("hostname",), "the guest gets the source's host name"),
        (("nodeSelector", "kubernetes.io/hostname"), "the target runs on the source's host alone"),
    ):
        if text := text_at(target, *_GUEST, *path):
            pointer = "/".join(step.replace("/", "~1") for step in (*_GUEST, *path))
            patch = json.dumps({"op": "remove", "path": f"/{pointer}"}, separators=(",", ":"))
            yield warning("identity-copied", f"{said}: {text}", flag("--patch", patch))


def holds_address(key: str, value: object) -> bool:
    """Whether an annotation holds an IP or a MAC address, or a pool of them by name."""
    text = value if isinstance(value, str) else ""
    return bool(text and _POOL.search(key)) or any(map(_is_address, _BETWEEN.split(text)))


def _is_address(word: str) -> bool:
    if _MAC.fullmatch(word):
        return True
    try:
        address = ip_interface(word).ip if "/" in word else ip_address(word)
    except ValueError:
        return False
    # A version of four numbers looks like an address: nearly all addresses of pods are private.
    return address.is_private and not (address.is_loopback or address.is_unspecified)


def _is_kubevirts(key: str) -> bool:
    prefix, slash, _ = key.partition("/")
    return bool(slash) and (prefix == _OURS or prefix.endswith(f".{_OURS}"))


def _names(value: object, source: str) -> bool:
    """Whether a value is the name of the source, or has it in a path or a reference."""
    return isinstance(value, str) and bool(source) and source in re.split(r"[\s/:,\"']+", value)


def _dropping(name: str, given: object, keys: Iterable[str]) -> Hint:
    patterns = [f"{NEGATION}^{escaped(key)}$" for key in keys]
    keeping = [] if isinstance(given, list) else [WILDCARD]
    return (flag(name, *keeping, *patterns),)


def shared_findings(clone: Object, facts: Facts) -> Iterator[Finding]:
    """What is not copied but used by both: Secrets, files, claims below ephemeral disks."""
    vm = source_vm(clone, facts)
    shared = named_by(vm)
    if shared:
        message = f"the target shares with its source, by name: {some(list(shared))}"
        yield Finding("shared-by-name", INFO, message)
    for what in shared:
        if what.startswith("the host's file "):
            message = f"{what} is the same for both where they run on one host"
            yield warning("shared-by-name", message)
    uid = text_at(vm, "metadata", "uid")
    for what, lookup in facts.named.items():
        if lookup == Lookup():
            yield warning("shared-by-name", f"{what}, which the target needs, does not exist")
        elif uid and any(text_at(o, "uid") == uid for o in _owners(lookup.object)):
            message = f"{what} belongs to the source, and goes when that is deleted"
            yield warning("shared-by-name", message)


def _owners(obj: Mapping[str, object] | None) -> list[Object]:
    return mappings_at(obj, "metadata", "ownerReferences")


def unplugged_findings(clone: Object, facts: Facts) -> Iterator[Finding]:
    """Volumes that only the instance has: a snapshot is of the VM (recording 36)."""
    instance, vm = facts.instance and facts.instance.object, facts.source.object
    if not instance or from_snapshot(clone):
        return
    lasting = {text_at(volume, "name") for volume in mappings_at(vm, *_GUEST, "volumes")}
    volumes = mappings_at(instance, "spec", "volumes")
    lost = [name for v in volumes if claim_of(v) and (name := text_at(v, "name")) not in lasting]
    if lost:
        message = (
            f"only the running instance of {name_of(vm)} has {some(lost)}: the target will not"
        )
        yield warning("volume-not-persistent", message)
