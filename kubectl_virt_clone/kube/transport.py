"""A connected session: requests with the user's credentials, answers as plain dicts.

Where to and as whom is ``credentials.py``'s. Requests go through urllib3: the API classes of the
``kubernetes`` package hide Warning headers, send a repeated header only once and are slow.
"""

from __future__ import annotations

import json
import logging
import math
import os
import platform
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from kubectl_virt_clone import __version__
from kubectl_virt_clone.errors import (
    ConfigError,
    ConnectionFailed,
    Deferred,
    StatusError,
)
from kubectl_virt_clone.kube.answers import object_in, retry_after, status_in
from kubectl_virt_clone.kube.auth import Credentials, credentials_of
from kubectl_virt_clone.kube.connection import ConnectionFlags
from kubectl_virt_clone.kube.kubeconfig import Connection, resolve
from kubectl_virt_clone.kube.unanswered import connection_failed

Query = Sequence[tuple[str, str]]
Notify = Callable[[str], None]

USER_AGENT = f"kubectl-virt-clone/{__version__} ({sys.platform}/{platform.machine()})"
CONNECT_TIMEOUT = 30.0
# An API server ends a request after 60 s; nothing for longer than that is a dead connection.
READ_TIMEOUT = 75.0
ATTEMPTS = 4  # of a request that the server asks us to send again later
LONGEST_DELAY = 30.0  # that a server may ask for with Retry-After
POOL_SIZE = 16
# RFC 7234, 5.5: code, agent, text and perhaps a date; there may be several in a header.
_WARNING = r'(?:^|,)\s*299 \S+ "((?:[^"\\]|\\.)*)"'


@dataclass(frozen=True)
class _Request:
    method: str
    path: str
    query: Query
    read_timeout: float | None
    body: Mapping[str, Any] | None = None
    content_type: str = "application/json"
    accept: str = "application/json"


class Session:
    """A connection pool to one server with one user's credentials; safe to share among threads.

    ``log`` gets one line per request where -v asks for it; ``warn`` gets each warning that the
    server sends, once.
    """

    def __init__(
        self, connection: Connection, *, flags: ConnectionFlags, log: Notify, warn: Notify
    ) -> None:
        self.namespace = connection.namespace
        self._connection = connection
        self.flags = flags
        self._timeout = flags.request_timeout
        self._log = log if flags.verbosity else None
        self._warn = warn
        self._warned: set[str] = set()
        self._deadline = math.inf
        self._authenticating = threading.Lock()
        self._credentials = credentials_of(connection, POOL_SIZE)
        self.server = self._credentials.server
        if not self._credentials.verified:
            warn(
                f"insecure-skip-tls-verify: whoever answers at {self.server} is taken for the"
                " server and gets your credentials"
            )

    @contextmanager
    def until(self, deadline: float) -> Iterator[None]:
        """Within this, a request that is to be sent again after ``deadline`` raises Deferred.

        ``deadline`` is a time of the monotonic clock.
        """
        self._deadline = deadline
        try:
            yield
        finally:
            self._deadline = math.inf

    def _current(self) -> Credentials:
        """The credentials, after their renewal if they end by themselves and have."""
        credentials = self._credentials
        if credentials.expired:
            self._authenticate(credentials)
        return self._credentials

    def _authenticate(self, refused: Credentials) -> None:
        """Read the credentials anew when they have expired, or after a 401.

        Once for all threads that were ``refused`` with the same ones. Raises ConnectionFailed where
        they can't be read: whoever writes them may be in the midst of it.
        """
        with self._authenticating:
            if self._credentials is refused:
                self._connection = self._renewed()
                try:
                    self._credentials = credentials_of(self._connection, POOL_SIZE)
                except ConfigError as error:
                    reason = f"Unable to connect to the server: {error.args[0]}"
                    raise ConnectionFailed(reason) from error

    def _renewed(self) -> Connection:
        """The same context's user as the kubeconfig has it now.

        As long as the context's cluster is the same: another's credentials are not for this one.
        """
        context = self._connection.context or self.flags.context
        try:
            found = resolve(replace(self.flags, context=context), os.environ)
        except ConfigError:
            return self._connection
        same = found.cluster == self._connection.cluster
        return replace(self._connection, user=found.user) if same else self._connection

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Query = (),
        body: Mapping[str, Any] | None = None,
        content_type: str = "application/json",
        accept: str = "application/json",
        read_timeout: float | None = None,
    ) -> dict[str, Any]:
        """Send one request and return the decoded JSON object of the answer.

        ``read_timeout`` is how long, in seconds, the server may be silent, if not as long as
        --request-timeout says. Raises StatusError for an answer of 400 and more, ConnectionFailed
        where there is none.
        """
        if read_timeout is None:
            read_timeout = READ_TIMEOUT if self._timeout is None else self._timeout or None
        request = _Request(method, path, query, read_timeout, body, content_type, accept)
        response = self._send(request)
        try:
            data = self._translated(response.read)
        finally:
            response.release_conn()
        return object_in(data, self.server)

    @contextmanager
    def stream(self, path: str, *, query: Query, read_timeout: float) -> Iterator[Iterator[bytes]]:
        """Open a streaming GET; yields an iterator of its lines, and closes it at the end.

        ``read_timeout`` is how long, in seconds, the server may stay silent.
        """
        response = self._send(_Request("GET", path, query, read_timeout))
        try:
            yield self._lines(response)
        finally:
            response.close()

    def _lines(self, response: Any) -> Iterator[bytes]:
        pending = b""
        chunks = response.stream(65536)
        while chunk := self._translated(lambda: next(chunks, b"")):
            *lines, pending = (pending + chunk).split(b"\n")
            yield from lines
        if pending:
            yield pending

    def _send(self, request: _Request) -> Any:
        """Return an open response of less than 400; asks again where the server says so."""
        reauthenticated = False
        for attempt in range(1, ATTEMPTS + 1):
            credentials = self._current()
            try:
                response = self._once(request, credentials)
            except ConnectionFailed as failed:
                # A server may close an idle connection while the next request is on its way.
                if request.method == "GET" and failed.reset and attempt == 1:
                    continue
                raise
            if response.status < 400:  # noqa: PLR2004
                return response
            try:
                otherwise = f"the server answered {response.status} {response.reason}"
                body = self._translated(response.read)
                status = status_in(body, otherwise)
                error = StatusError(status, response.status, self.flags.access.words)
            finally:
                response.release_conn()
            if error.code == 401 and not reauthenticated:  # noqa: PLR2004
                reauthenticated = True
                self._authenticate(credentials)
                continue
            delay = retry_after(response.headers.get("Retry-After", ""), error.code)
            if delay is not None and time.monotonic() + delay > self._deadline:
                raise Deferred(error.status, error.code, error.connection)
            if delay is None or delay > LONGEST_DELAY or attempt == ATTEMPTS:
                raise error
            time.sleep(delay)
        raise error

    def _once(self, request: _Request, credentials: Credentials) -> Any:
        from urllib3 import Timeout

        # What is no UTF-8 in a flag stays as it is, as in Go.
        query = urlencode(request.query, errors="surrogateescape")
        url = f"{self.server}{request.path}{query and '?'}{query}"
        started = time.monotonic()
        status = "without an answer"
        try:
            response = self._translated(
                lambda: credentials.pool.request(
                    request.method,
                    url,
                    headers=self._headers(request, credentials),
                    body=None if request.body is None else json.dumps(request.body).encode(),
                    preload_content=False,
                    redirect=False,
                    retries=False,
                    timeout=Timeout(
                        connect=self._timeout or CONNECT_TIMEOUT, read=request.read_timeout
                    ),
                )
            )
            status = str(response.status)
        finally:
            if self._log:
                elapsed = (time.monotonic() - started) * 1000
                self._log(f"{request.method} {url} {status} in {elapsed:.0f} ms")
        for warning in response.headers.getlist("Warning"):
            self._pass_on(warning)
        return response

    def _headers(self, request: _Request, credentials: Credentials) -> Any:
        from urllib3 import HTTPHeaderDict

        headers = HTTPHeaderDict({"Accept": request.accept, "User-Agent": USER_AGENT})
        if authorization := credentials.authorization:
            headers["Authorization"] = _as_utf8(authorization)
        for name, value in self._connection.impersonation:
            headers.add(name, _as_utf8(value))
        if request.body is not None:
            headers["Content-Type"] = request.content_type
        return headers

    def _pass_on(self, header: str) -> None:
        """Give on each ``299 agent "text"`` of a header, each text once, as kubectl does."""
        for warning in re.finditer(_WARNING, header):
            text = re.sub(r"\\(.)", r"\1", warning[1])
            if text not in self._warned:
                self._warned.add(text)
                self._warn(text)

    def _translated(self, call: Callable[[], Any]) -> Any:
        """Run a call into urllib3; its errors leave as ConnectionFailed in kubectl's words."""
        from urllib3 import exceptions

        try:
            return call()
        except (exceptions.HTTPError, OSError) as error:
            raise connection_failed(error, self.server) from error
        except ValueError as error:
            # Of http.client and its codecs; their text repeats the value, which may be a token.
            raise ConfigError("a flag or the kubeconfig has a value that can't be sent") from error


def _as_utf8(value: str) -> str:
    """What http.client, which writes headers in Latin-1, puts on the wire as UTF-8."""
    return value.encode("utf-8", "surrogateescape").decode("latin-1")


def connect(flags: ConnectionFlags, *, log: Notify, warn: Notify) -> Session:
    """Resolve the flags against kubeconfig and environment; no request is sent yet."""
    return Session(resolve(flags, os.environ), flags=flags, log=log, warn=warn)


logging.getLogger("urllib3").addHandler(logging.NullHandler())
