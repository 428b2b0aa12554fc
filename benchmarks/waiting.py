"""wait for many clones, against one ``kubectl wait`` of them; and how soon a change is printed."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Sequence
from shutil import which
from statistics import median
from threading import Timer

from .figures import Row
from .plane import Plane
from .runs import OURS, Run, run
from .setting import Setting

COUNT = 200
CHANGES = 60
EVERY = 0.01
PATIENCE = 60.0


def measure(setting: Setting) -> Iterator[Row]:
    """Requests and CPU seconds of a wait, then the reaction to a change."""
    count = setting.size(COUNT)
    with Plane(controllers=False) as plane:
        took, requests = _waited(plane, [*OURS, "wait"], "", "ours", count)
        of_clones = sum("virtualmachineclones" in path for _, path, _ in requests)
        what = f"wait of {count}: lists and watches of clones"
        yield Row(what, of_clones, "requests", at_most=2)
        yield Row("… all requests", len(requests), "requests")
        theirs = None
        if which("kubectl"):
            wait = ["kubectl", "wait", "--for=jsonpath={.status.phase}=Succeeded"]
            theirs, requests = _waited(plane, wait, "vmclone/", "theirs", count)
            yield Row("… of kubectl wait", len(requests), "requests")
        yield Row(
            f"wait of {count}: CPU time",
            took.cpu,
            "s",
            "one kubectl wait",
            theirs.cpu if theirs else None,
            1.0,
        )
    yield from _reactions(setting)


def _waited(
    plane: Plane, command: Sequence[str], prefix: str, names: str, count: int
) -> tuple[Run, list[tuple[str, str, int]]]:
    """A wait for planted clones, which succeed one after the other while it runs."""
    plane.ask("plant", count, names, "SnapshotInProgress")
    plane.ask("requests")
    clones = [f"{prefix}{names}-{number:05}" for number in range(count)]
    plane.tell("turn_all", count, names, "Succeeded", EVERY)
    took = run([*command, *clones, "--timeout=120s"], plane.environment)
    plane.answer()
    return took, plane.ask("requests")


def _reactions(setting: Setting) -> Iterator[Row]:
    """From the write of a change to the line that tells of it, each change on its own."""
    changes = max(setting.size(CHANGES), 5)
    ours = _reaction([*OURS, "get", "-w"], changes)
    theirs = _reaction(["kubectl", "get", "vmclone", "-w"], changes) if which("kubectl") else None
    yield Row("change to printed line, median (get -w)", ours * 1000, "ms", at_most=20)
    if theirs is not None:
        yield Row("… of kubectl get -w", theirs * 1000, "ms")


def _reaction(command: Sequence[str], changes: int) -> float:
    with Plane(controllers=False) as plane:
        plane.ask("plant", changes, "one", "SnapshotInProgress")
        process = subprocess.Popen(
            command, env=plane.environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        patience = Timer(PATIENCE, process.kill)
        patience.start()
        assert process.stdout is not None
        for _ in range(changes + 1):  # the headers, and what is there
            process.stdout.readline()
        time.sleep(0.5)  # until it watches
        seconds: list[float] = []
        for number in range(changes):
            written = plane.ask("turn", f"one-{number:05}", "RestoreInProgress")
            if not process.stdout.readline():
                raise RuntimeError(f"{' '.join(command)} printed no line for a change")
            seconds.append(time.monotonic() - written)
        patience.cancel()
        process.terminate()
        process.communicate()
    return median(seconds)
