"""krew's own rules and its way to install, read from its validate, downloader, move and install.

``refusals`` says what krew and its index refuse of a manifest; ``install`` lays an archive as krew.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

Json = dict[str, Any]

PLATFORMS = [
    *(("windows", arch) for arch in ("386", "amd64", "arm64")),
    *(("linux", arch) for arch in ("386", "amd64", "arm", "arm64", "ppc64le")),
    *(("darwin", arch) for arch in ("386", "amd64", "arm64")),
]
DEVICES = {
    *("CON", "PRN", "AUX", "NUL"),
    *(f"{port}{n}" for port in ("COM", "LPT") for n in range(1, 10)),
}
LICENCES = {
    *("license", "license.txt", "license.md", "licenses", "licenses.txt", "licenses.md"),
    *("copying", "copying.txt"),
}
SEMVER = r"v(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?"
LONGEST_DESCRIPTION = 50


class Refused(Exception):
    """krew would not install it."""


def refusals(plugin: Json) -> list[str]:
    """What krew, its validate-krew-manifest and its reviewers have against a manifest."""
    name, spec = plugin["metadata"]["name"], plugin["spec"]
    short, platforms = spec.get("shortDescription", ""), spec.get("platforms") or []
    rules = {
        "apiVersion": plugin["apiVersion"] == "krew.googlecontainertools.github.com/v1alpha2",
        "kind": plugin["kind"] == "Plugin",
        "name": bool(re.fullmatch(r"[\w-]+", name, re.ASCII)) and name.upper() not in DEVICES,
        "kebab-case": bool(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name)),
        "version": bool(re.fullmatch(SEMVER, spec.get("version", ""))),
        "shortDescription": 0 < len(short) <= LONGEST_DESCRIPTION
        and not re.search(r"[\r\n]", short),
        "description": all(len(line) <= 80 for line in spec.get("description", "").splitlines()),
        "homepage": spec.get("homepage", "").startswith("https://"),
        "platforms": bool(platforms),
        "overlap": all(sum(matches(p, *pair) for p in platforms) <= 1 for pair in PLATFORMS),
    }
    return [
        *(rule for rule, kept in rules.items() if not kept),
        *(f"platform {i}: {what}" for i, p in enumerate(platforms) for what in _against(p)),
    ]


def _against(platform: Json) -> Iterator[str]:
    files = platform.get("files", [{"from": "*", "to": "."}])
    selector = platform.get("selector") or {}
    keys = {
        *selector.get("matchLabels", {}),
        *(e["key"] for e in selector.get("matchExpressions", ())),
    }
    rules = {
        "uri": re.search(r"\.(zip|tar\.gz)$", platform.get("uri", "")) is not None,
        "sha256": re.fullmatch("[a-f0-9]{64}", platform.get("sha256", "")) is not None,
        "bin": bool(platform.get("bin")) and _stays_below(platform["bin"]),
        "files": bool(files) and all(op.get("from") and op.get("to") for op in files),
        "clean": all(os.path.normpath(op["to"]) == op["to"] for op in files if op.get("to")),
        "selector": bool(keys) and keys <= {"os", "arch"},
        "matches": any(matches(platform, *pair) for pair in PLATFORMS),
    }
    return (rule for rule, kept in rules.items() if not kept)


def matches(platform: Json, os_name: str, arch: str) -> bool:
    """Whether the platform's selector takes this system."""
    has = {"os": os_name, "arch": arch}
    selector = platform.get("selector") or {}
    operators: dict[str, Callable[[Json], bool]] = {
        "In": lambda e: has[e["key"]] in e["values"],
        "NotIn": lambda e: has[e["key"]] not in e["values"],
    }
    return all(has.get(k) == v for k, v in selector.get("matchLabels", {}).items()) and all(
        operators[e["operator"]](e) for e in selector.get("matchExpressions", ())
    )


def install(plugin: Json, archive: Path, root: Path, system: tuple[str, str]) -> Path:
    """Install into a root as ``krew install --archive`` does; returns its bin, for the PATH.

    Raises Refused where krew would end with an error.
    """
    platform = next((p for p in plugin["spec"]["platforms"] if matches(p, *system)), None)
    if platform is None:
        raise Refused("does not offer installation for this platform")
    data = archive.read_bytes()
    if hashlib.sha256(data).hexdigest() != platform["sha256"]:
        raise Refused("checksum does not match")
    name, version = plugin["metadata"]["name"], plugin["spec"]["version"]
    staging, store = root / "staging", root / "store" / name / version
    _extract(data, staging)
    store.mkdir(parents=True)
    for operation in platform.get("files", [{"from": "*", "to": "."}]):
        _move(staging, store, operation)
    program = store / platform["bin"]
    if not program.exists():
        raise Refused("source binary cannot be found in extracted archive")
    if not any(path.name.lower() in LICENCES for path in store.rglob("*") if path.is_file()):
        raise Refused("could not find license file")
    (root / "bin").mkdir()
    suffix = ".exe" if system[0] == "windows" else ""
    (root / "bin" / f"kubectl-{name.replace('-', '_')}{suffix}").symlink_to(program)
    return root / "bin"


def _extract(data: bytes, folder: Path) -> None:
    for name, mode, content in entries(data):
        if ".." in name or name.startswith(("/", "\\")):
            raise Refused(f'suspicious entry "{name}"')
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(mode)


def entries(data: bytes) -> Iterator[tuple[str, int, bytes]]:
    """Name, mode and content of each file in an archive, which krew knows by its first bytes."""
    return _zipped(data) if data[:2] == b"PK" else _tarred(data)


def _tarred(data: bytes) -> Iterator[tuple[str, int, bytes]]:
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as tar:
        for entry in tar:
            stream = tar.extractfile(entry) if entry.isfile() else None
            if stream is not None:
                yield entry.name, entry.mode, stream.read()
            elif not entry.isdir():
                raise Refused(
                    f'unable to handle file type {entry.type!r} for "{entry.name}" in tar'
                )


def _zipped(data: bytes) -> Iterator[tuple[str, int, bytes]]:
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        for entry in packed.infolist():
            if not entry.is_dir():
                yield entry.filename, entry.external_attr >> 16, packed.read(entry)


def _move(staging: Path, store: Path, operation: dict[str, str]) -> None:
    source, to = operation["from"], operation["to"]
    if not _stays_below(source) or not _stays_below(to):
        raise Refused("move target is not a subpath")
    if (staging / source).exists():
        target = store / (PurePosixPath(source).name if to == "." else to)
        target.parent.mkdir(parents=True, exist_ok=True)
        (staging / source).rename(target)
        return
    found = list(staging.glob(source))
    if not found:
        raise Refused(f"no files in the plugin archive matched the glob pattern={source}")
    (store / to).mkdir(parents=True, exist_ok=True)
    for path in found:
        path.rename(store / to / path.name)


def _stays_below(path: str) -> bool:
    return not os.path.isabs(path) and not os.path.normpath(path).startswith("..")
