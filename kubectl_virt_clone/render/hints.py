"""Hints as text: command lines to paste into a shell, which ask the cluster that they are about.

``clone/`` decides what to do.
"""

from __future__ import annotations

import json
import shlex

from kubectl_virt_clone.clone.hint import Command, Field, Flag, Hint
from kubectl_virt_clone.objects.resource import NO_FLAGS, Access


def written(hint: Hint, access: Access = NO_FLAGS) -> str:
    """The hint, with the flags of ``access`` in each of its commands; empty if there is none.

    The caller escapes a server's text in it.
    """
    return "".join(part if isinstance(part, str) else _part(part, access) for part in hint)


def _part(part: Command | Flag | Field, access: Access) -> str:
    if isinstance(part, Command):
        return _command(part, access)
    if isinstance(part, Flag):
        return " ".join(f"{part.name} {shlex.quote(value)}" for value in part.values) or part.name
    return part.path if part.value is None else f"{part.path}: {json.dumps(part.value)}"


def _command(command: Command, access: Access) -> str:
    repeated = access.server if command.for_an_admin else access.words
    where = ("-n", command.namespace) if command.namespace else ()
    line = f"{command.program} {shlex.join((*repeated, *command.words, *where))}"
    return f"{line} <<< {shlex.quote(command.stdin)}" if command.stdin else line
