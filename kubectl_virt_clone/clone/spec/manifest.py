"""A clone and its manifest: what the user requested, and its form on the wire.

The only place where our names become the API's; nothing here sends it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from kubectl_virt_clone.clone.api import (
    CLONE_GROUP,
    CLONE_VERSIONS,
    CLONES,
    FIELD_SINCE,
    VIRTUAL_MACHINES,
    Reference,
    named,
)
from kubectl_virt_clone.clone.spec.filters import check_filters
from kubectl_virt_clone.clone.spec.patches import dashed, decoded
from kubectl_virt_clone.errors import InvalidValue, ManifestError
from kubectl_virt_clone.objects.fields import Object, at, copied, mapping_at, text_at

_SUFFIX_LENGTH = 5
# Kubernetes' alphabet for generated names: no vowels, no characters that look alike.
_SUFFIX_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"

Choose = Callable[[str], str]


@dataclass(frozen=True)
class CloneRequest:
    """What ``create`` was asked for; None leaves a field out of the spec.

    ``new_mac_addresses`` holds (interface, dashed address) pairs, ``patches`` the text of one JSON
    Patch operation each. An empty ``name`` is generated; KubeVirt chooses an empty ``target``.
    """

    source: Reference
    name: str = ""
    namespace: str = ""
    target: str = ""
    label_filters: tuple[str, ...] | None = None
    annotation_filters: tuple[str, ...] | None = None
    template_label_filters: tuple[str, ...] | None = None
    template_annotation_filters: tuple[str, ...] | None = None
    new_mac_addresses: tuple[tuple[str, str], ...] = ()
    new_smbios_serial: str | None = None
    patches: tuple[str, ...] = ()
    volume_name_policy: str | None = None


def generated_name(choose: Choose, prefix: str = "clone-") -> str:
    """``clone-<5 characters>``, as virtctl names clones; ``choose`` picks a character."""
    return prefix + "".join(choose(_SUFFIX_ALPHABET) for _ in range(_SUFFIX_LENGTH))


def chosen_name(clone: Object, *, choose: Choose) -> Object:
    """The clone with a name of our own instead of one that the server would generate.

    With a name, a creation whose answer was lost can be retried without making a second clone.
    """
    metadata = mapping_at(clone, "metadata")
    if metadata.get("name") or not metadata.get("generateName"):
        return clone
    name = generated_name(choose, str(metadata["generateName"]))
    return {**clone, "metadata": {**metadata, "name": name}}


def build_clone(request: CloneRequest, *, choose: Choose) -> dict[str, Any]:
    """The manifest for ``request``, with its keys in the order that a person would write."""
    metadata = {"name": request.name or generated_name(choose)}
    if request.namespace:
        metadata["namespace"] = request.namespace
    head = {"apiVersion": CLONES.api_version, "kind": CLONES.kind}
    return {**head, "metadata": metadata, "spec": _spec(request)}


def _spec(request: CloneRequest) -> dict[str, Any]:
    spec: dict[str, Any] = {"source": request.source.typed}
    if request.target:
        spec["target"] = Reference(VIRTUAL_MACHINES, request.target).typed
    template = _given(
        labelFilters=request.template_label_filters,
        annotationFilters=request.template_annotation_filters,
    )
    return spec | _given(
        labelFilters=request.label_filters,
        annotationFilters=request.annotation_filters,
        template=template or None,
        newMacAddresses=dict(request.new_mac_addresses) or None,
        newSMBiosSerial=request.new_smbios_serial,
        patches=request.patches or None,
        volumeNamePolicy=request.volume_name_policy,
    )


def _given(**fields: Any) -> dict[str, Any]:
    return {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in fields.items()
        if value is not None
    }


def read_clone(document: object) -> dict[str, Any]:
    """Check one document of a manifest file; return a copy that can be sent.

    Rewrites MAC addresses with dashes (see ``patches.dashed``). Raises ManifestError if it is not a
    VirtualMachineClone of a known version, if the clone's webhook would refuse a filter or patch,
    and if a MAC address is malformed.
    """
    if not isinstance(document, Mapping):
        raise ManifestError("the document is not a Kubernetes object")
    kind, api_version = document.get("kind"), document.get("apiVersion") or ""
    if not kind:
        raise ManifestError("Object 'Kind' is missing in the document")
    if kind != CLONES.kind or api_version not in _API_VERSIONS:
        raise ManifestError(
            f'expected kind "{CLONES.kind}" in {" or ".join(_API_VERSIONS)},'
            f' found kind "{kind}" in "{api_version}"'
        )
    clone: dict[str, Any] = copied(dict(document))
    clone["metadata"] = dict(mapping_at(clone, "metadata"))
    if not text_at(clone, "metadata", "name") and not text_at(clone, "metadata", "generateName"):
        raise ManifestError(f"{CLONES.kind} has no metadata.name and no metadata.generateName")
    try:
        _check_spec(clone)
    except InvalidValue as error:
        raise ManifestError(f"{named(clone)}: {error.reason}") from error
    return clone


_API_VERSIONS = tuple(f"{CLONE_GROUP}/{version}" for version in CLONE_VERSIONS)


def _check_spec(clone: dict[str, Any]) -> None:
    spec = clone.get("spec")
    if not isinstance(spec, dict):
        return  # the server says what is missing
    for path in (("spec",), ("spec", "template")):
        for key in ("labelFilters", "annotationFilters"):
            filters = at(clone, *path, key)
            if isinstance(filters, list) and all(isinstance(item, str) for item in filters):
                _located(".".join((*path, key)), check_filters, filters)
    patches = spec.get("patches")
    # JSON that is not an operation passes the webhook and hangs the restore; that is a finding.
    for index, patch in enumerate(patches if isinstance(patches, list) else ()):
        if isinstance(patch, str):
            _located(f"spec.patches[{index}]", decoded, patch)
    macs = spec.get("newMacAddresses")
    if isinstance(macs, dict):
        spec["newMacAddresses"] = {
            interface: _located(f"spec.newMacAddresses.{interface}", dashed, address)
            if isinstance(address, str) and address
            else address
            for interface, address in macs.items()
        }


def _located(path: str, check: Callable[[Any], Any], value: object) -> Any:
    try:
        return check(value)
    except InvalidValue as error:
        raise InvalidValue(f"{path}: {error.reason}") from error


def unserved_fields(clone: Object, fields: frozenset[str] | None) -> list[tuple[str, str]]:
    """Fields of the clone's spec that the server lacks, each with the release that introduced it.

    ``fields`` are those of the server's schema; if it is None (unknown), the result is empty. A
    field that no release has is not included: the server refuses it by name.
    """
    spec = mapping_at(clone, "spec")
    return [
        (field, release)
        for field, release in FIELD_SINCE.items()
        if fields is not None and field in spec and field not in fields
    ]
