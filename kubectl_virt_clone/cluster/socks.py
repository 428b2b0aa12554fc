"""Connections through a SOCKS5 proxy, as ``ssh -D`` opens one: RFC 1928, passwords by RFC 1929.

Which proxy it is, is ``proxies.py``'s to say; what goes through it is not known here.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any
from urllib.parse import SplitResult, unquote

PORT = 1080
_VERSION = b"\x05"
_OPEN, _PASSWORD = b"\x00", b"\x02"
# How long the rest of the proxy's address is, by its type; a name begins with its length.
_LENGTHS = {b"\x01": 4, b"\x04": 16}
_REASONS = {
    b"\x01": "general failure",
    b"\x02": "not allowed by its rules",
    b"\x03": "network unreachable",
    b"\x04": "host unreachable",
    b"\x05": "connection refused",
    b"\x06": "time to live expired",
}


def socks_pool(proxy: SplitResult, kept: Mapping[str, Any]) -> Any:
    """A pool of urllib3 whose connections lead through the proxy; ``kept`` is for each of them."""
    from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
    from urllib3.connection import HTTPConnection, HTTPSConnection
    from urllib3.exceptions import ConnectTimeoutError, ProxyError
    from urllib3.util.connection import create_connection

    class Through:
        """What a connection does instead of connecting to its host."""

        def _new_conn(self: Any) -> socket.socket:
            to = (proxy.hostname or "", proxy.port or PORT)
            try:
                tunnel = create_connection(to, self.timeout, socket_options=self.socket_options)
                try:
                    _ask(tunnel, proxy, self.host, self.port)
                except BaseException:
                    tunnel.close()
                    raise
            except TimeoutError as error:
                raise ConnectTimeoutError(self, "the proxy did not answer in time") from error
            except OSError as error:
                raise ProxyError("no connection through the proxy", error) from error
            return tunnel

    class Plain(Through, HTTPConnection):
        """HTTP through the proxy."""

    class Secure(Through, HTTPSConnection):
        """HTTPS through the proxy."""

    class PlainPool(HTTPConnectionPool):
        """Connections of the one kind."""

        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        """Connections of the other kind."""

        ConnectionCls = Secure

    pool = PoolManager(**kept)
    pool.pool_classes_by_scheme = {"http": PlainPool, "https": SecurePool}
    return pool


def _ask(tunnel: socket.socket, proxy: SplitResult, host: str, port: int) -> None:
    """Let the proxy connect to a host, which it looks up itself. Raises OSError if it doesn't."""
    methods = _OPEN + _PASSWORD if proxy.username else _OPEN
    tunnel.sendall(_VERSION + _counted(methods))
    version, method = _split(_received(tunnel, 2))
    if version != _VERSION:
        raise OSError("it does not speak SOCKS5")
    if method == _PASSWORD and proxy.username:
        name, password = (unquote(text or "").encode() for text in (proxy.username, proxy.password))
        tunnel.sendall(b"\x01" + _counted(name) + _counted(password))
        method = _received(tunnel, 2)[1:]
    if method != _OPEN:
        raise OSError("it wants another user or password")
    tunnel.sendall(_VERSION + b"\x01\x00" + _address(host) + port.to_bytes(2, "big"))
    _, reply, _, kind = _split(_received(tunnel, 4))
    if reply != b"\x00":
        raise OSError(_REASONS.get(reply, f"error {reply.hex()}"))
    _received(tunnel, (_LENGTHS.get(kind) or _received(tunnel, 1)[0]) + 2)


def _address(host: str) -> bytes:
    try:
        packed = ip_address(host.strip("[]")).packed
    except ValueError:
        return b"\x03" + _counted(host.encode("idna"))
    return (b"\x01" if len(packed) == _LENGTHS[b"\x01"] else b"\x04") + packed


def _counted(data: bytes) -> bytes:
    try:
        return len(data).to_bytes(1, "big") + data
    except OverflowError as error:
        raise OSError("a name or password is too long for it") from error


def _received(tunnel: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        if not (more := tunnel.recv(size - len(data))):
            raise OSError("it ended the connection")
        data += more
    return data


def _split(data: bytes) -> list[bytes]:
    return [bytes([byte]) for byte in data]
