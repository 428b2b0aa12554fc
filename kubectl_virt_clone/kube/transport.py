"""A connected session: requests with the user's credentials, answers as plain dicts.

``auth.py`` says where to and as whom; nothing here knows what an object means. docs/decisions.md
says why requests don't go through the ``kubernetes`` package.
"""

from __future__ import annotations

import json
import logging
import math
import os
import platform
import random
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from http import HTTPStatus
from http.client import RemoteDisconnected
from typing import Any
from urllib.parse import urlencode, urlsplit

from kubectl_virt_clone import __version__
from kubectl_virt_clone.errors import ConfigError, ConnectionFailed, Deferred, StatusError
from kubectl_virt_clone.kube.auth import Credentials, credentials_of
from kubectl_virt_clone.kube.kubeconfig import resolve
from kubectl_virt_clone.kube.kuberc import plugin_policy
from kubectl_virt_clone.objects.fields import at, well_formed
from kubectl_virt_clone.objects.resource import ConnectionFlags

Query = Sequence[tuple[str, str]]
Headers = list[tuple[str, str]]
Notify = Callable[[str], None]

CONNECT_TIMEOUT = 30.0
# An API server ends a request after 60 s; a longer silence means a dead connection.
READ_TIMEOUT = 75.0
ATTEMPTS = 4  # at a request that the server wants again later
LONGEST_DELAY = 30.0  # in seconds, that a server may ask for with Retry-After
JSON = "application/json"
# RFC 7234, 5.5: code, agent, text and perhaps a date; a header may hold several.
_WARNING = r'(?:^|,)\s*299 \S+ "((?:[^"\\]|\\.)*)"'
# OpenSSL's names for an answer that is not TLS, by release.
_NO_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE")
_UNABLE = "Unable to connect to the server: "


@dataclass(frozen=True)
class Clock:
    """The monotonic time in seconds, a pause of so many, and a chance from 0 to 1."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    chance: Callable[[], float] = random.random


@dataclass(frozen=True)
class Backoff:
    """Pauses in seconds that double with each failure in a row, with jitter against herds.

    A server that refuses everything for ``patience`` seconds is not just busy.
    """

    shortest: float
    longest: float
    patience: float = 30.0

    def pause(self, failures: int, chance: float) -> float:
        """The pause after so many failures, at least 1; ``chance`` moves it by up to a quarter."""
        doubled = self.shortest * 2.0 ** min(failures - 1, 30)
        return min(doubled, self.longest) * (0.75 + chance / 2)


def retry_after(header: str, code: int) -> float | None:
    """Seconds to wait if the server asks for it (429, and 5xx with Retry-After), else None."""
    if not _asks_later(code):
        return None
    if header.isascii() and header.isdigit():
        return float(header)
    return 1.0 if code == HTTPStatus.TOO_MANY_REQUESTS else None


def may_pass(error: ConnectionFailed | StatusError) -> bool:
    """Whether a watch may continue later: no answer, an old version, too many requests, 5xx."""
    if isinstance(error, ConnectionFailed):
        return error.transient
    return error.code == HTTPStatus.GONE or _asks_later(error.code)


def is_busy(outcome: object) -> bool:
    """Whether the same request may soon succeed; not if a webhook fails."""
    if isinstance(outcome, ConnectionFailed):
        return outcome.reset
    if not isinstance(outcome, StatusError) or "failed calling webhook" in outcome.message:
        return False
    return _asks_later(outcome.code)


def is_too_busy_to_create(outcome: object) -> bool:
    """The same for a creation: a 500 counts only if it says when to try again.

    kubectl treats any other 500 as final, such as that of a failing webhook.
    """
    if isinstance(outcome, StatusError) and outcome.code == HTTPStatus.INTERNAL_SERVER_ERROR:
        return at(outcome.status, "details", "retryAfterSeconds") is not None
    return is_busy(outcome)


def _asks_later(code: int) -> bool:
    return code == HTTPStatus.TOO_MANY_REQUESTS or code >= HTTPStatus.INTERNAL_SERVER_ERROR


class Session:
    """A connection pool to one server with one user's credentials; safe to share among threads.

    ``log`` gets a line per request if -v asks for it; ``warn`` gets each of the server's warnings
    once. Reads the kubeconfig; sends nothing yet. Raises ConfigError and ConnectionFailed.
    """

    def __init__(self, flags: ConnectionFlags, *, log: Notify, warn: Notify) -> None:
        self.flags = flags
        self.clock = Clock(time.monotonic, time.sleep)
        self._connection = resolve(flags, os.environ)
        self.namespace = self._connection.namespace
        self._timeout = flags.request_timeout
        self._log = log if flags.verbosity else None
        self._warn = warn
        self._warned: set[str] = set()
        self._authenticating = threading.Lock()
        self._plugins = plugin_policy(flags, os.environ, warn)
        self._credentials = credentials_of(self._connection, self._plugins)
        self.server = self._credentials.server
        insecure = self._connection.cluster.get("insecure-skip-tls-verify")
        if insecure and self.server.startswith("https:"):
            warn(
                f"insecure-skip-tls-verify: whoever answers at {self.server} is taken for the"
                " server and gets your credentials"
            )

    def _renewed(self, refused: Credentials) -> Credentials:
        """Read the credentials again, once for all threads that used the ``refused`` ones.

        Raises ConnectionFailed if they are unreadable: something may just be writing them.
        """
        with self._authenticating:
            if self._credentials is refused:
                context = self._connection.context or self.flags.context
                with suppress(ConfigError):
                    found = resolve(self.flags._replace(context=context), os.environ)
                    if found.cluster == self._connection.cluster:  # others are not for this one
                        self._connection = replace(self._connection, user=found.user)
                try:
                    self._credentials = credentials_of(self._connection, self._plugins)
                except ConfigError as error:
                    raise ConnectionFailed(f"{_UNABLE}{error.args[0]}") from error
            return self._credentials

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Query = (),
        body: Mapping[str, Any] | None = None,
        content_type: str = JSON,
        accept: str = JSON,
        read_timeout: float | None = None,
        deadline: float = math.inf,
        quiet: bool = False,
    ) -> dict[str, Any]:
        """Send one request and return the decoded JSON object of the answer.

        ``quiet``: the server's warnings are not passed on.
        ``read_timeout``: how many seconds the server may be silent, by default as long as
        --request-timeout says. Raises StatusError for an answer of 400 and more, Deferred if the
        server wants the request again after the ``deadline``, a time of the monotonic clock, and
        ConnectionFailed if there is no answer.
        """
        if read_timeout is None:
            read_timeout = READ_TIMEOUT if self._timeout is None else self._timeout or None
        call: dict[str, Any] = {"headers": {"Accept": accept}, "read_timeout": read_timeout}
        call["quiet"] = quiet
        if body is not None:
            call["headers"]["Content-Type"] = content_type
            call["body"] = json.dumps(body).encode()
        data = self._read(self._send(method, path, query, deadline, **call))
        with suppress(ValueError):
            if isinstance(answer := read_json(data), dict):
                return answer
        raise ConnectionFailed(f"{_UNABLE}{self.server} sent no JSON object", transient=False)

    @contextmanager
    def stream(
        self, path: str, *, query: Query, read_timeout: float, deadline: float = math.inf
    ) -> Iterator[Iterator[bytes]]:
        """Open a streaming GET; yields an iterator of its lines, and closes it at the end.

        ``read_timeout`` and ``deadline`` as for ``request``.
        """
        call = {"headers": {"Accept": JSON}, "read_timeout": read_timeout}
        response = self._send("GET", path, query, deadline, **call)
        try:
            yield self._lines(response)
        finally:
            response.close()

    def _lines(self, response: Any) -> Iterator[bytes]:
        lines = iter(response)
        while line := self._translated(lambda: next(lines, b"")):
            yield line

    def _read(self, response: Any) -> Any:
        try:
            return self._translated(response.read)
        finally:
            response.release_conn()

    def _send(self, method: str, path: str, query: Query, deadline: float, **call: Any) -> Any:
        """Return an open response below 400; ask again where the server says so."""
        # Bytes in a flag that are not UTF-8 stay as they are, as in Go.
        encoded = urlencode(query, errors="surrogateescape")
        url = f"{self.server}{path}{encoded and '?'}{encoded}"
        reauthenticated = False
        for attempt in range(1, ATTEMPTS + 1):
            credentials = self._credentials
            if credentials.expired:
                credentials = self._renewed(credentials)
            try:
                response = self._once(credentials, method, url, **call)
            except ConnectionFailed as failed:
                # A server may close an idle connection while the next request is on its way.
                if method == "GET" and failed.reset and attempt == 1:
                    continue
                raise
            if response.status < HTTPStatus.BAD_REQUEST:
                return response
            otherwise = f"the server answered {response.status} {response.reason}"
            status = status_in(self._read(response), otherwise)
            error = StatusError(status, response.status, self.flags.access.words)
            if error.code == HTTPStatus.UNAUTHORIZED and not reauthenticated:
                reauthenticated = True
                self._renewed(credentials)
                continue
            delay = retry_after(response.headers.get("Retry-After", ""), error.code)
            if delay is not None and self.clock.now() + delay > deadline:
                raise Deferred(error.status, error.code, error.connection)
            if delay is None or delay > LONGEST_DELAY or attempt == ATTEMPTS:
                raise error
            self.clock.sleep(delay)
        raise error

    def _once(self, credentials: Credentials, method: str, url: str, **call: Any) -> Any:
        from urllib3 import HTTPHeaderDict, Timeout

        agent = f"kubectl-virt-clone/{__version__} ({sys.platform}/{platform.machine()})"
        headers = HTTPHeaderDict({**call.pop("headers"), "User-Agent": agent})
        for name, value in self._headers(credentials):
            # http.client writes Latin-1: like this, it puts UTF-8 on the wire.
            headers.add(name, value.encode("utf-8", "surrogateescape").decode("latin-1"))
        connect = self._timeout or CONNECT_TIMEOUT
        call |= {"headers": headers, "timeout": Timeout(None, connect, call.pop("read_timeout"))}
        call |= {"preload_content": False, "redirect": False, "retries": False}
        quiet = call.pop("quiet", False)
        started = self.clock.now()
        status = "without an answer"
        try:
            response = self._translated(partial(credentials.pool.request, method, url, **call))
            status = str(response.status)
        finally:
            if self._log:
                elapsed = (self.clock.now() - started) * 1000
                self._log(f"{method} {url} {status} in {elapsed:.0f} ms")
        for header in () if quiet else response.headers.getlist("Warning"):
            for warning in re.finditer(_WARNING, header):
                text = re.sub(r"\\(.)", r"\1", warning[1])
                if text not in self._warned:  # as kubectl, each text once
                    self._warned.add(text)
                    self._warn(text)
        return response

    def _headers(self, credentials: Credentials) -> Headers:
        """Those that say who asks."""
        said = [("Authorization", credentials.authorization)] if credentials.authorization else []
        return [*said, *self._connection.impersonation]

    def _translated(self, call: Callable[[], Any]) -> Any:
        """Run a call into urllib3; its errors leave as ConnectionFailed in kubectl's words."""
        from urllib3 import exceptions

        try:
            return call()
        except (exceptions.HTTPError, OSError) as error:
            raise connection_failed(error, self.server) from error
        except ValueError as error:
            # From http.client and its codecs; the text has the value, which may be a token.
            raise ConfigError("a flag or the kubeconfig has a value that can't be sent") from error


def _finite(text: str) -> float:
    """The number; unlike Python's parser, JSON has no NaN and no Infinity."""
    if not math.isfinite(number := float(text)):
        raise ValueError(f"{text} is not JSON")
    return number


_DECODER = json.JSONDecoder(parse_constant=_finite, parse_float=_finite)


def read_json(data: bytes) -> Any:
    """The JSON value in ``data``; raises ValueError if there is none.

    As in Go, bytes that are not UTF-8, and half a pair of surrogates, become U+FFFD: the value can
    be sent and printed again.
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


def status_in(body: bytes, otherwise: str) -> dict[str, Any]:
    """The Status in the body of a failed answer, or one with the text of a proxy's HTML.

    ``otherwise`` is the message of an empty body.
    """
    with suppress(ValueError):
        status = read_json(body)
        if isinstance(status, dict) and status.get("kind") == "Status":
            return status
    return {"message": " ".join(body.decode("utf-8", "replace").split())[:200] or otherwise}


def connection_failed(error: Exception, server: str) -> ConnectionFailed:
    """Say in kubectl's words why there is no answer; only a wrong certificate is permanent."""
    from urllib3 import exceptions

    host = urlsplit(server)
    refused = isinstance(error.__cause__, ConnectionRefusedError)
    if refused and not isinstance(error, exceptions.ProxyError):
        return ConnectionFailed(
            f"The connection to the server {host.netloc} was refused"
            " - did you specify the right host or port?"
        )
    verified = True
    if isinstance(error, exceptions.SSLError):
        reason, verified = _tls(error)
    elif isinstance(error, exceptions.NameResolutionError):
        reason = f"dial tcp: lookup {host.hostname}: no such host"
    else:
        reason = _bare(error)
    reset = isinstance(error, exceptions.ProtocolError)
    return ConnectionFailed(f"{_UNABLE}{reason}", transient=verified, reset=reset)


def _bare(error: BaseException) -> str:
    """The root cause of an error, without the objects that urllib3 wraps it in."""
    from ssl import SSLError

    from urllib3 import exceptions

    if isinstance(error, exceptions.ProxyError):
        return f"the proxy: {_bare(error.original_error)}"
    if isinstance(error, (SSLError, exceptions.SSLError)):
        return _tls(error)[0]
    if isinstance(error, exceptions.NewConnectionError):
        cause = error.__cause__ or error.__context__ or error
        if hasattr(cause, "socket_err"):  # an error of PySocks
            return f"the proxy: {_bare(cause.socket_err or cause)}"
        error = cause
    elif isinstance(error, exceptions.TimeoutError):
        return "the server did not answer in time"
    if isinstance(error, exceptions.ProtocolError) and isinstance(error.args[-1], Exception):
        error = error.args[-1]
    if isinstance(error, (RemoteDisconnected, EOFError)):
        return "EOF"
    said = error.strerror if isinstance(error, OSError) else None
    return said.lower() if said else " ".join(str(error).split())


def _tls(error: BaseException) -> tuple[str, bool]:
    """What is wrong, in the words of Go's crypto/x509, and whether the certificate is not."""
    import ssl

    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLError):
        # urllib3 passes ssl's error as an argument, or raises its own from it.
        nested = [item for item in cause.args if isinstance(item, BaseException)]
        cause = nested[0] if nested else cause.__cause__ or cause.__context__
    if isinstance(cause, ssl.SSLEOFError):
        return "EOF", True
    if isinstance(cause, ssl.SSLCertVerificationError):
        known = dict.fromkeys((18, 19, 20, 21), "certificate signed by unknown authority")
        known |= {9: "certificate is not yet valid"}
        known |= {10: "certificate has expired or is not yet valid"}
        reason = known.get(cause.verify_code, cause.verify_message)
        return f"tls: failed to verify certificate: x509: {reason}", False
    name = getattr(cause, "reason", None) or " ".join(str(error).split())
    if name in _NO_TLS:
        return "http: server gave HTTP response to HTTPS client", True
    return f"tls: {name.lower().replace('_', ' ')}", True


logging.getLogger("urllib3").addHandler(logging.NullHandler())
