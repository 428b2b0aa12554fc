"""The releases of KubeVirt that the sandbox can stand for: what each serves, checks and waits for.

Data only, read from KubeVirt's source at each tag and recorded on live clusters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kubevirt_sandbox.kubevirt.resources import CLONES
from kubevirt_sandbox.storage.resources import Catalogue, default_catalogue, packaged_crds
from kubevirt_sandbox.storage.store import copy_json

Obj = dict[str, Any]


@dataclass(frozen=True)
class Release:
    """One release, by what tells it from the newest; ``clone_versions`` has the stored one first.

    ``absent`` are the fields of a clone's spec that its schema lacks.
    """

    name: str
    clone_versions: tuple[str, ...] = ("v1beta1", "v1alpha1")
    absent: frozenset[str] = frozenset()
    beta_gates_on: bool = True
    """From 1.9 a Beta gate is on unless it is disabled; before, it had to be listed."""
    marks_claims: bool = True
    """From 1.6 a restored claim has restore.kubevirt.io/lastRestoreUID, as its VM has. Recorded."""
    explains_snapshots: bool = True
    """From 1.5 a snapshot says why it can't lock its source. Read, and recorded of 1.9."""
    indicates: bool = True
    """From 1.7 a snapshot says in ``sourceIndications`` how consistent it is. Read as well."""
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
RELEASES = {
    "1.4": Release(
        "1.4",
        clone_versions=("v1alpha1",),
        absent=frozenset({"patches", "volumeNamePolicy"}),
        beta_gates_on=False,
        marks_claims=False,
        explains_snapshots=False,
        indicates=False,
        waits_for_source=False,
    ),
    "1.6": Release(
        "1.6", absent=frozenset({"volumeNamePolicy"}), beta_gates_on=False, indicates=False
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
    if release == NEWEST or crd["metadata"]["name"] != CLONES.qualified:
        return crd
    older: Obj = copy_json(crd)
    versions = [
        item for item in older["spec"]["versions"] if item["name"] in release.clone_versions
    ]
    for item in versions:
        item["storage"] = item["name"] == release.clone_versions[0]
        properties = item["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
        for name in release.absent:
            properties.pop(name, None)
    older["spec"]["versions"] = versions
    return older
