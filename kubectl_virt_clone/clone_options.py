"""The options that say what to clone, and the manifests that they become.

Shared by every verb that takes the flags of ``create``; what a field means is ``model``'s to say.
"""

from __future__ import annotations

import secrets
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from kubectl_virt_clone.errors import ManifestError
from kubectl_virt_clone.model.api import VIRTUAL_MACHINES, Reference
from kubectl_virt_clone.model.documents import parse_documents
from kubectl_virt_clone.model.filters import check_filter
from kubectl_virt_clone.model.macs import parse_assignment
from kubectl_virt_clone.model.manifest import CloneRequest, build_clone, read_clone
from kubectl_virt_clone.model.objects import text_at
from kubectl_virt_clone.model.references import parse_kind, parse_reference
from kubectl_virt_clone.options import Checked

Command = TypeVar("Command", bound=Callable[..., Any])

KIND = Checked("kind", parse_kind)
FILTER = Checked("filter", check_filter)
MAC = Checked("iface=mac", parse_assignment)
_SUFFIXES = (".json", ".yaml", ".yml")


def clone_spec_options(command: Command) -> Command:
    """Add the flags that say what to clone and how: ours, and virtctl's names for the same."""
    options: list[Callable[[Command], Command]] = [
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
    ]
    for option in reversed(options):
        command = option(command)
    return command


def _filter_option(flag: str, what: str) -> Callable[[Command], Command]:
    return click.option(
        flag,
        type=FILTER,
        multiple=True,
        metavar="FILTER",
        help=f"Which {what} the new VM gets: KEY, PREFIX*, !KEY; may be repeated.",
    )


def requested_clones(
    name: str, filenames: tuple[str, ...], namespace: str, spec: dict[str, Any]
) -> list[dict[str, Any]]:
    """The manifests that the options ask for: those of the files, or one built from the flags.

    ``namespace`` is the one asked for with -n, empty if none was. Raises UsageError for flags
    that don't go together, and ManifestError for a file that can't be sent.
    """
    given = [flag for flag, value in _flags(spec).items() if value]
    if not filenames:
        return [build_clone(_request(name, namespace, spec), choose=secrets.choice)]
    if given or name:
        raise click.UsageError(f"-f can't be used together with {given[0] if given else 'NAME'}")
    clones = [read_clone(document) for path in filenames for document in _documents(path)]
    if not clones:
        raise ManifestError("no objects passed to create")
    for clone in clones:
        _check_namespace(clone, namespace)
    return clones


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
    )


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
    if path == "-":
        return parse_documents(sys.stdin.read(), "STDIN")
    location = Path(path)
    if not location.exists():
        raise ManifestError(f'the path "{path}" does not exist')
    files = [location]
    if location.is_dir():
        files = sorted(file for file in location.iterdir() if file.suffix in _SUFFIXES)
    return [document for file in files for document in parse_documents(_text(file), str(file))]


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ManifestError(f"{file}: {error}") from error


def _check_namespace(clone: dict[str, Any], namespace: str) -> None:
    own = text_at(clone, "metadata", "namespace")
    if own and namespace and own != namespace:
        raise ManifestError(
            f'the namespace from the provided object "{own}" does not match the namespace'
            f" \"{namespace}\". You must pass '--namespace={own}' to perform this operation."
        )
