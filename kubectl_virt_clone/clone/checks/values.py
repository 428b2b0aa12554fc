"""Rules about what the clone changes: MAC addresses, the serial, and the user's own patches.

``target/projection.py`` applies the changes to the source; here is judged what they break.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from kubectl_virt_clone.clone.api import VOLUME_NAME_POLICIES, target_name
from kubectl_virt_clone.clone.checks.facts import Facts, Finding, error, warning
from kubectl_virt_clone.clone.checks.flags import left_out
from kubectl_virt_clone.clone.hint import Hint, flag, kubectl, leave_out
from kubectl_virt_clone.clone.spec.patches import (
    dashed,
    parse,
    pointer_of,
    safe_text,
    unsafe_reason,
    value_patch,
)
from kubectl_virt_clone.errors import InvalidValue
from kubectl_virt_clone.objects.fields import Object, at, mapping_at, mappings_at, name_of, text_at
from kubectl_virt_clone.objects.resource import Listing

_MAC = "--new-mac-address"
_SERIAL = "--new-smbios-serial"
_DOMAIN = ("spec", "template", "spec", "domain")
_SERIAL_PATH = (*_DOMAIN, "firmware", "serial")
_NOT_RUNNING = '{"op":"remove","path":"/spec/running"}'


def new_macs(clone: Object) -> dict[str, str]:
    """Interface → the new MAC address as the spec has it, without the empty ones."""
    macs = mapping_at(clone, "spec", "newMacAddresses")
    return {str(name): mac for name, mac in macs.items() if isinstance(mac, str) and mac}


def patches_of(clone: Object) -> list[str]:
    """``spec.patches``, without items that are not strings."""
    given = at(clone, "spec", "patches")
    return [patch for patch in given if isinstance(patch, str)] if isinstance(given, list) else []


def feasible(clone: Object) -> dict[str, Any]:
    """The clone without values that the restore can't apply, which have findings of their own."""
    macs = {name: dashed(mac) for name, mac in new_macs(clone).items() if not _mac_fault(mac)}
    patches = [p for p in patches_of(clone) if not _fault(p) and not unsafe_reason(p)]
    spec = {**mapping_at(clone, "spec"), "patches": patches, "newMacAddresses": macs}
    if _serial_fault(text_at(clone, "spec", "newSMBiosSerial")):
        del spec["newSMBiosSerial"]
    return {**clone, "spec": spec}


def mac_findings(clone: Object, vm: Object | None, vms: Listing | None) -> Iterator[Finding]:
    """MAC addresses that are invalid, in use, or for an interface that the source lacks."""
    macs = new_macs(clone)
    users = _users(vms or Listing())
    unknown = [] if vm is None else sorted(macs.keys() - set(_interfaces(vm)))
    seen: dict[str, str] = {}
    for interface, mac in macs.items():
        if reason := _mac_fault(mac):
            message = f"the interface {interface} can't have the MAC address {mac}: {reason}"
            other = _free(users, "02-00-00-00-00-01")
            yield error("mac-invalid", message, flag(_MAC, f"{interface}={other}"))
            continue
        if interface in unknown:
            continue  # KubeVirt ignores this address, so it can't clash
        address = dashed(mac)
        user = users.get(address) or seen.get(address)
        seen[address] = f"the interface {interface} of this clone"
        if user:
            other = _free({**users, **seen}, address)
            message = f"the MAC address {mac} is in use by {user}"
            yield warning("mac-in-use", message, flag(_MAC, f"{interface}={other}"))
    if vm is not None:
        yield from _unknown_interfaces(macs, unknown, _interfaces(vm))


def _mac_fault(mac: str) -> str:
    try:
        first = int(dashed(mac)[:2], 16)
    except InvalidValue as error:
        return error.reason
    return "it is a multicast address, which libvirt refuses" if first & 1 else ""


def _users(vms: Listing) -> dict[str, str]:
    users: dict[str, str] = {}
    for vm in vms.objects:
        for interface in mappings_at(vm, *_DOMAIN, "devices", "interfaces"):
            mac = text_at(interface, "macAddress")
            if mac and not _mac_fault(mac):
                users.setdefault(dashed(mac), f'the VM "{name_of(vm)}"')
    return users


def _free(users: Mapping[str, str], address: str) -> str:
    """The next address after this one that nobody is known to have."""
    prefix, number = address[:8], int(address[9:].replace("-", ""), 16)
    while True:
        number = (number + 1) % 0x1000000
        digits = f"{number:06x}"
        candidate = "-".join((prefix, digits[:2], digits[2:4], digits[4:]))
        if candidate not in users:
            return candidate


def _interfaces(vm: Object) -> list[str]:
    interfaces = mappings_at(vm, *_DOMAIN, "devices", "interfaces")
    return [text_at(interface, "name") for interface in interfaces]


def _unknown_interfaces(
    macs: Mapping[str, str], unknown: Sequence[str], names: Sequence[str]
) -> Iterator[Finding]:
    free = [name for name in names if name not in macs]
    for interface in unknown:
        known = f"its interfaces are {', '.join(names)}" if names else "it has none"
        hint = leave_out(flag(_MAC, f"{interface}={macs[interface]}"))
        if free:
            hint = (flag(_MAC, f"{free[0]}={macs[interface]}"), f" instead of {interface}")
        message = (
            f"the source has no interface {interface}, and KubeVirt would ignore the MAC address:"
            f" {known}"
        )
        yield error("mac-unknown-interface", message, *hint)


def serial_findings(clone: Object, vm: Object | None, *, judged: bool) -> Iterator[Finding]:
    """A serial that the restore's webhook can't read, or that KubeVirt would ignore.

    ``judged``: whether that webhook checks at all; before 1.5 it forgets what it found.
    """
    serial = text_at(clone, "spec", "newSMBiosSerial")
    if not serial:
        return
    if vm is not None and not mapping_at(vm, *_DOMAIN, "firmware"):
        message = "the source has no firmware section, and KubeVirt would ignore the serial"
        yield warning("serial-ignored", message, *leave_out(flag(_SERIAL, serial)))
        return
    if judged and (reason := _serial_fault(serial)):
        patch = value_patch("replace", _SERIAL_PATH, serial)
        message = (
            f"the clone would hang, for KubeVirt's restore refuses the serial {serial}: {reason}"
        )
        hint = (flag("--patch", patch), " instead of ", flag(_SERIAL, serial))
        yield error("serial-unsafe", message, *hint)


def _serial_fault(serial: str) -> str:
    """Why the restore's webhook would refuse the patch that KubeVirt itself makes of the serial."""
    operation = {"op": "replace", "path": pointer_of(_SERIAL_PATH), "value": serial}
    text = json.dumps(operation, ensure_ascii=False, separators=(",", ":"))
    return unsafe_reason(text) if serial else ""


def type_findings(clone: Object, _: Facts) -> Iterator[Finding]:
    """Values that the schema of the clone API refuses. It treats a null as a missing field."""
    spec = mapping_at(clone, "spec")
    for path, (fits, wanted) in _TYPES.items():
        value = at(spec, *path)
        if value is not None and not fits(value):
            field = ".".join(("spec", *path))
            message = f"{field} has to be {wanted}, and the server refuses anything else"
            yield error("unknown-field", message, *leave_out(field))


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _maps_to_texts(value: object) -> bool:
    return isinstance(value, Mapping) and all(it is None or _is_text(it) for it in value.values())


_LISTS = ("labelFilters", "annotationFilters")
_TYPES: dict[tuple[str, ...], tuple[Callable[[object], bool], str]] = {
    **{(name,): (_maps_to_texts, "an object of strings") for name in ("source", "target")},
    **{(name,): (_are_texts, "a list of strings") for name in (*_LISTS, "patches")},
    ("template",): (lambda value: isinstance(value, Mapping), "an object"),
    **{("template", name): (_are_texts, "a list of strings") for name in _LISTS},
    ("newMacAddresses",): (_maps_to_texts, "an object of strings"),
    ("newSMBiosSerial",): (_is_text, "a string"),
    ("volumeNamePolicy",): (VOLUME_NAME_POLICIES.__contains__, " or ".join(VOLUME_NAME_POLICIES)),
}


def patch_findings(clone: Object, facts: Facts) -> Iterator[Finding]:
    """Invalid patches, and those that the restore's webhook refuses."""
    for patch in patches_of(clone):
        if fault := _fault(patch):
            yield error("patch-invalid", fault, *_one_by_one(patch))
        elif reason := unsafe_reason(patch):
            message = f"the clone would hang, for KubeVirt's restore refuses {patch}: {reason}"
            yield error("patch-unsafe", message, *_acceptable(clone, patch, facts.namespace))


def problem_finding(
    clone: Object, namespace: str, problem: str, problems_of: Callable[[Object], Sequence[str]]
) -> Finding:
    """Why KubeVirt would not make the target. ``problems_of`` tells them for a changed clone.

    The patch to leave out is the one without which the problem is gone.
    """
    patches = patches_of(clone)
    hint = leave_out(flag("--patch"))
    if "spec.running and spec.runStrategy" in problem:
        hint = (flag("--patch", _NOT_RUNNING),)
    else:
        for index, patch in enumerate(patches):
            others = [*patches[:index], *patches[index + 1 :]]
            spec = {**mapping_at(clone, "spec"), "patches": others}
            if problem not in problems_of({**clone, "spec": spec}):
                hint = left_out(patch, patches, target_name(clone), namespace)
                break
    return error("patch-invalid", f"the clone would hang: {problem}", *hint)


def _fault(patch: str) -> str:
    try:
        parse(patch)
    except InvalidValue as error:
        return error.reason
    return ""


def _one_by_one(patch: str) -> Hint:
    try:
        operations = json.loads(patch)
    except (ValueError, RecursionError):
        operations = None
    if isinstance(operations, list) and operations:
        texts = [json.dumps(item, separators=(",", ":")) for item in operations]
        if not any(map(_fault, texts)):
            return (flag("--patch", *texts),)
    return leave_out(flag("--patch", patch))


def _acceptable(clone: Object, patch: str, namespace: str) -> Hint:
    """The same patch in a form that the restore takes, or the way to patch the target later."""
    operation = parse(patch)
    escaped = _escaped(operation)
    if not unsafe_reason(escaped):
        return (flag("--patch", escaped), " instead")
    if not operation["path"].startswith(("/spec/", "/metadata/")) or operation["path"] in (
        "/metadata/name",
        "/metadata/namespace",
    ):
        return leave_out(flag("--patch", patch))
    later = kubectl(
        *("patch", f"vm/{target_name(clone) or 'TARGET'}", "--type=json", "-p", f"[{patch}]"),
        namespace=namespace,
    )
    return ("leave it out, and once the clone is done: ", later)


def _escaped(operation: Mapping[str, Any]) -> str:
    """The text of an operation without a colon or comma inside its strings."""
    members = (f"{safe_text(key)}:{safe_text(value)}" for key, value in operation.items())
    return "{" + ",".join(members) + "}"
