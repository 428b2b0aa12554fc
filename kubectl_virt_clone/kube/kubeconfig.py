"""kubectl's connection flags and the kubeconfig files become one connection, by kubectl's rules.

Neither makes nor checks credentials; ``auth.py`` does. Offline verbs import the flags, too, so
functions import slow modules themselves.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kubectl_virt_clone.errors import ConfigError, InvalidConfig, said_of
from kubectl_virt_clone.objects.resource import ConnectionFlags

SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
GROUP = "client.authentication.k8s.io"

_HEADER_CHARACTERS = "!#$&'*+^`|"  # besides letters, digits and _.-~; client-go escapes all others
_AUTHORITY = ("certificate-authority", "certificate-authority-data")
# These are relative to the file that names them.
_CLUSTER_PATHS = ("certificate-authority",)
_USER_PATHS = ("client-certificate", "client-key", "tokenFile")
_SECTIONS = {"clusters": _CLUSTER_PATHS, "users": _USER_PATHS, "contexts": ()}

# The types of client-go's Config; the key None stands for every key.
_CLUSTER = {
    **dict.fromkeys((*_AUTHORITY, "server", "tls-server-name", "proxy-url"), str),
    **dict.fromkeys(("insecure-skip-tls-verify", "disable-compression"), bool),
}
_EXEC = {
    **dict.fromkeys(("apiVersion", "command", "installHint", "interactiveMode"), str),
    "args": [str],
    "env": [{"name": str, "value": str}],
    "provideClusterInfo": bool,
}
_USER = {
    **dict.fromkeys((*_USER_PATHS, "client-certificate-data", "client-key-data", "token"), str),
    **dict.fromkeys(("username", "password", "as", "as-uid"), str),
    "as-groups": [str],
    "as-user-extra": {None: [str]},
    "auth-provider": {"name": str, "config": {None: str}},
    "exec": _EXEC,
}
_CONFIG = {
    **dict.fromkeys(("apiVersion", "kind", "current-context"), str),
    "clusters": [{"name": str, "cluster": _CLUSTER}],
    "users": [{"name": str, "user": _USER}],
    "contexts": [{"name": str, "context": dict.fromkeys(("cluster", "user", "namespace"), str)}],
}
_WORDS = {dict: "object", list: "array", str: "string", bool: "bool"}


@dataclass(frozen=True)
class Connection:
    """One cluster, one user, one namespace: kubeconfig entries with the flags laid over them.

    ``cluster`` and ``user`` have the keys of a kubeconfig; paths from a file are absolute.
    ``context`` names the chosen one, if any. ``user_file`` holds the entry ``user_name``.
    """

    cluster: Mapping[str, Any] = field(repr=False)
    user: Mapping[str, Any] = field(repr=False)
    namespace: str = "default"
    context: str = field(default="", compare=False, repr=False)
    user_name: str = field(default="", compare=False, repr=False)
    user_file: str = field(default="", compare=False, repr=False)

    @property
    def impersonation(self) -> list[tuple[str, str]]:
        """The impersonation headers, in order; a group is repeated, not joined."""
        from urllib.parse import quote

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

    Raises ConfigError for an unreadable file and for a name that no file has.
    """
    config = _merged(flags, environ)
    name = flags.context or config.get("current-context") or ""
    if name and name not in config["contexts"]:
        raise InvalidConfig(f"context was not found for specified context: {name}")
    context = config["contexts"].get(name, {})
    cluster_name = flags.cluster or context.get("cluster")
    user_name = flags.user or context.get("user") or ""
    if cluster_name and cluster_name not in config["clusters"]:
        raise ConfigError(f'no server found for cluster "{cluster_name}"')
    if user_name and user_name not in config["users"]:
        raise ConfigError(f'auth info "{user_name}" does not exist')
    cluster = config["clusters"][cluster_name] if cluster_name else {}
    user = config["users"][user_name] if user_name else {}
    namespace = context.get("namespace") or "default"
    if not (context or flags.server or flags.cluster):
        cluster, user, namespace = _pod(environ) or (cluster, user, namespace)
    connection = Connection(
        cluster=_with_cluster_flags(cluster, flags),
        user=_with_user_flags(user, flags),
        namespace=flags.namespace or namespace,
        context=name,
        user_name=user_name,
        user_file=config["files"].get(("users", user_name), ""),
    )
    _check_files(connection.cluster, _CLUSTER_PATHS)
    _check_files(connection.user, _USER_PATHS)
    _check_methods(connection.user, user_name)
    return connection


def names_in(section: str, flags: ConnectionFlags, environ: Mapping[str, str]) -> list[str]:
    """The names of all ``contexts``, ``clusters`` or ``users``. Raises ConfigError."""
    return list(_merged(flags, environ)[section])


def content_of(key: str, path: str, most: int = -1) -> bytes:
    """The first ``most`` bytes of the file that ``key`` names, or all. Raises ConfigError."""
    try:
        with open(path, "rb") as file:
            return file.read(most)
    except (OSError, ValueError) as error:
        raise ConfigError(f"unable to read {key} {path}: {said_of(error)}") from error


def _check_files(entry: Mapping[str, Any], keys: tuple[str, ...]) -> None:
    for key in keys:
        path = entry.get(key)
        if path and entry.get(f"{key}-data"):
            raise ConfigError(f"{key}-data and {key} are both specified")
        if path and not (key == "tokenFile" and entry.get("token")):
            content_of(key, path, 0)


def _check_methods(user: Mapping[str, Any], name: str) -> None:
    """Refuse contradictory or incomplete users in kubectl's words."""
    if not user.get("as") and any(map(user.get, ("as-uid", "as-groups", "as-user-extra"))):
        raise ConfigError(
            f"requesting uid, groups or user-extra for {name} without impersonating a user"
        )
    if user.get("token") and (user.get("username") or user.get("password")):
        raise ConfigError(
            f"more than one authentication method found for {name}; found [token basicAuth], only"
            " one is allowed"
        )
    certificate, key = (
        user.get(kind) or user.get(f"{kind}-data") for kind in ("client-certificate", "client-key")
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
    version, mode = plugin.get("apiVersion"), plugin.get("interactiveMode")
    unnamed = any(not variable.get("name") for variable in plugin.get("env") or ())
    for key, is_missing in {
        "command": not plugin.get("command"),
        "apiVersion": not version,
        "env variable name": unnamed,
        "interactiveMode": not mode and version == f"{GROUP}/v1",
    }.items():
        if is_missing:
            raise ConfigError(
                f"{key} must be specified for {user} to use exec authentication plugin"
            )
    if mode and mode not in ("Never", "IfAvailable", "Always"):
        raise ConfigError(f'invalid interactiveMode for {user}: "{mode}"')
    if version not in (f"{GROUP}/v1", f"{GROUP}/v1beta1"):
        raise ConfigError(f'exec plugin: invalid apiVersion "{version}"')


def _with_cluster_flags(cluster: Mapping[str, Any], flags: ConnectionFlags) -> dict[str, Any]:
    # As in client-go, --server drops the TLS name of another server.
    replaced = {"tls-server-name"} if flags.server else set()
    if flags.certificate_authority or flags.insecure_skip_tls_verify:
        replaced |= {*_AUTHORITY, "insecure-skip-tls-verify"}
    given = {
        "server": flags.server or cluster.get("server") or "http://localhost:8080",
        "tls-server-name": flags.tls_server_name,
        "proxy-url": flags.proxy_url,
        "certificate-authority": flags.certificate_authority,
        "insecure-skip-tls-verify": flags.insecure_skip_tls_verify,
    }
    result = _overlaid(cluster, replaced, given)
    if result.get("insecure-skip-tls-verify") and any(map(result.get, _AUTHORITY)):
        raise ConfigError(
            "specifying a root certificates file with the insecure flag is not allowed"
        )
    return result


def _with_user_flags(user: Mapping[str, Any], flags: ConnectionFlags) -> dict[str, Any]:
    # As in kubectl, a token replaces every other way to get one, --as keeps the groups of the
    # kubeconfig and --as-user-extra its other keys; a certificate stays beside the token, and a
    # password contradicts it.
    replaced = {"tokenFile", "exec", "auth-provider"} if flags.token else set()
    replaced |= {"client-certificate-data"} if flags.client_certificate else set()
    replaced |= {"client-key-data"} if flags.client_key else set()
    given = {
        "token": flags.token,
        "client-certificate": flags.client_certificate,
        "client-key": flags.client_key,
        "as": flags.impersonate_user,
        "as-uid": flags.impersonate_uid,
        "as-groups": list(flags.impersonate_groups),
        "as-user-extra": {
            **(user.get("as-user-extra") or {}),
            **{
                key: [text for other, text in flags.impersonate_extra if other == key]
                for key, _ in flags.impersonate_extra
            },
        },
    }
    return _overlaid(user, replaced, given)


def _overlaid(
    entry: Mapping[str, Any], replaced: set[str], given: Mapping[str, Any]
) -> dict[str, Any]:
    kept = {key: value for key, value in entry.items() if key not in replaced}
    return kept | {key: value for key, value in given.items() if value}


def _pod(environ: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, Any], str] | None:
    """The cluster, user and namespace of the pod that we run in, or None outside of one."""
    host, port = (environ.get(f"KUBERNETES_SERVICE_{part}") for part in ("HOST", "PORT"))
    token, authority, namespace = (
        os.path.join(SERVICE_ACCOUNT, name) for name in ("token", "ca.crt", "namespace")
    )
    if not (host and port and os.path.isfile(token)):
        return None
    cluster = {"server": f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"}
    if os.path.isfile(authority):
        cluster["certificate-authority"] = authority
    own = content_of("namespace", namespace).decode() if os.path.isfile(namespace) else ""
    return cluster, {"tokenFile": token}, own.strip() or "default"


def _merged(flags: ConnectionFlags, environ: Mapping[str, str]) -> dict[str, Any]:
    """Merge the kubeconfig files: the first that has a name, or a current context, wins.

    Raises ConfigError for a file that is unreadable or not a kubeconfig.
    """
    result: dict[str, Any] = {"clusters": {}, "users": {}, "contexts": {}, "files": {}}
    for path in _paths(flags, environ):
        config = _read(path)
        for section in _SECTIONS:
            for name, entry in config.get(section, {}).items():
                result[section].setdefault(name, entry)
                result["files"].setdefault((section, name), path)
        result["current-context"] = result.get("current-context") or config.get("current-context")
    return result


def _paths(flags: ConnectionFlags, environ: Mapping[str, str]) -> list[str]:
    if flags.kubeconfig:
        try:
            os.stat(flags.kubeconfig)
        except (OSError, ValueError) as error:
            raise ConfigError(f"stat {flags.kubeconfig}: {said_of(error)}") from error
        return [flags.kubeconfig]
    if listed := environ.get("KUBECONFIG"):
        return [entry for entry in listed.split(os.pathsep) if entry]
    # Not expanduser, which fails for a user whom the machine doesn't know, as in containers.
    home = environ.get("HOME") or environ.get("USERPROFILE")
    return [os.path.join(home, ".kube", "config")] if home else []


def _read(path: str) -> dict[str, Any]:
    """A kubeconfig with its entries by their names, and their paths made absolute."""
    import codecs

    from kubectl_virt_clone.objects.documents import values_in

    try:
        with open(path, "rb") as file:
            data = file.read()
        # PowerShell's > writes UTF-16.
        wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        documents = values_in(data.decode("utf-16" if wide else "utf-8"))
        # client-go reads the first only.
        config: dict[str, Any] = _typed(documents[0] if documents else None, _CONFIG) or {}
        version, kind = config.get("apiVersion") or "v1", config.get("kind") or "Config"
        if (version, kind) != ("v1", "Config"):
            raise ValueError(f'no kind "{kind}" is registered for version "{version}"')
        for section, paths in _SECTIONS.items():
            entries: dict[str, Any] = {}
            for item in config.get(section) or ():
                name = item.get("name") or ""
                if name in entries:  # nobody can know which of the two is meant
                    raise ValueError(f'duplicate name "{name}" in {section}')
                entry = item.get(section.removesuffix("s")) or {}
                entries[name] = _absolute(entry, paths, os.path.dirname(path))
            config[section] = entries
    except FileNotFoundError:
        return {}  # KUBECONFIG may list files that are not there
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        if isinstance(error, OSError):
            call = "read" if isinstance(error, IsADirectoryError) else "open"
            reason = f"{call} {path}: {said_of(error)}"
        raise ConfigError(f'error loading config file "{path}": {reason}') from error
    return config


def _typed(value: Any, shape: Any, place: str = "") -> Any:
    """The value with null items of lists made empty, as Go does; keys without a shape may be any.

    Raises ValueError for a value of another type than ``shape``. It names the place and not the
    text, which may be a secret.
    """
    if value is None or shape is None:
        return value
    wanted: Any = shape if isinstance(shape, type) else type(shape)
    if not isinstance(value, wanted):
        found = _WORDS.get(type(value), "number")
        raise ValueError(f"{place[1:] or 'it'} is of type {found}, not {_WORDS[wanted]}")
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


def _absolute(entry: dict[str, Any], keys: tuple[str, ...], folder: str) -> dict[str, Any]:
    def absolute(path: str) -> str:
        return os.path.abspath(os.path.join(folder, path))

    result = {**entry, **{key: absolute(entry[key]) for key in keys if entry.get(key)}}
    plugin = entry.get("exec") or {}
    if os.sep in (plugin.get("command") or ""):
        result["exec"] = {**plugin, "command": absolute(plugin["command"])}
    return result
