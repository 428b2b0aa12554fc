"""The flags that say which clones a verb is about, as kubectl spells them.

What may stand together is ``model.selection``'s to say.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from kubectl_virt_clone.cli.flags import CLONE_NAME
from kubectl_virt_clone.errors import InvalidValue
from kubectl_virt_clone.objects.selection import Selection

Function = Callable[..., Any]
Decorator = Callable[[Function], Function]


def selection_options(
    *,
    all_flag: bool,
    field_selector: bool,
    all_namespaces: bool,
    required: bool = True,
    all_yields: bool = False,
) -> Decorator:
    """Add ``NAME...``, ``-l`` and those of ``--all``, ``--field-selector`` and ``-A`` asked for.

    The verb gets one argument for them, ``selection``. If it is ``required``, a selection of
    nothing is wrong usage. If ``--all`` yields, it says nothing beside names or a selector, as in
    kubectl wait; else it can't stand there, as in kubectl delete.
    """
    options: list[Decorator] = [
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
    empty = f"nothing is selected: {wanted}" * required
    return lambda command: _added(options, command, empty, all_yields=all_yields)


def _added(
    options: list[Decorator], command: Function, empty: str, *, all_yields: bool
) -> Function:
    """Give ``command`` a Selection instead of the values of ``options``."""
    fields = Selection.__dataclass_fields__

    @wraps(command)
    def selecting(*args: Any, **given: Any) -> Any:
        asked = {name: given.pop(name) for name in fields if name in given}
        if all_yields and (asked["names"] or asked["label_selector"] or asked["field_selector"]):
            asked["everything"] = False
        selection = Selection(**asked)
        if empty and not selection:
            raise InvalidValue(empty)
        return command(*args, selection=selection, **given)

    decorated: Function = selecting
    for option in reversed(options):
        decorated = option(decorated)
    return decorated
