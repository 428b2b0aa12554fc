"""The flags that choose clones for a verb, spelled as in kubectl.

``Selection`` says which of them go together.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from kubectl_virt_clone.cli.flags import CLONE_NAME, Command, grouped
from kubectl_virt_clone.errors import InvalidValue
from kubectl_virt_clone.objects.resource import Selection


def selection_options(
    *,
    all_flag: bool,
    field_selector: bool,
    all_namespaces: bool,
    required: bool = True,
    all_yields: bool = False,
) -> Callable[[Command], Command]:
    """Add ``NAME...``, ``-l`` and the requested ones of ``--all``, ``--field-selector`` and ``-A``.

    The verb gets one argument for them, ``selection``. If it is ``required``, an empty selection is
    a usage error. If ``--all`` yields, it has no effect beside names or a selector, as in kubectl
    wait; otherwise it can't be combined with them, as in kubectl delete.
    """
    options: list[Callable[[Command], Command]] = [
        click.argument("names", metavar="[NAME...]", type=CLONE_NAME, nargs=-1),
        click.option(
            "-l",
            "--selector",
            "label_selector",
            default="",
            metavar="SELECTOR",
            help="Clones with these labels: key=value, key!=value, key in (a,b), key, !key.",
        ),
    ]
    if field_selector:
        text = "Clones with these fields: metadata.name=NAME, metadata.namespace!=NAME."
        options.append(click.option("--field-selector", default="", metavar="SELECTOR", help=text))
    if all_flag:
        text = "All clones of the namespace."
        options.append(click.option("--all", "everything", is_flag=True, help=text))
    if all_namespaces:
        text = "Clones of all namespaces."
        options.append(click.option("-A", "--all-namespaces", is_flag=True, help=text))
    wanted = "name clones, or select them with -l" + (" or --all" if all_flag else "")

    def selected(**given: Any) -> Selection:
        if all_yields and (given["names"] or given["label_selector"] or given["field_selector"]):
            given["everything"] = False
        selection = Selection(**given)
        if required and not selection:
            raise InvalidValue(f"nothing is selected: {wanted}")
        return selection

    return lambda command: grouped(command, "selection", Selection, options, made=selected)
