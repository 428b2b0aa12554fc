"""Discovery documents: which groups, versions and resources there are.

Schemas are in ``openapi``; routing to these documents is the server's.
"""

from __future__ import annotations

from typing import Any

from kubevirt_sandbox.storage.resources import Catalogue, ResourceType

Obj = dict[str, Any]

AGGREGATED = "APIGroupDiscoveryList"
AGGREGATED_FORMS = (
    (AGGREGATED, "apidiscovery.k8s.io", "v2"),
    (AGGREGATED, "apidiscovery.k8s.io", "v2beta1"),
)
_STATUS_VERBS = ["get", "patch", "update"]


def api_versions(address: str) -> Obj:
    """The answer of /api; ``address`` is host:port."""
    return {
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}],
    }


def group_list(catalogue: Catalogue) -> Obj:
    """The answer of /apis."""
    groups = [_group(group, versions) for group, versions in catalogue.groups().items() if group]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}


def group(catalogue: Catalogue, name: str) -> Obj | None:
    """The answer of /apis/GROUP, or None for a group that isn't served."""
    versions = catalogue.groups().get(name)
    if not name or versions is None:
        return None
    return {"kind": "APIGroup", "apiVersion": "v1", **_group(name, versions)}


def resource_list(catalogue: Catalogue, name: str, version: str) -> Obj | None:
    """The answer of /apis/GROUP/VERSION or /api/v1, or None when it isn't served."""
    if version not in catalogue.groups().get(name, ()):
        return None
    resources: list[Obj] = []
    for item in catalogue:
        if item.group == name and version in item.versions:
            resources.extend(_entries(item))
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": f"{name}/{version}" if name else version,
        "resources": resources,
    }


def aggregated(catalogue: Catalogue, core: bool, version: str) -> Obj:
    """The answer of /api or /apis in one document with all resources (v2 or v2beta1)."""
    items = [
        {
            "metadata": {"name": name, "creationTimestamp": None},
            "versions": [_discovered(catalogue, name, item) for item in versions],
        }
        for name, versions in catalogue.groups(by_name=True).items()
        if (name == "") == core
    ]
    return {
        "kind": AGGREGATED,
        "apiVersion": f"apidiscovery.k8s.io/{version}",
        "metadata": {},
        "items": items,
    }


def _group(name: str, versions: tuple[str, ...]) -> Obj:
    listed = [{"groupVersion": f"{name}/{item}", "version": item} for item in versions]
    return {"name": name, "versions": listed, "preferredVersion": listed[0]}


def _entries(item: ResourceType) -> list[Obj]:
    entry: Obj = {
        "name": item.plural,
        "singularName": item.singular,
        "namespaced": item.namespaced,
        "kind": item.kind,
        "verbs": list(item.verbs),
    }
    if item.short_names:
        entry["shortNames"] = list(item.short_names)
    if item.categories:
        entry["categories"] = list(item.categories)
    entries = [entry]
    if item.has_status:
        entries.append(
            {
                "name": f"{item.plural}/status",
                "singularName": "",
                "namespaced": item.namespaced,
                "kind": item.kind,
                "verbs": _STATUS_VERBS,
            }
        )
    return entries


def _discovered(catalogue: Catalogue, name: str, version: str) -> Obj:
    resources = [
        _discovered_resource(item, version)
        for item in catalogue
        if item.group == name and version in item.versions
    ]
    return {"version": version, "resources": resources, "freshness": "Current"}


def _discovered_resource(item: ResourceType, version: str) -> Obj:
    kind = {"group": item.group, "version": version, "kind": item.kind}
    entry: Obj = {
        "resource": item.plural,
        "responseKind": kind,
        "scope": "Namespaced" if item.namespaced else "Cluster",
        "singularResource": item.singular,
        "verbs": list(item.verbs),
    }
    if item.short_names:
        entry["shortNames"] = list(item.short_names)
    if item.categories:
        entry["categories"] = list(item.categories)
    if item.has_status:
        status = {"subresource": "status", "responseKind": kind, "verbs": _STATUS_VERBS}
        entry["subresources"] = [status]
    return entry
