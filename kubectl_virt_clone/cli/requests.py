"""What was asked for with the options that say what to clone, as manifests.

Which options there are is ``clone_options``' to say; what a field means, ``model``'s.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from kubectl_virt_clone.clone.api import VIRTUAL_MACHINES, Reference
from kubectl_virt_clone.clone.checks.finding import FILES, FLAGS, SERIES
from kubectl_virt_clone.clone.spec.manifest import (
    CloneRequest,
    build_clone,
    named,
    read_clone,
)
from kubectl_virt_clone.clone.spec.references import parse_reference
from kubectl_virt_clone.clone.spec.series import has_place, numbered
from kubectl_virt_clone.clone.spec.target_patches import START, hostname_patch, run_strategy_patch
from kubectl_virt_clone.errors import ManifestError
from kubectl_virt_clone.objects.fields import key_of, name_of, text_at

_SUFFIXES = (".json", ".yaml", ".yml")


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
        return [build_clone(each, choose=_choose) for each in _requests(name, namespace, spec)]
    if given or name:
        raise click.UsageError(f"-f can't be used together with {given[0] if given else 'NAME'}")
    clones = [read_clone(document) for path in filenames for document in _documents(path)]
    if not clones:
        raise ManifestError("no objects passed")
    seen = set()
    for clone in clones:
        _check_namespace(clone, namespace)
        if name_of(clone) and key_of(clone) in seen:
            raise ManifestError(f"{named(clone)} appears twice")
        seen.add(key_of(clone))
    return clones


def is_series(asked: Mapping[str, Any]) -> bool:
    """Whether several clones were asked for with flags, or as many as --count says."""
    return asked["count"] is not None or len(asked["targets"]) > 1


def form_of(asked: Mapping[str, Any]) -> str:
    """How the clones were asked for, for hints that speak of it: one of FLAGS, SERIES and FILES."""
    if asked["filenames"]:
        return FILES
    return SERIES if is_series(asked) else FLAGS


def _flags(spec: dict[str, Any]) -> dict[str, Any]:
    flags = {f"--{key.replace('_', '-')}": value for key, value in spec.items()}
    return {"--target" if flag == "--targets" else flag: value for flag, value in flags.items()}


def _requests(name: str, namespace: str, spec: dict[str, Any]) -> list[CloneRequest]:
    """One request for each target, or for each number of ``--count``.

    Their names are the same in every run, so that a second one finds what the first one made.
    """
    kind, count = spec["target_type"], spec["count"]
    if kind is not None and kind != VIRTUAL_MACHINES:
        raise click.UsageError(f"--target-type: a clone's target is a vm, not a {kind.kind}")
    targets = [_target(text) for text in spec["targets"]]
    if count is None and len(targets) < 2:  # noqa: PLR2004
        if has_place("".join((name, *targets, spec["hostname"] or ""))):
            raise click.UsageError("{} stands for the numbers of --count, which is missing")
        return [_request(name, namespace, "".join(targets), spec, 1)]
    _check_series(name, targets, count, spec)
    if count is None:
        places = enumerate(targets, 1)
    else:
        places = enumerate([numbered("".join(targets), n) for n in range(1, count + 1)], 1)
    return [
        _request(numbered(name, number) or f"clone-{target}", namespace, target, spec, number)
        for number, target in places
    ]


def _check_series(name: str, targets: list[str], count: int | None, spec: dict[str, Any]) -> None:
    """Raise UsageError for what can't be told apart, or would be the same where it must not."""
    several = count != 1
    if count is not None and len(targets) > 1:
        raise click.UsageError("--count can't be used together with several --target")
    if len(set(targets)) < len(targets):
        raise click.UsageError(f"--target names {max(targets, key=targets.count)} twice")
    if name and several and not has_place(name):
        raise click.UsageError(f"NAME needs {{}} where there are several clones: '{name}-{{}}'")
    if count is not None and several:
        if targets and not has_place(targets[0]):
            raise click.UsageError(f"--count needs {{}} in --target: '{targets[0]}-{{}}'")
        if not targets and not name:
            raise click.UsageError("--count needs {} in --target, or in NAME")
    if count is None and has_place("".join(targets)):
        raise click.UsageError("{} stands for the numbers of --count, which is missing")
    for flag, value in (
        ("--new-mac-address", spec["new_mac_address"]),
        ("--new-smbios-serial", spec["new_smbios_serial"]),
    ):
        if several and value:
            raise click.UsageError(f"{flag} can't be given to several VMs")


def _request(
    name: str, namespace: str, target: str, spec: dict[str, Any], number: int
) -> CloneRequest:
    interfaces = [interface for interface, _ in spec["new_mac_address"]]
    for interface in interfaces:
        if interfaces.count(interface) > 1:
            raise click.UsageError(f"--new-mac-address names the interface {interface} twice")
    return CloneRequest(
        source=_source(spec),
        name=name,
        namespace=namespace,
        target=target,
        label_filters=spec["label_filter"] or None,
        annotation_filters=spec["annotation_filter"] or None,
        template_label_filters=spec["template_label_filter"] or None,
        template_annotation_filters=spec["template_annotation_filter"] or None,
        new_mac_addresses=spec["new_mac_address"],
        new_smbios_serial=spec["new_smbios_serial"],
        patches=_patches(spec, number),
        volume_name_policy=spec["volume_name_policy"],
    )


def _patches(spec: dict[str, Any], number: int) -> tuple[str, ...]:
    """The patches as they were given, then those that the other flags stand for."""
    if spec["start"] and spec["run_strategy"]:
        raise click.UsageError("--start can't be used together with --run-strategy")
    run_strategy = START if spec["start"] else spec["run_strategy"]
    patches = [*spec["patch"], *([run_strategy_patch(run_strategy)] if run_strategy else [])]
    if spec["hostname"] is not None:
        patches.append(hostname_patch(numbered(spec["hostname"], number)))
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


def _target(text: str) -> str:
    reference = parse_reference(text)
    if reference.resource != VIRTUAL_MACHINES:
        raise click.UsageError(
            f"--target: a clone's target is a vm, not a {reference.resource.kind}"
        )
    return reference.name


def _choose(letters: str) -> str:
    """Any of the letters. Not by ``secrets``, whose import takes longer than all the rest."""
    return letters[int.from_bytes(os.urandom(8), "big") % len(letters)]


def _documents(path: str) -> list[object]:
    from kubectl_virt_clone.objects.documents import parse_documents

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
