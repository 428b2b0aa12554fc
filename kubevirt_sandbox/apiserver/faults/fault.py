"""Faults: what is to go wrong, with which requests and how often, and the texts that ask for it.

Which request a fault strikes is decided here; what happens to it then, in ``disturbances``.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from kubevirt_sandbox.apiserver.access.authorization import PUBLIC_PATHS
from kubevirt_sandbox.apiserver.requestinfo import RequestInfo
from kubevirt_sandbox.storage.resources import default_catalogue

NO_CONTROLLER = "no-controller"
NO_WEBHOOK = "no-webhook"
STALE_CACHE = "stale-cache"
EXPIRE = "expire"
FORBID = "forbid"
WATCHED = ("close", "delay", "reorder")
"""Faults that only a watch can have."""

_COUNTED = ("after", "count", "every")
_SELECTORS = ("verb", "resource", *_COUNTED)
OPTIONS: Mapping[str, tuple[str, ...]] = {
    "drop": _SELECTORS,
    "stall": (*_SELECTORS, "seconds"),
    "401": _SELECTORS,
    "410": (*_SELECTORS, "event"),
    "429": (*_SELECTORS, "retry-after"),
    "500": _SELECTORS,
    "503": (*_SELECTORS, "retry-after"),
    "close": ("resource", *_COUNTED),
    "delay": ("resource", *_COUNTED, "seconds"),
    "reorder": ("resource", *_COUNTED),
    EXPIRE: _SELECTORS,
    FORBID: _SELECTORS,
    NO_CONTROLLER: (),
    NO_WEBHOOK: (),
    STALE_CACHE: (),
}
"""The name of each fault → the keys that may follow it."""
_LASTING = ("stall", "delay", "reorder", FORBID)
VERBS = ("get", "list", "watch", "create", "update", "patch", "delete")


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong; ``count`` None = as often as is usual for it.

    ``after`` matching requests pass first; in a fault of a watch, after so many of its events.
    ``seconds`` are those of a stall (infinity = for ever) or of a delay.
    """

    name: str
    verb: str = ""
    resource: str = ""
    after: int = 0
    count: int | None = None
    every: int = 1
    seconds: float = math.inf
    retry_after: int | None = None
    event: bool = False

    def __post_init__(self) -> None:
        """Refuses what can't go wrong: ValueError."""
        if self.name not in OPTIONS:
            raise ValueError(f'"{self.name}" is no fault; there are {", ".join(OPTIONS)}')
        if self.name == "delay" and self.seconds == math.inf:
            raise ValueError("delay needs seconds=…")
        if self.event and self.verb not in ("", "watch"):
            raise ValueError("event=true goes with verb=watch")

    @property
    def keys(self) -> tuple[str, ...]:
        """What its text may say beside its name."""
        return OPTIONS[self.name]

    @property
    def times(self) -> float:
        """How often it strikes."""
        if self.count is not None:
            return self.count
        return math.inf if self.name in _LASTING else 1

    @property
    def in_watch(self) -> bool:
        """Whether nothing but a watch is struck."""
        return self.name in WATCHED or self.event

    def concerns(self, info: RequestInfo) -> bool:
        """Whether it is about requests of this kind."""
        if not self.keys or (self.resource and self.resource != info.resource):
            return False
        verb = "watch" if self.in_watch else self.verb
        return not verb or verb == info.verb.replace("deletecollection", "delete")

    def stays_in(self, info: RequestInfo) -> bool:
        """Whether it befalls the stream of a watch, not the request for it."""
        return info.verb == "watch" and (self.in_watch or self.name in ("drop", "stall"))


def parse_fault(text: str) -> Fault:
    """The fault that ``NAME[:key=value[,key=value...]]`` asks for. Raises ValueError."""
    name, _, rest = text.partition(":")
    known = Fault(name, seconds=0).keys
    if rest and not known:
        raise ValueError(f"{name} has no options")
    fields: dict[str, Any] = {}
    for pair in filter(None, rest.split(",")):
        key, found, value = pair.partition("=")
        if not found or key not in known:
            keys = ", ".join(f"{key}=" for key in known)
            raise ValueError(f'"{pair}" is no option of {name}; it has {keys}')
        try:
            fields[key.replace("-", "_")] = _READERS[key](value)
        except ValueError as error:
            raise ValueError(f'"{pair}": {error}') from None
    return Fault(name, **fields)


def _whole(least: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not (text.isascii() and text.isdecimal()) or int(text) < least:
            raise ValueError(f"a whole number from {least} on is needed")
        return int(text)

    return read


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise ValueError("a number of seconds is needed")
    return seconds


def _flag(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError("true or false is needed")
    return text == "true"


def _verb(text: str) -> str:
    if text not in VERBS:
        raise ValueError(f"the verbs are {', '.join(VERBS)}")
    return text


@cache
def _plurals() -> frozenset[str]:
    return frozenset(item.plural for item in default_catalogue())


def _resource(text: str) -> str:
    if text not in _plurals():
        raise ValueError("nothing is served under this plural")
    return text


_READERS: Mapping[str, Callable[[str], Any]] = {
    "verb": _verb,
    "resource": _resource,
    "after": _whole(0),
    "count": _whole(1),
    "every": _whole(1),
    "seconds": _seconds,
    "retry-after": _whole(0),
    "event": _flag,
}


@dataclass
class _Armed:
    fault: Fault
    seen: int = 0
    struck: int = 0

    def strikes(self, info: RequestInfo) -> bool:
        """Counts a matching request; whether it is one of those to strike."""
        self.seen += 1
        passed = 0 if self.fault.stays_in(info) else self.fault.after
        due = self.seen > passed and (self.seen - passed - 1) % self.fault.every == 0
        if not due or self.struck >= self.fault.times:
            return False
        self.struck += 1
        return True


class Faults:
    """The faults of one server, which may be changed while it runs; safe among threads."""

    def __init__(self, faults: Iterable[str | Fault] = ()) -> None:
        self._lock = threading.Lock()
        self._armed: list[_Armed] = []
        for fault in faults:
            self.add(fault)

    def __contains__(self, name: str) -> bool:
        return any(item.fault.name == name for item in self._armed)

    def add(self, fault: str | Fault) -> None:
        """From now on this goes wrong too. Raises ValueError for a text that asks for nothing."""
        armed = _Armed(parse_fault(fault) if isinstance(fault, str) else fault)
        with self._lock:
            self._armed = [*self._armed, armed]

    def clear(self) -> None:
        """Nothing goes wrong any more; what has been struck stays so."""
        with self._lock:
            self._armed = []

    def strike(self, info: RequestInfo) -> list[Fault]:
        """What befalls this request: the streams' faults, up to the first that ends it at once."""
        if info.path in PUBLIC_PATHS:
            return []
        struck = []
        with self._lock:
            for item in self._armed:
                if item.fault.concerns(info) and item.strikes(info):
                    struck.append(item.fault)
                    if not item.fault.stays_in(info) and item.fault.name != "stall":
                        break
        return struck
