"""Why there is no answer from a server: an error of urllib3 becomes ours, in kubectl's words.

What is done about it is the caller's to say.
"""

from __future__ import annotations

from http.client import RemoteDisconnected
from urllib.parse import urlsplit

from kubectl_virt_clone.errors import ConnectionFailed

EOF = (RemoteDisconnected, EOFError)
# OpenSSL's names for what is no TLS at all, by release.
_NO_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE")


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
