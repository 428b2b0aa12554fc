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
NAMED_DIRECTORY = SEED_DIRECTORY / "named"
"""Seeds that are planted only where somebody names them: they would stand in others' way."""
DEFAULT_NAMESPACE = "default"
_Loader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@cache
def seed_names() -> tuple[str, ...]:
    """The names of the seeds that come with the sandbox, such as ``vm-cirros``, sorted."""
    return _stems(SEED_DIRECTORY)


@cache
def named_seeds() -> tuple[str, ...]:
    """The names of those that come with it too, but are not among what it starts with."""
    return _stems(NAMED_DIRECTORY)


def _stems(directory: Path) -> tuple[str, ...]:
    return tuple(sorted(path.stem for path in directory.glob("*.yaml")))


def load_seed(name_or_path: str | Path) -> list[Obj]:
    """The objects of a seed by its name, or of any YAML file (several documents) by its path.

    Raises OSError when the file can't be read, yaml.YAMLError or ValueError when it holds
    anything but objects with apiVersion, kind and metadata.name.
    """
    known = isinstance(name_or_path, str) and name_or_path in (*seed_names(), *named_seeds())
    return _packaged(str(name_or_path)) if known else _read(Path(name_or_path))


@cache
def _packaged(name: str) -> list[Obj]:
    """A seed of ours, read once in a process: it is not changed by those who plant it."""
    directory = SEED_DIRECTORY if name in seed_names() else NAMED_DIRECTORY
    return _read(directory / f"{name}.yaml")


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
