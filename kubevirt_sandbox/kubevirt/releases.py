"""The releases of KubeVirt that the sandbox can stand for: what each serves, checks and waits for.

Data only, read from KubeVirt's source at each tag and recorded on live clusters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kubevirt_sandbox.kubevirt.resources import CLONES, RESTORES, SNAPSHOTS
from kubevirt_sandbox.storage.resources import Catalogue, default_catalogue, packaged_crds
from kubevirt_sandbox.storage.store import copy_json

Obj = dict[str, Any]


@dataclass(frozen=True)
class Release:
    """One release, by what tells it from the newest; ``clone_versions`` has the stored one first.

    ``absent`` are the fields that a schema lacks, by the resource's qualified name and the path of
    what holds them.
    """

    name: str
    clone_versions: tuple[str, ...] = ("v1beta1", "v1alpha1")
    absent: Mapping[tuple[str, str], frozenset[str]] = field(default_factory=dict)
    beta_gates_on: bool = True
    """From 1.9 a Beta gate is on unless it is disabled; before, it had to be listed."""
    marks_claims: bool = True
    """From 1.6 a restored claim has restore.kubevirt.io/lastRestoreUID, as its VM has. Recorded."""
    explains_snapshots: bool = True
    """From 1.5 a snapshot says why it can't lock its source. Read, and recorded of 1.9."""
    indicates: bool = True
    """From 1.7 a snapshot says in ``sourceIndications`` how consistent it is. Read as well."""
    generates_firmware: bool = True
    """From 1.6 a VM gets a firmware serial and uuid, and its template a PCI topology. Recorded."""
    null_timestamps: bool = False
    """Before 1.9 the metadata within a VM's spec have ``creationTimestamp: null``. Recorded."""
    waits_for_source: bool = True
    """From 1.5 a clone waits for its source; before, the webhooks refused what could not work."""

    @property
    def version(self) -> str:
        """``status.observedKubeVirtVersion`` of the KubeVirt object."""
        return f"v{self.name}.0"

    @property
    def clone_api_version(self) -> str:
        """The apiVersion in which clones are stored."""
        return f"{CLONES.group}/{self.clone_versions[0]}"


NEWEST = Release("1.9")
_SINCE_1_9 = {
    (CLONES.qualified, "spec"): frozenset({"volumeNamePolicy"}),
    (RESTORES.qualified, "spec"): frozenset({"volumeOwnershipPolicy"}),
    (SNAPSHOTS.qualified, "status"): frozenset({"sourceIndications"}),
}
_SINCE_1_6 = {
    **_SINCE_1_9,
    (CLONES.qualified, "spec"): frozenset({"patches", "volumeNamePolicy"}),
    (RESTORES.qualified, "spec"): frozenset(
        {
            *("targetReadinessPolicy", "volumeOwnershipPolicy"),
            *("volumeRestoreOverrides", "volumeRestorePolicy"),
        }
    ),
}
_ERROR_COLUMN = {"jsonPath": ".status.error.message", "name": "Error", "type": "string"}
RELEASES = {
    "1.4": Release(
        "1.4",
        clone_versions=("v1alpha1",),
        absent=_SINCE_1_6,
        beta_gates_on=False,
        marks_claims=False,
        explains_snapshots=False,
        indicates=False,
        generates_firmware=False,
        null_timestamps=True,
        waits_for_source=False,
    ),
    "1.6": Release(
        "1.6", absent=_SINCE_1_9, beta_gates_on=False, indicates=False, null_timestamps=True
    ),
    "1.9": NEWEST,
}
"""By the name that ``sandbox --kubevirt`` takes."""


def release_named(name: str) -> Release:
    """The release, or ValueError when the sandbox can't stand for it."""
    if name not in RELEASES:
        raise ValueError(f"KubeVirt {name} is none of {', '.join(RELEASES)}")
    return RELEASES[name]


def catalogue_of(release: Release) -> Catalogue:
    """The resources that a cluster with this release serves."""
    return default_catalogue([_as_of(release, crd) for crd in packaged_crds()])


def _as_of(release: Release, crd: Obj) -> Obj:
    if release == NEWEST:
        return crd
    older: Obj = copy_json(crd)
    name = older["metadata"]["name"]
    if name == CLONES.qualified:
        older["spec"]["versions"] = [
            {**item, "storage": item["name"] == release.clone_versions[0]}
            for item in older["spec"]["versions"]
            if item["name"] in release.clone_versions
        ]
    for item in older["spec"]["versions"]:
        properties = item["schema"]["openAPIV3Schema"]["properties"]
        for (resource, part), fields in release.absent.items():
            for absent in fields if resource == name else ():
                properties[part]["properties"].pop(absent)
        if name == RESTORES.qualified and not release.waits_for_source:
            item["additionalPrinterColumns"].append(_ERROR_COLUMN)
    return older
