"""Which proxy leads to a server: the kubeconfig's, or the environment's, by the rules of Go.

Looks only at URLs; ``auth.py`` makes the connections.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

from kubectl_virt_clone.errors import ConfigError, ConnectionFailed

SCHEMES = ("http", "https", "socks5")
_PORTS = {"http": "80", "https": "443"}
# [host]:port or host:port
_HOST_AND_PORT = re.compile(r"(?:\[([^][]*)\]|([^][:]*)):([^][:]*)")

Address = IPv4Address | IPv6Address


def proxy_of(server: str, configured: str, environ: Mapping[str, str]) -> str:
    """The URL of the proxy to a server, or empty; ``configured`` is a kubeconfig's proxy-url.

    Raises ConfigError for a malformed URL, without repeating it, for it may hold a password, and
    ConnectionFailed if the proxy must not be used.
    """
    if configured:
        if _scheme(configured) not in SCHEMES:
            raise ConfigError(
                "invalid 'proxy-url' of the cluster: it must begin with http://, https:// or"
                " socks5://"
            )
        return configured
    target = urlsplit(server)
    # As Go's net/http: the proxy of the URL's own scheme, in capitals first; no ALL_PROXY.
    name = "HTTPS_PROXY" if target.scheme == "https" else "HTTP_PROXY"
    found = environ.get(name) or environ.get(name.lower()) or ""
    if found and name == "HTTP_PROXY" and environ.get("REQUEST_METHOD"):
        # In a CGI program, the client may have sent it.
        raise ConnectionFailed(
            "Unable to connect to the server: refusing to use HTTP_PROXY value in CGI environment;"
            " see golang.org/s/cgihttpproxy",
            transient=False,
        )
    excepted = environ.get("NO_PROXY") or environ.get("no_proxy") or ""
    if not found or not _is_proxied(target, excepted):
        return ""
    url = found if "://" in found else f"http://{found}"
    if _scheme(url) not in SCHEMES:
        raise ConfigError(f"{name} of the environment is not the URL of a proxy")
    return url


def _scheme(url: str) -> str:
    """The scheme of a URL with a host, and with a number for a port; else empty."""
    try:
        parts = urlsplit(url)
        return parts.scheme if parts.hostname and parts.port != 0 else ""
    except ValueError:
        return ""


def _is_proxied(target: SplitResult, excepted: str) -> bool:
    host, port = _divided(target.netloc.rpartition("@")[2])
    host, port = host.strip("[]"), port or _PORTS.get(target.scheme, "")
    address = _address(host)
    if host == "localhost" or (address is not None and address.is_loopback):
        return False
    entries = [entry.strip().lower() for entry in excepted.split(",")]
    host = _ascii(host).lower()
    return "*" not in entries and not any(_excepts(entry, host, address, port) for entry in entries)


def _excepts(entry: str, host: str, address: Address | None, port: str) -> bool:
    """Whether an entry of NO_PROXY is the server, its network, or a domain that it is in.

    ``a.b`` is that host and all below, ``.a.b`` and ``*.a.b`` only what is below.
    """
    if network := _network(entry):
        return address is not None and address in network
    name, its_port = _divided(entry)
    if not name or its_port not in ("", port):
        return False
    if "%" not in name and (found := _address(name)):
        return found == address
    name = _ascii(name[1:] if name.startswith("*.") else name)
    below = host.endswith(name if name.startswith(".") else f".{name}")
    return address is None and (below or host == name)


def _divided(text: str) -> tuple[str, str]:
    """Host and port, as they are written; text that is not such a pair is a host."""
    found = _HOST_AND_PORT.fullmatch(text)
    return (found[1] or found[2] or "", found[3]) if found else (text, "")


def _address(host: str) -> Address | None:
    """A host as an IP address, without a zone; as in Go, ::ffff:1.2.3.4 is 1.2.3.4."""
    try:
        address = ip_address(ip_address(host).packed)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _network(entry: str) -> IPv4Network | IPv6Network | None:
    """An entry as a network; it has the number of bits, not a mask."""
    address, _, bits = entry.partition("/")
    if "%" in address or not (bits.isascii() and bits.isdigit()):
        return None
    try:
        network = ip_network(entry, strict=False)
    except ValueError:
        return None
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    return IPv4Network((mapped, network.prefixlen - 96)) if mapped else network


def _ascii(name: str) -> str:
    """A name as in DNS; one that can't be in DNS stays as it is."""
    try:
        labels = [label.encode("idna").decode() for label in name.split(".")]
    except UnicodeError:
        return name
    return name if name.isascii() else ".".join(labels)
