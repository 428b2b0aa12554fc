"""Progress of a wait on stderr: a frame that redraws on a terminal, a line per change elsewhere.

``clone/progress`` knows what a phase means, and ``actions/wait`` decides when the wait ends.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from kubectl_virt_clone.clone.progress.progress import Cause, Goal, Outcome, Result, phase_of
from kubectl_virt_clone.errors import ExitCode, WaitInterrupted
from kubectl_virt_clone.objects.fields import Key, Object, key_of
from kubectl_virt_clone.objects.resource import NO_FLAGS, Access, Selection
from kubectl_virt_clone.render.escaping import escaped
from kubectl_virt_clone.render.hints import written
from kubectl_virt_clone.render.messages import moves_its_cursor
from kubectl_virt_clone.render.progress.outcomes import (
    failure,
    interrupted,
    label,
    span_of_time,
    state,
)

if TYPE_CHECKING:
    from kubectl_virt_clone.render.progress.frames import Drawn

Clock = Callable[[], float]
"""Counts seconds."""
Met = Callable[[Result], object]
"""Tells of a clone that reached its goal."""


@contextmanager
def progress(
    stream: TextIO,
    *,
    met: Met,
    clock: Clock,
    goal: Goal,
    later: Sequence[Goal] = (),
    access: Access,
    selection: Selection | None = None,
    quiet: bool = False,
    fail_on_pending: bool = False,
) -> Iterator[Quiet]:
    """Show a wait for ``goal``: on a terminal as a frame, elsewhere as lines, or ``quiet``.

    Ctrl-C and SIGTERM become a WaitInterrupted that says what has failed by then, and how to wait
    again, also for what comes ``later``: by the same ``access``, with the ``selection`` or the
    names of what is undecided.
    """
    selection = selection or Selection()
    kind: type[Lines | Drawn] = Lines
    if stream.isatty() and moves_its_cursor() and not quiet:
        from kubectl_virt_clone.render.progress.frames import Drawn

        kind = Drawn
    several = selection.all_namespaces
    shown = Quiet(met) if quiet else kind(stream, met, clock, several=several, access=access)

    def told() -> str:
        failed = failure(shown.failed, goal, looked_once=False, selection=selection, access=access)
        lines = [str(failed)] if failed else []
        if shown.undecided or (selection and not shown.has_begun):
            keys = list(shown.undecided)
            how = ([goal, *later], access, selection)
            lines += [interrupted(keys, *how, fail_on_pending=fail_on_pending)]
        return "\n".join(lines)

    with resumable(told), shown:
        yield shown


@contextmanager
def resumable(told: Callable[[], str]) -> Iterator[None]:
    """Turn Ctrl-C and SIGTERM into a WaitInterrupted with the text of ``told``, if it has any."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit) as end:
        message = told()
        if not message:
            raise
        code = ExitCode.TERMINATED if isinstance(end, SystemExit) else ExitCode.INTERRUPTED
        raise WaitInterrupted(message, code) from end


class Quiet:
    """Shows results only; the others show more. ``interval``, in seconds, is that of ``tick``."""

    interval = 1.0

    def __init__(self, met: Met) -> None:
        self._met = met
        self._decided: set[Key] = set()
        self.undecided: dict[Key, None] = {}
        self.failed: list[Result] = []
        self.has_begun = False

    def began(self, keys: Collection[Key]) -> None:
        """The wait is for these; more may come."""
        self.undecided = {key: None for key in keys if key not in self._decided}
        self.has_begun = True

    def changed(self, clone: Object, cause: Cause | None) -> None:
        """A clone has a new version, or another cause."""

    def decided(self, result: Result) -> None:
        """A clone reached its goal, or never can."""
        self._decided.add(result.key)
        self.undecided.pop(result.key, None)
        if result.verdict.outcome is Outcome.MET:
            self._met(result)
        else:
            self.failed.append(result)

    def tick(self) -> None:
        """Some time passed without a change."""

    def notice(self, text: str) -> None:
        """Something about the watch itself."""

    def __enter__(self) -> Quiet:
        return self

    def __exit__(self, *ended: object) -> None:
        """Leave the stream on a fresh line, also after Ctrl-C."""


class Lines(Quiet):
    """One line for each change: for pipes, logs, and terminals that know only lines.

    Names have their namespace if there are ``several``, or may be.
    """

    def __init__(
        self,
        stream: TextIO,
        met: Met,
        clock: Clock,
        *,
        several: bool = False,
        access: Access = NO_FLAGS,
    ) -> None:
        super().__init__(met)
        self._several, self._access = several, access
        self._stream, self._clock, self._began = stream, clock, clock()
        self._shown: dict[Key, tuple[str, str]] = {}  # the phase and the cause of each

    def began(self, keys: Collection[Key]) -> None:
        """Note whether they are of several namespaces."""
        super().began(keys)
        self._several = self._several or len({namespace for namespace, _ in keys}) > 1

    def changed(self, clone: Object, cause: Cause | None) -> None:
        """Say what is new; a clone that is only pending, without a cause, isn't worth a line."""
        key, now = key_of(clone), (phase_of(clone), cause.sentence if cause else "")
        before = self._shown.get(key, ("", ""))
        if now == before:
            return
        self._shown[key] = now
        because = f" ({escaped(cause.sentence)})" if cause else ""
        if cause and cause.hint and cause.sentence != before[1]:
            because += f"; hint: {escaped(written(cause.hint, self._access))}"
        where = f"{label(key, several=self._several)}: {state(now[0])}"
        elapsed = span_of_time(self._clock() - self._began)
        self._say(f"{escaped(where)} after {elapsed}{because}")

    def decided(self, result: Result) -> None:
        """Show the last phase, then the result."""
        shown, _ = self._shown.get(result.key, ("", ""))
        if result.clone is not None and phase_of(result.clone) != shown:
            self.changed(result.clone, None)
        super().decided(result)

    def notice(self, text: str) -> None:
        """Say it on a line of its own."""
        self._say(escaped(text))

    def _say(self, line: str) -> None:
        self._stream.write(f"{line}\n")
        self._stream.flush()
