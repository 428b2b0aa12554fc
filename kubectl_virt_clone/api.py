"""Clone virtual machines from Python, over a ``kubernetes.client.ApiClient`` of the caller's.

    from kubernetes import client, config
    from kubectl_virt_clone import api

    config.load_kube_config()
    api.clone(client.ApiClient(), source="vm-cirros", target="copy", namespace="default")

The functions do what the verbs of the same names do, and take what the flags of the same names take
(docs/python.md). They print nothing, end no process and handle no signal; warnings of the server go
to the logger ``kubectl_virt_clone``. All block; threads may share a client.

They raise CloneRefused, CloneFailed and CloneTimedOut, StatusError for what the server refuses,
ConnectionFailed where it does not answer, InvalidValue and ManifestError for what can't be sent.
All of these are a VirtCloneError.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING, Any, TypedDict

from kubectl_virt_clone.actions.check import gather_each, preview_each
from kubectl_virt_clone.actions.create.creating import Creation
from kubectl_virt_clone.actions.create.planning import plan_of
from kubectl_virt_clone.actions.versions import served_clones
from kubectl_virt_clone.actions.wait.loop import Wanted, wait_for
from kubectl_virt_clone.clone.api import parse_reference, target_name
from kubectl_virt_clone.clone.checks.facts import ALL, FLAGS, SERIES, Finding, is_fine
from kubectl_virt_clone.clone.checks.findings import judged
from kubectl_virt_clone.clone.progress.progress import (
    SUCCESS,
    Cause,
    Goal,
    Outcome,
    Result,
    parse_goal,
    phase_of,
)
from kubectl_virt_clone.clone.spec.manifest import CloneRequest, build_clone, read_clone
from kubectl_virt_clone.clone.spec.target_patches import (
    START,
    annotation_patch,
    hostname_patch,
    label_patch,
    run_strategy_patch,
)
from kubectl_virt_clone.clone.target.preview import possible
from kubectl_virt_clone.clone.target.projection import Projection
from kubectl_virt_clone.errors import (
    ConnectionFailed,
    InvalidValue,
    ManifestError,
    ResourceNotServed,
    SeveralErrors,
    StatusError,
    VirtCloneError,
    WaitInterrupted,
)
from kubectl_virt_clone.kube.client import LOG, ClientSession
from kubectl_virt_clone.objects.fields import Object, key_of, name_of, text_at, uid_of
from kubectl_virt_clone.objects.resource import Resource
from kubectl_virt_clone.render.hints import written
from kubectl_virt_clone.render.progress.live import Quiet

if TYPE_CHECKING:
    from kubernetes.client import ApiClient
    from typing_extensions import Unpack

__all__ = [
    "Cause",
    "Clone",
    "CloneFailed",
    "CloneOptions",
    "CloneRefused",
    "CloneTimedOut",
    "ConnectionFailed",
    "Finding",
    "InvalidValue",
    "ManifestError",
    "Progress",
    "Projection",
    "ResourceNotServed",
    "Result",
    "Series",
    "StatusError",
    "VirtCloneError",
    "check",
    "clone",
    "create",
    "preview",
    "wait",
    "written",
]


class CloneOptions(TypedDict, total=False):
    """What a clone may be asked for, by the names of the flags of ``create``.

    ``name`` is that of the clone object. ``new_mac_address`` maps interfaces to addresses,
    ``label`` and ``annotation`` map keys to values, ``patch`` holds a JSON Patch operation each.
    """

    name: str
    label_filter: Sequence[str]
    annotation_filter: Sequence[str]
    template_label_filter: Sequence[str]
    template_annotation_filter: Sequence[str]
    new_mac_address: Mapping[str, str]
    new_smbios_serial: str
    volume_name_policy: str
    patch: Sequence[str]
    start: bool
    run_strategy: str
    hostname: str
    label: Mapping[str, str]
    annotation: Mapping[str, str]


@dataclass(frozen=True)
class Clone:
    """A clone that is there; ``object`` is the VirtualMachineClone as the server stores it.

    ``target`` is empty if KubeVirt is to choose the name. ``created`` is False for one that was
    there already, and ``findings`` are the warnings and notes of the checks.
    """

    object: Object
    created: bool
    findings: tuple[Finding, ...] = ()

    @property
    def namespace(self) -> str:
        """The namespace of both the clone and its target."""
        return key_of(self.object)[0]

    @property
    def name(self) -> str:
        """The name of the clone object."""
        return name_of(self.object)

    @property
    def uid(self) -> str:
        """The UID of the clone object."""
        return uid_of(self.object)

    @property
    def target(self) -> str:
        """The name of the VM that it makes."""
        return text_at(self.object, "status", "targetName") or target_name(self.object)


@dataclass(frozen=True)
class Progress:
    """A change on the way: the ``phase`` (empty while pending), and what holds it up, if known."""

    namespace: str
    name: str
    phase: str
    cause: Cause | None


class CloneRefused(VirtCloneError):
    """The checks found an error, and nothing was created; ``findings`` are all that they found."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__("; ".join(f"[{f.id}] {f.message}" for f in findings if f.level == "error"))

    def __str__(self) -> str:
        return str(self.args[0])


class CloneFailed(VirtCloneError):
    """A clone can't reach its goal any more. ``results`` are those of all that were waited for.

    ``cause`` is that of the first which failed, None if nothing is known of it.
    """

    outcome = "will not reach"

    def __init__(self, results: Sequence[Result], goal: Goal) -> None:
        self.results = tuple(results)
        worst = Outcome.POSSIBLE if isinstance(self, CloneTimedOut) else Outcome.NEVER
        failed = next(result for result in results if result.verdict.outcome is worst)
        self.cause = failed.cause
        why = failed.cause.sentence if failed.cause else failed.verdict.reason
        why = "there is no such clone" if failed.missing else why
        sentence = f"{'/'.join(failed.key)} {self.outcome} {goal}"
        super().__init__(f"{sentence}: {why}" if why else sentence)

    def __str__(self) -> str:
        return str(self.args[0])


class CloneTimedOut(CloneFailed):
    """The time was up, and the clone goes on; ``cause`` is what it waits for, if that is known."""

    outcome = "has not reached"


def check(
    client: ApiClient,
    *,
    source: str,
    target: str = "",
    namespace: str = "default",
    skip_check: Sequence[str] = (),
    **options: Unpack[CloneOptions],
) -> list[Finding]:
    """What speaks against a clone, the worst first; nothing is created.

    ``source`` is ``[vm/|vmsnapshot/]NAME``. A finding of the level ``error`` says that the clone
    can't work; its ``hint`` becomes text with ``written``.
    """
    clones = [_manifest(source, target, namespace, options)]
    session = ClientSession(client, namespace)
    return [*_judged(session, served_clones(session), clones, FLAGS, skip_check)[0]]


def preview(
    client: ApiClient,
    *,
    source: str,
    target: str = "",
    namespace: str = "default",
    **options: Unpack[CloneOptions],
) -> Projection:
    """The VM that a clone would make, and what became of each value of the source.

    Raises VirtCloneError where the source can't be read, or KubeVirt would make no target.
    """
    clones = [_manifest(source, target, namespace, options)]
    session = ClientSession(client, namespace)
    previews, _ = preview_each(session, clones, FLAGS, notice=LOG.info, warn=LOG.warning)
    return possible(previews)[0].projection


def create(
    client: ApiClient,
    *,
    source: str,
    target: str = "",
    namespace: str = "default",
    skip_check: Sequence[str] = (),
    **options: Unpack[CloneOptions],
) -> Clone:
    """Check a clone and create it; returns as soon as the server stores it.

    Raises CloneRefused for what can't work, and StatusError (409) if the name is taken.
    """
    clones = [_manifest(source, target, namespace, options)]
    session = ClientSession(client, namespace)
    return _created(session, served_clones(session), clones, FLAGS, skip_check, inf)[0]


def wait(
    client: ApiClient,
    names: str | Sequence[str],
    *,
    namespace: str = "default",
    goal: str = str(SUCCESS),
    timeout: float = 600.0,
    fail_on_pending: bool = False,
    on_progress: Callable[[Progress], object] | None = None,
) -> list[Result]:
    """Wait until clones reached a goal, as ``wait --for`` takes it; returns a result for each.

    ``timeout`` is in seconds, for all of them; 0 looks once. ``on_progress`` is called in this
    thread. Raises CloneFailed once none can still reach it, and CloneTimedOut.
    """
    wanted = {(namespace, name): "" for name in ([names] if isinstance(names, str) else names)}
    session = ClientSession(client, namespace)
    return _awaited(
        *(session, None, wanted, parse_goal(goal), timeout, on_progress),
        fail_on_pending=fail_on_pending,
    )


def clone(
    client: ApiClient,
    *,
    source: str,
    target: str = "",
    namespace: str = "default",
    skip_check: Sequence[str] = (),
    timeout: float = 600.0,
    on_progress: Callable[[Progress], object] | None = None,
    **options: Unpack[CloneOptions],
) -> Clone:
    """Create a clone and wait until its target is there and holds the source's data.

    Returns the clone as it succeeded. Raises what ``create`` and ``wait`` raise; the clone object
    stays in any case.
    """
    clones = [_manifest(source, target, namespace, options)]
    session = ClientSession(client, namespace)
    return _cloned(session, clones, FLAGS, skip_check, timeout, on_progress)[0]


@dataclass(frozen=True)
class Series:
    """Several clones of one VM from one snapshot of it, as ``create`` makes of several targets.

    The clones are called ``clone-<target>``. Run again, either method leaves what an earlier run
    made as it is, and makes what is missing.
    """

    client: ApiClient
    source: str
    targets: Sequence[str]
    namespace: str = "default"
    skip_check: Sequence[str] = ()
    options: CloneOptions = field(default_factory=CloneOptions)

    def create(self, *, timeout: float = 600.0) -> list[Clone]:
        """Take the snapshot and create the clones; ``timeout`` is for the snapshot, in seconds."""
        session = self._session
        served = served_clones(session)
        return _created(session, served, self._clones, SERIES, self.skip_check, timeout)

    def clone(
        self, *, timeout: float = 600.0, on_progress: Callable[[Progress], object] | None = None
    ) -> list[Clone]:
        """Create the clones and wait until all have succeeded; ``timeout`` is for each of both."""
        how = (SERIES, self.skip_check, timeout, on_progress)
        return _cloned(self._session, self._clones, *how)

    @property
    def _session(self) -> ClientSession:
        return ClientSession(self.client, self.namespace)

    @property
    def _clones(self) -> list[dict[str, Any]]:
        if len(set(self.targets)) < max(len(self.targets), 1) or not all(self.targets):
            raise InvalidValue("a series needs targets, each with a name of its own")
        return [
            _manifest(self.source, t, self.namespace, {**self.options, "name": f"clone-{t}"})
            for t in self.targets
        ]


def _manifest(source: str, target: str, namespace: str, options: CloneOptions) -> dict[str, Any]:
    """The clone as it is sent; raises InvalidValue and ManifestError for what can't be."""
    if unknown := options.keys() - CloneOptions.__annotations__.keys():
        raise TypeError(f"{', '.join(sorted(unknown))}: no such option")
    strategy = START if options.get("start") else options.get("run_strategy")
    hostname = options.get("hostname")
    patches = [*options.get("patch", ())]
    patches += [run_strategy_patch(strategy)] if strategy else []
    patches += [hostname_patch(hostname)] if hostname is not None else []
    patches += [label_patch(f"{k}={v}")[1] for k, v in options.get("label", {}).items()]
    patches += [annotation_patch(f"{k}={v}")[1] for k, v in options.get("annotation", {}).items()]
    request = CloneRequest(
        source=parse_reference(source),
        name=options.get("name", ""),
        namespace=namespace,
        target=target,
        label_filters=_given(options.get("label_filter")),
        annotation_filters=_given(options.get("annotation_filter")),
        template_label_filters=_given(options.get("template_label_filter")),
        template_annotation_filters=_given(options.get("template_annotation_filter")),
        new_mac_addresses=tuple(options.get("new_mac_address", {}).items()),
        new_smbios_serial=options.get("new_smbios_serial"),
        patches=tuple(patches),
        volume_name_policy=options.get("volume_name_policy"),
    )
    return read_clone(build_clone(request, choose=secrets.choice))


def _given(filters: Sequence[str] | None) -> tuple[str, ...] | None:
    return None if filters is None else tuple(filters)


def _judged(
    session: ClientSession,
    served: Resource,
    clones: Sequence[Object],
    form: str,
    skip_check: Sequence[str],
) -> list[tuple[Finding, ...]]:
    if ALL in skip_check:
        return [() for _ in clones]
    facts = gather_each(session, clones, served, form=form)
    return [found for _, found in judged(clones, facts, skip_check)]


def _created(
    session: ClientSession,
    served: Resource,
    clones: Sequence[Object],
    form: str,
    skip_check: Sequence[str],
    timeout: float,
) -> list[Clone]:
    """Check and create what is missing; what is wrong with one of several is raised at the end."""
    plan = plan_of(session, served, clones, form, notice=LOG.info, warn=LOG.warning)
    found = _judged(session, served, plan.checked, form, skip_check)
    if not all(map(is_fine, found)):
        raise CloneRefused([finding for own in found for finding in own])
    notes = {target_name(clone): own for clone, own in zip(plan.missing, found, strict=True)}
    creation = Creation(session, served, plan, at_once=_AT_ONCE, dry_run=False)
    fates: dict[str, str] = {}
    try:
        creation.create(
            lambda obj, fate: fates.update({uid_of(obj): fate}), LOG.info, timeout=timeout
        )
    except WaitInterrupted as end:
        raise end.__cause__ or end from None  # Ctrl-C is the caller's to handle
    if errors := [*creation.errors, *creation.stays]:
        raise errors[0] if len(errors) == 1 else SeveralErrors(errors)
    return [
        Clone(made, fates.get(uid_of(made)) == "created", notes.get(target_name(made), ()))
        for made in creation.clones
    ]


def _cloned(
    session: ClientSession,
    clones: Sequence[Object],
    form: str,
    skip_check: Sequence[str],
    timeout: float,
    on_progress: Callable[[Progress], object] | None,
) -> list[Clone]:
    served = served_clones(session)
    made = _created(session, served, clones, form, skip_check, timeout)
    wanted = {(one.namespace, one.name): one.uid for one in made}
    results = _awaited(session, served, wanted, SUCCESS, timeout, on_progress)
    ends = {result.key: result.clone or {} for result in results}
    return [Clone(ends[one.namespace, one.name], one.created, one.findings) for one in made]


def _awaited(
    session: ClientSession,
    served: Resource | None,
    uids: Mapping[tuple[str, str], str],
    goal: Goal,
    timeout: float,
    on_progress: Callable[[Progress], object] | None,
    *,
    fail_on_pending: bool = False,
) -> list[Result]:
    results = wait_for(
        *(session, served, Wanted(uids), goal),
        timeout=timeout,
        observer=_Heard(on_progress),
        fail_on_pending=fail_on_pending,
    )
    for kind, outcome in ((CloneFailed, Outcome.NEVER), (CloneTimedOut, Outcome.POSSIBLE)):
        if any(result.verdict.outcome is outcome for result in results):
            raise kind(results, goal)
    return results


class _Heard(Quiet):
    """Tells the caller of each change."""

    def __init__(self, on_progress: Callable[[Progress], object] | None) -> None:
        super().__init__(lambda _: None)
        self._on_progress = on_progress

    def changed(self, clone: Object, cause: Cause | None) -> None:
        if self._on_progress:
            self._on_progress(Progress(*key_of(clone), phase_of(clone), cause))

    def decided(self, result: Result) -> None:
        super().decided(result)
        if self._on_progress:
            self._on_progress(Progress(*result.key, phase_of(result.clone), result.cause))

    def notice(self, text: str) -> None:
        LOG.info(text)


_AT_ONCE = 8
