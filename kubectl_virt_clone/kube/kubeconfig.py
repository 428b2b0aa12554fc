"""Kubeconfig files and flags become one connection, by kubectl's rules.

The files are read by ``kubeconfig_files.py``; credentials are made by ``credentials.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from kubectl_virt_clone.errors import ConfigError, InvalidConfig, said_of
from kubectl_virt_clone.kube.connection import ConnectionFlags
from kubectl_virt_clone.kube.kubeconfig_files import CLUSTER_PATHS, USER_PATHS, merged

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
DEFAULT_SERVER = "http://localhost:8080"  # kubectl's, where no kubeconfig names another

_AUTHORITY = ("certificate-authority", "certificate-authority-data")
_HEADER_CHARACTERS = "!#$&'*+^`|"  # beside letters, digits and _.-~; client-go escapes all others
_IMPERSONATED_WITH = ("as-uid", "as-groups", "as-user-extra")


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
    config = merged(flags, environ)
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
        from kubectl_virt_clone.kube.exec_plugin import check_plugin

        check_plugin(user["exec"], name)


def names_in(section: str, flags: ConnectionFlags, environ: Mapping[str, str]) -> list[str]:
    """The names of all ``contexts``, ``clusters`` or ``users``. Raises ConfigError."""
    return list(merged(flags, environ)[section])


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
