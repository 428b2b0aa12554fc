"""A connection's credentials become the client library's configuration, which can renew them.

Tokens, certificates, password and exec plugins are read here; requests are ``session.py``'s.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any
from urllib.parse import unquote, urlsplit

from kubectl_virt_clone.cluster.kubeconfig import Connection
from kubectl_virt_clone.errors import ConfigError, InvalidConfig


class Credentials:
    """A connection pool to the server, and what proves to it who asks."""

    def __init__(self, configuration: Any, pool: Any) -> None:
        server = urlsplit(configuration.host.rstrip("/"))
        self._configuration = configuration
        self._basic = _basic(server.username, server.password)
        self.pool = pool
        # Without user and password: this URL stands in messages and in the log of -v.
        self.server = server._replace(netloc=server.netloc.rpartition("@")[2]).geturl()

    @property
    def authorization(self) -> str:
        """The Authorization header, renewed by the client library when it has expired; or empty."""
        for auth in self._configuration.auth_settings().values():
            if auth["in"] == "header" and auth["value"]:
                return str(auth["value"])
        return self._basic


def credentials_of(connection: Connection, pool_size: int) -> Credentials:
    """Read the credentials that the connection names, and run its plugin.

    Raises ConfigError for what the kubeconfig has wrong, and for a plugin that fails.
    """
    from kubernetes.client.rest import RESTClientObject
    from kubernetes.config.config_exception import ConfigException
    from urllib3 import disable_warnings
    from urllib3.exceptions import HTTPError

    try:
        configuration = _configuration(connection)
        configuration.connection_pool_maxsize = pool_size
        pool = RESTClientObject(configuration).pool_manager
    except (ConfigException, HTTPError, ImportError, OSError, ValueError) as error:
        raise ConfigError(" ".join(str(error).split())) from error
    except (AttributeError, KeyError, TypeError) as error:
        # The library reads entries without a look at their types.
        raise InvalidConfig("the entry of the cluster or of the user is malformed") from error
    if not configuration.verify_ssl:
        disable_warnings()  # the user asked for it; urllib3 would say so at each request
    return Credentials(configuration, pool)


def _configuration(connection: Connection) -> Any:
    """Build the client library's configuration, which knows how to get every kind of credential."""
    from kubernetes.client import Configuration
    from kubernetes.config import load_incluster_config, load_kube_config_from_dict

    configuration = Configuration()
    cluster = dict(connection.cluster)
    if connection.in_cluster:
        load_incluster_config(client_configuration=configuration)
        return configuration
    user = _with_plugin_credentials(dict(connection.user), cluster)
    cluster["server"] = _url(cluster, user)
    if _is_loopback(cluster["server"]):
        # As in Go: a proxy of the environment is never asked for this machine itself.
        configuration.proxy = None
    load_kube_config_from_dict(
        _kubeconfig(cluster, user), client_configuration=configuration, persist_config=False
    )
    return configuration


def _is_loopback(server: str) -> bool:
    host = urlsplit(server).hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _basic(user: str | None, password: str | None) -> str:
    if user is None:
        return ""
    pair = f"{unquote(user)}:{unquote(password or '')}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


def _kubeconfig(cluster: Mapping[str, Any], user: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "clusters": [{"name": "cluster", "cluster": cluster}],
        "users": [{"name": "user", "user": user}],
        "contexts": [{"name": "context", "context": {"cluster": "cluster", "user": "user"}}],
        "current-context": "context",
    }


def _url(cluster: Mapping[str, Any], user: Mapping[str, Any]) -> str:
    """Complete a server without a scheme: https where anything speaks of TLS, as in client-go."""
    server = str(cluster["server"])
    if "://" in server:
        return server
    keys = {*cluster, *user}
    tls = any(
        key.startswith(("certificate-authority", "client-certificate", "insecure")) for key in keys
    )
    return f"{'https' if tls else 'http'}://{server}"


def _with_plugin_credentials(user: dict[str, Any], cluster: dict[str, Any]) -> dict[str, Any]:
    """Run the user's exec plugin, if there is one, and put what it prints into the user.

    The library's own loader would log a failing plugin and go on without credentials.
    """
    from kubernetes.config.config_exception import ConfigException
    from kubernetes.config.exec_provider import ExecProvider
    from kubernetes.config.kube_config import ConfigNode

    plugin = user.pop("exec", None)
    if not plugin or user.get("token"):
        return user
    try:
        status = ExecProvider(
            ConfigNode("exec", plugin), None, ConfigNode("cluster", cluster)
        ).run()
    except (ConfigException, OSError, AttributeError) as error:
        # AttributeError: the library reads the plugin's stderr even where it went to the terminal.
        detail = "" if isinstance(error, AttributeError) else f": {error}"
        command = plugin.get("command", "")
        raise ConfigError(
            f"getting credentials: exec: executable {command} failed{detail}"
        ) from error
    if status.get("token"):
        user["token"] = status["token"]
    for key, data in (
        ("clientCertificateData", "client-certificate"),
        ("clientKeyData", "client-key"),
    ):
        if status.get(key):
            user[f"{data}-data"] = base64.b64encode(status[key].encode()).decode()
    return user
