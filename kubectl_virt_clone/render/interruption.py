"""What is said when the user ends a wait: the clones go on, and how to wait for them again."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace

from kubectl_virt_clone.model.connection import ConnectionFlags
from kubectl_virt_clone.model.objects import Key
from kubectl_virt_clone.model.progress import SUCCESS, Goal
from kubectl_virt_clone.model.selection import Selection

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
    ("impersonate_uid", "--as-uid"),
)


def interrupted(
    keys: Sequence[Key],
    goal: Goal,
    flags: ConnectionFlags,
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
    chosen = [(_selected(selection) or selection.names, flags)]
    if names and not _selected(selection):
        chosen = [(some, replace(flags, namespace=space)) for space, some in names.items()]
    how = [f"--for={goal}"] if goal != SUCCESS else []
    how += ["--fail-on-pending"] if fail_on_pending else []
    lines = [
        ["kubectl", "virt-clone", "wait", *which, *_connection(f), *how] for which, f in chosen
    ]
    commands = "".join(f"\n  {shlex.join(line)}" for line in lines)
    return f"interrupted; {what} on without us. To wait again:{commands}"


def _connection(flags: ConnectionFlags) -> list[str]:
    words = [word for field, flag in _REPEATED for word in _repeated(flags, field, flag)]
    words += [word for group in flags.impersonate_groups for word in ("--as-group", group)]
    return [*words, *(["--insecure-skip-tls-verify"] if flags.insecure_skip_tls_verify else [])]


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
