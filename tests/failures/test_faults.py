"""What servers and networks do to a watch: the program outlives it, and tells each thing once."""

from __future__ import annotations

import io
import re
import sys
import threading
from collections import Counter
from dataclasses import dataclass

import pytest

from kubectl_virt_clone.cli.main import run
from kubectl_virt_clone.kube import watch as watching
from tests.pacing import keep_pace
from tests.sandbox.world import CLONES

from .book import FAULTS, Book
from .stage import PATIENCE, Stage

IDLE = tuple(f"idle{number}" for number in range(5))
ONE, MANY = ("c0",), tuple(f"c{number}" for number in range(10))
SEEDS = ("kubevirt", "storage-classes", "vm-cirros")
EACH, LATEST = "each change once", "the latest state once"
OF_CLONES = "resource=virtualmachineclones"


_VERSION = re.compile(r'"resourceVersion": "([0-9]+)"')


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong; ``shown``: what ``get -w`` shows of the changes meanwhile."""

    name: str
    spec: str
    shown: str = EACH


CASES = (
    Fault("the connection breaks in the midst of an event", f"drop:verb=watch,{OF_CLONES},after=2"),
    Fault("the watch ends", f"close:{OF_CLONES},after=1,count=2"),
    Fault("the server forgets the version (HTTP)", f"410:verb=watch,{OF_CLONES}", LATEST),
    Fault("the server forgets the version (event)", f"410:{OF_CLONES},event=true,after=2", LATEST),
    Fault("the connection breaks before the list", f"drop:verb=list,{OF_CLONES}"),
    Fault("too many requests", f"429:verb=watch,{OF_CLONES},retry-after=1"),
    Fault("too many requests, the list", f"429:verb=list,{OF_CLONES},retry-after=1"),
    Fault("an internal error", f"500:verb=watch,{OF_CLONES},count=2"),
    Fault("the server is not available", f"503:verb=list,{OF_CLONES},count=2"),
    Fault("the credentials have expired", f"expire:verb=watch,{OF_CLONES}"),
    Fault("events come late", f"delay:{OF_CLONES},seconds=0.2"),
    Fault("events of different clones change places", f"reorder:{OF_CLONES}"),
    Fault("watching is forbidden", f"forbid:verb=watch,{OF_CLONES}", LATEST),
    Fault("silence: the connection is half open", f"stall:verb=watch,{OF_CLONES},after=2,count=1"),
)


@pytest.mark.parametrize("fault", CASES, ids=lambda fault: fault.spec)
def test_the_document_says_what_is_survived(
    fault: Fault,
    book: Book,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A half-open connection is noticed when the watch should have ended by itself.
    monkeypatch.setattr(watching, "WATCH_SECONDS", 1)
    monkeypatch.setattr(watching, "GRACE_SECONDS", 0.2)
    # On a slow machine clones would stall, and their causes be told as well.
    keep_pace(monkeypatch, stall=PATIENCE)
    cells = [fault.name, f"`{fault.spec}`"]
    for names in (ONE, MANY):
        with _Disturbed(fault.spec, names) as disturbed:
            monkeypatch.setenv("KUBECONFIG", str(disturbed.stage.plane.kubeconfig))
            capsys.readouterr()
            code = run(["wait", *names, f"--timeout={PATIENCE}s"])
            out, err = capsys.readouterr()
            assert (code, disturbed.struck) == (0, True), err
        assert Counter(out.splitlines()) == {_met(name): 1 for name in names}
        steps = Counter(re.findall(r"^(c\d+: [A-Z]\w* (?:\d/4)?)", err, re.MULTILINE))
        assert set(steps.values()) <= {1}, steps
        cells.append(f"{len(names)} met")
    with _Disturbed(fault.spec, MANY) as disturbed:
        cells.append(_watch(disturbed, fault, monkeypatch))
    book.hold(FAULTS, cells)


def _met(name: str) -> str:
    return f"virtualmachineclone.clone.kubevirt.io/{name} condition met"


class _Disturbed:
    """Clones that begin when they are watched, and idle ones, on a server that has the fault."""

    def __init__(self, spec: str, names: tuple[str, ...]) -> None:
        self.stage = Stage(faults=[spec], seeds=SEEDS)
        self.began = 0
        self._names = names
        self._acting = threading.Thread(target=self.stage.curtain, args=(lambda: None,))

    @property
    def struck(self) -> bool:
        """Whether the fault came about: without it all this would show nothing."""
        return all(armed.struck for armed in self.stage.plane.faults._armed)

    @property
    def is_over(self) -> bool:
        """Whether all has been done that there is to do."""
        # The stored objects themselves: this is asked at each line that is written.
        clones = {clone["metadata"]["name"]: clone for clone in self.stage.all(CLONES)}
        statuses = [clones[name].get("status", {}) for name in self._names]
        return all(s.get("phase") == "Succeeded" and "restoreName" not in s for s in statuses)

    @property
    def latest(self) -> set[str]:
        """The versions that the clones have now."""
        return {clone["metadata"]["resourceVersion"] for clone in self.stage.all(CLONES)}

    def versions(self) -> list[str]:
        """The versions that there were to see: those of the idle clones never changed."""
        _, changes = self.stage.registry.store.changes_since(self.began, 0)
        changed = [change.object for change in changes if change.type_key == CLONES]
        idle = [self.stage.get(CLONES, name) for name in IDLE]
        return [clone["metadata"]["resourceVersion"] for clone in [*idle, *changed]]

    def __enter__(self) -> _Disturbed:
        self.stage.plane.start()
        for name in IDLE:
            self.stage.clone(name, "nosuch", f"{name}-t")
        self.stage.step()
        self.began = self.stage.registry.store.version
        for name in self._names:
            self.stage.clone(name, "vm-cirros", f"{name}-t")
        self._acting.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._acting.join()
        self.stage.plane.stop()


class _Reader(io.StringIO):
    """Who presses Ctrl-C when the last state of each clone has come."""

    def __init__(self, disturbed: _Disturbed) -> None:
        super().__init__()
        self.shown: Counter[str] = Counter()
        self._disturbed = disturbed

    def write(self, text: str) -> int:
        self.shown.update(_VERSION.findall(text))
        if self._disturbed.is_over and self._disturbed.latest <= set(self.shown):
            raise KeyboardInterrupt
        return len(text)


def _watch(disturbed: _Disturbed, fault: Fault, monkeypatch: pytest.MonkeyPatch) -> str:
    """Follow clones to their end with ``get -w``, and compare with what the store has seen."""
    reader = _Reader(disturbed)
    with monkeypatch.context() as patched:
        patched.setenv("KUBECONFIG", str(disturbed.stage.plane.kubeconfig))
        patched.setattr(sys, "stdout", reader)
        assert run(["get", "-w", "-o", "json"]) == 130
    each = Counter(disturbed.versions())
    assert disturbed.struck
    assert set(reader.shown.values()) == {1}
    assert reader.shown == each if fault.shown == EACH else reader.shown <= each
    return fault.shown
