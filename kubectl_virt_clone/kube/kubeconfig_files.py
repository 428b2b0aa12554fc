"""What the kubeconfig files say together, read and judged as client-go does.

Which of their entries count, and what flags lay over them, is ``kubeconfig.py``'s.
"""

from __future__ import annotations

import codecs
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kubectl_virt_clone.errors import ConfigError, said_of
from kubectl_virt_clone.kube.connection import ConnectionFlags
from kubectl_virt_clone.objects.documents import values_in

# In a kubeconfig these are relative to the file that they stand in.
CLUSTER_PATHS = ("certificate-authority",)
USER_PATHS = ("client-certificate", "client-key", "tokenFile")

# The types of client-go's Config; every key is one of a mapping that has the key None.
_EXTENSIONS = [{"name": str}]
_CLUSTER = {
    **dict.fromkeys(("server", "tls-server-name", "proxy-url"), str),
    **dict.fromkeys(("certificate-authority", "certificate-authority-data"), str),
    **dict.fromkeys(("insecure-skip-tls-verify", "disable-compression"), bool),
    "extensions": _EXTENSIONS,
}
_EXEC = {
    **dict.fromkeys(("apiVersion", "command", "installHint", "interactiveMode"), str),
    "args": [str],
    "env": [{"name": str, "value": str}],
    "provideClusterInfo": bool,
}
_USER = {
    **dict.fromkeys(("client-certificate", "client-certificate-data"), str),
    **dict.fromkeys(("client-key", "client-key-data"), str),
    **dict.fromkeys(("token", "tokenFile", "username", "password", "as", "as-uid"), str),
    "as-groups": [str],
    "as-user-extra": {None: [str]},
    "auth-provider": {"name": str, "config": {None: str}},
    "exec": _EXEC,
    "extensions": _EXTENSIONS,
}
_CONTEXT = {**dict.fromkeys(("cluster", "user", "namespace"), str), "extensions": _EXTENSIONS}
_CONFIG = {
    **dict.fromkeys(("apiVersion", "kind", "current-context"), str),
    "preferences": {"colors": bool, "extensions": _EXTENSIONS},
    "clusters": [{"name": str, "cluster": _CLUSTER}],
    "users": [{"name": str, "user": _USER}],
    "contexts": [{"name": str, "context": _CONTEXT}],
    "extensions": _EXTENSIONS,
}
_WORDS = {dict: "object", list: "array", str: "string", bool: "bool"}


def merged(flags: ConnectionFlags, environ: Mapping[str, str]) -> dict[str, Any]:
    """Merge the kubeconfig files: the first that has a name, or a current context, wins.

    Raises ConfigError for a file that can't be read, or is no kubeconfig.
    """
    result: dict[str, Any] = {"clusters": {}, "users": {}, "contexts": {}, "user-files": {}}
    result["current-context"] = ""
    for path in _paths(flags, environ):
        document = _read(path)
        for section, key, paths in (
            ("clusters", "cluster", CLUSTER_PATHS),
            ("users", "user", USER_PATHS),
            ("contexts", "context", ()),
        ):
            for name, entry in _entries(path, document, section, key).items():
                result[section].setdefault(name, _absolute(entry, paths, path.absolute().parent))
                if section == "users":
                    result["user-files"].setdefault(name, path)
        current = document.get("current-context") or ""
        result["current-context"] = result["current-context"] or current
    return result


def _paths(flags: ConnectionFlags, environ: Mapping[str, str]) -> list[Path]:
    if flags.kubeconfig:
        path = Path(flags.kubeconfig)
        try:
            path.stat()
        except (OSError, ValueError) as error:
            raise ConfigError(f"stat {path}: {said_of(error)}") from error
        return [path]
    if listed := environ.get("KUBECONFIG"):
        return [Path(entry).absolute() for entry in listed.split(os.pathsep) if entry]
    # Not Path.home(), which fails for a user whom the machine doesn't know, as in containers.
    home = environ.get("HOME") or environ.get("USERPROFILE")
    return [(Path(home) / ".kube" / "config").absolute()] if home else []


def _read(path: Path) -> Mapping[str, Any]:
    try:
        documents = values_in(_text(path.read_bytes()))
        # As client-go, which reads no further than the first.
        return _judged(documents[0] if documents else None)
    except FileNotFoundError:
        return {}  # what KUBECONFIG lists need not be there
    except OSError as error:
        call = "read" if isinstance(error, IsADirectoryError) else "open"
        raise _unusable(path, f"{call} {path}: {said_of(error)}") from error
    except ValueError as error:
        raise _unusable(path, " ".join(str(error).split())) from error


def _text(data: bytes) -> str:
    """UTF-8, or UTF-16 with its mark, as PowerShell's ``>`` writes files."""
    wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return data.decode("utf-16" if wide else "utf-8")


def _judged(document: Any) -> Mapping[str, Any]:
    """A kubeconfig without what is of the wrong type; raises ValueError."""
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise ValueError("it holds no kubeconfig")
    judged: dict[str, Any] = _typed(document, _CONFIG, "")
    version, kind = judged.get("apiVersion") or "v1", judged.get("kind") or "Config"
    if (version, kind) != ("v1", "Config"):
        raise ValueError(f'no kind "{kind}" is registered for version "{version}"')
    return judged


def _typed(value: Any, shape: Any, place: str) -> Any:
    """The value with its items that are null made empty, as Go does.

    Raises ValueError where it is of another type than ``shape``: names its place, not its text,
    for it may be a secret. What client-go doesn't know has no shape, and is left as it is.
    """
    if value is None or shape is None:
        return value
    wanted: Any = shape if isinstance(shape, type) else type(shape)
    if not isinstance(value, wanted):
        found = _WORDS.get(type(value), "number")
        raise ValueError(f"{place[1:]} is of type {found}, not {_WORDS[wanted]}")
    if isinstance(shape, list):
        empty = shape[0]() if isinstance(shape[0], type) else {}
        return [empty if item is None else _typed(item, shape[0], place) for item in value]
    if isinstance(shape, dict):
        every = shape.get(None)
        return {
            key: _typed(item, shape.get(key, every), f"{place}.{key}")
            for key, item in value.items()
        }
    return value


def _entries(
    path: Path, document: Mapping[str, Any], section: str, key: str
) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for item in document.get(section) or ():
        name = item.get("name") or ""
        if name in found:  # which of the two is meant, nobody can know
            raise _unusable(path, f'duplicate name "{name}" in {section}')
        found[name] = item.get(key) or {}
    return found


def _unusable(path: Path, reason: str) -> ConfigError:
    return ConfigError(f'error loading config file "{path}": {reason}')


def _absolute(entry: dict[str, Any], keys: tuple[str, ...], folder: Path) -> dict[str, Any]:
    resolved = dict(entry)
    for key in keys:
        if entry.get(key):
            resolved[key] = str(folder / entry[key])
    plugin = entry.get("exec") or {}
    if os.sep in (plugin.get("command") or ""):
        resolved["exec"] = {**plugin, "command": str(folder / plugin["command"])}
    return resolved
