"""``get``: clones in a table, or as whole objects, page by page; or as they change."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import click

from kubectl_virt_clone.cli.flags import Command, Typed, Verb, connection_options, takes
from kubectl_virt_clone.cli.flags_selection import selection_options
from kubectl_virt_clone.errors import SeveralErrors, is_missing
from kubectl_virt_clone.objects.resource import PAGE_SIZE, Selection

if TYPE_CHECKING:
    from kubectl_virt_clone.objects.jsonpath import Path
    from kubectl_virt_clone.objects.resource import ConnectionFlags
    from kubectl_virt_clone.render.rows import Layout

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


class GetFlags(NamedTuple):
    """The flags of ``get``."""

    selection: Selection
    output: str | None
    watch: bool
    watch_only: bool
    output_watch_events: bool
    no_headers: bool
    show_labels: bool
    ignore_not_found: bool
    sort_by: Path | None
    chunk_size: int
    connection: ConnectionFlags

    def check(self) -> None:
        """Raise UsageError for those that don't go together."""
        if self.output_watch_events and not self.follows:
            raise click.UsageError(
                "--output-watch-events option can only be used with --watch or --watch-only"
            )
        if self.sort_by and self.follows:
            raise click.UsageError("--sort-by can't be used with --watch: rows come as they change")

    @property
    def follows(self) -> bool:
        """Whether to go on after the first list."""
        return self.watch or self.watch_only


def _path(text: str) -> Path:
    from kubectl_virt_clone.objects.jsonpath import parse_jsonpath

    return parse_jsonpath(text)


def _flag(*names: str, text: str) -> Callable[[Command], Command]:
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
@_flag("--ignore-not-found", text="Don't fail if a name does not exist.")
@click.option(
    "--sort-by",
    type=Typed("jsonpath", _path),
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
@takes(GetFlags)
def command(flags: GetFlags) -> None:
    """List clones with phase, source, target and age, and follow them with -w.

    They are printed as they are read, in pages. A target that KubeVirt named is shown as well.
    """
    from kubectl_virt_clone.actions.get import followed, listed
    from kubectl_virt_clone.actions.versions import served_clones
    from kubectl_virt_clone.kube.resource import get_each
    from kubectl_virt_clone.kube.transport import Session
    from kubectl_virt_clone.render.messages import log, warn
    from kubectl_virt_clone.render.rows import nothing_found, shown

    flags.check()
    selection, size = flags.selection, flags.chunk_size
    session = Session(flags.connection, log=log, warn=warn)
    served = served_clones(session)
    named, errors = get_each(session, served, session.namespace, selection.names)
    if flags.ignore_not_found:
        errors = [error for error in errors if not is_missing(error)]
    what = (session, served, selection, named)
    if flags.follows and not errors:
        only, seconds = flags.watch_only, flags.connection.request_timeout
        chunks = followed(*what, log, size=size, only_changes=only, seconds=seconds)
    else:
        path, wide = flags.sort_by, flags.output == "wide"
        chunks = listed(*what, warn, size=size, sort_by=path, with_children=wide)
    printed = False
    for text in shown(chunks, _layout(flags, bool(named)), partial(datetime.now, timezone.utc)):
        click.echo(text, nl=False)
        printed = True
    if errors:
        raise SeveralErrors(errors)
    if not (printed or flags.follows or flags.ignore_not_found or flags.output == "name"):
        click.echo(nothing_found(selection.scope(session.namespace)), err=True)


def _layout(flags: GetFlags, found: bool) -> Layout:
    from kubectl_virt_clone.render.rows import Layout

    names = flags.selection.names
    return Layout(
        output=flags.output,
        headers=not flags.no_headers,
        namespaces=flags.selection.all_namespaces,
        labels=flags.show_labels,
        events=flags.output_watch_events,
        bare=flags.follows or len(names) == 1 or bool(names and not found),
    )
