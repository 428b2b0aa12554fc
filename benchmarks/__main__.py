"""The command line: which measurements to run, and where their table goes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import click

from . import bulk, fifty, listing, machine, one, startup, suite, verbs, waiting
from .figures import Row, table
from .setting import Setting

RESULTS = Path(__file__).parent / "RESULTS.md"
MEASUREMENTS: dict[str, Callable[[Setting], Iterator[Row]]] = {
    "startup": startup.measure,
    "verbs": verbs.measure,
    "one": one.measure,
    "bulk": bulk.measure,
    "waiting": waiting.measure,
    "listing": listing.measure,
    "fifty": fifty.measure,
    "suite": suite.measure,
}


@click.command()
@click.option(
    "--only",
    type=click.Choice(list(MEASUREMENTS)),
    multiple=True,
    help="Run this measurement; may be repeated.",
)
@click.option("--quick", is_flag=True, help="Few rounds with few objects, for a look.")
@click.option(
    "--kubeconfig",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Run 'fifty' on this cluster, which has KubeVirt, in a namespace of its own.",
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    default=RESULTS,
    help="Where the table goes, beside the terminal.",
)
def main(only: tuple[str, ...], quick: bool, kubeconfig: Path | None, output: Path) -> None:
    """Measure kubectl virt-clone against what people use without it."""
    setting = Setting(quick, kubeconfig)
    rows: list[Row] = []
    failed = False
    for name in only or MEASUREMENTS:
        click.echo(f"measuring {name}", err=True)
        try:
            rows.extend(MEASUREMENTS[name](setting))
        except RuntimeError as error:
            failed = True
            click.echo(f"{name}: {error}", err=True)
    text = f"# Benchmarks\n\n{machine.description()}\n\n{table(rows)}"
    click.echo(text, nl=False)
    output.write_text(text, encoding="utf-8")
    raise SystemExit(failed)


if __name__ == "__main__":
    main()
