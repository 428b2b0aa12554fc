"""The flags that say what to clone, for each verb that takes those of ``create``; their manifests.

``clone/spec`` says what a field means. Imports for manifests are late: completion needs only flags.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from kubectl_virt_clone.cli.flags import Command, Typed, grouped
from kubectl_virt_clone.clone.api import (
    VIRTUAL_MACHINES,
    VOLUME_NAME_POLICIES,
    Reference,
    has_place,
    numbered,
    parse_kind,
    parse_reference,
)
from kubectl_virt_clone.clone.checks.facts import ALL, FILES, FLAGS, IDS, SERIES
from kubectl_virt_clone.clone.spec.filters import check_filter
from kubectl_virt_clone.clone.spec.patches import parse_assignment
from kubectl_virt_clone.clone.spec.target_patches import (
    RUN_STRATEGIES,
    START,
    annotation_patch,
    check_patch,
    hostname_patch,
    label_patch,
    run_strategy_patch,
)
from kubectl_virt_clone.errors import InvalidValue, ManifestError

if TYPE_CHECKING:
    from kubectl_virt_clone.clone.spec.manifest import CloneRequest
    from kubectl_virt_clone.objects.resource import Resource

KIND = Typed("kind", parse_kind)
_SUFFIXES = (".json", ".yaml", ".yml")


class CloneFlags(NamedTuple):
    """What to clone: the values of the flags, read but not yet combined.

    ``label`` and ``annotation`` hold (key, patch) pairs, ``new_mac_address`` (interface, address).
    """

    name: str = ""
    name_flag: str | None = None
    filenames: tuple[str, ...] = ()
    source: str | None = None
    source_name: str | None = None
    source_type: Resource | None = None
    targets: tuple[str, ...] = ()
    number: int | None = None
    target_type: Resource | None = None
    label_filter: tuple[str, ...] = ()
    annotation_filter: tuple[str, ...] = ()
    template_label_filter: tuple[str, ...] = ()
    template_annotation_filter: tuple[str, ...] = ()
    new_mac_address: tuple[tuple[str, str], ...] = ()
    new_smbios_serial: str | None = None
    start: bool = False
    run_strategy: str | None = None
    hostname: str | None = None
    label: tuple[tuple[str, str], ...] = ()
    annotation: tuple[tuple[str, str], ...] = ()
    patch: tuple[str, ...] = ()
    volume_name_policy: str | None = None

    def __bool__(self) -> bool:
        """Whether anything is to be cloned."""
        return any(tuple(self))

    @property
    def form(self) -> str:
        """How the user asked, for hints: FLAGS, SERIES (several by flags) or FILES."""
        if self.filenames:
            return FILES
        return SERIES if self.number is not None or len(self.targets) > 1 else FLAGS

    @property
    def of_spec(self) -> list[str]:
        """The given flags that set something in a clone's spec."""
        given = [key for key, value in zip(self._fields[3:], self[3:], strict=True) if value]
        names = {"targets": "target", "number": "count"}
        return [f"--{names.get(key, key).replace('_', '-')}" for key in given]


def _one_of(name: str, words: Sequence[str]) -> Typed:
    """One of KubeVirt's words in any case; its value is in KubeVirt's own case."""
    written = {word.lower(): word for word in words}

    def read(text: str) -> str:
        if text.lower() not in written:
            raise InvalidValue(f'"{text}" is none of {", ".join(words)}')
        return written[text.lower()]

    return Typed(name, read)


def _hostname(text: str) -> str:
    hostname_patch(numbered(text, 1))  # it may have places for the numbers of --count
    return text


def _several(
    flag: str, read: Callable[[str], Any], metavar: str, text: str
) -> Callable[[Command], Command]:
    typed = Typed(metavar.lower(), read)
    return click.option(flag, type=typed, multiple=True, metavar=metavar, help=text)


def _filters(flag: str, what: str) -> Callable[[Command], Command]:
    text = f"Which {what} the new VM gets: a regular expression found anywhere in the key, or"
    text += " * for all; with ! in front, those to leave out. May be repeated."
    return _several(flag, check_filter, "FILTER", text)


_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    click.argument("name", required=False, default=""),
    click.option(
        "--name", "name_flag", metavar="NAME", help="Name of the clone object, if not given."
    ),
    click.option(
        *("-f", "--filename", "filenames"),
        multiple=True,
        metavar="FILE|DIR|-",
        help="Take the clones of a manifest, instead of one from flags; may be repeated.",
    ),
    click.option(
        "--source", metavar="[vm/|vmsnapshot/]NAME", help="The VM or VM snapshot to clone."
    ),
    click.option("--source-name", metavar="NAME", help="The source, as virtctl takes it."),
    click.option("--source-type", type=KIND, metavar="TYPE", help="vm (default) or vmsnapshot."),
    click.option(
        *("--target", "--target-name", "targets"),
        multiple=True,
        metavar="NAME",
        help="The new VM; KubeVirt names it if unset. Repeat it for several, or see --count.",
    ),
    click.option(
        *("--count", "number"),
        type=click.IntRange(min=1, max=10_000),
        metavar="N",
        help="Make N clones; {} in --target, NAME and --hostname is 1 to N, {:03} is 001.",
    ),
    click.option("--target-type", type=KIND, metavar="TYPE", help="vm, the only type there is."),
    _filters("--label-filter", "labels"),
    _filters("--annotation-filter", "annotations"),
    _filters("--template-label-filter", "labels of the VM's template"),
    _filters("--template-annotation-filter", "annotations of the VM's template"),
    _several(
        "--new-mac-address",
        parse_assignment,
        "IFACE=MAC",
        "MAC address for an interface; may be repeated.",
    ),
    click.option("--new-smbios-serial", metavar="SERIAL", help="SMBIOS serial of the new VM."),
    click.option("--start", is_flag=True, help="Start the new VM, and keep it running."),
    click.option(
        "--run-strategy",
        type=_one_of("strategy", RUN_STRATEGIES),
        metavar="STRATEGY",
        help=f"Run strategy of the new VM, Halted if unset: {', '.join(RUN_STRATEGIES)}.",
    ),
    click.option(
        "--hostname",
        type=Typed("hostname", _hostname),
        metavar="NAME",
        help="Host name of the new VM's guest.",
    ),
    _several("--label", label_patch, "KEY=VALUE", "Label to set on the new VM; may be repeated."),
    _several(
        "--annotation",
        annotation_patch,
        "KEY=VALUE",
        "Annotation to set on the new VM; may be repeated.",
    ),
    _several(
        "--patch", check_patch, "JSON", "JSON Patch operation for the new VM; may be repeated."
    ),
    click.option(
        "--volume-name-policy",
        type=_one_of("policy", VOLUME_NAME_POLICIES),
        metavar="POLICY",
        help=f"How the new volumes are named: {' (default), '.join(VOLUME_NAME_POLICIES)}.",
    ),
)


def clone_options(command: Command) -> Command:
    """Add the flags that say what to clone, ours and virtctl's; the command gets ``clones``."""
    return grouped(command, "clones", CloneFlags, _OPTIONS)


def skip_check_option(command: Command) -> Command:
    """Add ``--skip-check``; its values are the ids of findings, or all."""
    option = click.option(
        "--skip-check",
        type=click.Choice((ALL, *IDS)),
        multiple=True,
        metavar="ID",
        help="Don't care about the findings of this id, or all; may be repeated.",
    )
    return option(command)


def requested_clones(flags: CloneFlags, namespace: str) -> list[dict[str, Any]]:
    """The manifests of the files, or one or several built from the other flags.

    ``namespace`` is that of -n, or empty. Raises UsageError for flags that don't go together, and
    ManifestError for a file that can't be sent.
    """
    from kubectl_virt_clone.clone.spec.manifest import build_clone

    if flags.name and flags.name_flag:
        raise click.UsageError("NAME can't be used together with --name")
    name = flags.name or flags.name_flag or ""
    if not flags.filenames:
        return [build_clone(each, choose=_choose) for each in _requests(name, namespace, flags)]
    if flags.of_spec or name:
        rival = next(iter(flags.of_spec), "NAME")
        raise click.UsageError(f"-f can't be used together with {rival}")
    return _read_clones(flags.filenames, namespace)


def _requests(name: str, namespace: str, flags: CloneFlags) -> Iterator[CloneRequest]:
    """One request for each target, or for each number of ``--count``.

    Their names are the same in every run, so that the second finds what the first made.
    """
    kind, count = flags.target_type, flags.number
    if kind is not None and kind != VIRTUAL_MACHINES:
        raise click.UsageError(f"--target-type: a clone's target is a vm, not a {kind.kind}")
    targets = [_target(text) for text in flags.targets]
    if flags.form != SERIES:
        if has_place("".join((name, *targets, flags.hostname or ""))):
            raise click.UsageError("{} stands for the numbers of --count, which is missing")
        yield _request(name, namespace, "".join(targets), flags, 1)
        return
    _check_series(name, targets, flags)
    if count is not None:
        targets = [numbered("".join(targets), number) for number in range(1, count + 1)]
    for number, target in enumerate(targets, 1):
        own_name = numbered(name, number) or f"clone-{target}"
        yield _request(own_name, namespace, target, flags, number)


def _check_series(name: str, targets: list[str], flags: CloneFlags) -> None:
    """Raise UsageError for clones that can't be told apart or would share what must be unique."""
    count, several = flags.number, flags.number != 1
    if count is not None and len(targets) > 1:
        raise click.UsageError("--count can't be used together with several --target")
    if len(set(targets)) < len(targets):
        raise click.UsageError(f"--target names {_repeated(targets)} twice")
    if name and several and not has_place(name):
        raise click.UsageError(f"NAME needs {{}} where there are several clones: '{name}-{{}}'")
    if count is not None and several:
        if targets and not has_place(targets[0]):
            raise click.UsageError(f"--count needs {{}} in --target: '{targets[0]}-{{}}'")
        if not targets and not name:
            raise click.UsageError("--count needs {} in --target, or in NAME")
    if count is None and has_place("".join(targets)):
        raise click.UsageError("{} stands for the numbers of --count, which is missing")
    if several and flags.new_mac_address:
        raise click.UsageError("--new-mac-address can't be given to several VMs")
    if several and flags.new_smbios_serial:
        raise click.UsageError("--new-smbios-serial can't be given to several VMs")


def _request(
    name: str, namespace: str, target: str, flags: CloneFlags, number: int
) -> CloneRequest:
    from kubectl_virt_clone.clone.spec.manifest import CloneRequest

    if interface := _repeated([interface for interface, _ in flags.new_mac_address]):
        raise click.UsageError(f"--new-mac-address names the interface {interface} twice")
    return CloneRequest(
        source=_source(flags),
        name=name,
        namespace=namespace,
        target=target,
        label_filters=flags.label_filter or None,
        annotation_filters=flags.annotation_filter or None,
        template_label_filters=flags.template_label_filter or None,
        template_annotation_filters=flags.template_annotation_filter or None,
        new_mac_addresses=flags.new_mac_address,
        new_smbios_serial=flags.new_smbios_serial,
        patches=_patches(flags, number),
        volume_name_policy=flags.volume_name_policy,
    )


def _patches(flags: CloneFlags, number: int) -> tuple[str, ...]:
    """The given patches, then those of the other flags."""
    if flags.start and flags.run_strategy:
        raise click.UsageError("--start can't be used together with --run-strategy")
    run_strategy = START if flags.start else flags.run_strategy
    patches = [*flags.patch, *([run_strategy_patch(run_strategy)] if run_strategy else [])]
    if flags.hostname is not None:
        patches.append(hostname_patch(numbered(flags.hostname, number)))
    for flag, pairs in (("--label", flags.label), ("--annotation", flags.annotation)):
        if key := _repeated([key for key, _ in pairs]):
            raise click.UsageError(f"{flag} names the key {key} twice")
        patches += [patch for _, patch in pairs]
    return tuple(patches)


def _repeated(words: Sequence[str]) -> str:
    """The first word that occurs more than once, or an empty one."""
    return next((word for word in words if words.count(word) > 1), "")


def _source(flags: CloneFlags) -> Reference:
    text, name = flags.source, flags.source_name
    if text is not None and name is not None:
        raise click.UsageError("--source can't be used together with --source-name")
    if text is None and name is None:
        raise click.UsageError("what to clone is missing: give --source or -f")
    return parse_reference(text if text is not None else name or "", flags.source_type)


def _target(text: str) -> str:
    reference = parse_reference(text)
    kind = reference.resource
    if kind != VIRTUAL_MACHINES:
        raise click.UsageError(f"--target: a clone's target is a vm, not a {kind.kind}")
    return reference.name


def _choose(letters: str) -> str:
    # Not by ``secrets``: its import takes longer than all the rest.
    return letters[int.from_bytes(os.urandom(8), "big") % len(letters)]


def _read_clones(paths: Sequence[str], namespace: str) -> list[dict[str, Any]]:
    """The clones of all files; raises ManifestError if one appears twice."""
    from kubectl_virt_clone.clone.api import named
    from kubectl_virt_clone.clone.spec.manifest import read_clone
    from kubectl_virt_clone.objects.fields import key_of, name_of, text_at

    clones = [read_clone(document) for path in paths for document in _documents(path)]
    if not clones:
        raise ManifestError("no objects passed")
    seen = set()
    for clone in clones:
        own = text_at(clone, "metadata", "namespace")
        if own and namespace and own != namespace:
            raise ManifestError(
                f'the namespace from the provided object "{own}" does not match the namespace'
                f" \"{namespace}\". You must pass '--namespace={own}' to perform this operation."
            )
        if name_of(clone) and key_of(clone) in seen:
            raise ManifestError(f"{named(clone)} appears twice")
        seen.add(key_of(clone))
    return clones


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
    """(name, text) of each file at a path given with -f."""
    if path == "-":
        if sys.stdin is None:
            raise ManifestError("stdin is closed")
        return [("STDIN", sys.stdin.read())]
    from pathlib import Path  # here, as most clones come from flags

    files = [Path(path)]
    if files[0].is_dir():
        files = sorted(file for file in files[0].iterdir() if file.suffix in _SUFFIXES)
    return [(str(file), file.read_text(encoding="utf-8")) for file in files]
