"""KubeVirt's two webhooks for VirtualMachineClones: what they fill in and what they refuse.

Only the object and the answer: the feature gate and the dispatch are in ``dispatch``.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from typing import Any, NoReturn

from kubevirt_sandbox.kubevirt.admission.mac_address import SIX_BYTES, length_of_mac
from kubevirt_sandbox.kubevirt.admission.virt_api import call_failed
from kubevirt_sandbox.kubevirt.objects import Obj, section, text
from kubevirt_sandbox.storage.status import ApiError, Cause, cause, denied

MUTATOR = "virtualmachineclones-mutator.kubevirt.io"
VALIDATOR = "vm-clone-validator.kubevirt.io"

SUFFIX_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
SUFFIX_LENGTH = 5

_SPEC = "VirtualMachineCloneSpec"
_FILTERS = {"annotationFilters": ("strings", ""), "labelFilters": ("strings", "")}
_REFERENCE = dict.fromkeys(("apiGroup", "kind", "name"), ("string", ""))
# Go type of each field, by the JSON name: what json.Unmarshal compares a value with.
_FIELDS: dict[str, tuple[str, str]] = {
    **_FILTERS,
    "newMacAddresses": ("string map", ""),
    "newSMBiosSerial": ("string", ""),
    "patches": ("strings", ""),
    "source": ("struct", "v1.TypedLocalObjectReference"),
    "target": ("struct", "v1.TypedLocalObjectReference"),
    "template": ("struct", "v1beta1.VirtualMachineCloneTemplateFilters"),
    "volumeNamePolicy": ("string", "v1beta1.VolumeNamePolicy"),
}
_STRUCTS = {
    "source": _REFERENCE,
    "target": _REFERENCE,
    "template": _FILTERS,
}


def fill_in_target(clone: Obj) -> Obj:
    """The clone with a target that has a name; ApiError 400 when a field has the wrong type."""
    refuse_wrong_types(clone)
    spec = clone.get("spec")
    if not isinstance(spec, dict) or text(spec, "target", "name"):
        return clone
    generated = f"clone-{text(spec, 'source', 'name')}-{_suffix()}"
    if isinstance(spec.get("target"), dict):
        target = {**spec["target"], "name": generated}
    else:
        target = {"apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": generated}
    # The webhook writes the whole spec anew: Go leaves empty lists out, and writes a struct even
    # when it is empty. So an empty filter list, which keeps no key, turns into none: keep all.
    rewritten = {**spec, "target": target}
    rewritten["template"] = _without_empty(section(spec, "template"))
    return {**clone, "spec": {"template": {}, **_without_empty(rewritten, keep="template")}}


def _suffix() -> str:
    return "".join(secrets.choice(SUFFIX_ALPHABET) for _ in range(SUFFIX_LENGTH))


def _without_empty(fields: Obj, keep: str = "") -> Obj:
    return {key: item for key, item in fields.items() if item or key == keep}


def refuse_wrong_types(clone: Obj) -> None:
    """Refuses the first value, in the order of the fields' names, that Go can't read."""
    spec = clone.get("spec")
    if spec is None:
        return
    if not isinstance(spec, dict):
        _cannot_unmarshal(spec, "VirtualMachineClone", "spec", f"v1beta1.{_SPEC}")
    _check_fields(spec, _FIELDS, _SPEC, "spec")


def _check_fields(values: Obj, fields: dict[str, tuple[str, str]], struct: str, path: str) -> None:
    for name in sorted(values.keys() & fields.keys()):
        shape, go_type = fields[name]
        value, where = values[name], f"{path}.{name}"
        if value is None:
            continue
        if shape == "struct":
            if not isinstance(value, dict):
                _cannot_unmarshal(value, struct, where, go_type)
            # Recorded of a target's name: within a reference no struct is named.
            inner = "" if _STRUCTS[name] is _REFERENCE else go_type.partition(".")[2]
            _check_fields(value, _STRUCTS[name], inner, where)
        else:
            _check_strings(value, shape, go_type, struct, where)


def _check_strings(value: Any, shape: str, go_type: str, struct: str, where: str) -> None:
    container = {"strings": list, "string map": dict}.get(shape)
    if container is None:
        members = [value]
    elif isinstance(value, container):
        members = list(value) if container is list else [value[key] for key in sorted(value)]
    else:
        go_container = "[]string" if container is list else "map[string]string"
        _cannot_unmarshal(value, struct, where, go_container)
    for member in members:
        if member is not None and not isinstance(member, str):
            _cannot_unmarshal(member, struct, where, go_type or "string")


def _cannot_unmarshal(value: Any, struct: str, where: str, go_type: str) -> NoReturn:
    kinds = {bool: "bool", int: "number", float: "number", str: "string", list: "array"}
    what = kinds.get(type(value), "object")
    message = (
        f"json: cannot unmarshal {what} into Go struct field {struct}.{where} of type {go_type}"
    )
    raise denied(MUTATOR, message)


def refuse_invalid(clone: Obj, of_source: Iterable[Cause] = ()) -> None:
    """Refuses a clone with every cause in one Status (422), as the validating webhook does.

    ``of_source`` are the causes that an older release finds in the source itself.
    """
    causes = list(_causes(clone, of_source))
    if causes:
        message = ", ".join(item["message"] for item in causes)
        raise denied(
            VALIDATOR,
            message,
            code=HTTPStatus.UNPROCESSABLE_ENTITY,
            reason="Invalid",
            causes=causes,
        )


def _causes(clone: Obj, of_source: Iterable[Cause]) -> Iterator[Cause]:
    spec = section(clone, "spec")
    template = section(spec, "template")
    yield from _filter_causes(spec.get("annotationFilters"), "spec.annotations")
    yield from _filter_causes(spec.get("labelFilters"), "spec.labels")
    yield from _filter_causes(template.get("annotationFilters"), "spec.template.annotations")
    yield from _filter_causes(template.get("labelFilters"), "spec.template.labels")
    yield from _reference_causes(section(spec, "source"), spec.get("target"), of_source)
    for interface, address in sorted(section(spec, "newMacAddresses").items()):
        if address and length_of_mac(address) != SIX_BYTES:
            message = f"interface {interface} has malformed MAC address ({address})."
            yield _invalid(f"spec.newMacAddresses.{interface}", message)
    for index, patch in enumerate(spec.get("patches") or []):
        if not _is_json(patch):
            yield _invalid(f"spec.patches[{index}]", f"patch is not valid JSON ({patch})")


def _invalid(field: str, message: str) -> Cause:
    return cause("FieldValueInvalid", message, field)


def _filter_causes(filters: list[str] | None, field: str) -> Iterator[Cause]:
    for rule in filters or []:
        if not rule:
            raise _webhook_crash()
        if rule == "!":
            yield _invalid(field, "a negation character is not a valid filter")
        if "!" in rule[1:]:
            yield _invalid(
                field,
                f"{field} filter {rule} is invalid: cannot contain a negation character (!); "
                "FilterRules: NegationChar can be only used at the beginning of the filter",
            )
        if "*" in rule[:-1]:
            yield _invalid(
                field,
                f"{field} filter {rule} is invalid: cannot contain a wildcard character (*); "
                "FilterRules: WildcardChar can be only at the end of the filter",
            )


def _webhook_crash() -> ApiError:
    # KubeVirt 1.9 looks at the first character of a filter without asking whether there is one;
    # the panic closes the connection, which is all that the API server can tell.
    return call_failed(VALIDATOR, "/vm-clone-validate-create", "EOF")


def _reference_causes(
    source: Obj, target: Obj | None, of_source: Iterable[Cause]
) -> Iterator[Cause]:
    if source.get("kind") not in ("VirtualMachine", "VirtualMachineSnapshot"):
        yield _invalid("spec.Source.Kind", "Source kind is not supported")
    if target is not None and target.get("kind") != "VirtualMachine":
        yield _invalid("spec.Target.Kind", "Target kind is not supported")
    if not source.get("apiGroup"):
        yield _invalid("spec.Source.APIGroup", "Source's APIGroup cannot be empty")
    if not source.get("name"):
        yield _invalid("spec.Source.Name", "Source's name cannot be empty")
    yield from of_source
    if target is None:
        return
    kinds = {source.get("kind"), target.get("kind")}
    if kinds == {"VirtualMachine"} and source.get("name") == target.get("name"):
        message = "Target name cannot be equal to source name when both are VirtualMachines"
        yield _invalid("spec.target.name", message)


def _is_json(patch: str) -> bool:
    def refuse(constant: str) -> NoReturn:
        # NaN and Infinity: Python reads them, JSON has no such words.
        raise ValueError(constant)

    try:
        json.loads(patch, parse_constant=refuse)
    except (ValueError, RecursionError):
        return False
    return True
