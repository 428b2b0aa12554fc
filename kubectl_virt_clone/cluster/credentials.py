"""A connection's credentials become the client library's configuration, which can renew them.

Tokens, certificates, password and exec plugins are read here; requests are ``session.py``'s.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from kubectl_virt_clone.cluster.kubeconfig import Connection
from kubectl_virt_clone.errors import ConfigError


def configuration_of(connection: Connection) -> Any:
    """Build the client library's configuration, which knows how to get every kind of credential."""
    from kubernetes.client import Configuration
    from kubernetes.config import load_incluster_config, load_kube_config_from_dict
    from kubernetes.config.config_exception import ConfigException
    from urllib3 import disable_warnings

    configuration = Configuration()
    cluster = dict(connection.cluster)
    try:
        if connection.in_cluster:
            load_incluster_config(client_configuration=configuration)
            return configuration
        user = _with_plugin_credentials(dict(connection.user), cluster)
        cluster["server"] = _url(cluster, user)
        load_kube_config_from_dict(
            _kubeconfig(cluster, user), client_configuration=configuration, persist_config=False
        )
    except (ConfigException, OSError, ValueError) as error:
        raise ConfigError(str(error)) from error
    if not configuration.verify_ssl:
        disable_warnings()  # the user asked for it; urllib3 would say so at each request
    return configuration


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
