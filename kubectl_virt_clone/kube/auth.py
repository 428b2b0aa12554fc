"""A connection's credentials become a pool of connections and the header that says who asks.

Tokens, passwords, certificates, the TLS that carries them, and plugins by client-go's protocol.
No message repeats a credential; ``transport.py`` sends the requests.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import ssl
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from kubectl_virt_clone.errors import ConfigError, ConnectionFailed
from kubectl_virt_clone.kube.kubeconfig import GROUP, Connection, content_of
from kubectl_virt_clone.kube.kuberc import PluginPolicy
from kubectl_virt_clone.kube.proxies import proxy_of
from kubectl_virt_clone.objects.fields import mapping_at, mappings_at, text_at, time_at

# What a plugin hears of the cluster, if it asks for it.
_TOLD = ("server", "proxy-url", "insecure-skip-tls-verify", "disable-compression")
_NOT_INSTALLED = """

It looks like you are trying to use a client-go credential plugin that is not installed.

To learn more about this feature, consult the documentation available at:
      https://kubernetes.io/docs/reference/access-authn-authz/authentication/\
#client-go-credential-plugins"""


@dataclass(frozen=True)
class Credentials:
    """A connection pool to the ``server``, and the Authorization header, which may be empty.

    ``server`` is for messages and for the log of -v: it has no user and no password.
    """

    server: str
    pool: Any
    authorization: str
    expires: datetime | None = None

    @property
    def expired(self) -> bool:
        """Whether the time that a plugin gave them is over."""
        return self.expires is not None and self.expires <= datetime.now(timezone.utc)


def credentials_of(connection: Connection, plugins: PluginPolicy) -> Credentials:
    """Read the credentials that the connection names, and run its plugin, if ``plugins`` allow it.

    Raises ConfigError for mistakes in the kubeconfig, ConnectionFailed for a plugin that fails.
    """
    cluster = connection.cluster
    url = _url(cluster, connection.user)
    # As in kubectl, no proof of who the user is goes over plain HTTP.
    user, expires = ({}, None) if url.scheme == "http" else _with_granted(connection, plugins)
    server = url._replace(netloc=url.netloc.rpartition("@")[2]).geturl().rstrip("/")
    kept: dict[str, Any] = {"maxsize": 16}
    if url.scheme == "https":
        kept["ssl_context"] = trusting(cluster)
        _show(kept["ssl_context"], user)
    if cluster.get("tls-server-name"):
        kept["server_hostname"] = cluster["tls-server-name"]
    pool = pool_to(server, cluster, kept)
    return Credentials(server, pool, _authorization(user, url), expires)


def _with_granted(
    connection: Connection, plugins: PluginPolicy
) -> tuple[Mapping[str, Any], datetime | None]:
    """The user with credentials, and their end; as in client-go, asks nobody if there are some."""
    user = connection.user
    if any(user.get(key) for key in ("token", "tokenFile", "username")):
        return user, None
    if user.get("auth-provider"):
        from kubectl_virt_clone.kube.oidc import id_token

        return {**user, "token": id_token(connection)}, None
    certified = user.get("client-certificate") or user.get("client-certificate-data")
    if certified or not user.get("exec"):
        return user, None
    granted, expires = run_plugin(user["exec"], connection.cluster, plugins)
    return {**user, **granted}, expires


def _url(cluster: Mapping[str, Any], user: Mapping[str, Any]) -> SplitResult:
    """The server's URL; as in client-go, it is https if it has no scheme and any key is of TLS."""
    server = str(cluster["server"])
    if "://" not in server:
        tls = ("certificate-authority", "client-certificate", "insecure")
        scheme = "https" if any(key.startswith(tls) for key in {*cluster, *user}) else "http"
        server = f"{scheme}://{server}"
    try:
        url = urlsplit(server)
        if url.scheme in ("http", "https") and url.hostname and url.port != 0:
            return url._replace(query="", fragment="")
    except ValueError:
        pass  # its text may hold a password
    raise ConfigError("the server must be a URL or host:port, such as https://cluster.example:6443")


def _authorization(user: Mapping[str, Any], url: SplitResult) -> str:
    """The header's value; as in client-go, a token file that isn't empty precedes a token."""
    token = user.get("token") or ""
    if path := user.get("tokenFile"):
        try:
            read = content_of("tokenFile", path).decode("utf-8", "surrogateescape")
            token = read.strip() or token
        except ConfigError:
            if not token:
                raise
    if token:
        return f"Bearer {token}"
    if user.get("username"):
        return _basic(user["username"], user.get("password") or "")
    return _basic(unquote(url.username), unquote(url.password or "")) if url.username else ""


def _basic(name: str, password: str) -> str:
    return f"Basic {base64.b64encode(f'{name}:{password}'.encode()).decode()}"


def trusting(cluster: Mapping[str, Any]) -> ssl.SSLContext:
    """How a server has to prove itself.

    As in Go, and unlike Python's default since 3.13, any certificate in the CA file is trusted,
    also those of old CAs without key identifiers.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    authority = _data(cluster, "certificate-authority")
    if cluster.get("insecure-skip-tls-verify"):
        from urllib3 import disable_warnings

        disable_warnings()  # the session warns once; urllib3 would at each request
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif authority is None:
        context.load_default_certs()
    else:
        try:
            context.load_verify_locations(cadata=authority.decode("ascii", "ignore"))
        except (ssl.SSLError, ValueError) as error:
            raise ConfigError("the certificate-authority of the cluster is not PEM") from error
    return context


def _show(context: ssl.SSLContext, user: Mapping[str, Any]) -> None:
    """Load the user's certificate, if any, from a short-lived file: ssl reads only files."""
    certificate, key = _data(user, "client-certificate"), _data(user, "client-key")
    if certificate is None or key is None:
        return
    # mkdtemp makes the folder with mode 0700: nobody else may read the key.
    with tempfile.TemporaryDirectory(prefix="virt-clone-") as folder:
        path = Path(folder) / "client.pem"
        path.write_bytes(certificate + b"\n" + key)
        try:
            # Without a password, OpenSSL would ask for one at the terminal.
            context.load_cert_chain(path, password="")
        except (ssl.SSLError, ValueError) as error:
            raise ConfigError(
                "the client-certificate and client-key of the user are not PEM, or not a pair, or"
                " the key is encrypted"
            ) from error


def _data(entry: Mapping[str, Any], key: str) -> bytes | None:
    """The bytes that an entry has inline in base64, or in a file; None if it has neither."""
    if inline := entry.get(f"{key}-data"):
        try:
            return base64.b64decode("".join(inline.split()), validate=True)
        except ValueError as error:
            raise ConfigError(f"{key}-data is not base64") from error
    return content_of(key, entry[key]) if entry.get(key) else None


def pool_to(server: str, cluster: Mapping[str, Any], kept: Mapping[str, Any]) -> Any:
    """A pool of connections, through a proxy if one leads there.

    The proxy proves itself as the server does. Its user and password leave the URL here, so that no
    message of urllib3 can repeat them. Raises ConfigError.
    """
    from urllib3 import PoolManager, ProxyManager
    from urllib3.exceptions import LocationParseError

    proxy = proxy_of(server, cluster.get("proxy-url") or "", os.environ)
    if not proxy:
        return PoolManager(**kept)
    url = urlsplit(proxy)
    bare = url._replace(netloc=url.netloc.rpartition("@")[2]).geturl()
    name, password = (unquote(text or "") for text in (url.username, url.password))
    if url.scheme == "socks5":
        from urllib3.contrib.socks import SOCKSProxyManager

        # With the h, the proxy looks up names, as for Go's client.
        bare = bare.replace("socks5", "socks5h", 1)
        return SOCKSProxyManager(bare, name or None, password or None, **kept)
    headers = {"Proxy-Authorization": _basic(name, password)} if name else {}
    context = trusting(cluster) if url.scheme == "https" else None
    try:
        return ProxyManager(bare, proxy_headers=headers, proxy_ssl_context=context, **kept)
    except LocationParseError as error:
        raise ConfigError("the URL of the proxy has an invalid host") from error


def run_plugin(
    plugin: Mapping[str, Any], cluster: Mapping[str, Any], policy: PluginPolicy
) -> tuple[dict[str, str], datetime | None]:
    """Run a checked plugin and read what it prints; the user sees its stderr.

    Returns keys of a kubeconfig's user, and when they end, if ever. Raises ConnectionFailed, for
    the plugin may work the next time.
    """
    import subprocess

    command = plugin["command"]
    # As in Go, neither a shell nor the working directory looks for the program.
    program = shutil.which(command)
    if refusal := policy.refusal(command, program):
        raise _failed(refusal, transient=False)
    if program is None or not os.path.isabs(program):
        hint = text_at(plugin, "installHint")
        hint = f"\n\n{hint}" if hint else ""
        reason = f"exec: executable {command} not found{_NOT_INSTALLED}{hint}"
        raise _failed(reason, transient=False)
    mode = plugin.get("interactiveMode")
    interactive = mode != "Never" and sys.stdin is not None and sys.stdin.isatty()
    if mode == "Always" and not interactive:
        raise _failed(
            "exec plugin cannot support interactive mode: standard input is not a terminal"
        )
    environment = {item["name"]: item.get("value") or "" for item in plugin.get("env") or ()}
    environment["KUBERNETES_EXEC_INFO"] = json.dumps(_asked(plugin, cluster, interactive))
    try:
        done = subprocess.run(  # noqa: S603 - the user's kubeconfig names it
            [program, *(plugin.get("args") or ())],
            env={**os.environ, **environment},
            stdin=None if interactive else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            check=False,
        )
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "its arguments can't be passed on"
        raise _failed(f"exec: {command}: {reason.lower()}") from error
    if done.returncode:
        code = max(done.returncode, -1)  # Go reports a signal as -1
        raise _failed(f"exec: executable {command} failed with exit code {code}")
    return _granted(done.stdout, plugin["apiVersion"])


def _asked(
    plugin: Mapping[str, Any], cluster: Mapping[str, Any], interactive: bool
) -> dict[str, Any]:
    """The ExecCredential that a plugin finds in its environment."""
    spec: dict[str, Any] = {"interactive": interactive}
    if plugin.get("provideClusterInfo"):
        spec["cluster"] = {
            key: cluster[key] for key in ("tls-server-name", *_TOLD) if cluster.get(key)
        }
        if authority := _data(cluster, "certificate-authority"):
            encoded = base64.b64encode(authority).decode()
            spec["cluster"]["certificate-authority-data"] = encoded
        spec["cluster"]["config"] = None
        for extension in mappings_at(cluster, "extensions"):
            if text_at(extension, "name") == f"{GROUP}/exec":
                spec["cluster"]["config"] = extension.get("extension")
    return {"kind": "ExecCredential", "apiVersion": plugin["apiVersion"], "spec": spec}


def _granted(printed: bytes, version: str) -> tuple[dict[str, str], datetime | None]:
    """The credentials that the plugin printed, checked; no message repeats any of it."""
    try:
        credential = json.loads(printed)
    except (ValueError, RecursionError) as error:
        raise _failed("exec plugin: its output is not JSON") from error
    if text_at(credential, "apiVersion") != version or credential.get("kind") != "ExecCredential":
        raise _failed(
            f"exec plugin is configured to use API version {version}, and printed something else"
        )
    status = mapping_at(credential, "status")
    if not status:
        raise _failed("exec plugin didn't return a status field")
    certificate, key = text_at(status, "clientCertificateData"), text_at(status, "clientKeyData")
    if bool(certificate) != bool(key):
        raise _failed("exec plugin returned only certificate or key, not both")
    given = {"token": text_at(status, "token")}
    for name, pem in (("client-certificate", certificate), ("client-key", key)):
        given[f"{name}-data"] = base64.b64encode(pem.encode()).decode()
    if not any(given.values()):
        raise _failed("exec plugin didn't return a token or cert/key pair")
    return given, time_at(status, "expirationTimestamp")


def _failed(reason: str, *, transient: bool = True) -> ConnectionFailed:
    message = f"Unable to connect to the server: getting credentials: {reason}"
    return ConnectionFailed(message, transient=transient)
