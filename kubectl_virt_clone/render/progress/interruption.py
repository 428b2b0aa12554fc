"""What is said when the user ends a wait: the clones go on, and how to wait for them again."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from kubectl_virt_clone.clone.progress.progress import SUCCESS, Goal
from kubectl_virt_clone.objects.fields import Key
from kubectl_virt_clone.objects.resource import Access, Selection


def interrupted(
    keys: Sequence[Key],
    goal: Goal,
    access: Access,
    selection: Selection,
    *,
    fail_on_pending: bool = False,
) -> str:
    """The message for an interrupted wait for ``keys``, with the commands that take it up again.

    The clones are chosen by the ``selection`` if it has no names, else by their own: then there is
    a command for each of their namespaces.
    """
    names: dict[str, list[str]] = {}
    for namespace, name in keys:
        names.setdefault(namespace, []).append(name)
    what = f"the clone {keys[0][1]} goes" if len(keys) == 1 else f"{len(keys) or 'the'} clones go"
    chosen = [(_selected(selection) or selection.names, access.namespace)]
    if names and not _selected(selection):
        chosen = [(some, space) for space, some in names.items()]
    how = [f"--for={goal}"] if goal != SUCCESS else []
    how += ["--fail-on-pending"] if fail_on_pending else []
    commands = ""
    for which, namespace in chosen:
        where = ("-n", namespace) if namespace else ()
        line = ("kubectl", "virt-clone", "wait", *which, *where, *access.words, *how)
        commands += f"\n  {shlex.join(line)}"
    return f"interrupted; {what} on without us. To wait again:{commands}"


def _selected(selection: Selection) -> list[str]:
    """The flags that choose clones otherwise than by name."""
    words = []
    if selection.label_selector:
        words += ["-l", selection.label_selector]
    if selection.field_selector:
        words += ["--field-selector", selection.field_selector]
    if selection.everything:
        words.append("--all")
    return [*words, "-A"] if words and selection.all_namespaces else words
