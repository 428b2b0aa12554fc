"""The objects a sandbox starts with: reading seed files and creating what they hold.

The objects themselves are in the YAML files beside it, one family per file.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from kubevirt_sandbox.kubevirt.resources import Resource

if TYPE_CHECKING:
    from kubevirt_sandbox.kubevirt.api import Api

Obj = dict[str, Any]
SEED_DIRECTORY = Path(__file__).parent
DEFAULT_NAMESPACE = "default"
_Loader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@cache
def seed_names() -> tuple[str, ...]:
    """The names of the seeds that a sandbox begins with, such as ``vm-cirros``, sorted."""
    return tuple(sorted(path.stem for path in SEED_DIRECTORY.glob("*.yaml")))


@cache
def further_seed_names() -> tuple[str, ...]:
    """The names of those that one has to ask for, such as ``storage/quota-claims``, sorted.

    They need ``kubevirt`` and ``storage-classes``.
    """
    paths = SEED_DIRECTORY.glob("*/*.yaml")
    return tuple(sorted(f"{path.parent.name}/{path.stem}" for path in paths))


def load_seed(name_or_path: str | Path) -> list[Obj]:
    """The objects of a seed by its name, or of any YAML file (several documents) by its path.

    Raises OSError when the file can't be read, yaml.YAMLError or ValueError when it holds
    anything but objects with apiVersion, kind and metadata.name.
    """
    names = (*seed_names(), *further_seed_names())
    known = isinstance(name_or_path, str) and name_or_path in names
    return _packaged(str(name_or_path)) if known else _read(Path(name_or_path))


@cache
def _packaged(name: str) -> list[Obj]:
    """A seed of ours, read once in a process: it is not changed by those who plant it."""
    return _read(SEED_DIRECTORY / f"{name}.yaml")


def _read(path: Path) -> list[Obj]:
    objects = []
    with path.open(encoding="utf-8") as stream:
        for document in yaml.load_all(stream, Loader=_Loader):
            if document is not None:
                objects.extend(_checked(document, path))
    return objects


def _checked(document: Any, path: Path) -> list[Obj]:
    if isinstance(document, dict) and document.get("kind") == "List":
        return [obj for item in document.get("items") or [] for obj in _checked(item, path)]
    metadata = document.get("metadata") if isinstance(document, dict) else None
    if not isinstance(metadata, dict) or not metadata.get("name"):
        raise ValueError(f"{path}: not a Kubernetes object with a name")
    if not document.get("apiVersion") or not document.get("kind"):
        raise ValueError(f"{path}: an object needs apiVersion and kind")
    return [document]


def plant(api: Api, objects: Iterable[Obj]) -> None:
    """Creates seed objects through an API, with their status where they bring one.

    Raises ApiError when one is refused and ValueError for a kind that is not served.
    """
    for obj in objects:
        group = str(obj["apiVersion"]).rpartition("/")[0]
        served = api.catalogue.of_kind(group, obj["kind"])
        if served is None:
            raise ValueError(f"{obj['apiVersion']} {obj['kind']} is not served here")
        resource = Resource(group, served.storage_version, served.plural, served.kind)
        metadata = dict(obj["metadata"])
        if served.namespaced:
            metadata.setdefault("namespace", DEFAULT_NAMESPACE)
        stored = api.create(resource, {**obj, "metadata": metadata})
        if served.has_status and obj.get("status"):
            api.update(resource, {**stored, "status": obj["status"]}, "status")
