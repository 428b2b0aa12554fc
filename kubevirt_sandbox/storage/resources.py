"""Which resources are served: ResourceType for each, read from CRDs and from the built-ins.

Names and schemas only; objects, verbs and URLs are elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources as package_files
from typing import Any

import yaml

from kubevirt_sandbox.storage.builtins import BUILTINS, Builtin

Obj = dict[str, Any]
TypeKey = str

CUSTOM_VERBS = ("delete", "deletecollection", "get", "list", "patch", "create", "update", "watch")
READ_VERBS = ("get", "list", "watch")
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Column:
    """One additionalPrinterColumn: what a server-side table shows after NAME."""

    name: str
    type: str
    json_path: str
    description: str = ""
    priority: int = 0
    format: str = ""


@dataclass(frozen=True)
class ResourceType:
    """One served resource; ``versions`` has the preferred one first."""

    group: str
    versions: tuple[str, ...]
    storage_version: str
    plural: str
    singular: str
    kind: str
    list_kind: str
    short_names: tuple[str, ...]
    categories: tuple[str, ...]
    namespaced: bool
    verbs: tuple[str, ...]
    has_status: bool
    columns: tuple[Column, ...]
    schema: Mapping[str, Any] = field(repr=False, compare=False)
    custom: bool = True
    deprecations: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)

    @property
    def key(self) -> TypeKey:
        """``plural.group``; the bare plural in the core group."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def api_version(self) -> str:
        """The apiVersion in which objects are stored."""
        return self.api_version_of(self.storage_version)

    def api_version_of(self, version: str) -> str:
        """``group/version``; the bare version in the core group."""
        return f"{self.group}/{version}" if self.group else version


class Catalogue:
    """All served resources, by type key and by (group, plural)."""

    def __init__(self, types: Iterable[ResourceType], crds: Iterable[Obj] = ()) -> None:
        self.by_key: dict[TypeKey, ResourceType] = {item.key: item for item in types}
        self.crds = list(crds)

    def __getitem__(self, key: TypeKey) -> ResourceType:
        return self.by_key[key]

    def __iter__(self) -> Iterator[ResourceType]:
        return iter(self.by_key.values())

    def find(self, group: str, plural: str) -> ResourceType | None:
        """The resource of this group and plural, in whatever version."""
        return self.by_key.get(f"{plural}.{group}" if group else plural)

    def of_kind(self, group: str, kind: str) -> ResourceType | None:
        """The resource whose objects are of this kind; None when nothing serves it."""
        for item in self:
            if item.group == group and item.kind == kind:
                return item
        return None

    def add(self, crd: Obj) -> None:
        """Serves what a CustomResourceDefinition defines, from now on."""
        item = from_crd(crd)
        self.by_key[item.key] = item
        self.crds = [*(old for old in self.crds if _name(old) != item.key), crd]

    def remove(self, key: TypeKey) -> None:
        """Serves a custom resource no more."""
        self.by_key.pop(key, None)
        self.crds = [crd for crd in self.crds if _name(crd) != key]

    def groups(self, *, by_name: bool = False) -> dict[str, tuple[str, ...]]:
        """Group → its versions, preferred first; the core group is the empty string.

        Those of CRDs come last, in the order of the names of their APIServices, which begin with
        the version; ``by_name``: in that of their own, as the one document has them.
        """
        found: dict[str, list[str]] = {}
        custom = {item.group for item in self} - {item.group for item in self if not item.custom}
        for item in self:
            versions = found.setdefault(item.group, [])
            versions.extend(v for v in item.versions if v not in versions)

        def place(group: str) -> tuple[bool, str]:
            service = group if by_name else f"{min(found[group])}.{group}"
            return group in custom, service if group in custom else ""

        return {group: tuple(found[group]) for group in sorted(found, key=place)}


def _name(crd: Obj) -> str:
    name: str = crd["metadata"]["name"]
    return name


def _columns(version: Obj) -> tuple[Column, ...]:
    declared = version.get("additionalPrinterColumns")
    if not declared:
        # A CRD without columns of its own gets AGE; one that declares any does not.
        return (Column("Age", "date", ".metadata.creationTimestamp"),)
    return tuple(
        Column(
            item["name"],
            item["type"],
            item["jsonPath"],
            item.get("description", ""),
            item.get("priority", 0),
            item.get("format", ""),
        )
        for item in declared
    )


def from_crd(crd: Obj) -> ResourceType:
    """The ResourceType that a CustomResourceDefinition object defines."""
    spec = crd["spec"]
    names = spec["names"]
    served = sorted(
        (item for item in spec["versions"] if item["served"]),
        key=lambda item: version_priority(item["name"]),
        reverse=True,
    )
    storage = next(item for item in spec["versions"] if item["storage"])
    return ResourceType(
        group=spec["group"],
        versions=tuple(item["name"] for item in served),
        storage_version=storage["name"],
        plural=names["plural"],
        singular=names["singular"],
        kind=names["kind"],
        list_kind=names["listKind"],
        short_names=tuple(names.get("shortNames", ())),
        categories=tuple(names.get("categories", ())),
        namespaced=spec["scope"] == "Namespaced",
        verbs=CUSTOM_VERBS,
        has_status="status" in storage.get("subresources", {}),
        columns=_columns(storage),
        schema=storage["schema"]["openAPIV3Schema"],
        deprecations={
            item["name"]: item["deprecationWarning"]
            for item in served
            if item.get("deprecated") and "deprecationWarning" in item
        },
    )


def version_priority(version: str) -> tuple[int, int, int]:
    """Kubernetes' order of versions: v2 > v1 > v1beta2 > v1beta1 > v1alpha1."""
    stages = {"": 3, "beta": 2, "alpha": 1}
    for stage in ("alpha", "beta"):
        major, found, minor = version.lstrip("v").partition(stage)
        if found:
            return stages[stage], int(major), int(minor)
    return stages[""], int(version.lstrip("v")), 0


def from_builtin(item: Builtin) -> ResourceType:
    """The ResourceType of a resource that the API server itself defines."""
    return ResourceType(
        group=item.group,
        versions=("v1",),
        storage_version="v1",
        plural=item.plural,
        singular=item.kind.lower(),
        kind=item.kind,
        list_kind=f"{item.kind}List",
        short_names=item.short_names,
        categories=item.categories,
        namespaced=item.namespaced,
        verbs=item.verbs,
        has_status=item.has_status,
        columns=tuple(Column(*column) for column in item.columns),
        schema=item.schema,
        custom=item.custom,
    )


@cache
def packaged_crds() -> tuple[Obj, ...]:
    """The CustomResourceDefinitions of the package's ``crds`` folder; treat as read-only."""
    folder = package_files.files(__package__).joinpath("crds")
    files = sorted(
        (item for item in folder.iterdir() if item.name.endswith(".yaml")),
        key=lambda item: item.name,
    )
    return tuple(yaml.load(item.read_text("utf-8"), Loader=_LOADER) for item in files)  # noqa: S506


def default_catalogue(crds: Sequence[Obj] | None = None) -> Catalogue:
    """The built-ins and the resources of the given CRDs; of the packaged ones (1.9) if None."""
    crds = packaged_crds() if crds is None else crds
    return Catalogue([*map(from_builtin, BUILTINS), *map(from_crd, crds)], crds)
