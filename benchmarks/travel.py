"""How far a value travels: the functions and modules of the program that run, and its lines."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import click

import kubectl_virt_clone

from .figures import Row, table
from .plane import Plane
from .runs import run
from .setting import Setting

AT_MOST_LINES = 14_500
MODULES = (
    "Each family of checks, the parts of the projection and each part of the client are modules of"
    " their own, and one whose class bodies run when it is imported counts as well; the checks of"
    " what KubeVirt adopts, changes or refuses came on top."
)
LINES = (
    "The client, the rules about clones and what the verbs show got shorter by about 1,050 lines;"
    " the checks and causes of what real storage does added as many."
)
CREATE = ("create", "nightly", "--source=vm-cirros", "--target=copy", "--wait")
CASES = {
    "create … --wait": (CREATE, 45),
    "wait for a finished clone": (("wait", "nightly"), 30),
}
"""Command line, and the goal for its modules; how many functions there are is for orientation."""


def measure(_: Setting) -> Iterator[Row]:
    """Two rows for each command, and one for the lines.

    What an import runs beside a module's own code, such as the body of a class, counts as well.
    """
    with Plane() as plane, TemporaryDirectory() as folder:
        for name, (words, at_most) in CASES.items():
            file = Path(folder, words[0])
            command = [sys.executable, "-m", "benchmarks.traced", str(file), *words]
            run(command, plane.environment)
            ran = json.loads(file.read_text(encoding="utf-8"))
            yield Row(f"functions that run in `{name}`", len(ran), "functions")
            modules = len({module for module, _ in ran})
            yield Row("… in so many modules", modules, "modules", at_most=at_most, why=MODULES)
    sources = Path(kubectl_virt_clone.__file__).parent.rglob("*.py")
    lines = sum(len(source.read_text(encoding="utf-8").splitlines()) for source in sources)
    yield Row("the plugin without its sandbox", lines, "lines", at_most=AT_MOST_LINES, why=LINES)


if __name__ == "__main__":
    click.echo(table(list(measure(Setting()))), nl=False)
