"""Thousands of clones that change all the time, under those who follow them: ``make soak``.

What each of them told, how soon, and its memory; and the same where watches are cut all the time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import which
from tempfile import TemporaryDirectory

import click

from . import machine
from .figures import markdown
from .load import LAST, OPEN, UNFINISHED, Change, account_of, unfinished_of
from .observed import Observed, Use, sampled, silence
from .plane import Plane
from .results import RESULTS, written
from .runs import OURS
from .told import Reading, Verdict, documents, judged, rows, steps

SECONDS, CLONES, RATE = 300.0, 20_000, 200.0
PATIENCE = 300.0
GROWTH = 16.0
"""MiB by which one that only follows may grow in a run; a wait holds what it waits for."""
QUIET = 2.0
"""Seconds without a word after which a process has told all."""
_WATCHES = "verb=watch,resource=virtualmachineclones,count=9999"
FAULTS = (f"drop:{_WATCHES},after=1500,every=2", f"410:{_WATCHES},event=true,after=1000,every=3")
FORGET_EVERY = 5_000
HEADERS = (
    *("Process", "Changes told", "Passed over", "Gone unseen", "Wrong"),
    *("Latency p50", "p99", "max", "Memory, start", "end", "most", "a minute", "CPU"),
)
_EVENTS = "--output-watch-events"
_GET, _KUBECTL = (*OURS, "get", "-w", _EVENTS), ("kubectl", "get", "vmclone", "-w", _EVENTS)


@dataclass(frozen=True)
class Follower:
    """Who follows clones: a command, how to read what it tells, and of which clones it does."""

    name: str
    command: Sequence[str]
    reading: Reading
    of: str = ""
    ends: bool = False


FOLLOWERS = (
    Follower("get -w", _GET, rows),
    Follower("get -w -o json", (*_GET, "-o", "json"), documents),
    Follower("wait --all", (*OURS, "wait", "--all", "--timeout=1h"), steps, f"{OPEN}-", ends=True),
)
PEERS = (
    Follower("kubectl get -w", _KUBECTL, rows),
    # It would print each page as one list.
    Follower("kubectl get -w -o json", (*_KUBECTL, "-o", "json", "--chunk-size=0"), documents),
)


@dataclass(frozen=True)
class Load:
    """How many clones there are, how many change each second, for how long; on which server."""

    seconds: float = SECONDS
    clones: int = CLONES
    rate: float = RATE
    faulty: bool = False

    @property
    def changes(self) -> int:
        """About how many changes there are in all."""
        return round(self.seconds * self.rate)

    @property
    def unfinished(self) -> int:
        """How many of the clones are not done when it begins."""
        return unfinished_of(self.clones, self.changes)


@dataclass(frozen=True)
class Outcome:
    """What came of a load: of each who followed, and the use that the sandbox made of the machine.

    ``late``: seconds by which the sandbox was behind with a change.
    """

    load: Load
    changes: int
    late: float
    sandbox: Use
    followers: dict[str, tuple[Verdict, Use, int | None]]

    @property
    def well(self) -> bool:
        """Whether all was told that had to be, to the end, and our memory stayed flat."""
        return all(self._well(name, *found) for name, found in self.followers.items())

    def _well(self, name: str, verdict: Verdict, use: Use, code: int | None) -> bool:
        # After a gap a list does not say what vanished, nor what was between.
        told = not (verdict.wrong if self.load.faulty else verdict.lost)
        if name in {follower.name for follower in FOLLOWERS if follower.ends}:
            return told and code == 0
        ours = name in {follower.name for follower in FOLLOWERS} and bool(use.samples)
        flat = not ours or use.growth * self.load.seconds / 60 < GROWTH
        return told and code is None and flat

    def __str__(self) -> str:
        load = self.load
        cut = f" Watches are cut: `{'`, `'.join(FAULTS)}`." if load.faulty else ""
        text = (
            f"{load.clones:,} clones, {load.rate:g} changes a second for {load.seconds:g} s:"
            f" {self.changes:,} changes, each made within {1000 * self.late:.0f} ms of its time."
        )
        lines = [
            (name, *_told(verdict), *_used(use))
            for name, (verdict, use, _) in self.followers.items()
        ]
        empty = [""] * (len(HEADERS) - 6)
        lines.append(("the sandbox", *empty, *_used(self.sandbox)))
        return f"{text}{cut}\n\n{markdown([HEADERS, *lines])}"


def _told(verdict: Verdict) -> Iterator[str]:
    yield from (f"{verdict.shown:,}", f"{verdict.passed_over:,}", str(verdict.unseen))
    yield str(verdict.wrong)
    for part in (0.5, 0.99, 1):
        milliseconds = 1000 * verdict.within(part)
        yield f"{milliseconds:,.0f} ms" if milliseconds >= 100 else f"{milliseconds:.3g} ms"


def _used(use: Use) -> Iterator[str]:
    if not use.samples:
        yield from [""] * 5
        return
    memory = [sample.memory for sample in use.samples]
    yield from (f"{value:.0f} MiB" for value in (memory[0], memory[-1], max(memory)))
    yield f"{use.growth:+.1f} MiB"
    yield f"{use.share:.0%}"


def run(load: Load) -> Outcome:
    """Put a load on a sandbox, and see what those who follow tell of it."""
    peers = PEERS if which("kubectl") and not load.faulty else ()
    followers = [*FOLLOWERS, *peers]
    options = {"faults": FAULTS} if load.faulty else {}
    with TemporaryDirectory() as folder, Plane(controllers=False, **options) as plane:
        plane.ask("plant", load.clones - load.unfinished, "done", "Succeeded")
        plane.ask("plant", load.unfinished, OPEN, UNFINISHED)
        account, sandbox = Path(folder, "account"), Use(plane.pid)
        with _following(followers, plane, Path(folder)) as processes:
            _until_all_watch(processes, plane, load)
            with sampled([sandbox, *(process.use for process in processes)]):
                forget = FORGET_EVERY if load.faulty else 0
                what = (load.unfinished, load.changes, load.rate, str(account), forget)
                late = plane.ask("load", *what)
            codes = [
                _ended(follower, process)
                for follower, process in zip(followers, processes, strict=True)
            ]
        made = account_of(account)
        found = {
            follower.name: (_verdict(follower, process, made), process.use, code)
            for follower, process, code in zip(followers, processes, codes, strict=True)
        }
    return Outcome(load, len(made), late, sandbox, found)


def _ended(follower: Follower, process: Observed) -> int | None:
    """The exit code of one that ends by itself; another has to tell of the last clone first."""
    if follower.ends:
        return process.end(PATIENCE)
    _until(lambda: process.ends_with(LAST), f"{follower.name} does not come to the end")
    return process.end(0)


def _verdict(follower: Follower, process: Observed, made: Sequence[Change]) -> Verdict:
    """What was told of what was made, without what was there before."""
    begun = made[0].moment
    told = (change for change in follower.reading(process) if change.moment >= begun)

    def its(changes: Iterable[Change]) -> Iterator[Change]:
        return (change for change in changes if change.name.startswith(follower.of))

    return judged(its(made), its(told))


@contextmanager
def _following(
    followers: Sequence[Follower], plane: Plane, folder: Path
) -> Iterator[list[Observed]]:
    processes: list[Observed] = []
    plane.ask("requests")
    try:
        for number, follower in enumerate(followers):
            file = folder / str(number)
            processes.append(Observed(follower.command, plane.environment, file))
        yield processes
    finally:
        for process in processes:
            process.end(0)


def _until_all_watch(processes: Sequence[Observed], plane: Plane, load: Load) -> None:
    """Wait until each has told of all clones, and watches them."""
    watches = 0

    def all_watch() -> bool:
        nonlocal watches
        if any(process.process.poll() is not None for process in processes):
            raise RuntimeError("one of them ended before it began")
        paths = [path for _, path, _ in plane.ask("requests")]
        watches += sum("/virtualmachineclones?" in path and "watch=" in path for path in paths)
        listed = all(process.lines >= load.clones for process in processes)
        return listed and watches >= len(processes) and silence(processes, QUIET)

    _until(all_watch, "not all of them began to watch")


def _until(true: Callable[[], bool], otherwise: str) -> None:
    end = time.monotonic() + PATIENCE
    while not true():
        if time.monotonic() > end:
            raise RuntimeError(otherwise)
        time.sleep(0.1)


@click.command()
@click.option("--seconds", default=SECONDS, show_default=True, help="How long clones change.")
@click.option("--clones", default=CLONES, show_default=True, help="How many there are.")
@click.option("--rate", default=RATE, show_default=True, help="How many change each second.")
@click.option(
    "--fault/--no-fault", default=None, help="Only with watches that are cut, or without."
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where the tables go, beside the terminal, instead of into RESULTS.md.",
)
def main(seconds: float, clones: int, rate: float, fault: bool | None, output: Path | None) -> None:
    """Let clones change all the time under those who follow them."""
    parts, well = [f"## Soak\n\n{machine.description()}"], True
    for faulty in (False, True):
        if fault in (None, faulty):
            outcome = run(Load(seconds, clones, rate, faulty))
            parts.append(str(outcome).rstrip())
            well = well and outcome.well
    text = "\n\n".join(parts) + "\n"
    click.echo(text, nl=False)
    if output:
        output.write_text(text, encoding="utf-8")
    elif (seconds, clones, rate, fault) == (SECONDS, CLONES, RATE, None):
        written(text, RESULTS)
    else:
        click.echo(f"{RESULTS.name} stays as it is: that was another load", err=True)
    raise SystemExit(not well)


if __name__ == "__main__":
    main()
