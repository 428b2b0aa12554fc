"""The command line: which measurements to run, and where their table goes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import click

from . import bulk, fifty, kills, listing, machine, one, startup, suite, travel, verbs, waiting
from .figures import Failure, Row, table
from .results import RESULTS, written
from .runs import compile_ours
from .setting import Setting

HEADING = "## Against its peers"
ON_A_CLUSTER = "## On a cluster with KubeVirt"
MEASUREMENTS: dict[str, Callable[[Setting], Iterator[Row]]] = {
    "startup": startup.measure,
    "verbs": verbs.measure,
    "one": one.measure,
    "bulk": bulk.measure,
    "waiting": waiting.measure,
    "listing": listing.measure,
    "fifty": fifty.measure,
    "suite": suite.measure,
    "travel": travel.measure,
    "kills": kills.measure,
}
ON_REQUEST = {"kills"}
"""Only with --only, for it takes minutes."""


@click.command()
@click.option(
    "--only",
    type=click.Choice(list(MEASUREMENTS)),
    multiple=True,
    help="Run this measurement; may be repeated. Only so 'kills' is run.",
)
@click.option("--quick", is_flag=True, help="Few rounds with few objects, for a look.")
@click.option(
    "--kubeconfig",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Run 'fifty', and nothing else, on this cluster with KubeVirt, in a namespace of its own.",
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where the table goes, beside the terminal; that of a whole run goes into RESULTS.md.",
)
def main(only: tuple[str, ...], quick: bool, kubeconfig: Path | None, output: Path | None) -> None:
    """Measure kubectl virt-clone against what people use without it."""
    names = only or [name for name in MEASUREMENTS if name not in ON_REQUEST]
    heading, described = HEADING, [machine.description()]
    if kubeconfig:
        names, heading = ("fifty",), ON_A_CLUSTER
        described.append(machine.cluster(kubeconfig))
    setting = Setting(quick, kubeconfig)
    compile_ours()
    measured = {name: list(_rows(name, setting)) for name in names}
    rows = [row for each in measured.values() for row in each]
    left_out = [] if kubeconfig else [name for name in MEASUREMENTS if not measured.get(name)]
    text = "\n\n".join([heading, *described, *_limits(left_out, quick), ""])
    text += table(rows)
    click.echo(text, nl=False)
    whole = not quick and ON_REQUEST.issuperset(left_out)
    if output:
        output.write_text(text, encoding="utf-8")
    elif whole:
        written(text, RESULTS)
    else:
        click.echo(f"{RESULTS.name} stays as it is: that was not everything", err=True)
    raise SystemExit(any(isinstance(row, Failure) for row in rows))


def _rows(name: str, setting: Setting) -> Iterator[Row | Failure]:
    """What a measurement found, until it failed."""
    click.echo(f"measuring {name}", err=True)
    try:
        yield from MEASUREMENTS[name](setting)
    except (OSError, RuntimeError, ValueError) as error:
        click.echo(f"{name}: {error}", err=True)
        yield Failure(name)


def _limits(left_out: Iterable[str], quick: bool) -> Iterator[str]:
    """What the table does not tell."""
    if quick:
        yield "A quick run: few rounds with few objects."
    if left_out:
        yield f"Left out: {', '.join(left_out)}."


if __name__ == "__main__":
    main()
