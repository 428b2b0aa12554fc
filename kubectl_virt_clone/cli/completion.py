"""Shell completion: what may come next on the command line, in cobra's protocol.

Verbs, flags and their fixed values need no cluster, and import no client. Names of objects come
from there, as many as arrive in time, and never an error.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import click

from kubectl_virt_clone.cli.flags import connection_flags
from kubectl_virt_clone.clone.api import (
    SHORT_NAMES,
    SNAPSHOT_CONTENTS,
    SNAPSHOTS,
    SOURCE_ALIASES,
    VIRTUAL_MACHINES,
    VOLUME_NAME_POLICIES,
    Reference,
    parse_reference,
)
from kubectl_virt_clone.errors import InvalidValue
from kubectl_virt_clone.objects.fields import mappings_at, name_of, text_at
from kubectl_virt_clone.objects.resource import Resource

if TYPE_CHECKING:
    from kubectl_virt_clone.kube.transport import Session

PATIENCE = 2.0  # seconds; after that, a user would rather type on
NAMESPACES = Resource("", "v1", "namespaces", "Namespace")

_INTERFACES = ("spec", "template", "spec", "domain", "devices", "interfaces")

Words = Iterable[str]


class Directive:
    """What a shell does besides offering candidates: the bits of cobra's directive."""

    FILES = 0
    NO_SPACE = 2
    NO_FILES = 4
    THESE_FILES = 8
    FOLDERS = 16


def complete(group: click.Group, verbs: Mapping[str, str], words: Sequence[str]) -> str:
    """The candidates for the last of ``words``, and the directive in the last line.

    One candidate a line, ``value<TAB>description``; after ``--flag=`` only the value. ``verbs``
    maps them to their descriptions, so that none is imported for it.
    """
    *before, typed = words or ("",)
    ctx = group.make_context("", list(before), resilient_parsing=True)
    for number, word in enumerate(before):
        if word.startswith("-") or _option(ctx, before[:number], word):
            continue
        command = group.get_command(ctx, word)
        if command is None:
            return _written((), Directive.NO_FILES)
        before = before[number + 1 :]
        ctx = command.make_context(word, list(before), parent=ctx, resilient_parsing=True)
        break
    else:
        if not typed.startswith("-") and _option(ctx, before, typed) is None:
            found = [(verb, text) for verb, text in verbs.items() if verb.startswith(typed)]
            return _written(found, Directive.NO_FILES)
    return _after_verb(ctx, before, typed)


def _after_verb(ctx: click.Context, before: Sequence[str], typed: str) -> str:
    """A flag, a flag's value, or an argument."""
    flag, equals, value = typed.partition("=")
    is_flag = flag.startswith("-") and "--" not in before
    if is_flag and not equals:
        items = ctx.command.shell_complete(ctx, typed)
        return _written([(item.value, item.help or "") for item in items], Directive.NO_FILES)
    option = _option(ctx, [flag] if is_flag else before, value if is_flag else typed)
    param = option or (None if is_flag else _argument(ctx))
    return _value(ctx, param, value if is_flag else typed)


def _option(ctx: click.Context, before: Sequence[str], typed: str) -> click.Option | None:
    """The option that ``typed`` is the value of, if the word before takes a value."""
    # -v may lack a value: only a number is one.
    if not before or "--" in before[:-1] or (before[-1] == "-v" and not typed.isdigit()):
        return None
    for param in ctx.command.get_params(ctx):
        if isinstance(param, click.Option) and before[-1] in param.opts and not param.is_flag:
            return param
    return None


def _argument(ctx: click.Context) -> click.Argument | None:
    """The first argument that has no value yet, or takes any number of values."""
    for param in ctx.command.get_params(ctx):
        missing = param.nargs < 0 or not ctx.params.get(param.name or "")
        if isinstance(param, click.Argument) and missing:
            return param
    return None


def _value(ctx: click.Context, param: click.Parameter | None, typed: str) -> str:
    name = (param.name if param else None) or ""
    if param is None or name in _FILES:
        return _written(*_FILES.get(name, ((), Directive.NO_FILES)))
    if name in _WORDS:
        words = [word for word in _WORDS[name](ctx, typed) if re.fullmatch(_PLAIN, word)]
    else:
        items = param.shell_complete(ctx, typed)
        if kinds := {item.type for item in items} & {"file", "dir"}:
            return _written((), Directive.FOLDERS if "dir" in kinds else Directive.FILES)
        words = [item.value for item in items]
    found = [(word, "") for word in words if word.startswith(typed)]
    goes_on = any(word.endswith(("/", "=")) for word, _ in found)
    return _written(found, Directive.NO_FILES | (Directive.NO_SPACE if goes_on else 0))


def _written(found: Iterable[tuple[str, str]], directive: int) -> str:
    lines = [f"{value}\t{text}" if text else value for value, text in found]
    return "".join(f"{line}\n" for line in [*lines, f":{directive}"])


# A shell may expand what it is offered, so other names are not.
_PLAIN = r"[A-Za-z0-9][A-Za-z0-9._:/@+=,-]*"


def _clones(ctx: click.Context, _: str) -> Words:
    from kubectl_virt_clone.actions.versions import served_clones

    names = _in_time(ctx, lambda session: _listed(session, served_clones(session)))
    return [name for name in names if name not in ctx.params["names"]]


def _of_kubeconfig(section: str) -> Callable[[click.Context, str], Words]:
    """The ``contexts``, ``clusters`` or ``users`` of the kubeconfig, without a server."""

    def find(ctx: click.Context, _: str) -> Words:
        from kubectl_virt_clone.kube.kubeconfig import names_in

        with suppress(Exception):
            return names_in(section, connection_flags(ctx), os.environ)
        return []

    return find


def _objects(ctx: click.Context, resource: Resource, namespace: str | None = None) -> list[str]:
    return _in_time(ctx, lambda session: _listed(session, resource, namespace))


def _sources(ctx: click.Context, typed: str) -> Words:
    """VMs, or what the prefix or ``--source-type`` says; and the prefixes."""
    prefix, slash, _ = typed.rpartition("/")
    kind = SOURCE_ALIASES.get(prefix.lower()) if slash else ctx.params["source_type"]
    if slash and kind is None:
        return []
    names = _objects(ctx, kind or VIRTUAL_MACHINES)
    prefixes = [] if kind else [f"{short}/" for short in SHORT_NAMES.values()]
    return [f"{prefix}{slash}{name}" for name in names] + prefixes


def _interfaces(ctx: click.Context, typed: str) -> Words:
    """Those of the given source that have no address yet."""
    given = ctx.params["source"] or ctx.params["source_name"] or ""
    try:
        source = parse_reference(given, ctx.params["source_type"])
    except InvalidValue:
        return []
    done = dict(ctx.params["new_mac_address"] or ())
    names = _in_time(ctx, partial(_interfaces_of, source=source))
    return [f"{name}=" for name in names if name not in done]


def _in_time(ctx: click.Context, ask: Callable[[Session], Iterable[str]]) -> list[str]:
    """What ``ask`` has found when the time is up or anything goes wrong."""

    # Not the server's fault, and most of the time on a slow machine.
    import urllib3  # noqa: F401

    from kubectl_virt_clone.kube.transport import Session

    found: list[str] = []

    def read() -> None:
        # Any error would end up in the line that the user is typing.
        with suppress(Exception):
            session = Session(quick, log=_ignore, warn=_ignore)
            found.extend(name for name in ask(session))

    quick = connection_flags(ctx)._replace(request_timeout=PATIENCE, verbosity=0)
    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    return list(found)


def _listed(session: Session, resource: Resource, namespace: str | None = None) -> Iterator[str]:
    from kubectl_virt_clone.kube.resource import pages

    within = session.namespace if namespace is None else namespace
    for page in pages(session, resource, within, metadata_only=True, notice=_ignore):
        yield from map(name_of, page)


def _interfaces_of(session: Session, source: Reference) -> Iterator[str]:
    """The interfaces of a VM, or of the one in a snapshot."""
    from kubectl_virt_clone.kube.resource import get

    found = get(session, source.resource, session.namespace, source.name)
    path: tuple[str, ...] = _INTERFACES
    if source.resource == SNAPSHOTS:
        content = text_at(found, "status", "virtualMachineSnapshotContentName")
        found = get(session, SNAPSHOT_CONTENTS, session.namespace, content)
        path = ("spec", "source", "virtualMachine", *_INTERFACES)
    for interface in mappings_at(found, *path):
        yield text_at(interface, "name")


def _ignore(_: str) -> None:
    """Say nothing: the user is typing."""


def _goals(ctx: click.Context, _: str) -> Words:
    from kubectl_virt_clone.clone.progress.progress import GOALS, PHASES

    phases = [f"phase={phase}" for phase in PHASES]
    bare = [goal for goal in GOALS if goal not in ("phase", "condition", "jsonpath")]
    return [*phases, "condition=Ready", *bare, "jsonpath="]


def _run_strategies(ctx: click.Context, _: str) -> Words:
    from kubectl_virt_clone.clone.spec.target_patches import RUN_STRATEGIES

    return RUN_STRATEGIES


_ANY_FILE = ((), Directive.FILES)
_FILES: dict[str, tuple[Iterable[tuple[str, str]], int]] = {
    **dict.fromkeys(("kubeconfig", "kuberc", "certificate_authority"), _ANY_FILE),
    **dict.fromkeys(("client_certificate", "client_key", "seeds", "arguments"), _ANY_FILE),
    "filenames": ((("json", ""), ("yaml", ""), ("yml", "")), Directive.THESE_FILES),
}
"""Parameters whose values the shell itself knows."""

_WORDS: dict[str, Callable[[click.Context, str], Words]] = {
    "names": _clones,
    "source": _sources,
    "source_name": lambda ctx, _: _objects(ctx, ctx.params["source_type"] or VIRTUAL_MACHINES),
    "source_type": lambda _, __: SHORT_NAMES.values(),
    "target_type": lambda _, __: [SHORT_NAMES[VIRTUAL_MACHINES.kind]],
    "new_mac_address": _interfaces,
    "run_strategy": _run_strategies,
    "volume_name_policy": lambda _, __: VOLUME_NAME_POLICIES,
    "goals": _goals,
    "namespace": lambda ctx, _: _objects(ctx, NAMESPACES, ""),
    "context": _of_kubeconfig("contexts"),
    "cluster": _of_kubeconfig("clusters"),
    "user": _of_kubeconfig("users"),
}
"""Parameters whose values are names or words that click doesn't know."""
