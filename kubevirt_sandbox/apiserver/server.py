"""The HTTPS server: connections, authentication, and responses written to the wire.

What a request means and what is answered comes from ``endpoints`` and ``discovery.documents``.
"""

from __future__ import annotations

import contextlib
import json
import re
import select
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from email.message import Message
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from kubevirt_sandbox.apiserver.access import authentication, authorization
from kubevirt_sandbox.apiserver.access.authentication import Peer
from kubevirt_sandbox.apiserver.access.authorization import User
from kubevirt_sandbox.apiserver.discovery.documents import Documents
from kubevirt_sandbox.apiserver.endpoints import Endpoints, Request, Response, encode, refused
from kubevirt_sandbox.apiserver.faults import disturbances
from kubevirt_sandbox.apiserver.faults.fault import EXPIRE, FORBID, Fault, Faults
from kubevirt_sandbox.apiserver.requestinfo import RequestInfo, parse
from kubevirt_sandbox.storage import status
from kubevirt_sandbox.storage.registry import Registry
from kubevirt_sandbox.storage.status import ApiError

HOST = "127.0.0.1"
MAX_BODY = 3 * 1024 * 1024
"""Bytes of the largest request that is read, as the API server limits it."""

READERS = ("curl", "Wget", "Mozilla/5.0")
"""Clients with a human behind them: they get their JSON indented, as from the API server."""

OnRequest = Callable[[str, str, int], None]
# What a connection raises when its client has gone; no failure of the server.
GONE = (ConnectionError, TimeoutError, ssl.SSLError)


class ApiServer:
    """Serves a registry on a port of 127.0.0.1 that the system chooses.

    ``users`` maps bearer tokens to users; client certificates count where ``tls`` verifies them.
    ``on_request`` hears method, path and code of each answered request. ``on_expiry`` is to give
    a user another token, when a fault asks for it.
    """

    def __init__(
        self,
        registry: Registry,
        users: Mapping[str, User],
        tls: ssl.SSLContext,
        on_request: OnRequest | None = None,
        *,
        faults: Faults | None = None,
        on_expiry: Callable[[], None] = lambda: None,
    ) -> None:
        self.users = users
        self.on_request = on_request
        self._faults = faults or Faults()
        self._on_expiry = on_expiry
        self._registry = registry
        self._server = _Server((HOST, 0), _Handler)
        # The handshake is done by the connection's own thread: a client that stalls in it must
        # not keep others waiting.
        self._server.socket = tls.wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
        self._server.api = self
        self.port: int = self._server.server_address[1]
        self._endpoints = Endpoints(registry)
        self._documents = Documents(registry.catalogue, f"{HOST}:{self.port}")
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="apiserver", daemon=True
        )

    @property
    def closed(self) -> bool:
        """Whether the server is going down."""
        return self._registry.store.closed

    def start(self) -> None:
        """Begins to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Ends all watches and connections; returns when the port is closed."""
        self._registry.store.close()
        # Linux wakes the loop then; elsewhere it sees at its next look around that it has to end.
        with contextlib.suppress(OSError):
            self._server.socket.shutdown(socket.SHUT_RDWR)
        self._server.shutdown()
        self._server.close_connections()
        self._server.server_close()
        self._thread.join()

    def answer(self, request: Request) -> Response:
        """The response to an authenticated request; raises ApiError for a refusal."""
        info = request.info
        forbidden = any(fault.name == FORBID for fault in request.faults)
        if forbidden or not authorization.allowed(request.user, info):
            raise _refusal(request.user, info)
        if info.resource:
            return self._endpoints.answer(request)
        method = "GET" if info.method == "HEAD" else info.method
        content_type, document = self._documents.answer(method, info.path, request.accept)
        body = document if isinstance(document, bytes) else encode(document)
        return Response(HTTPStatus.OK, body, content_type)

    def strike(self, info: RequestInfo, alive: Callable[[], bool]) -> list[Fault]:
        """The faults that a request has to live with; what ends it at once is raised."""
        faults = self._faults.strike(info)
        for fault in faults:
            if fault.name == EXPIRE:
                self._on_expiry()
            elif not fault.stays_in(info):
                disturbances.suffer(fault, info, self._registry.store.version, alive)
        return faults

    def user_of(self, headers: Message, path: str, peer: Peer) -> User:
        """Who asks; raises ApiError 401, or 403 when they may not impersonate."""
        return authentication.user_of(self.users, headers, path, peer)


class _Unserved(NamedTuple):
    group: str
    plural: str


def _refusal(user: User, info: RequestInfo) -> ApiError:
    if not info.resource:
        return status.forbidden_path(user.name, info.verb, info.path)
    named = _Unserved(info.group, info.resource)
    name = info.name if info.verb != "create" else ""
    return status.forbidden(user.name, info.verb, named, info.namespace, name, info.subresource)


class _Server(ThreadingHTTPServer):
    """One thread per connection; knows its connections, so that it can end them."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    api: ApiServer

    def __init__(self, *args: Any) -> None:
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__(*args)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def close_connections(self) -> None:
        """Ends every open connection; its thread sees the end of its stream."""
        with self._lock:
            for connection in self._connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that leaves, or does not trust our CA, is no error worth a traceback."""
        if not isinstance(sys.exc_info()[1], GONE):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """Reads one request after the other from a connection and writes its response."""

    protocol_version = "HTTP/1.1"
    server_version = "apiserver"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Server

    def handle(self) -> None:
        """Serves the connection until its end."""
        with contextlib.suppress(*GONE):
            super().handle()

    def log_message(self, *_: Any) -> None:
        """Requests are not logged; ``on_request`` hears of them."""

    def finish(self) -> None:
        """Flushes what is left, unless the client has gone."""
        with contextlib.suppress(*GONE, ValueError):
            super().finish()

    def answer(self) -> None:
        """One request, whatever its method."""
        info = parse(self.command, self.path)
        api = self.server.api
        try:
            # The body is read before anything is refused, so that the connection can go on.
            body = self._read_body()
            response = api.answer(self._request(info, body))
        except ApiError as error:
            response = refused(error)
        if api.on_request:
            api.on_request(self.command, self.path, int(response.code))
        if response.stream is None or self.command == "HEAD":
            self._write(response)
        else:
            self._write_stream(response, response.stream)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815
    do_OPTIONS = do_TRACE = answer  # noqa: N815

    def _request(self, info: RequestInfo, body: bytes) -> Request:
        # The first thing of all: a fault may be that the user is no longer known.
        faults = self.server.api.strike(info, self._alive)
        return Request(
            info=info,
            user=self.server.api.user_of(self.headers, info.path, self._peer()),
            accept=self.headers.get("Accept", ""),
            content_type=self.headers.get("Content-Type", ""),
            body=body,
            alive=self._alive,
            faults=faults,
        )

    def _peer(self) -> Peer:
        connection: Any = self.connection
        return connection.getpeercert() or {}

    def _read_body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return self._read_chunks()
        length = self.headers.get("Content-Length", "0")
        size = int(length) if length.isdecimal() else 0
        if size > MAX_BODY:
            self.close_connection = True
            message = f"Request entity too large: limit is {MAX_BODY}"
            raise status.failure(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, message, "RequestEntityTooLarge"
            )
        return self.rfile.read(size)

    def _read_chunks(self) -> bytes:
        body = b""
        while True:
            digits = self.rfile.readline().partition(b";")[0].strip()
            if not re.fullmatch(rb"[0-9a-fA-F]{1,6}", digits):
                self.close_connection = True
                raise status.bad_request("the body's chunks can't be read")
            size = int(digits, 16)
            body += self.rfile.read(size)
            self.rfile.readline()
            if size == 0:
                return body

    def _alive(self) -> bool:
        """Whether the client of a watch is still there: it sends nothing but its end."""
        if self.server.api.closed:
            return False
        connection: Any = self.connection
        readable, _, _ = select.select([connection], [], [], 0)
        return not readable and not connection.pending()

    def _head(self, response: Response) -> None:
        self.send_response(response.code)
        self.send_header("Content-Type", response.content_type)
        self.send_header("Cache-Control", "no-cache, private")
        for text in dict.fromkeys(response.warnings):
            quoted = text.replace("\\", "\\\\").replace('"', '\\"')
            self.send_header("Warning", f'299 - "{quoted}"')
        if response.retry_after:
            self.send_header("Retry-After", str(response.retry_after))

    def _write(self, response: Response) -> None:
        body = response.body
        if self.headers.get("User-Agent", "").startswith(READERS) and body.startswith(b"{"):
            body = json.dumps(json.loads(body), indent=2, ensure_ascii=False).encode()
        self._head(response)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()

    def _write_stream(self, response: Response, lines: Iterator[bytes]) -> None:
        self._head(response)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.flush()
        for line in lines:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()
