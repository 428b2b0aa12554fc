"""``get``: clones in a table, or as whole objects, page by page; or as they change."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from itertools import chain
from typing import TYPE_CHECKING, Any

import click

from kubectl_virt_clone.cli.flags import (
    Checked,
    Verb,
    connection_flags,
    connection_options,
)
from kubectl_virt_clone.cli.flags_selection import Function, selection_options
from kubectl_virt_clone.errors import InvalidValue, SeveralErrors, is_missing
from kubectl_virt_clone.objects.fields import Object
from kubectl_virt_clone.objects.selection import PAGE_SIZE, Selection

if TYPE_CHECKING:
    from kubectl_virt_clone.clone.batch import Batch
    from kubectl_virt_clone.kube.transport import Session
    from kubectl_virt_clone.objects.jsonpath import Path
    from kubectl_virt_clone.objects.resource import Resource
    from kubectl_virt_clone.render.rows import Look

EXAMPLES = """
# List the clones of the namespace, of all namespaces, and with these labels
kubectl virt-clone get
kubectl virt-clone get -A -o wide
kubectl virt-clone get -l backup=nightly

# Follow what happens to them
kubectl virt-clone get -w

# The newest last
kubectl virt-clone get --sort-by=.metadata.creationTimestamp
"""


@dataclass(frozen=True)
class Asked:
    """The flags of ``get`` that say how to read and show, beside the selection."""

    output: str | None
    watch: bool
    watch_only: bool
    output_watch_events: bool
    no_headers: bool
    show_labels: bool
    ignore_not_found: bool
    sort_by: Path | None
    chunk_size: int

    def __post_init__(self) -> None:
        if self.output_watch_events and not self.follows:
            raise InvalidValue(
                "--output-watch-events option can only be used with --watch or --watch-only"
            )
        if self.sort_by and self.follows:
            raise InvalidValue("--sort-by can't be used with --watch: rows come as they change")

    @property
    def follows(self) -> bool:
        """Whether to go on after the first list."""
        return self.watch or self.watch_only


def _path(text: str) -> Path:
    from kubectl_virt_clone.objects.jsonpath import parse_jsonpath

    return parse_jsonpath(text)


def _flag(*names: str, text: str) -> Callable[[Function], Function]:
    return click.option(*names, is_flag=True, help=text)


@click.command(cls=Verb, name="get", examples=EXAMPLES)
@selection_options(all_flag=False, field_selector=True, all_namespaces=True, required=False)
@click.option(
    "-o",
    "--output",
    type=click.Choice(["json", "name", "wide", "yaml"]),
    help="Show more columns (wide), or print whole objects, or names.",
)
@_flag(
    "-w",
    "--watch",
    text="After the list, show each change, until Ctrl-C. What is deleted while the connection is"
    " cut for long is not told.",
)
@_flag("--watch-only", text="Show changes without the list before them.")
@_flag("--output-watch-events", text="Show with each change what happened: ADDED, MODIFIED, ...")
@_flag("--no-headers", text="Leave the headers out.")
@_flag("--show-labels", text="Show all labels in the last column.")
@_flag("--ignore-not-found", text="A name that does not exist is no error.")
@click.option(
    "--sort-by",
    type=Checked("jsonpath", _path),
    metavar="PATH",
    help="Sort by a field, as .status.phase; nothing is printed before all are read.",
)
@click.option(
    "--chunk-size",
    type=click.IntRange(min=0),
    metavar="N",
    default=PAGE_SIZE,
    show_default=True,
    help="How many objects to ask for in one request (0: all).",
)
@connection_options
@click.pass_context
def command(ctx: click.Context, /, selection: Selection, **given: Any) -> None:
    """List clones with phase, source, target and age, and follow them with -w.

    They are printed as they are read, in pages. A target that KubeVirt named is shown as well.
    """
    from kubectl_virt_clone.actions.versions import served_clones
    from kubectl_virt_clone.kube.resource import get_each
    from kubectl_virt_clone.kube.transport import connect
    from kubectl_virt_clone.render.messages import log, warn
    from kubectl_virt_clone.render.rows import nothing_found, shown

    asked = Asked(**given)
    flags = connection_flags(ctx)
    session = connect(flags, log=log, warn=warn)
    clones = served_clones(session)
    named, errors = get_each(session, clones, session.namespace, selection.names)
    if asked.ignore_not_found:
        errors = [error for error in errors if not is_missing(error)]
    if asked.follows and not errors:
        seconds = flags.request_timeout or None
        batches = _followed(session, clones, selection, named, asked, seconds)
    else:
        batches = _read(session, clones, selection, named, asked)
    printed = False
    for text in shown(batches, _look(asked, selection, bool(named)), _now):
        click.echo(text, nl=False)
        printed = True
    if errors:
        raise SeveralErrors(errors)
    if not (printed or asked.follows or asked.ignore_not_found or asked.output == "name"):
        click.echo(nothing_found(selection.scope(session.namespace)), err=True)


def _read(
    session: Session,
    clones: Resource,
    selection: Selection,
    named: Sequence[Object],
    asked: Asked,
) -> Iterator[Batch]:
    """The clones in pages; in a single one where they are to be sorted, or have been named."""
    from kubectl_virt_clone.actions.unfinished import with_children
    from kubectl_virt_clone.clone.batch import Batch
    from kubectl_virt_clone.kube.resource import pages
    from kubectl_virt_clone.objects.sorting import sorted_by
    from kubectl_virt_clone.render.messages import warn

    namespace = selection.scope(session.namespace)
    found: Iterable[Sequence[Object]] = [named]
    if not selection.names:
        size, query = asked.chunk_size, selection.query
        found = pages(session, clones, namespace, query, size=size, notice=warn)
    if asked.sort_by:
        found = [sorted_by(chain.from_iterable(found), asked.sort_by)]
    batches = map(Batch, found)
    return with_children(session, namespace, batches) if asked.output == "wide" else iter(batches)


def _followed(
    session: Session,
    clones: Resource,
    selection: Selection,
    named: Sequence[Object],
    asked: Asked,
    seconds: float | None,
) -> Iterator[Batch]:
    """What is there, unless only changes are wanted, and then what changes.

    The cause in a row is what the clone itself says: no request follows from a change.
    """
    from kubectl_virt_clone.actions.following import followed
    from kubectl_virt_clone.clone.batch import Batch
    from kubectl_virt_clone.kube.watch import Scope
    from kubectl_virt_clone.render.messages import log

    scope = Scope(
        clones,
        selection.scope(session.namespace),
        names=selection.distinct,
        selector=selection.query,
        page_size=asked.chunk_size,
    )
    silent = asked.watch_only
    if not silent:
        yield Batch(named)
    yield from followed(
        session, scope, known=named, silent_first=silent, seconds=seconds, notice=log
    )


def _look(asked: Asked, selection: Selection, found: bool) -> Look:
    from kubectl_virt_clone.render.rows import Look

    one = len(selection.names) == 1
    return Look(
        output=asked.output,
        headers=not asked.no_headers,
        namespaces=selection.all_namespaces,
        labels=asked.show_labels,
        events=asked.output_watch_events,
        bare=asked.follows or one or bool(selection.names and not found),
    )


def _now() -> datetime:
    return datetime.now(timezone.utc)
