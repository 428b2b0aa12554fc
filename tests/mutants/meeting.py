"""Each mutant meets the tests that run its function, in a process of its own.

What the mutants are is changes.py's, and what it means that one survived __main__.py's.
"""

from __future__ import annotations

import gc
import os
import pickle
import resource
import signal
import sys
import time
from collections.abc import Callable
from types import FunctionType, ModuleType
from typing import Any

import click
import pytest

from tests.mutants.changes import PACKAGE, ROOMS, Mutant, mutants_of

SECONDS, MEMORY = 600, 4 << 30
"""What all tests together may take: processor time, and memory."""

SURVIVED, KILLED, UNMADE = 0, 1, 2


class Failed(BaseException):
    """A test has failed."""


class Unmade(Exception):
    """A mutant could not be put in the place of its function: it says nothing of the tests."""


class Run:
    """In place of running the tests: finds which of them run what, and meets them with mutants."""

    def __init__(self, modules: list[ModuleType]) -> None:
        self.mutants = [mutant for module in modules for mutant in mutants_of(module)]
        self.survivors: list[Mutant] = []
        # Open also in a child, whose own streams are not.
        self.complaints = os.dup(2)
        self.judging = True

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        gc.freeze()
        status, timed = _in_child(lambda: _timed(session.items))
        if status != SURVIVED:
            pytest.exit("the tests fail without any mutant", 1)
        seconds = pickle.loads(timed)
        reach = pickle.loads(_in_child(lambda: self._reach(session.items))[1])
        os.dup2(os.open(os.devnull, os.O_WRONLY), self.complaints)
        killers: dict[str, int] = {}
        for number, mutant in enumerate(self.mutants, 1):
            indices = sorted(reach[mutant.function], key=seconds.__getitem__)
            if last := killers.get(mutant.function):  # it may well kill this one, too
                indices = [last, *(index for index in indices if index != last)]
            items = [session.items[index] for index in indices]
            limit = 5 + 10 * int(sum(seconds[index] for index in indices))
            status, failed = _in_child(lambda m=mutant, i=items: self._meet(m, i), limit)
            if os.waitstatus_to_exitcode(status) == UNMADE:
                pytest.exit(f"{mutant.function} cannot be changed: {failed.decode()}", 1)
            if failed:
                killers[mutant.function] = indices[int(failed)]
            elif status == SURVIVED:
                self.survivors.append(mutant)
            if number % 100 == 0:
                click.echo(f"{number}/{len(self.mutants)}, now {mutant.function}")
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and self.judging:
            os.write(self.complaints, f"{report.nodeid}\n{report.longreprtext}\n".encode())
            raise Failed

    def _meet(self, mutant: Mutant, items: list[pytest.Item]) -> bytes:
        """Run the tests until one fails; which of them."""
        _forget()
        try:
            mutant.apply()
        except Exception as error:
            raise Unmade(f"{error!r}\n{mutant.change}") from error
        for index, item in enumerate(items):
            try:
                _run(item, items[index + 1 :][:1])
            except Failed:
                return str(index).encode()
        return b""

    def _reach(self, items: list[pytest.Item]) -> bytes:
        """Function → the tests that run it."""
        self.judging = False
        reach: dict[str, set[int]] = {mutant.function: set() for mutant in self.mutants}
        running = set[str]()
        for name, target in {mutant.function: mutant.target for mutant in self.mutants}.items():
            _observe(target, name, running)
        for index, item in enumerate(items):
            running.clear()
            _run(item, items[index + 1 :][:1])
            for name in running:
                reach[name].add(index)
        return pickle.dumps(reach)


def _observe(target: FunctionType, name: str, running: set[str]) -> None:
    """From now on the function says so when it runs."""
    original = FunctionType(
        target.__code__, target.__globals__, name, target.__defaults__, target.__closure__
    )
    original.__kwdefaults__ = target.__kwdefaults__
    target.__globals__.setdefault("_observed", {})[name] = (original, running)
    free = ", ".join(target.__code__.co_freevars)  # as many as before: its code must have them
    code = f"""def closing({free}):
      def told(*args, **named):
        if False: print({free})
        original, running = _observed[{name!r}]
        running.add({name!r})
        return original(*args, **named)
      return told"""
    made: dict[str, Any] = {}
    exec(code, made)
    target.__code__ = made["closing"](*target.__code__.co_freevars).__code__


def _timed(items: list[pytest.Item]) -> bytes:
    """How long each test takes, if none of them fails."""
    seconds = []
    for index, item in enumerate(items):
        began = time.perf_counter()
        _run(item, items[index + 1 :][:1])
        seconds.append(time.perf_counter() - began)
    return pickle.dumps(seconds)


def _run(item: pytest.Item, following: list[pytest.Item]) -> None:
    item.ihook.pytest_runtest_protocol(item=item, nextitem=following[0] if following else None)


def _forget() -> None:
    """Empty the model's caches, which hold what was found without the mutant."""
    for module in list(sys.modules.values()):
        if module.__name__.startswith(tuple(f"{PACKAGE}.{room}." for room in ROOMS)):
            for value in vars(module).values():
                if hasattr(value, "cache_clear"):
                    value.cache_clear()


def _in_child(work: Callable[[], bytes], limit: int = SECONDS) -> tuple[int, bytes]:
    """(exit status, result) of ``work`` in a process of its own, which may loop or grow."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        _confine(limit)
        status = KILLED
        try:
            answer = work()
            with os.fdopen(writing, "wb") as stream:
                stream.write(answer)
            status = SURVIVED
        except Unmade as error:
            os.write(writing, str(error).encode())
            status = UNMADE
        finally:
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        answer = stream.read()
    return os.waitpid(child, 0)[1], answer


def _confine(limit: int) -> None:
    for stream in (1, 2):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
    resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    signal.alarm(5 * limit)  # one that sleeps uses no processor
