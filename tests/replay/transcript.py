"""Recordings as steps: what was typed, and what was answered.

Reading only: ``stage`` runs the commands, ``comparison`` says what counts as equal.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "recordings"
UNRECORDED = "[output not recorded]"
WITHOUT_CODES = "22"
"""The first recording that does not show exit codes."""
_STATUS = re.compile(r"\[exit status (\d+)\]")
_LATER = re.compile(r"# (?:after another )?(\d+) (?:s|seconds later\b.*)$")
_TIMELINE = re.compile(r"# status timeline: .*metadata\.name=(\S+) ")
SUMMARY = "# the same, one line per event"


@dataclass(frozen=True)
class Step:
    """One command of a recording with its output; ``line`` counts from 1.

    ``recorded`` is False for what the recording does not show: stage directions of ours, whose
    output counts only where there is one. ``waits`` are the seconds that pass before the command.
    ``code`` is None where none was recorded: that is so from 22 on.
    A watch is a step too: its command is empty, ``watched`` names the object, and the output is
    the stream, or with ``summary`` a line for each of its events.
    """

    recording: str
    line: int
    command: str
    output: str
    code: int | None = 0
    recorded: bool = True
    waits: float = 0.0
    watched: str = ""
    summary: bool = False

    @property
    def compared(self) -> bool:
        """Whether there is an output to compare."""
        shown = self.recorded or bool(self.output and not self.file)
        return shown and self.output != UNRECORDED

    @property
    def file(self) -> str:
        """The file that a plain ``cat`` shows: its output is what has to be in it."""
        name = self.command.removeprefix("cat ")
        return name if name != self.command and " " not in name else ""

    def __str__(self) -> str:
        return f"{self.recording}:{self.line}: {self.command or 'watch of ' + self.watched}"


def recordings() -> list[str]:
    """The names of the recordings, such as ``01-happy``."""
    return sorted(path.stem for path in FOLDER.glob("*.txt"))


def read(recording: str) -> list[Step]:
    """The steps of one recording, in order."""
    lines = (FOLDER / f"{recording}.txt").read_text("utf-8").splitlines()
    steps: list[Step] = []
    waits, watched, number = 0.0, "", 0
    while number < len(lines):
        line = lines[number]
        number += 1
        if line.startswith("# "):
            later, timeline = _LATER.match(line), _TIMELINE.match(line)
            waits += float(later[1]) if later else 0.0
            watched = timeline[1] if timeline else watched
            if not timeline and line != SUMMARY:
                continue
        elif line.startswith(("$ ", "> ")):
            watched = ""
        else:
            assert not line, f"{recording}:{number}: an output of no command"
            continue
        first, output = number, []
        while number < len(lines) and not lines[number].startswith(("# ", "$ ", "> ")):
            output.append(lines[number])
            number += 1
        steps.append(_step(recording, first, line, output, waits, watched))
        waits = 0.0
    return steps


def _step(
    recording: str, first: int, line: str, output: list[str], waits: float, watched: str
) -> Step:
    text = "\n".join(output).rstrip("\n")
    status = _STATUS.search(text)
    recorded = not line.startswith("> ")
    unknown = recorded and recording >= WITHOUT_CODES
    return Step(
        recording=recording,
        line=first,
        command="" if watched else line[2:],
        output=_STATUS.sub("", text).rstrip("\n"),
        code=int(status[1]) if status else None if unknown else 0,
        recorded=recorded,
        waits=waits,
        watched=watched,
        summary=line == SUMMARY,
    )
