"""The options that say what to clone, and the manifests that they become.

Shared by every verb that takes the flags of ``create``; what a field means is ``model``'s to say.
"""

from __future__ import annotations

import secrets
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from kubectl_virt_clone.errors import InvalidValue, ManifestError
from kubectl_virt_clone.model.api import VIRTUAL_MACHINES, VOLUME_NAME_POLICIES, Reference
from kubectl_virt_clone.model.documents import parse_documents
from kubectl_virt_clone.model.filters import check_filter
from kubectl_virt_clone.model.finding import ALL, IDS
from kubectl_virt_clone.model.macs import parse_assignment
from kubectl_virt_clone.model.manifest import CloneRequest, build_clone, named, read_clone
from kubectl_virt_clone.model.objects import key_of, name_of, text_at
from kubectl_virt_clone.model.references import parse_kind, parse_reference
from kubectl_virt_clone.model.target_patches import (
    RUN_STRATEGIES,
    START,
    annotation_patch,
    check_patch,
    hostname_patch,
    label_patch,
    run_strategy_patch,
)
from kubectl_virt_clone.options import Checked

Command = TypeVar("Command", bound=Callable[..., Any])

KIND = Checked("kind", parse_kind)
FILTER = Checked("filter", check_filter)
MAC = Checked("iface=mac", parse_assignment)
_SUFFIXES = (".json", ".yaml", ".yml")


def _one_of(name: str, words: Sequence[str]) -> Checked:
    """One of KubeVirt's words, in any case of letters; becomes the word as KubeVirt writes it."""
    written = {word.lower(): word for word in words}

    def read(text: str) -> str:
        if text.lower() not in written:
            raise InvalidValue(f'"{text}" is none of {", ".join(words)}')
        return written[text.lower()]

    return Checked(name, read)


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
        type=Checked("hostname", hostname_patch),
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
            metavar="NAME",
            help="The new VM; KubeVirt names it if unset.",
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


def requested_clones(asked: Mapping[str, Any], namespace: str) -> list[dict[str, Any]]:
    """The manifests that the options ask for: those of the files, or one built from the flags.

    ``asked`` holds the values of ``clone_spec_options``, ``namespace`` the one asked for with -n,
    empty if none was. Raises UsageError for flags that don't go together, and ManifestError for a
    file that can't be sent.
    """
    spec = dict(asked)
    name, name_flag, filenames = (spec.pop(key) for key in ("name", "name_flag", "filenames"))
    if name and name_flag:
        raise click.UsageError("NAME can't be used together with --name")
    name = name or name_flag or ""
    given = [flag for flag, value in _flags(spec).items() if value]
    if not filenames:
        return [build_clone(_request(name, namespace, spec), choose=secrets.choice)]
    if given or name:
        raise click.UsageError(f"-f can't be used together with {given[0] if given else 'NAME'}")
    clones = [read_clone(document) for path in filenames for document in _documents(path)]
    if not clones:
        raise ManifestError("no objects passed")
    for number, clone in enumerate(clones):
        _check_namespace(clone, namespace)
        if any(_same_object(clone, other) for other in clones[:number]):
            raise ManifestError(f"{named(clone)} appears twice")
    return clones


def _same_object(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return bool(name_of(one)) and key_of(one) == key_of(other)


def _flags(spec: dict[str, Any]) -> dict[str, Any]:
    return {f"--{key.replace('_', '-')}": value for key, value in spec.items()}


def _request(name: str, namespace: str, spec: dict[str, Any]) -> CloneRequest:
    interfaces = [interface for interface, _ in spec["new_mac_address"]]
    for interface in interfaces:
        if interfaces.count(interface) > 1:
            raise click.UsageError(f"--new-mac-address names the interface {interface} twice")
    return CloneRequest(
        source=_source(spec),
        name=name,
        namespace=namespace,
        target=_target(spec),
        label_filters=spec["label_filter"] or None,
        annotation_filters=spec["annotation_filter"] or None,
        template_label_filters=spec["template_label_filter"] or None,
        template_annotation_filters=spec["template_annotation_filter"] or None,
        new_mac_addresses=spec["new_mac_address"],
        new_smbios_serial=spec["new_smbios_serial"],
        patches=_patches(spec),
        volume_name_policy=spec["volume_name_policy"],
    )


def _patches(spec: dict[str, Any]) -> tuple[str, ...]:
    """The patches as they were given, then those that the other flags stand for."""
    if spec["start"] and spec["run_strategy"]:
        raise click.UsageError("--start can't be used together with --run-strategy")
    run_strategy = START if spec["start"] else spec["run_strategy"]
    patches = [*spec["patch"], *([run_strategy_patch(run_strategy)] if run_strategy else [])]
    if spec["hostname"] is not None:
        patches.append(spec["hostname"])
    for what in ("label", "annotation"):
        keys = [key for key, _ in spec[what]]
        for key in keys:
            if keys.count(key) > 1:
                raise click.UsageError(f"--{what} names the key {key} twice")
        patches += [patch for _, patch in spec[what]]
    return tuple(patches)


def _source(spec: dict[str, Any]) -> Reference:
    text, name, kind = spec["source"], spec["source_name"], spec["source_type"]
    if text is not None and name is not None:
        raise click.UsageError("--source can't be used together with --source-name")
    if text is None and name is None:
        raise click.UsageError("what to clone is missing: give --source or -f")
    return parse_reference(text if text is not None else name, kind)


def _target(spec: dict[str, Any]) -> str:
    kind = spec["target_type"]
    if kind is not None and kind != VIRTUAL_MACHINES:
        raise click.UsageError(f"--target-type: a clone's target is a vm, not a {kind.kind}")
    if spec["target"] is None:
        return ""
    reference = parse_reference(spec["target"])
    if reference.resource != VIRTUAL_MACHINES:
        raise click.UsageError(
            f"--target: a clone's target is a vm, not a {reference.resource.kind}"
        )
    return reference.name


def _documents(path: str) -> list[object]:
    if not path:
        raise click.UsageError("-f needs a file, a folder or -")
    try:
        return [document for name, text in _texts(path) for document in parse_documents(text, name)]
    except FileNotFoundError as error:
        raise ManifestError(f'the path "{path}" does not exist') from error
    except (OSError, UnicodeDecodeError) as error:
        raise ManifestError(f"error reading {path}: {error}") from error


def _texts(path: str) -> list[tuple[str, str]]:
    """(name, text) of each file that a path given with -f stands for."""
    if path == "-":
        if sys.stdin is None:
            raise ManifestError("stdin is closed")
        return [("STDIN", sys.stdin.read())]
    files = [Path(path)]
    if files[0].is_dir():
        files = sorted(file for file in files[0].iterdir() if file.suffix in _SUFFIXES)
    return [(str(file), file.read_text(encoding="utf-8")) for file in files]


def _check_namespace(clone: dict[str, Any], namespace: str) -> None:
    own = text_at(clone, "metadata", "namespace")
    if own and namespace and own != namespace:
        raise ManifestError(
            f'the namespace from the provided object "{own}" does not match the namespace'
            f" \"{namespace}\". You must pass '--namespace={own}' to perform this operation."
        )
