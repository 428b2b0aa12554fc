"""The options that say what to clone.

Shared by every verb that takes the flags of ``create``; what a field means is ``model``'s to say,
what the flags become together ``clone_requests``'.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from kubectl_virt_clone.cli.flags import Checked
from kubectl_virt_clone.clone.api import VOLUME_NAME_POLICIES
from kubectl_virt_clone.clone.checks.finding import ALL, IDS
from kubectl_virt_clone.clone.spec.filters import check_filter
from kubectl_virt_clone.clone.spec.macs import parse_assignment
from kubectl_virt_clone.clone.spec.references import parse_kind
from kubectl_virt_clone.clone.spec.series import numbered
from kubectl_virt_clone.clone.spec.target_patches import (
    RUN_STRATEGIES,
    annotation_patch,
    check_patch,
    hostname_patch,
    label_patch,
)
from kubectl_virt_clone.errors import InvalidValue

Command = TypeVar("Command", bound=Callable[..., Any])

KIND = Checked("kind", parse_kind)
FILTER = Checked("filter", check_filter)
MAC = Checked("iface=mac", parse_assignment)


def _one_of(name: str, words: Sequence[str]) -> Checked:
    """One of KubeVirt's words, in any case of letters; becomes the word as KubeVirt writes it."""
    written = {word.lower(): word for word in words}

    def read(text: str) -> str:
        if text.lower() not in written:
            raise InvalidValue(f'"{text}" is none of {", ".join(words)}')
        return written[text.lower()]

    return Checked(name, read)


def _hostname(text: str) -> str:
    """A host name, which may have places for the numbers of --count."""
    hostname_patch(numbered(text, 1))
    return text


_OBJECT_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    click.argument("name", required=False, default=""),
    click.option(
        "--name", "name_flag", metavar="NAME", help="Name of the clone object, if not given."
    ),
    click.option(
        "-f",
        "--filename",
        "filenames",
        multiple=True,
        metavar="FILE|DIR|-",
        help="Take the clones of a manifest, instead of one from flags; may be repeated.",
    ),
)


_TARGET_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    click.option("--start", is_flag=True, help="Start the new VM, and keep it running."),
    click.option(
        "--run-strategy",
        type=_one_of("strategy", RUN_STRATEGIES),
        metavar="STRATEGY",
        help=f"Run strategy of the new VM, Halted if unset: {', '.join(RUN_STRATEGIES)}.",
    ),
    click.option(
        "--hostname",
        type=Checked("hostname", _hostname),
        metavar="NAME",
        help="Host name of the new VM's guest.",
    ),
    click.option(
        "--label",
        type=Checked("key=value", label_patch),
        multiple=True,
        metavar="KEY=VALUE",
        help="Label to set on the new VM; may be repeated.",
    ),
    click.option(
        "--annotation",
        type=Checked("key=value", annotation_patch),
        multiple=True,
        metavar="KEY=VALUE",
        help="Annotation to set on the new VM; may be repeated.",
    ),
    click.option(
        "--patch",
        type=Checked("json", check_patch),
        multiple=True,
        metavar="JSON",
        help="JSON Patch operation for the new VM; may be repeated.",
    ),
    click.option(
        "--volume-name-policy",
        type=_one_of("policy", VOLUME_NAME_POLICIES),
        metavar="POLICY",
        help=f"How the new volumes are named: {' (default), '.join(VOLUME_NAME_POLICIES)}.",
    ),
)


def clone_spec_options(command: Command) -> Command:
    """Add the flags that say what to clone and how: ours, and virtctl's names for the same."""
    options: list[Callable[[Command], Command]] = [
        *_OBJECT_OPTIONS,
        click.option(
            "--source", metavar="[vm/|vmsnapshot/]NAME", help="The VM or VM snapshot to clone."
        ),
        click.option("--source-name", metavar="NAME", help="The source, as virtctl takes it."),
        click.option(
            "--source-type", type=KIND, metavar="TYPE", help="vm (default) or vmsnapshot."
        ),
        click.option(
            "--target",
            "--target-name",
            "targets",
            multiple=True,
            metavar="NAME",
            help="The new VM; KubeVirt names it if unset. Repeat it for several, or see --count.",
        ),
        click.option(
            "--count",
            type=click.IntRange(min=1, max=10_000),
            metavar="N",
            help="Make N clones; {} in --target, NAME and --hostname is 1 to N, {:03} is 001.",
        ),
        click.option(
            "--target-type", type=KIND, metavar="TYPE", help="vm, the only type there is."
        ),
        _filter_option("--label-filter", "labels"),
        _filter_option("--annotation-filter", "annotations"),
        _filter_option("--template-label-filter", "labels of the VM's template"),
        _filter_option("--template-annotation-filter", "annotations of the VM's template"),
        click.option(
            "--new-mac-address",
            type=MAC,
            multiple=True,
            metavar="IFACE=MAC",
            help="MAC address for an interface; may be repeated.",
        ),
        click.option("--new-smbios-serial", metavar="SERIAL", help="SMBIOS serial of the new VM."),
        *_TARGET_OPTIONS,
    ]
    for option in reversed(options):
        command = option(command)
    return command


def skip_check_option(command: Command) -> Command:
    """Add ``--skip-check``, whose values are the ids of findings, or all."""
    option = click.option(
        "--skip-check",
        type=click.Choice((ALL, *IDS)),
        multiple=True,
        metavar="ID",
        help="Don't care about the findings of this id, or all; may be repeated.",
    )
    return option(command)


def _filter_option(flag: str, what: str) -> Callable[[Command], Command]:
    return click.option(
        flag,
        type=FILTER,
        multiple=True,
        metavar="FILTER",
        help=f"Which {what} the new VM gets: a regular expression found anywhere in the key, or"
        " * for all; with ! in front, those to leave out. May be repeated.",
    )
