"""A connected session: requests with the user's credentials, answers as plain dicts.

Credentials come from the ``kubernetes`` package; requests go through its connection pool directly,
because its API classes hide Warning headers, send a repeated header only once and are slow.
"""

from __future__ import annotations

import json
import logging
import os
import platform
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode, urlsplit

from kubectl_virt_clone import __version__
from kubectl_virt_clone.cluster.credentials import Credentials, credentials_of
from kubectl_virt_clone.cluster.kubeconfig import Connection, resolve
from kubectl_virt_clone.errors import ConfigError, ConnectionFailed, StatusError
from kubectl_virt_clone.model.connection import ConnectionFlags

Query = Sequence[tuple[str, str]]
Notify = Callable[[str], None]

USER_AGENT = f"kubectl-virt-clone/{__version__} ({sys.platform}/{platform.machine()})"
CONNECT_TIMEOUT = 30.0
# An API server ends a request after 60 s; nothing for longer than that is a dead connection.
READ_TIMEOUT = 75.0
ATTEMPTS = 4  # of a request that the server asks us to send again later
LONGEST_DELAY = 30.0  # that a server may ask for with Retry-After
POOL_SIZE = 16


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
        self._flags = flags
        self._timeout = flags.request_timeout
        self._log = log if flags.verbosity else None
        self._warn = warn
        self._warned: set[str] = set()
        self._authenticating = threading.Lock()
        self._credentials = credentials_of(connection, POOL_SIZE)
        self.server = self._credentials.server

    def _authenticate(self, refused: Credentials) -> None:
        """Read the credentials anew after a 401, for tokens expire.

        Once for all threads that were ``refused`` with the same ones.
        """
        with self._authenticating:
            if self._credentials is refused:
                self._connection = self._renewed()
                self._credentials = credentials_of(self._connection, POOL_SIZE)

    def _renewed(self) -> Connection:
        """The same context's user as the kubeconfig has it now.

        Whatever else was changed there meanwhile: the server stays the one that was asked before.
        """
        context = self._connection.context or self._flags.context
        try:
            user = resolve(replace(self._flags, context=context), os.environ).user
        except ConfigError:
            return self._connection
        return replace(self._connection, user=user)

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
        return _decoded(data, self.server)

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
            credentials = self._credentials
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
                error = StatusError(*_status(response, self._translated(response.read)))
            finally:
                response.release_conn()
            if error.code == 401 and not reauthenticated:  # noqa: PLR2004
                reauthenticated = True
                self._authenticate(credentials)
                continue
            delay = _retry_after(response, error.code)
            if delay is None or delay > LONGEST_DELAY or attempt == ATTEMPTS:
                raise error
            time.sleep(delay)
        raise error

    def _once(self, request: _Request, credentials: Credentials) -> Any:
        from urllib3 import Timeout

        query = f"?{urlencode(request.query)}" if request.query else ""
        url = f"{self.server}{request.path}{query}"
        started = time.monotonic()
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
        if self._log:
            elapsed = (time.monotonic() - started) * 1000
            self._log(f"{request.method} {url} {response.status} in {elapsed:.0f} ms")
        for warning in response.headers.getlist("Warning"):
            self._pass_on(warning)
        return response

    def _headers(self, request: _Request, credentials: Credentials) -> Any:
        from urllib3 import HTTPHeaderDict

        headers = HTTPHeaderDict({"Accept": request.accept, "User-Agent": USER_AGENT})
        if authorization := credentials.authorization:
            headers["Authorization"] = authorization
        for name, value in self._connection.impersonation:
            headers.add(name, value)
        if request.body is not None:
            headers["Content-Type"] = request.content_type
        return headers

    def _pass_on(self, header: str) -> None:
        """Give on a ``299 agent "text"`` warning, each text once, as kubectl does."""
        text = header.split('"', 1)[-1].rsplit('"', 1)[0].replace('\\"', '"')
        if text not in self._warned:
            self._warned.add(text)
            self._warn(text)

    def _translated(self, call: Callable[[], Any]) -> Any:
        """Run a call into urllib3; its errors leave as ConnectionFailed in kubectl's words."""
        from urllib3 import exceptions

        try:
            return call()
        except (exceptions.HTTPError, OSError) as error:
            raise _connection_failed(error, self.server) from error
        except ValueError as error:
            # Of http.client and its codecs; their text repeats the value, which may be a token.
            raise ConfigError("a flag or the kubeconfig has a value that can't be sent") from error


def _connection_failed(error: Exception, server: str) -> ConnectionFailed:
    """Say in kubectl's words why there is no answer; only a wrong certificate is for good."""
    from urllib3 import exceptions

    host = urlsplit(server)
    if isinstance(error.__cause__, ConnectionRefusedError):
        return ConnectionFailed(
            f"The connection to the server {host.netloc} was refused"
            " - did you specify the right host or port?"
        )
    if isinstance(error, exceptions.SSLError):
        reason, verified = _tls(error)
        return ConnectionFailed(f"Unable to connect to the server: {reason}", transient=verified)
    if isinstance(error, exceptions.NameResolutionError):
        reason = f"dial tcp: lookup {host.hostname}: no such host"
    elif isinstance(error, exceptions.NewConnectionError):
        reason = str(error.__cause__ or error)
    elif isinstance(error, exceptions.TimeoutError):
        reason = "the server did not answer in time"
    else:
        reason = " ".join(str(error).split())
    reset = isinstance(error, exceptions.ProtocolError)
    return ConnectionFailed(f"Unable to connect to the server: {reason}", reset=reset)


def connect(flags: ConnectionFlags, *, log: Notify, warn: Notify) -> Session:
    """Resolve the flags against kubeconfig and environment; no request is sent yet."""
    return Session(resolve(flags, os.environ), flags=flags, log=log, warn=warn)


def _status(response: Any, body: bytes) -> tuple[dict[str, Any], int]:
    """The Status in the body of a failed answer; a proxy's HTML becomes a Status with that text."""
    try:
        status = json.loads(body)
    except ValueError:
        status = None
    if not isinstance(status, dict) or status.get("kind") != "Status":
        text = " ".join(body.decode("utf-8", "replace").split())[:200]
        status = {"message": text or f"the server answered {response.status} {response.reason}"}
    return status, response.status


def _retry_after(response: Any, code: int) -> float | None:
    """Seconds to wait where the server asks for it (429, and 5xx with Retry-After), else None."""
    header = response.headers.get("Retry-After", "")
    if header.isdigit() and (code == 429 or code >= 500):  # noqa: PLR2004
        return float(header)
    return 1.0 if code == 429 else None  # noqa: PLR2004


def _decoded(data: bytes, server: str) -> dict[str, Any]:
    try:
        decoded = json.loads(data)
    except ValueError as error:
        raise ConnectionFailed(
            f"Unable to connect to the server: {server} sent no JSON", transient=False
        ) from error
    if not isinstance(decoded, dict):
        raise ConnectionFailed(f"Unable to connect to the server: {server} sent no JSON object")
    return decoded


def _tls(error: Exception) -> tuple[str, bool]:
    """What is wrong, in the words of Go's crypto/x509, and whether it is not the certificate."""
    import ssl

    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLCertVerificationError):
        cause = cause.__cause__ or cause.__context__
    if cause is None:
        return f"tls: {' '.join(str(error).split())}", True
    known = {10: "certificate has expired or is not yet valid", 9: "certificate is not yet valid"}
    known |= dict.fromkeys((18, 19, 20, 21), "certificate signed by unknown authority")
    reason = known.get(cause.verify_code, cause.verify_message)
    return f"tls: failed to verify certificate: x509: {reason}", False


logging.getLogger("urllib3").addHandler(logging.NullHandler())
