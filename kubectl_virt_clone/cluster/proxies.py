"""Which proxy leads to a server: the kubeconfig's, or the environment's, by the rules of Go.

Only URLs are looked at here; connections are made by ``credentials.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

from kubectl_virt_clone.errors import ConfigError

SCHEMES = ("http", "https", "socks5")
_PORTS = {"http": 80, "https": 443}


def proxy_of(server: str, configured: str, environ: Mapping[str, str]) -> str:
    """The URL of the proxy to a server, or empty: ``configured`` is a kubeconfig's proxy-url.

    Raises ConfigError for a URL that is none; it is not repeated, for it may hold a password.
    """
    if configured:
        if _scheme(configured) not in SCHEMES:
            raise ConfigError(
                "invalid 'proxy-url' of the cluster: it must begin with http://, https:// or"
                " socks5://"
            )
        return configured
    target = urlsplit(server)
    # As Go's net/http: the proxy of the URL's own scheme, in capitals first; no ALL_PROXY. What a
    # CGI program finds in HTTP_PROXY was sent by its client.
    name = "HTTPS_PROXY" if target.scheme == "https" else "HTTP_PROXY"
    if name == "HTTP_PROXY" and environ.get("REQUEST_METHOD"):
        return ""
    found = environ.get(name) or environ.get(name.lower()) or ""
    excepted = environ.get("NO_PROXY") or environ.get("no_proxy") or ""
    if not found or not _is_proxied(target, excepted):
        return ""
    url = found if "://" in found else f"http://{found}"
    if _scheme(url) not in SCHEMES:
        raise ConfigError(f"{name} of the environment is no URL of a proxy")
    return url


def _scheme(url: str) -> str:
    """The scheme of a URL with a host, and with a port that is a number; else empty."""
    try:
        parts = urlsplit(url)
        return parts.scheme if parts.hostname and parts.port != 0 else ""
    except ValueError:
        return ""


def _is_proxied(target: SplitResult, excepted: str) -> bool:
    host = (target.hostname or "").rstrip(".")
    port = target.port or _PORTS.get(target.scheme, 0)
    try:
        address = ip_address(host)
    except ValueError:
        if host == "localhost":
            return False
        return not any(
            _names(entry, host, port) for entry in map(str.strip, excepted.lower().split(","))
        )
    if address.is_loopback:
        return False
    return not any(
        _covers(entry, host, port) for entry in map(str.strip, excepted.lower().split(","))
    )


def _names(entry: str, host: str, port: int) -> bool:
    """Whether an entry of NO_PROXY names a host: ``a.b`` and all below, ``.a.b`` only below."""
    if entry == "*":
        return True
    name, entry_port = _divided(entry)
    if not name or entry_port not in (None, port):
        return False
    name = name[1:] if name.startswith("*.") else name
    return host.endswith(name if name.startswith(".") else f".{name}") or host == name


def _covers(entry: str, host: str, port: int) -> bool:
    """Whether an entry of NO_PROXY is an address, or a network with it."""
    if entry == "*":
        return True
    try:
        return ip_address(host) in ip_network(entry, strict=False)
    except ValueError:
        name, entry_port = _divided(entry)
    try:
        return entry_port == port and ip_address(name) == ip_address(host)
    except ValueError:
        return False


def _divided(entry: str) -> tuple[str, int | None]:
    """Host and port of an entry; the port is None where there is none."""
    try:
        parts = urlsplit(f"//{entry}")
        return parts.hostname or "", parts.port
    except ValueError:
        return "", None
