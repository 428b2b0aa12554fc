"""Every error that the program raises on purpose, and the exit code each of them means.

What an error says belongs here; catching one and printing it belongs to ``cli.py`` alone.

    VirtCloneError                1  anything that went wrong and is not one of the following
    ├── InvalidValue              2  a filter, a MAC address, a reference the user typed
    ├── ConfigError               1  the kubeconfig can't be read, or lacks what was asked for
    │   └── InvalidConfig         1  it can be read, but doesn't fit together
    ├── ConnectionFailed          1  no answer from the server
    ├── StatusError               1  the server answered with a Status
    │   └── Deferred              1  it asks to come again when nobody waits any more
    ├── ResourceNotServed         1  the server has no such resource
    ├── ManifestError             1  a file given with -f holds no clone that could be sent
    ├── SeveralErrors         the worst  more than one of these, one after the other
    ├── WaitFailed            1, 3, 4  some of the clones waited for did not reach their goal
    └── WaitInterrupted       130, 143  the user ended the wait; the clones go on
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import IntEnum
from http import HTTPStatus
from typing import Any


class ExitCode(IntEnum):
    """What the exit status of the program means, from best to worst."""

    DONE = 0
    ERROR = 1
    USAGE = 2
    TIMED_OUT = 3
    CLONE_FAILED = 4
    INTERRUPTED = 130
    TERMINATED = 143


class VirtCloneError(Exception):
    """An error with a message for the user; ``str()`` is all of it, kubectl's prefix included."""

    exit_code = ExitCode.ERROR

    def __str__(self) -> str:
        return f"error: {super().__str__()}"


class InvalidValue(VirtCloneError, ValueError):
    """A value that KubeVirt would refuse, or accept and then hang on."""

    exit_code = ExitCode.USAGE

    @property
    def reason(self) -> str:
        """The bare sentence, for a message that names the flag or the file itself."""
        return str(self.args[0])


class ConfigError(VirtCloneError):
    """The kubeconfig is unreadable, or has no context, cluster or user of that name."""


class InvalidConfig(ConfigError):
    """A kubeconfig that can be read, but doesn't fit together; kubectl gives it its own prefix."""

    def __str__(self) -> str:
        return f"Error in configuration: {self.args[0]}"


class ManifestError(VirtCloneError):
    """A manifest that is not YAML or JSON, or holds something other than a VirtualMachineClone."""


class ConnectionFailed(VirtCloneError):
    """No answer from the server; the message is kubectl's own and takes no prefix.

    ``transient``: whether the same request may be answered later; ``reset``: whether there was a
    connection, which ended before the answer.
    """

    def __init__(self, message: str, *, transient: bool = True, reset: bool = False) -> None:
        super().__init__(message)
        self.transient = transient
        self.reset = reset

    def __str__(self) -> str:
        return str(self.args[0])


class ResourceNotServed(VirtCloneError):
    """The server answered, but serves no such resource: KubeVirt is missing or too old."""


class SeveralErrors(VirtCloneError):
    """Errors on some of several objects, after the others were dealt with.

    The exit code is that of the worst.
    """

    def __init__(self, errors: Sequence[VirtCloneError]) -> None:
        super().__init__("\n".join(map(str, errors)))
        self.exit_code = max((error.exit_code for error in errors), default=ExitCode.ERROR)

    def __str__(self) -> str:
        return str(self.args[0])


class WaitFailed(VirtCloneError):
    """One line for each clone that did not reach its goal; the exit code is that of the worst."""

    def __init__(self, lines: Sequence[str], exit_code: ExitCode) -> None:
        super().__init__("\n".join(lines))
        self.exit_code = exit_code

    def __str__(self) -> str:
        return str(self.args[0])


class WaitInterrupted(VirtCloneError):
    """Ctrl-C or SIGTERM ended a wait; the message says how to take it up again, without prefix."""

    def __init__(self, message: str, exit_code: ExitCode) -> None:
        super().__init__(message)
        self.exit_code = exit_code

    def __str__(self) -> str:
        return str(self.args[0])


class StatusError(VirtCloneError):
    """The server's ``Status``: its code, reason, message and causes, worded as kubectl words them.

    ``connection``: the flags with which a command asks the same server.
    Source: kubectl ``pkg/cmd/util/helpers.go``, ``checkErr`` and ``StandardErrorMessage``.
    """

    def __init__(
        self, status: Mapping[str, Any], code: int, connection: Sequence[str] = ()
    ) -> None:
        super().__init__(_text(status.get("message")))
        self.connection = connection
        self.status = status
        self.code = code
        self.reason = _text(status.get("reason"))
        self.message = _text(status.get("message"))

    def __str__(self) -> str:
        if self.reason == "Invalid":
            return self._invalid()
        if self.reason == "Unauthorized" or self.code == HTTPStatus.UNAUTHORIZED:
            return f"error: You must be logged in to the server ({self.message or 'Unauthorized'})"
        reason = f" ({self.reason})" if self.reason else ""
        hint = ""
        if "failed calling webhook" in self.message:
            import shlex  # here, for most commands need none

            hint = f"\nhint: {shlex.join(('kubectl', *self.connection, *_VIRT_API))}"
        return f"Error from server{reason}: {self.message or 'unknown'}{hint}"

    def _invalid(self) -> str:
        details = _mapping(self.status.get("details"))
        causes = list(_causes(details.get("causes")))
        if details.get("kind") or details.get("name"):
            kind, name = _text(details.get("kind")), _text(details.get("name"))
            head = f'The {kind} "{name}" is invalid'
        else:
            head = "The request is invalid"
            if self.message and not causes:
                return f"{head}: {self.message}"
        if not causes:
            return head
        if len(causes) == 1:
            return f"{head}: {causes[0]}"
        return f"{head}: \n" + "\n".join(f"* {cause}" for cause in causes)


class Deferred(StatusError):
    """The server asks to send the request again later than its answer is waited for."""


def said_of(error: Exception) -> str:
    """Why a file or a program can't be used, as kubectl writes it: no such file or directory."""
    return (getattr(error, "strerror", None) or str(error)).lower()


def is_missing(error: VirtCloneError) -> bool:
    """Whether it is the server's answer that there is no such object."""
    return isinstance(error, StatusError) and error.code == HTTPStatus.NOT_FOUND


# The webhooks that a clone passes through are all of virt-api.
_VIRT_API = ("get", "pods", "-A", "-l", "kubevirt.io=virt-api")


def _causes(causes: object) -> Iterable[str]:
    seen = set()
    for cause in causes if isinstance(causes, list) else ():
        entry = _mapping(cause)
        line = f"{_text(entry.get('field'))}: {_text(entry.get('message'))}"
        if line not in seen:
            seen.add(line)
            yield line


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
