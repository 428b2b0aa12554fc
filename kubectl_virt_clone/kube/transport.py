"""A connected session: requests with the user's credentials, answers as plain dicts.

``auth`` says where to and as whom; nothing here knows what an object means.
docs/decisions.md says why requests don't go through the ``kubernetes`` package.
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
from http import HTTPStatus
from http.client import RemoteDisconnected
from typing import Any, NoReturn
from urllib.parse import urlencode, urlsplit

from kubectl_virt_clone import __version__
from kubectl_virt_clone.errors import ConfigError, ConnectionFailed, Deferred, StatusError
from kubectl_virt_clone.kube.auth import Credentials, credentials_of
from kubectl_virt_clone.kube.connection import ConnectionFlags
from kubectl_virt_clone.kube.kubeconfig import Connection, resolve
from kubectl_virt_clone.kube.retry import ATTEMPTS, LONGEST_DELAY, Clock, retry_after
from kubectl_virt_clone.objects.fields import well_formed

Query = Sequence[tuple[str, str]]
Notify = Callable[[str], None]

USER_AGENT = f"kubectl-virt-clone/{__version__} ({sys.platform}/{platform.machine()})"
CONNECT_TIMEOUT = 30.0
# An API server ends a request after 60 s; nothing for longer than that is a dead connection.
READ_TIMEOUT = 75.0
POOL_SIZE = 16
# RFC 7234, 5.5: code, agent, text and perhaps a date; there may be several in a header.
_WARNING = r'(?:^|,)\s*299 \S+ "((?:[^"\\]|\\.)*)"'

EOF = (RemoteDisconnected, EOFError)
# OpenSSL's names for an answer that is not TLS, by release.
_NO_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE")


@dataclass(frozen=True)
class _Request:
    method: str
    path: str
    query: Query
    read_timeout: float | None
    deadline: float
    body: Mapping[str, Any] | None = None
    content_type: str = "application/json"
    accept: str = "application/json"


class Session:
    """A connection pool to one server with one user's credentials; safe to share among threads.

    ``log`` gets one line per request where -v asks for it; ``warn`` gets each warning that the
    server sends, once.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        flags: ConnectionFlags,
        log: Notify,
        warn: Notify,
        clock: Clock,
    ) -> None:
        self.namespace = connection.namespace
        self._connection = connection
        self.flags = flags
        self.clock = clock
        self._timeout = flags.request_timeout
        self._log = log if flags.verbosity else None
        self._warn = warn
        self._warned: set[str] = set()
        self._authenticating = threading.Lock()
        self._credentials = credentials_of(connection, POOL_SIZE)
        self.server = self._credentials.server
        if not self._credentials.verified:
            warn(
                f"insecure-skip-tls-verify: whoever answers at {self.server} is taken for the"
                " server and gets your credentials"
            )

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
        deadline: float = math.inf,
    ) -> dict[str, Any]:
        """Send one request and return the decoded JSON object of the answer.

        ``read_timeout`` is how long, in seconds, the server may be silent, if not as long as
        --request-timeout says. Raises StatusError for an answer of 400 and more, Deferred where the
        server wants it again after the ``deadline``, a time of the monotonic clock, and
        ConnectionFailed where there is no answer.
        """
        if read_timeout is None:
            read_timeout = READ_TIMEOUT if self._timeout is None else self._timeout or None
        request = _Request(method, path, query, read_timeout, deadline, body, content_type, accept)
        response = self._send(request)
        try:
            data = self._translated(response.read)
        finally:
            response.release_conn()
        return object_in(data, self.server)

    @contextmanager
    def stream(
        self, path: str, *, query: Query, read_timeout: float, deadline: float = math.inf
    ) -> Iterator[Iterator[bytes]]:
        """Open a streaming GET; yields an iterator of its lines, and closes it at the end.

        ``read_timeout`` and ``deadline`` as for ``request``.
        """
        response = self._send(_Request("GET", path, query, read_timeout, deadline))
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
            if response.status < HTTPStatus.BAD_REQUEST:
                return response
            try:
                otherwise = f"the server answered {response.status} {response.reason}"
                body = self._translated(response.read)
                status = status_in(body, otherwise)
                error = StatusError(status, response.status, self.flags.access.words)
            finally:
                response.release_conn()
            if error.code == HTTPStatus.UNAUTHORIZED and not reauthenticated:
                reauthenticated = True
                self._authenticate(credentials)
                continue
            delay = retry_after(response.headers.get("Retry-After", ""), error.code)
            if delay is not None and self.clock.now() + delay > request.deadline:
                raise Deferred(error.status, error.code, error.connection)
            if delay is None or delay > LONGEST_DELAY or attempt == ATTEMPTS:
                raise error
            self.clock.sleep(delay)
        raise error

    def _once(self, request: _Request, credentials: Credentials) -> Any:
        from urllib3 import Timeout

        # What is no UTF-8 in a flag stays as it is, as in Go.
        query = urlencode(request.query, errors="surrogateescape")
        url = f"{self.server}{request.path}{query and '?'}{query}"
        started = self.clock.now()
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
                elapsed = (self.clock.now() - started) * 1000
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
    clock = Clock(time.monotonic, time.sleep)
    return Session(resolve(flags, os.environ), flags=flags, log=log, warn=warn, clock=clock)


def _refuse(constant: str) -> NoReturn:
    """Python's parser takes NaN and Infinity, which JSON doesn't have."""
    raise ValueError(f"{constant} is no JSON")


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _refuse(text)


_DECODER = json.JSONDecoder(parse_constant=_refuse, parse_float=_finite)


def read_json(data: bytes) -> Any:
    """The JSON value in ``data``; raises ValueError where there is none.

    As in Go, what is no UTF-8, and half a pair of surrogates, is U+FFFD: the value can be sent and
    printed again.
    """
    text = data.decode("utf-8", "replace")
    try:
        value = _DECODER.decode(text)
        if "\\ud" in text or "\\uD" in text:
            written = json.dumps(value, ensure_ascii=False)
            value = _DECODER.decode(well_formed(written))
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    return value


def object_in(data: bytes, server: str) -> dict[str, Any]:
    """The JSON object of an answer; raises ConnectionFailed where there is none."""
    try:
        decoded = read_json(data)
    except ValueError as error:
        raise ConnectionFailed(
            f"Unable to connect to the server: {server} sent no JSON", transient=False
        ) from error
    if not isinstance(decoded, dict):
        raise ConnectionFailed(
            f"Unable to connect to the server: {server} sent no JSON object", transient=False
        )
    return decoded


def status_in(body: bytes, otherwise: str) -> dict[str, Any]:
    """The Status in the body of a failed answer; a proxy's HTML becomes a Status with that text.

    ``otherwise`` is said where there is no text at all.
    """
    try:
        status = read_json(body)
    except ValueError:
        status = None
    if isinstance(status, dict) and status.get("kind") == "Status":
        return status
    text = " ".join(body.decode("utf-8", "replace").split())[:200]
    return {"message": text or otherwise}


def connection_failed(error: Exception, server: str) -> ConnectionFailed:
    """Say in kubectl's words why there is no answer; only a wrong certificate is for good."""
    from urllib3 import exceptions

    host = urlsplit(server)
    refused = isinstance(error.__cause__, ConnectionRefusedError)
    if refused and not isinstance(error, exceptions.ProxyError):
        return ConnectionFailed(
            f"The connection to the server {host.netloc} was refused"
            " - did you specify the right host or port?"
        )
    if isinstance(error, exceptions.SSLError):
        reason, verified = _tls(error)
        return ConnectionFailed(f"Unable to connect to the server: {reason}", transient=verified)
    if isinstance(error, exceptions.NameResolutionError):
        reason = f"dial tcp: lookup {host.hostname}: no such host"
    elif isinstance(error, exceptions.NewConnectionError):  # a TimeoutError, too
        reason = _bare(error)
    elif isinstance(error, exceptions.TimeoutError):
        reason = "the server did not answer in time"
    elif isinstance(error, exceptions.ProxyError):
        reason = f"the proxy: {_bare(error.original_error)}"
    else:
        reason = _bare(error)
    reset = isinstance(error, exceptions.ProtocolError)
    return ConnectionFailed(f"Unable to connect to the server: {reason}", reset=reset)


def _bare(error: BaseException) -> str:
    """What is at the bottom of an error, without the objects that urllib3 wraps it in."""
    from ssl import SSLError

    from urllib3 import exceptions

    if isinstance(error, (SSLError, exceptions.SSLError)):
        return _tls(error)[0]
    if isinstance(error, exceptions.NewConnectionError):
        cause = error.__cause__ or error.__context__ or error
        if hasattr(cause, "socket_err"):  # an error of PySocks
            return f"the proxy: {_bare(cause.socket_err or cause)}"
        error = cause
    if isinstance(error, exceptions.ProtocolError) and isinstance(error.args[-1], Exception):
        error = error.args[-1]
    if isinstance(error, EOF):
        return "EOF"
    said = error.strerror if isinstance(error, OSError) else None
    return said.lower() if said else " ".join(str(error).split())


def _tls(error: BaseException) -> tuple[str, bool]:
    """What is wrong, in the words of Go's crypto/x509, and whether it is not the certificate."""
    import ssl

    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLError):
        # urllib3 gives the error of ssl as an argument, or raises its own from it.
        nested = [item for item in cause.args if isinstance(item, BaseException)]
        cause = nested[0] if nested else cause.__cause__ or cause.__context__
    if isinstance(cause, ssl.SSLEOFError):
        return "EOF", True
    if isinstance(cause, ssl.SSLCertVerificationError):
        known = dict.fromkeys((18, 19, 20, 21), "certificate signed by unknown authority")
        known |= {10: "certificate has expired or is not yet valid"}
        known |= {9: "certificate is not yet valid"}
        reason = known.get(cause.verify_code, cause.verify_message)
        return f"tls: failed to verify certificate: x509: {reason}", False
    name = getattr(cause, "reason", None) or " ".join(str(error).split())
    if name in _NO_TLS:
        return "http: server gave HTTP response to HTTPS client", True
    return f"tls: {name.lower().replace('_', ' ')}", True


logging.getLogger("urllib3").addHandler(logging.NullHandler())
