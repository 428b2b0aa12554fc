"""Thousands of clones: listed, followed, waited for, deleted."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Sequence
from shutil import which
from threading import Timer

from kubectl_virt_clone.cli.main import VERBS

from .figures import Row
from .plane import Plane
from .runs import OURS, Run, in_turn, ours, run
from .setting import Setting

MANY, MORE = 5_000, 20_000
PATIENCE = 120.0
KUBECTL_GET = ("kubectl", "get", "vmclone")


def measure(setting: Setting) -> Iterator[Row]:
    """Time and memory of ``get``, then of what else has to do with so many."""
    with Plane(controllers=False) as plane:
        many, more = setting.size(MANY), setting.size(MORE)
        plane.ask("plant", many, "many", "Succeeded")
        yield from _table(plane, many, setting)
        yield from _others(plane, many)
        plane.ask("plant", more - many, "more", "Succeeded")
        large = run([*OURS, "get"], plane.environment)
        yield Row(f"get of {more:,}: peak memory", large.peak, "MiB", at_most=90)
        if "delete" in VERBS:
            deleted = run([*OURS, "delete", "-l", "bench=many", "--finished"], plane.environment)
            yield Row(f"delete -l … --finished of {many:,}", deleted.seconds)


def _table(plane: Plane, count: int, setting: Setting) -> Iterator[Row]:
    commands = {"ours": ours("get")}
    if which("kubectl"):
        commands["kubectl"] = lambda _: KUBECTL_GET
    runs = in_turn(commands, plane.environment, setting.rounds(3))
    took, theirs = runs["ours"], runs.get("kubectl")
    yield Row(f"get of {count:,}: first row", took.first, at_most=1.0)
    yield Row(f"get of {count:,}: peak memory", took.peak, "MiB", at_most=90)
    yield _against(f"get of {count:,}: all rows", took, theirs)
    if theirs:
        yield Row("… first row of kubectl get", theirs.first)
        yield Row("… peak memory of kubectl get", theirs.peak, "MiB")


def _against(what: str, took: Run, theirs: Run | None) -> Row:
    peer = "kubectl get" if theirs else ""
    return Row(what, took.seconds, "s", peer, theirs.seconds if theirs else None)


def _others(plane: Plane, count: int) -> Iterator[Row]:
    environment = plane.environment
    whole = run([*OURS, "get", "-o", "json"], environment)
    theirs = run([*KUBECTL_GET, "-o", "json"], environment) if which("kubectl") else None
    yield _against(f"get -o json of {count:,}", whole, theirs)
    yield Row("… peak memory of it", whole.peak, "MiB")
    yield Row(f"get -w of {count:,}: all rows", _watched([*OURS, "get", "-w"], plane, count))
    waited = run([*OURS, "wait", "-l", "bench=many", "--timeout=60s"], environment)
    yield Row(f"wait -l of {count:,} that are done", waited.seconds)
    yield Row("… peak memory of it", waited.peak, "MiB")


def _watched(command: Sequence[str], plane: Plane, count: int) -> float:
    """Seconds until the headers and all rows were there."""
    begun = time.monotonic()
    process = subprocess.Popen(
        command, env=plane.environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    patience = Timer(PATIENCE, process.kill)
    patience.start()
    assert process.stdout is not None
    lines = sum(1 for _, _line in zip(range(count + 1), process.stdout, strict=False))
    seconds = time.monotonic() - begun
    patience.cancel()
    process.terminate()
    process.communicate()
    if lines <= count:
        raise RuntimeError(f"{' '.join(command)} printed {lines} lines for {count} clones")
    return seconds
