"""What is said when the user ends a wait: the clones go on, and how to wait for them again."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from kubectl_virt_clone.model.connection import ConnectionFlags
from kubectl_virt_clone.model.objects import Key
from kubectl_virt_clone.model.progress import SUCCESS, Goal
from kubectl_virt_clone.model.selection import Selection

_NAMED = 5
# The flags that say where the clones are and who asks. A token is a secret, and never repeated.
_REPEATED = (
    ("namespace", "-n"),
    ("kubeconfig", "--kubeconfig"),
    ("context", "--context"),
    ("cluster", "--cluster"),
    ("user", "--user"),
    ("server", "-s"),
    ("certificate_authority", "--certificate-authority"),
    ("client_certificate", "--client-certificate"),
    ("client_key", "--client-key"),
    ("tls_server_name", "--tls-server-name"),
    ("impersonate_user", "--as"),
)


def interrupted(
    keys: Sequence[Key], goal: Goal, flags: ConnectionFlags, selection: Selection
) -> str:
    """The message for an interrupted wait for ``keys``, with the command that takes it up again.

    The clones are chosen by the ``selection`` if it has no names, else by their own.
    """
    names = [name for _, name in keys]
    what = f"the clone {names[0]} goes" if len(names) == 1 else f"{len(names) or 'the'} clones go"
    selected = _selected(selection)
    chosen = shlex.join(selected or names[:_NAMED])
    if not selected and len(names) > _NAMED:
        chosen += f" … and {len(names) - _NAMED} more"
    words = [word for field, flag in _REPEATED for word in _repeated(flags, field, flag)]
    if goal != SUCCESS:
        words.append(f"--for={goal}")
    command = " ".join(filter(None, ["kubectl virt-clone wait", chosen, shlex.join(words)]))
    return f"interrupted; {what} on without us. To wait again:\n  {command}"


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


def _repeated(flags: ConnectionFlags, field: str, flag: str) -> tuple[str, ...]:
    value = str(getattr(flags, field))
    # A password in the server's address is a secret as well.
    return (flag, value) if value and "@" not in value else ()
