"""docs/verbs: a page for each verb, made of its help. ``make docs`` writes them."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path

import click

from kubectl_virt_clone.cli.main import PROGRAM, VERBS, virt_clone

from .markdown import ROOT

FOLDER = ROOT / "docs" / "verbs"
_SHARED = {param.name for param in virt_clone.params}
_MADE = "<!-- `make docs` writes this page from the program's own help. -->"


def pages() -> dict[Path, str]:
    """All pages: the verbs' own, and one of what they share."""
    context = click.Context(virt_clone, info_name=PROGRAM)
    made = {FOLDER / "README.md": _of_all(context)}
    for verb in VERBS:
        command = virt_clone.get_command(context, verb)
        assert command is not None
        made[FOLDER / f"{verb}.md"] = _of_one(verb, command)
    return made


def _of_all(context: click.Context) -> str:
    rows = [f"| [{verb}]({verb}.md) | {_prose(text)} |" for verb, text in VERBS.items()]
    flags = [
        param
        for param in virt_clone.params
        if isinstance(param, click.Option) and not param.is_eager
    ]
    return _page(
        f"# {PROGRAM}",
        _MADE,
        _prose(inspect.cleandoc(virt_clone.help or "")),
        "\n".join(("| Verb | Does |", "|---|---|", *rows)),
        "## Connection options",
        "They are kubectl's, and every verb but `sandbox` takes them, before or after its name.",
        _table(flags),
    )


def _of_one(verb: str, command: click.Command) -> str:
    context = click.Context(command, info_name=f"{PROGRAM} {verb}")
    own = [
        param
        for param in command.params
        if isinstance(param, click.Option) and param.name not in _SHARED and not param.hidden
    ]
    shared = any(param.name in _SHARED for param in command.params)
    usage = " ".join((context.info_name or "", *command.collect_usage_pieces(context)))
    return _page(
        f"# {PROGRAM} {verb}",
        _MADE,
        _prose(inspect.cleandoc(command.help or "")),
        f"```text\n{usage}\n```",
        "## Examples",
        f"```sh\n{getattr(command, 'examples', '').strip()}\n```",
        "## Options",
        _table(own) if own else "None of its own.",
        *(["It also takes the [connection options](README.md#connection-options)."] * shared),
    )


def _page(*parts: str) -> str:
    return "\n\n".join(parts) + "\n"


def _table(options: list[click.Option]) -> str:
    rows = (f"| {_flag(option)} | {_prose(' '.join(_meaning(option)))} |" for option in options)
    return "\n".join(("| Flag | Meaning |", "|---|---|", *rows))


def _flag(option: click.Option) -> str:
    names = ", ".join(option.opts)
    if option.secondary_opts:
        names += f" / {', '.join(option.secondary_opts)}"
    value = option.metavar or ""
    if isinstance(option.type, click.Choice):
        value = "|".join(option.type.choices)
    elif option.is_flag:
        value = ""
    return f"`{f'{names} {value}'.rstrip()}`".replace("|", "\\|")


def _meaning(option: click.Option) -> Iterator[str]:
    yield option.help or ""
    default = option.default
    if option.show_default:
        if isinstance(default, bool):
            default = (option.opts if default else option.secondary_opts)[0]
        yield f"Default: {default}."


def _prose(text: str) -> str:
    """A help text as Markdown: what looks like a tag or a column is none."""
    return text.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")


def main() -> None:
    """Write all pages, and remove those of verbs that are no more."""
    made = pages()
    FOLDER.mkdir(parents=True, exist_ok=True)
    for old in set(FOLDER.glob("*.md")) - set(made):
        old.unlink()
    for path, text in made.items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
