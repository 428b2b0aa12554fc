"""Kubeconfig files and flags become one connection, by kubectl's rules.

No credential is read or made here; that is ``auth.py``'s.
"""

from __future__ import annotations

import codecs
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from kubectl_virt_clone.errors import ConfigError, InvalidConfig, said_of
from kubectl_virt_clone.kube.connection import ConnectionFlags
from kubectl_virt_clone.objects.documents import values_in

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
DEFAULT_SERVER = "http://localhost:8080"  # kubectl's, where no kubeconfig names another

_AUTHORITY = ("certificate-authority", "certificate-authority-data")
_HEADER_CHARACTERS = "!#$&'*+^`|"  # beside letters, digits and _.-~; client-go escapes all others
_IMPERSONATED_WITH = ("as-uid", "as-groups", "as-user-extra")
GROUP = "client.authentication.k8s.io"
VERSIONS = (f"{GROUP}/v1", f"{GROUP}/v1beta1")
NEVER, IF_AVAILABLE, ALWAYS = MODES = ("Never", "IfAvailable", "Always")
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


@dataclass(frozen=True)
class Connection:
    """One cluster, one user, one namespace: kubeconfig entries with the flags laid over them.

    ``cluster`` and ``user`` have a kubeconfig's own keys, with every path absolute; ``context`` is
    the name of the one that was chosen, if any was; ``user_file`` holds the entry ``user_name``.
    """

    cluster: Mapping[str, Any] = field(repr=False)
    user: Mapping[str, Any] = field(repr=False)
    namespace: str = "default"
    context: str = field(default="", compare=False, repr=False)
    user_name: str = field(default="", compare=False, repr=False)
    user_file: Path | None = field(default=None, compare=False, repr=False)

    @property
    def impersonation(self) -> list[tuple[str, str]]:
        """The impersonation headers, in order; a group is repeated, not joined."""
        user = self.user
        headers = [("Impersonate-User", user["as"])] if user.get("as") else []
        headers += [("Impersonate-Uid", user["as-uid"])] if user.get("as-uid") else []
        headers += [("Impersonate-Group", group) for group in user.get("as-groups") or ()]
        for key, values in (user.get("as-user-extra") or {}).items():
            name = f"Impersonate-Extra-{quote(key, safe=_HEADER_CHARACTERS)}"
            headers += [(name, value) for value in values or ()]
        return headers


def resolve(flags: ConnectionFlags, environ: Mapping[str, str]) -> Connection:
    """Find the connection that kubectl would use with the same flags and environment.

    Raises ConfigError for a file that can't be read and for a name that no file has.
    """
    config = _merged(flags, environ)
    name = flags.context or config["current-context"]
    if name and name not in config["contexts"]:
        raise InvalidConfig(f"context was not found for specified context: {name}")
    context = config["contexts"].get(name, {})
    cluster_name = flags.cluster or context.get("cluster") or ""
    user_name = flags.user or context.get("user") or ""
    cluster = _entry(config["clusters"], cluster_name, "no server found for cluster {}")
    user = _entry(config["users"], user_name, "auth info {} does not exist")
    namespace = context.get("namespace") or "default"
    if not (context or flags.server or flags.cluster) and _inside_a_pod(environ):
        cluster, user, namespace = _pod(environ)
    connection = Connection(
        cluster=_with_cluster_flags(cluster, flags),
        user=_with_user_flags(user, flags),
        namespace=flags.namespace or namespace,
        context=name,
        user_name=user_name,
        user_file=config["user-files"].get(user_name),
    )
    _check_readable(connection.cluster, CLUSTER_PATHS)
    _check_readable(connection.user, USER_PATHS)
    _check_methods(connection.user, user_name)
    return connection


def _check_methods(user: Mapping[str, Any], name: str) -> None:
    """Refuse, in kubectl's words, what is contradictory or incomplete."""
    if not user.get("as") and any(user.get(key) for key in _IMPERSONATED_WITH):
        raise ConfigError(
            f"requesting uid, groups or user-extra for {name} without impersonating a user"
        )
    if user.get("token") and (user.get("username") or user.get("password")):
        raise ConfigError(
            f"more than one authentication method found for {name}; found [token basicAuth], only"
            " one is allowed"
        )
    certificate, key = (
        any(user.get(form) for form in (kind, f"{kind}-data"))
        for kind in ("client-certificate", "client-key")
    )
    if certificate and not key:
        raise ConfigError(
            f"client-key-data or client-key must be specified for {name} to use the clientCert"
            " authentication method."
        )
    if user.get("exec") is not None:
        if user.get("auth-provider"):
            raise ConfigError(
                f"authProvider cannot be provided in combination with an exec plugin for {name}"
            )
        _check_plugin(user["exec"], name)


def _check_plugin(plugin: Mapping[str, Any], user: str) -> None:
    purpose = f"specified for {user} to use exec authentication plugin"
    for key in ("command", "apiVersion"):
        if not plugin.get(key):
            raise ConfigError(f"{key} must be {purpose}")
    for variable in plugin.get("env") or ():
        if not variable.get("name"):
            raise ConfigError(f"env variable name must be {purpose}")
    mode = plugin.get("interactiveMode")
    if not mode and plugin["apiVersion"] == VERSIONS[0]:
        raise ConfigError(f"interactiveMode must be {purpose}")
    if mode and mode not in MODES:
        raise ConfigError(f'invalid interactiveMode for {user}: "{mode}"')
    if plugin["apiVersion"] not in VERSIONS:
        raise ConfigError(f'exec plugin: invalid apiVersion "{plugin["apiVersion"]}"')


def names_in(section: str, flags: ConnectionFlags, environ: Mapping[str, str]) -> list[str]:
    """The names of all ``contexts``, ``clusters`` or ``users``. Raises ConfigError."""
    return list(_merged(flags, environ)[section])


def _check_readable(entry: Mapping[str, Any], keys: tuple[str, ...]) -> None:
    """Name the file that can't be read, or that is one too many, as kubectl does."""
    for key in keys:
        path = entry.get(key)
        if path and entry.get(f"{key}-data"):
            raise ConfigError(f"{key}-data and {key} are both specified")
        if path and not (key == "tokenFile" and entry.get("token")):
            try:
                Path(path).open("rb").close()
            except (OSError, ValueError) as error:
                raise ConfigError(f"unable to read {key} {path}: {said_of(error)}") from error


def _entry(section: Mapping[str, dict[str, Any]], name: str | None, missing: str) -> dict[str, Any]:
    if not name:
        return {}
    if name not in section:
        raise ConfigError(missing.format(f'"{name}"'))
    return section[name]


def _with_cluster_flags(cluster: Mapping[str, Any], flags: ConnectionFlags) -> dict[str, Any]:
    result = {**cluster, "server": flags.server or cluster.get("server") or DEFAULT_SERVER}
    if flags.certificate_authority or flags.insecure_skip_tls_verify:
        result.pop("certificate-authority-data", None)
        result.pop("certificate-authority", None)
        result.pop("insecure-skip-tls-verify", None)
    if flags.certificate_authority:
        result["certificate-authority"] = str(Path(flags.certificate_authority).absolute())
    if flags.insecure_skip_tls_verify:
        result["insecure-skip-tls-verify"] = True
    if result.get("insecure-skip-tls-verify") and any(map(result.get, _AUTHORITY)):
        raise ConfigError(
            "specifying a root certificates file with the insecure flag is not allowed"
        )
    if flags.server:
        result.pop("tls-server-name", None)  # it was another server's, as in client-go
    if flags.tls_server_name:
        result["tls-server-name"] = flags.tls_server_name
    return result


def _with_user_flags(user: Mapping[str, Any], flags: ConnectionFlags) -> dict[str, Any]:
    result = dict(user)
    if flags.token:
        # A token on the command line replaces every other way to get one; a client certificate
        # stays beside it, and a password is contradictory, as in kubectl.
        for key in ("tokenFile", "exec", "auth-provider"):
            result.pop(key, None)
        result["token"] = flags.token
    for flag, key in (
        (flags.client_certificate, "client-certificate"),
        (flags.client_key, "client-key"),
    ):
        if flag:
            result.pop(f"{key}-data", None)
            result[key] = str(Path(flag).absolute())
    # Each flag replaces its own key alone: --as keeps the kubeconfig's groups, as in kubectl.
    for value, key in (
        (flags.impersonate_user, "as"),
        (flags.impersonate_uid, "as-uid"),
        (list(flags.impersonate_groups), "as-groups"),
    ):
        if value:
            result[key] = value
    return result


def _inside_a_pod(environ: Mapping[str, str]) -> bool:
    named = all(environ.get(f"KUBERNETES_SERVICE_{part}") for part in ("HOST", "PORT"))
    return named and (SERVICE_ACCOUNT / "token").is_file()


def _pod(environ: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, Any], str]:
    """The cluster, user and namespace of the pod that we run in; its token is renewed there."""
    host = environ["KUBERNETES_SERVICE_HOST"]
    host = f"[{host}]" if ":" in host else host
    cluster = {"server": f"https://{host}:{environ['KUBERNETES_SERVICE_PORT']}"}
    if (SERVICE_ACCOUNT / "ca.crt").is_file():
        cluster["certificate-authority"] = str(SERVICE_ACCOUNT / "ca.crt")
    path = SERVICE_ACCOUNT / "namespace"
    namespace = path.read_text(encoding="utf-8").strip() if path.is_file() else ""
    return cluster, {"tokenFile": str(SERVICE_ACCOUNT / "token")}, namespace or "default"


def _merged(flags: ConnectionFlags, environ: Mapping[str, str]) -> dict[str, Any]:
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
