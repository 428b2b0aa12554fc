"""Runs the commands of a document as its reader would, and holds what they print against it."""

from __future__ import annotations

import io
import os
import re
import shlex
import signal
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from threading import Timer

from kubectl_virt_clone.cli.main import run

from .markdown import Command

PATIENCE = 20.0
PROGRAMS = (["kubectl", "virt-clone"], ["kubectl-virt_clone"])
SHELL_SYNTAX = re.compile(r"[$`|&;<>()#~]")


@dataclass(frozen=True)
class Shell:
    """A folder and an environment with the plugin, kubectl and a control plane."""

    folder: Path
    environment: dict[str, str]

    def run(self, command: str) -> tuple[str, int]:
        """What a command printed, on both streams, and its exit code."""
        arguments = arguments_of(command)
        if arguments is None or "sandbox" in arguments:
            return self._run_outside(command, endless=is_endless(arguments or []))
        if is_endless(arguments):
            return self._run_outside(command, endless=True)
        printed = io.StringIO()
        with redirect_stdout(printed), redirect_stderr(printed):
            code = run(arguments)
        return printed.getvalue(), code

    def _run_outside(self, command: str, *, endless: bool) -> tuple[str, int]:
        """Run it in a real shell; Ctrl-C what would run for ever, once it has printed something."""
        process = subprocess.Popen(
            _typed(f"exec {command}" if endless else command),
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        late = Timer(PATIENCE, os.killpg, (process.pid, signal.SIGKILL))
        late.start()
        first = ""
        if endless and process.stdout:
            first = process.stdout.readline()
            process.send_signal(signal.SIGINT)
        printed, _ = process.communicate()
        late.cancel()
        code = process.returncode
        return first + printed, 0 if endless and code in (0, 130) else code


def shell_of(command: str) -> str:
    """The shell a command is typed into: bash, or zsh or fish where it is for one of these."""
    named = re.search(r"completion (zsh|fish)", command)
    return named[1] if named else "bash"


def _typed(command: str) -> list[str]:
    shell = shell_of(command)
    begun = "autoload -U compinit && compinit -u && " if shell == "zsh" else ""
    return [shell, "-c", f"{begun}{command}"]


def shell_in(folder: Path, kubeconfig: Path) -> Shell:
    """A shell whose home is this folder."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {"KUBECONFIG": str(kubeconfig), "HOME": str(folder), "PATH": path}
    return Shell(folder, {**os.environ, **environment})


def arguments_of(command: str) -> list[str] | None:
    """The program's arguments where a command is a call of it, and nothing that needs a shell."""
    if SHELL_SYNTAX.search(re.sub(r"'[^']*'", "", command)):
        return None
    words = shlex.split(command)
    for program in PROGRAMS:
        if words[: len(program)] == program:
            return words[len(program) :]
    return None


def is_endless(arguments: list[str]) -> bool:
    """Whether a call of the program runs until Ctrl-C."""
    if "sandbox" in arguments:
        return "--" not in arguments
    return bool({"-w", "--watch", "--watch-only"} & set(arguments))


def held(command: Command, printed: str, code: int) -> str:
    """What is wrong with a run of a command; empty if it is as the document says."""
    if command.code not in (None, code):
        return f"$ {command.text}\n{printed}exit code {code} instead of {command.code}"
    if command.output is None:
        return ""
    wanted, shown = (_settled(_plain(text)) for text in (command.output, printed))
    if _matches(wanted, shown):
        return ""
    return "\n".join((f"$ {command.text}", "document:", *wanted, "run:", *shown))


def _settled(lines: list[str]) -> list[str]:
    """The lines, without phases that may pass unseen; what ends together is sorted."""
    left = (line for line in lines if not _PASSING.fullmatch(line))
    result: list[str] = []
    for ends, group in groupby(left, key=lambda line: bool(_END.fullmatch(line))):
        ending = list(group)
        result += sorted(ending) if ends else ending
    return result


def _matches(wanted: list[str], shown: list[str]) -> bool:
    """Whether the lines are those, where ``...`` stands for any."""
    pattern = "".join(r"(.*\n)*" if line == "..." else re.escape(line) + r"\n" for line in wanted)
    return bool(re.fullmatch(pattern, "".join(f"{line}\n" for line in shown)))


_PASSING = re.compile(r"\S+: (Pending|SnapshotInProgress|RestoreInProgress) \d/4 after TIME")
_END = re.compile(r"\S+: Succeeded 4/4 after TIME|\S+ condition met")
_DIFFERS = (
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "UID"),
    (re.compile(r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} [\d:]{8} \+0000"), "DATE"),
    (re.compile(r"(?<![\w.-])<?\d+(\.\d+)?m?s(?![\w-])"), "TIME"),
    (re.compile(r"\bclone-([a-z-]+-)?(?=[a-z]*\d)[a-z0-9]{5}\b"), r"clone-\1RANDOM"),
    (re.compile(r"\bclone-([a-z-]+-)?[bcdfghjklmnpqrstvwxz]{5}\b"), r"clone-\1RANDOM"),
    (re.compile(r"(-{3,})"), "---"),
    (re.compile(r"(?<=\S) {2,}"), " "),
)


def _plain(text: str) -> list[str]:
    """The lines without what differs at each run: uids, random names, times, widths of columns."""
    for pattern, name in _DIFFERS:
        text = pattern.sub(name, text)
    return [line.rstrip() for line in text.rstrip("\n").splitlines()]
