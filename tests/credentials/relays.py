"""What may stand where a server should be: proxies, plain HTTP, and servers that say nothing."""

from __future__ import annotations

import base64
import contextlib
import ipaddress
import select
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

HOST = "127.0.0.1"
PATIENCE = 20.0

Serve = Callable[[Any], None]


@contextmanager
def listening(serve: Serve, tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """A port where each connection is given to ``serve`` in a thread of its own."""
    listener = socket.create_server((HOST, 0))
    opened: list[socket.socket] = []

    def handle(connection: socket.socket) -> None:
        # A client may leave in the midst of its words.
        with contextlib.suppress(OSError, ValueError, IndexError):
            if tls:
                connection = tls.wrap_socket(connection, server_side=True)
                opened.append(connection)
            serve(connection)
        with contextlib.suppress(OSError):
            connection.close()

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            opened.append(connection)
            threading.Thread(target=handle, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for connection in opened:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        thread.join(PATIENCE)


def pump(one: Any, other: Any) -> None:
    """Carry bytes both ways until one side ends."""
    pairs = {one: other, other: one}
    while True:
        # What TLS has decrypted already no longer makes its socket readable.
        ready = [side for side in pairs if isinstance(side, ssl.SSLSocket) and side.pending()]
        ready = ready or select.select(list(pairs), [], [], PATIENCE)[0]
        for side in ready:
            data = side.recv(65536)
            if not data:
                return
            pairs[side].sendall(data)


def plain_to(port: int) -> Serve:
    """HTTP without TLS in front of an HTTPS server."""

    def serve(connection: socket.socket) -> None:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        with socket.create_connection((HOST, port)) as raw, context.wrap_socket(raw) as upstream:
            pump(connection, upstream)

    return serve


def hang_up(connection: socket.socket) -> None:
    """End the connection instead of an answer."""
    connection.recv(65536)


def stay_silent(connection: socket.socket) -> None:
    """Take what comes and answer nothing."""
    while connection.recv(65536):
        pass


def redirect_to(url: str) -> Serve:
    """Send every request elsewhere."""

    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        answer = f"HTTP/1.1 302 Found\r\nLocation: {url}\r\nContent-Length: 0\r\n\r\n"
        connection.sendall(answer.encode())

    return serve


class Socks:
    """A SOCKS5 proxy whose every connection leads to one port; remembers what it was asked."""

    def __init__(self, port: int, credentials: str = "") -> None:
        self.asked: list[str] = []
        self._port = port
        self._wanted = tuple(credentials.split(":")) if credentials else ()

    def serve(self, connection: socket.socket) -> None:
        """One connection: the greeting, a password if one is wanted, and what is asked for."""
        with connection.makefile("rb") as reader:
            _, count = reader.read(2)
            wanted = 2 if self._wanted else 0
            if wanted not in reader.read(count):
                connection.sendall(b"\x05\xff")
                return
            connection.sendall(bytes([5, wanted]))
            if self._wanted:
                reader.read(1)
                given = tuple(reader.read(reader.read(1)[0]).decode() for _ in range(2))
                connection.sendall(b"\x01" + bytes([given != self._wanted]))
                if given != self._wanted:
                    return
            kind = reader.read(4)[3]
            size = {1: 4, 4: 16}.get(kind) or reader.read(1)[0]
            address = reader.read(size)
            host = address.decode() if kind == 3 else str(ipaddress.ip_address(address))
            self.asked.append(f"{host}:{int.from_bytes(reader.read(2), 'big')}")
        refused = host.startswith("refused.")
        connection.sendall(bytes([5, 5 if refused else 0, 0, 1, 0, 0, 0, 0, 0, 0]))
        if not refused:
            with socket.create_connection((HOST, self._port)) as upstream:
                pump(connection, upstream)


class Proxy:
    """An HTTP proxy whose every CONNECT leads to one port; remembers what it was asked."""

    def __init__(self, port: int, credentials: str = "") -> None:
        self.asked: list[str] = []
        self._port = port
        self._wanted = f"Basic {base64.b64encode(credentials.encode()).decode()}"
        self._open = not credentials

    def serve(self, connection: socket.socket) -> None:
        """One connection: CONNECT, and then whatever goes through it."""
        head = b""
        while b"\r\n\r\n" not in head:
            if not (data := connection.recv(65536)):
                return
            head += data
        first, *headers = head.decode("latin-1").split("\r\n")
        self.asked.append(" ".join(first.split()[:2]))
        given = dict(line.split(": ", 1) for line in headers if ": " in line)
        if not (self._open or given.get("Proxy-Authorization") == self._wanted):
            connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
            return
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with socket.create_connection((HOST, self._port)) as upstream:
            pump(connection, upstream)
