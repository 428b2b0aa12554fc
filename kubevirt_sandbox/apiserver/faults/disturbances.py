"""What a fault does to the request or to the watch that it strikes.

Which ones are struck is decided in ``fault``; no fault knows what the answer would have been.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from http import HTTPStatus
from queue import Empty, SimpleQueue
from typing import Any

from kubevirt_sandbox.apiserver.faults.fault import Fault
from kubevirt_sandbox.apiserver.requestinfo import RequestInfo
from kubevirt_sandbox.storage import status
from kubevirt_sandbox.storage.status import ApiError

Event = tuple[str, dict[str, Any]]
Alive = Callable[[], bool]

LOOK = 0.05
"""Seconds after which a stalled request looks whether its client is still there."""
HOLD = 0.2
"""Seconds for which an event waits for another one to be swapped with."""


class Dropped(ConnectionError):
    """The connection ends here, without a word to the client."""


def suffer(fault: Fault, info: RequestInfo, version: int, alive: Alive) -> None:
    """Does to a request what its fault asks for: raises ApiError or Dropped, or takes its time.

    ``version`` is the store's.
    """
    if fault.name == "drop":
        raise Dropped
    if fault.name == "stall":
        _wait(fault.seconds, alive)
        if not alive():
            raise Dropped
    elif fault.name in _REFUSALS:
        raise _REFUSALS[fault.name](fault, info, version)


def _expired(_: Fault, info: RequestInfo, version: int) -> ApiError:
    if info.verb == "watch":
        return _too_old(info, version)
    return status.expired(
        "The provided continue parameter is too old to display a consistent list result. You can "
        "start a new list without the continue parameter."
    )


def _too_old(info: RequestInfo, version: int) -> ApiError:
    wanted = info.query.get("resourceVersion") or "0"
    return status.expired(f"too old resource version: {wanted} ({version})")


def _busy(fault: Fault, *_: object) -> ApiError:
    # The filter of priority and fairness asks for one second, unless it is told otherwise.
    seconds = 1 if fault.retry_after is None else fault.retry_after
    message = "Too many requests, please try again later."
    return status.failure(HTTPStatus.TOO_MANY_REQUESTS, message, "TooManyRequests", _retry(seconds))


def _unavailable(fault: Fault, *_: object) -> ApiError:
    message = "the server is currently unable to handle the request"
    return status.failure(
        HTTPStatus.SERVICE_UNAVAILABLE,
        message,
        "ServiceUnavailable",
        _retry(fault.retry_after or 0),
    )


def _retry(seconds: int) -> dict[str, Any]:
    return {"retryAfterSeconds": seconds} if seconds else {}


_REFUSALS: dict[str, Callable[[Fault, RequestInfo, int], ApiError]] = {
    "401": lambda *_: status.unauthorized(),
    "410": _expired,
    "429": _busy,
    "500": lambda *_: status.failure(
        HTTPStatus.INTERNAL_SERVER_ERROR, "etcdserver: request timed out"
    ),
    "503": _unavailable,
}


def _wait(seconds: float, alive: Alive) -> None:
    end = time.monotonic() + seconds
    while alive() and (left := end - time.monotonic()) > 0:
        time.sleep(min(left, LOOK))


def disturbed(
    events: Iterator[Event],
    faults: Iterable[Fault],
    info: RequestInfo,
    version: int,
    alive: Alive,
) -> Iterator[Event]:
    """The events of a watch as its faults let them through."""
    for fault in faults:
        if fault.name == "close":
            events = _closed(events, fault.after)
        elif fault.name == "stall":
            events = _stalled(events, fault, alive)
        elif fault.name == "delay":
            events = _delayed(events, fault)
        elif fault.name == "reorder":
            events = _reordered(events, fault.after)
        elif fault.event:
            events = _outdated(events, fault.after, _too_old(info, version))
    return events


def cut(lines: Iterator[bytes], faults: Iterable[Fault]) -> Iterator[bytes]:
    """The lines of a watch; where it is to be dropped, half a line and then the end."""
    left = min((fault.after for fault in faults if fault.name == "drop"), default=math.inf)
    for line in lines:
        if not line.startswith(b'{"type":"BOOKMARK"'):
            left -= 1
        if left < 0:
            yield line[: len(line) // 2]
            raise Dropped
        yield line


def _closed(events: Iterator[Event], after: int) -> Iterator[Event]:
    for event in events if after else ():
        yield event
        after -= _is_change(event)
        if not after:
            return


def _outdated(events: Iterator[Event], after: int, error: ApiError) -> Iterator[Event]:
    yield from _closed(events, after)
    yield "ERROR", error.status


def _stalled(events: Iterator[Event], fault: Fault, alive: Alive) -> Iterator[Event]:
    yield from _closed(events, fault.after)
    _wait(fault.seconds, alive)
    yield from events


def _delayed(events: Iterator[Event], fault: Fault) -> Iterator[Event]:
    left = fault.after
    arriving = _arriving(events)
    while (item := arriving.get()) is not None:
        arrived, event = item
        left -= _is_change(event)
        if left < 0:
            time.sleep(max(0.0, arrived + fault.seconds - time.monotonic()))
        yield event


def _reordered(events: Iterator[Event], after: int) -> Iterator[Event]:
    """The events swapped pairwise; two of one object never, nor one with a bookmark."""
    yield from _closed(events, after)
    arriving = _arriving(events)
    first = arriving.get()
    while first is not None:
        try:
            second = arriving.get(timeout=HOLD)
        except Empty:
            yield first[1]
            first = arriving.get()
            continue
        if second is not None and _may_swap(first[1], second[1]):
            yield second[1]
            yield first[1]
            first = arriving.get()
        else:
            yield first[1]
            first = second


def _arriving(events: Iterator[Event]) -> SimpleQueue[tuple[float, Event] | None]:
    """The events with the time when each came, read on by a thread of their own; None ends them."""
    queue: SimpleQueue[tuple[float, Event] | None] = SimpleQueue()

    def read() -> None:
        # The socket that is asked whether the client is there may be closed meanwhile.
        with suppress(OSError, ValueError):
            for event in events:
                queue.put((time.monotonic(), event))
        queue.put(None)

    threading.Thread(target=read, name="late-events", daemon=True).start()
    return queue


def _is_change(event: Event) -> bool:
    return event[0] in ("ADDED", "MODIFIED", "DELETED")


def _may_swap(first: Event, second: Event) -> bool:
    return _is_change(first) and _is_change(second) and _object(first) != _object(second)


def _object(event: Event) -> tuple[str, str]:
    metadata = event[1]["metadata"]
    return metadata.get("namespace", ""), metadata["name"]
