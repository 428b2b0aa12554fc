"""What the checks judge a clone by, read with as few requests as they need, sent side by side.

At most eight for one clone without claims besides discovery: source, target, other clones, other
VMs, quotas and KubeVirt, then the claims or the snapshot's content, then the storage classes or,
where there is no source, the namespace. What they mean is for ``clone/checks`` to say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from kubectl_virt_clone.actions.create.planning import Notice, Plan, plan_of
from kubectl_virt_clone.actions.versions import served_clones, served_groups, served_versions
from kubectl_virt_clone.clone.api import (
    CLONE_GROUP,
    CLONES,
    CONFIG_MAPS,
    CONTROLLER_REVISIONS,
    CSI_DRIVERS,
    INSTANCES,
    KUBEVIRT_GROUP,
    PERSISTENT_VOLUME_CLAIMS,
    PODS,
    RESOURCE_QUOTAS,
    SECRETS,
    SNAPSHOT_CLASSES,
    SNAPSHOT_CONTENTS,
    STORAGE_CLASSES,
    VIRTUAL_MACHINES,
    target_name,
)
from kubectl_virt_clone.clone.checks.admission import tried_target, unknown_fields
from kubectl_virt_clone.clone.checks.cluster import RIGHTS, ClusterFacts, cluster_findings
from kubectl_virt_clone.clone.checks.facts import (
    ALL,
    FLAGS,
    SERIES,
    DryRun,
    Facts,
    Finding,
    Judged,
    content_name,
    from_snapshot,
    is_fine,
    observed_version,
    ordered,
    source_name,
    source_resource,
    source_vm,
    start_revision,
    storage_classes_used,
    untried,
    without,
)
from kubectl_virt_clone.clone.checks.findings import judged
from kubectl_virt_clone.clone.checks.instancetypes import MATCHERS, matched, revision_of
from kubectl_virt_clone.clone.checks.quotas import demand
from kubectl_virt_clone.clone.checks.sources import claimed_by
from kubectl_virt_clone.clone.checks.values import new_macs
from kubectl_virt_clone.clone.checks.volumes import misses_class
from kubectl_virt_clone.clone.progress.provenance import may_adopt
from kubectl_virt_clone.clone.target.restore_rules import disks_of, named_by
from kubectl_virt_clone.errors import (
    ConnectionFailed,
    ResourceNotServed,
    StatusError,
    VirtCloneError,
)
from kubectl_virt_clone.kube.pool import side_by_side
from kubectl_virt_clone.kube.resource import create, list_up, look_up, served_fields
from kubectl_virt_clone.kube.transport import Session
from kubectl_virt_clone.objects.fields import (
    Key,
    Object,
    at,
    mapping_at,
    mappings_at,
    name_of,
    text_at,
)
from kubectl_virt_clone.objects.resource import Listing, Lookup, Resource
from kubectl_virt_clone.render.findings import refusal, warnings

if TYPE_CHECKING:
    from kubectl_virt_clone.clone.target.preview import Preview

NAMESPACES = Resource("", "v1", "namespaces", "Namespace")
KUBEVIRTS = Resource(KUBEVIRT_GROUP, "v1", "kubevirts", "KubeVirt")

_FEW = 8
_FIELDS = ("fields",)
Question = tuple[tuple[str, ...], Callable[[], Any]]
"""What is asked, as a key that is the same for the same request, and the call that asks it."""


@dataclass(frozen=True)
class Assessment:
    """What the checks say of each clone of a request, in order; of one that is there, nothing.

    ``errors`` stand for clones that exist otherwise, and for a request that is done in part.
    """

    clones: Sequence[tuple[Object, Sequence[Finding]]]
    errors: Sequence[VirtCloneError]

    @property
    def is_fine(self) -> bool:
        """Whether all of it can work."""
        return not self.errors and all(is_fine(found) for _, found in self.clones)


def judge(
    session: Session,
    clones: Sequence[Object],
    form: str,
    skipped: Sequence[str],
    *,
    notice: Notice,
    warn: Notice,
) -> Assessment | None:
    """Judge what ``create`` would create; None where the server has no clones at all.

    ``warn`` hears of targets that are there, though nothing proves that they were made so.
    """
    try:
        served = served_clones(session)
    except ResourceNotServed:
        return None
    plan = plan_of(session, served, clones, form, notice=notice, warn=warn)
    facts = gather_each(session, plan.checked, served, rights=True, form=form)
    checked = judged(plan.checked, facts, skipped)
    if said := untried(observed_version(facts[0].kubevirt) if facts else ""):
        notice(said)
    # Not by name: it may be for the server to generate.
    found = {id(clone): own for clone, (_, own) in zip(plan.missing, checked, strict=True)}
    everyone = [(clone, found.get(id(clone), ())) for clone in clones]
    return Assessment(everyone, [*plan.errors, *plan.refused])


def judge_cluster(
    session: Session, skipped: Sequence[str]
) -> tuple[ClusterFacts, Sequence[Finding]]:
    """What there is to know about the cluster alone, and what the checks say of it."""
    cluster = cluster_facts(session)
    return cluster, without(ordered(cluster_findings(cluster)), skipped)


def preview_each(
    session: Session, clones: Sequence[Object], form: str, *, notice: Notice, warn: Notice
) -> tuple[list[Preview], Sequence[VirtCloneError]]:
    """What each clone's target will be; of a clone that is there already no findings are told.

    The errors stand for clones that exist otherwise.
    """
    from kubectl_virt_clone.clone.target.preview import preview_of

    served = served_clones(session)
    plan = plan_of(session, served, clones, form, notice=notice, warn=warn)
    sent = [plan.as_sent(clone) for clone in clones]
    facts = gather_each(session, sent, served, form=form)
    missing = set(map(id, plan.missing))  # not by name: it may be for the server to generate
    previews = [preview_of(as_sent, own) for as_sent, own in zip(sent, facts, strict=True)]
    return [
        preview if id(clone) in missing else replace(preview, findings=())
        for clone, preview in zip(clones, previews, strict=True)
    ], [*plan.errors, *plan.refused]


def check_plan(
    session: Session,
    served: Resource,
    plan: Plan,
    form: str,
    skipped: Sequence[str],
    warn: Notice,
    *,
    rm: bool,
) -> Plan:
    """Warn of what may go wrong with what is to be created, and raise what would.

    With ``rm`` the same command is run again until all of a series is done: a target that is
    somebody else's does not stop the others. Returns the plan without such.
    """
    if ALL in skipped:
        return plan
    clones = plan.checked
    checked: Sequence[Judged] = judged(
        clones, gather_each(session, clones, served, form=form), skipped
    )
    if rm and form == SERIES:
        plan, checked = plan.without_taken(checked)
    for line in warnings(checked, access=session.flags.access):
        warn(line)
    if error := refusal(checked, access=session.flags.access):
        raise error
    return plan


def gather_each(
    session: Session,
    clones: Sequence[Object],
    served: Resource,
    *,
    rights: bool = False,
    form: str = FLAGS,
) -> list[Facts]:
    """The facts about each clone of a request; what several of them need is read once.

    A clone's siblings in the request count among the other clones of those after it. With
    ``rights`` the server is also asked whether the user may create it; ``create`` itself is told
    soon enough. ``form`` is how the clones were asked for, for the hints. What can't be read is
    said to be unreadable, never an error.
    """
    reader = _Reader(session, served)
    facts = [
        Facts(namespace=text_at(clone, "metadata", "namespace") or session.namespace, form=form)
        for clone in clones
    ]
    reader.look_for_targets(clones, facts)
    for step in (partial(_named, rights=rights), _held, _stored):
        wanted = [step(reader, clone, own) for clone, own in zip(clones, facts, strict=True)]
        reader.ask(question for questions in wanted for question in questions.values())
        facts = [
            _knowing(own, {name: reader.answers[key] for name, (key, _) in questions.items()})
            for own, questions in zip(facts, wanted, strict=True)
        ]
    return _among_siblings(facts, clones)


def _knowing(facts: Facts, answers: Mapping[str, Any]) -> Facts:
    """The facts with more of them; ``types/…`` and ``named/…`` are those of the field before."""
    own = {name: value for name, value in answers.items() if "/" not in name}
    for field in ("types", "named"):
        given = {n.partition("/")[2]: v for n, v in answers.items() if n.startswith(f"{field}/")}
        own[field] = {**getattr(facts, field), **given}
    return replace(facts, **own)


def _named(reader: _Reader, clone: Object, facts: Facts, *, rights: bool) -> dict[str, Question]:
    """Everything whose name stands in the clone, and what is asked for each of them."""
    resource, source, target = source_resource(clone), source_name(clone), target_name(clone)
    namespace = facts.namespace
    wanted = {"fields": reader.fields(), "kubevirt": reader.listing(KUBEVIRTS, "")}
    wanted["quotas"] = reader.listing(RESOURCE_QUOTAS, namespace)
    if resource is not None and source:
        wanted["source"] = reader.object(resource, namespace, source)
    if target:
        wanted["target"] = reader.object(VIRTUAL_MACHINES, namespace, target)
        wanted["clones"] = reader.clones(namespace)
    if new_macs(clone):
        wanted["vms"] = reader.listing(VIRTUAL_MACHINES, namespace)
    if rights:
        wanted["may_create"] = reader.right("create", namespace)
    return wanted


def _held(reader: _Reader, clone: Object, facts: Facts) -> dict[str, Question]:
    """What the source names: its claims, or the content of a snapshot."""
    wanted: dict[str, Question] = {}
    source = facts.source.object
    claims = reader.listing(PERSISTENT_VOLUME_CLAIMS, facts.namespace)
    if from_snapshot(clone):
        if name := content_name(source):
            wanted["content"] = reader.object(SNAPSHOT_CONTENTS, facts.namespace, name)
            if may_adopt(clone):
                wanted["claims"] = claims
    elif _is_missing(clone, facts):
        # Which VM was meant? Only its name can be wrong, so nothing else is left to ask for.
        wanted["vms"] = reader.listing(VIRTUAL_MACHINES, facts.namespace)
    elif disks_of(source):
        wanted["claims"] = claims
        if at(source, "status", "created") is not True:  # else the VM's own pod uses them
            wanted["pods"] = reader.pods(facts.namespace)
    if not from_snapshot(clone) and at(source, "status", "created") is True:
        wanted["instance"] = reader.object(INSTANCES, facts.namespace, name_of(source))
    if not from_snapshot(clone) and source:
        wanted |= _revisions(reader, source, facts.namespace)
    if facts.may_create is False:
        wanted["user"] = reader.user()
    return wanted


def _revisions(reader: _Reader, vm: Object, namespace: str) -> dict[str, Question]:
    """The VM as it was started; its instance type, its preference, and the revisions of both."""
    wanted: dict[str, Question] = {}
    if revision := start_revision(vm):
        wanted["revision"] = reader.object(CONTROLLER_REVISIONS, namespace, revision)
    for field in MATCHERS:
        if found := matched(vm, field):
            resource, name = found
            where = "" if "Cluster" in resource.kind else namespace
            wanted[f"types/{field}"] = reader.object(resource, where, name)
        if revision := revision_of(vm, field):
            kept = reader.object(CONTROLLER_REVISIONS, namespace, revision)
            wanted[f"types/{field} revision"] = kept
    return wanted


def _stored(reader: _Reader, clone: Object, facts: Facts) -> dict[str, Question]:
    """What the server says of the target, and the storage classes, if there is a claim of any.

    Also the namespace, if nothing is found in it.
    """
    wanted: dict[str, Question] = {}
    if vm := tried_target(clone, facts):
        wanted["dry_run"] = reader.dry_run(vm, facts)
    if storage_classes_used(clone, facts):
        wanted["storage_classes"] = reader.listing(STORAGE_CLASSES, "")
    for what in named_by(source_vm(clone, facts)):
        kind, _, name = what.partition("/")
        if resource := {"secret": SECRETS, "configmap": CONFIG_MAPS}.get(kind):
            wanted[f"named/{what}"] = reader.metadata(resource, facts.namespace, name)
    if misses_class(facts.source.object):
        wanted["snapshot_classes"] = reader.listing(SNAPSHOT_CLASSES, "")
        wanted["drivers"] = reader.listing(CSI_DRIVERS, "")
    if _is_missing(clone, facts) and not (facts.vms and facts.vms.objects):
        wanted["own_namespace"] = reader.object(NAMESPACES, "", facts.namespace)
    return wanted


def _is_missing(clone: Object, facts: Facts) -> bool:
    return bool(source_name(clone)) and facts.source == Lookup()


def _among_siblings(facts: Sequence[Facts], clones: Sequence[Object]) -> list[Facts]:
    """The facts of each clone, with the documents before it as if they were created already.

    Of the other clones only those are kept that make the target, or the source, or have the name:
    all that a rule asks for, and there may be thousands of others.
    """
    makers: dict[Key, list[Object]] = {}
    namesakes: dict[Key, Object] = {}
    for own in {own.namespace: own for own in facts}.values():
        for other in own.clones.objects:
            namesakes[own.namespace, name_of(other)] = other
            makers.setdefault((own.namespace, target_name(other)), []).append(other)
    claimed: dict[str, dict[str, str]] = {}
    demanded: dict[str, dict[str, Any]] = {}
    among = []
    for clone, own in zip(clones, facts, strict=True):
        names = dict.fromkeys((target_name(clone), source_name(clone)))
        others = [other for name in names for other in makers.get((own.namespace, name), ())]
        if itself := namesakes.get((own.namespace, name_of(clone))):
            others.append(itself)
        listed = replace(own.clones, objects=tuple(others))
        ours = claimed.setdefault(own.namespace, {})
        total = demanded.setdefault(own.namespace, {})
        own = replace(own, clones=listed, claimed=dict(ours), demanded=dict(total))  # noqa: PLW2901
        among.append(own)
        ours |= claimed_by(clone, source_vm(clone, own))
        for name, more in demand(clone, own).items() if own.quotas and own.quotas.objects else ():
            total[name] = total.get(name, 0) + more
        makers.setdefault((own.namespace, target_name(clone)), []).append(clone)
    return among


def cluster_facts(session: Session) -> ClusterFacts:
    """What there is to know about the cluster alone: versions, KubeVirt, the user's rights."""
    namespace = session.namespace
    try:
        versions = served_versions(session)
    except ResourceNotServed as error:
        groups = served_groups(session)
        found = list_up(session, KUBEVIRTS, "") if KUBEVIRT_GROUP in (groups or ()) else Listing()
        return ClusterFacts(namespace, (), str(error.args[0]), groups, found)
    reader = _Reader(session, CLONES)
    kubevirt = reader.listing(KUBEVIRTS, "")
    asked = {verb: reader.right(verb, namespace) for verb in RIGHTS}
    reader.ask([kubevirt, *asked.values()])
    rights = {verb: reader.answers[key] for verb, (key, _) in asked.items()}
    user = _whoami(session) if False in rights.values() else ""
    found = reader.answers[kubevirt[0]]
    return ClusterFacts(namespace, versions, "", None, found, rights, user)


class _Reader:
    """Sends each request once, however often its answer is asked for."""

    def __init__(self, session: Session, served: Resource) -> None:
        self.served = served
        self.answers: dict[tuple[str, ...], Any] = {}
        self._session = session

    def ask(self, questions: Iterable[Question]) -> None:
        """Put the questions that are not answered yet into ``answers``."""
        new = [item for item in dict(questions).items() if item[0] not in self.answers]
        self.answers |= side_by_side(dict(new))

    def look_for_targets(self, clones: Sequence[Object], facts: Sequence[Facts]) -> None:
        """Where there are many targets, one list tells which of them exist."""
        names: dict[str, set[str]] = {}
        for clone, own in zip(clones, facts, strict=True):
            names.setdefault(own.namespace, set()).add(target_name(clone))
        for namespace, wanted in names.items():
            if len(wanted) <= _FEW:
                continue
            vms = list_up(self._session, VIRTUAL_MACHINES, namespace, metadata_only=True)
            if not vms.unreadable:
                there = {name_of(vm): vm for vm in vms.objects}
                for name in wanted:
                    key, _ = self.object(VIRTUAL_MACHINES, namespace, name)
                    self.answers[key] = Lookup(there.get(name))

    def object(self, resource: Resource, namespace: str, name: str) -> Question:
        """One object, as a Lookup."""
        read = partial(look_up, self._session, resource, namespace, name)
        return ("get", resource.qualified, namespace, name), read

    def metadata(self, resource: Resource, namespace: str, name: str) -> Question:
        """One object without its body, as a Lookup."""
        how = (self._session, resource, namespace, name)
        read = partial(look_up, *how, metadata_only=True)
        return ("metadata", resource.qualified, namespace, name), read

    def listing(self, resource: Resource, namespace: str) -> Question:
        """All objects of a kind in a namespace, as a Listing; empty stands for the cluster."""
        read = partial(list_up, self._session, resource, namespace)
        return ("list", resource.qualified, namespace), read

    def pods(self, namespace: str) -> Question:
        """All pods of a namespace, of each only what the rules ask for: there may be many."""
        read = partial(list_up, self._session, PODS, namespace, keep=_outline_of_pod)
        return ("list", PODS.qualified, namespace), read

    def clones(self, namespace: str) -> Question:
        """All clones of a namespace, of each only what the rules ask for: there may be many."""
        read = partial(list_up, self._session, self.served, namespace, keep=_outline)
        return ("list", self.served.qualified, namespace), read

    def dry_run(self, vm: Object, facts: Facts) -> Question:
        """What the server says of a target; of a series it is asked for the first alone."""
        key = "" if facts.form == SERIES else text_at(vm, "metadata", "name")
        source = text_at(facts.source.object, "metadata", "uid")
        return ("try", facts.namespace, source, key), partial(_tried, self._session, vm)

    def fields(self) -> Question:
        """The fields of a clone's spec that the server knows, None if it doesn't say."""
        return _FIELDS, partial(served_fields, self._session, self.served)

    def right(self, verb: str, namespace: str) -> Question:
        """Whether the user may do something with clones; None if the server doesn't say."""
        return ("may", verb, namespace), partial(_may, self._session, verb, namespace)

    def user(self) -> Question:
        """The user's name, empty if the server doesn't say."""
        return ("whoami",), partial(_whoami, self._session)


def _tried(session: Session, vm: Object) -> DryRun:
    """Have the server create a VM as a dry run; what it doesn't know is dropped the second time."""
    dropped: tuple[str, ...] = ()
    for strictness in ("Strict", "Ignore"):
        try:
            create(session, VIRTUAL_MACHINES, vm, dry_run=True, validation=strictness, quiet=True)
        except StatusError as error:
            unknown = unknown_fields(error.message) if strictness == "Strict" else ()
            if unknown:
                dropped = unknown
                continue
            if error.code == HTTPStatus.CONFLICT:  # another finding tells of it
                break
            return DryRun(error.message, error.code, dropped)
        except ConnectionFailed as error:
            return DryRun(dropped=dropped, unasked=str(error))
        break
    return DryRun(dropped=dropped)


def _may(session: Session, verb: str, namespace: str) -> bool | None:
    attributes = {"group": CLONE_GROUP, "resource": CLONES.plural}
    spec = {"resourceAttributes": {**attributes, "verb": verb, "namespace": namespace}}
    answer = _reviewed(session, "authorization.k8s.io", "SelfSubjectAccessReview", spec)
    allowed = at(answer, "status", "allowed")
    return allowed if isinstance(allowed, bool) else None


def _whoami(session: Session) -> str:
    answer = _reviewed(session, "authentication.k8s.io", "SelfSubjectReview", {})
    return text_at(answer, "status", "userInfo", "username")


def _reviewed(session: Session, group: str, kind: str, spec: Mapping[str, Any]) -> Object:
    body: dict[str, Any] = {"apiVersion": f"{group}/v1", "kind": kind}
    if spec:
        body["spec"] = spec
    try:
        return session.request("POST", f"/apis/{group}/v1/{kind.lower()}s", body=body)
    except (ConnectionFailed, StatusError):
        return {}


def _outline(clone: Object) -> Object:
    metadata, spec = mapping_at(clone, "metadata"), mapping_at(clone, "spec")
    return {
        "metadata": {key: metadata.get(key) for key in ("name", "namespace", "generateName")},
        "spec": {key: spec.get(key) for key in ("source", "target")},
        "status": {"phase": text_at(clone, "status", "phase")},
    }


def _outline_of_pod(pod: Object) -> Object:
    volumes = [v for v in mappings_at(pod, "spec", "volumes") if at(v, "persistentVolumeClaim")]
    return {
        "metadata": {"name": name_of(pod)},
        "spec": {"volumes": volumes},
        "status": {"phase": text_at(pod, "status", "phase")},
    }
