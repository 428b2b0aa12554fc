"""Requests side by side: the one place where threads wait for answers together.

What is asked for is the caller's; the order of the answers is that of the questions.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

K = TypeVar("K")


def side_by_side(calls: Mapping[K, Callable[[], Any]]) -> dict[K, Any]:
    """Make all calls at once; returns each one's value under its key, in the order of ``calls``.

    Raises the first error in that order, after all have ended. The threads are daemons, so that
    Ctrl-C ends the program although a server is still silent.
    """
    values: dict[K, Any] = {}
    errors: dict[K, BaseException] = {}

    def run(key: K, call: Callable[[], Any]) -> None:
        try:
            values[key] = call()
        except BaseException as error:  # noqa: BLE001 - raised again by the thread that waits
            errors[key] = error

    threads = [
        threading.Thread(target=run, args=(key, call), daemon=True) for key, call in calls.items()
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for key in calls:
        if key in errors:
            raise errors[key]
    return {key: values[key] for key in calls}
