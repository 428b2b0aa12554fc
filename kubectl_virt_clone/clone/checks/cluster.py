"""Rules about the cluster: what its clone API takes, the Snapshot gate, and the user's rights.

They need neither source nor target: ``check`` without a clone judges a cluster by them.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from kubectl_virt_clone.clone.api import CLONE_GROUP, CLONES, FIELD_SINCE, KUBEVIRT_GROUP
from kubectl_virt_clone.clone.checks.facts import (
    GATE,
    UNKNOWN,
    WARNING,
    Facts,
    Finding,
    error,
    gate_is_on,
    gates_of,
    observed_version,
)
from kubectl_virt_clone.clone.checks.flags import given_as
from kubectl_virt_clone.clone.hint import Command, Hint, flag, kubectl, leave_out
from kubectl_virt_clone.clone.spec.manifest import unserved_fields
from kubectl_virt_clone.objects.fields import Object, at, mapping_at, name_of, text_at
from kubectl_virt_clone.objects.resource import Listing

RIGHTS = ("create", "get", "list", "watch", "delete")
"""The verbs that cloning needs on clone objects."""

FLAGS: dict[str, Hint] = {
    "template": (flag("--template-label-filter"), " and ", flag("--template-annotation-filter")),
    "patches": (flag("--patch"),),
    "volumeNamePolicy": (flag("--volume-name-policy"),),
}
_INSTALL = "https://github.com/kubevirt/kubevirt/releases/latest/download"
_TRACES = ("kubevirt", "deckhouse.io", "harvesterhci.io")
_REFERENCE = ("apiGroup", "kind", "name")
_NESTED = {
    "source": _REFERENCE,
    "target": _REFERENCE,
    "template": ("labelFilters", "annotationFilters"),
}
_TOP = ("apiVersion", "kind", "metadata", "spec", "status")
_SPEC = (
    *("source", "target", "labelFilters", "annotationFilters", "template", "newMacAddresses"),
    *("newSMBiosSerial", "patches", "volumeNamePolicy"),
)


@dataclass(frozen=True)
class ClusterFacts:
    """What was read about a cluster for its own sake.

    ``versions`` are those of the clone API, ``unserved`` says why there is none that we speak, and
    ``groups`` are then all that the server has, None if they are not known.
    ``rights`` holds a verb of RIGHTS → whether the user may, None if that could not be asked.
    """

    namespace: str
    versions: tuple[str, ...] = ()
    unserved: str = ""
    groups: tuple[str, ...] | None = None
    kubevirt: Listing = field(default_factory=Listing)
    rights: Mapping[str, bool | None] = field(default_factory=dict)
    user: str = ""


def cluster_findings(cluster: ClusterFacts) -> Iterator[Finding]:
    """What keeps any clone from working on this cluster."""
    if cluster.unserved:
        yield _unserved(cluster)
        return
    yield from gate_findings({}, Facts(kubevirt=cluster.kubevirt))
    denied = [verb for verb, allowed in cluster.rights.items() if allowed is False]
    unasked = [verb for verb, allowed in cluster.rights.items() if allowed is None]
    if denied:
        # Creating is enough to clone; the other rights are for following it and cleaning up.
        finding = denied_finding(denied, cluster.namespace, cluster.user)
        yield finding if "create" in denied else replace(finding, level=WARNING)
    if unasked:
        message = f"whether you may {', '.join(unasked)} {CLONES.qualified} can't be asked"
        yield Finding("rbac", UNKNOWN, message)


def _unserved(cluster: ClusterFacts) -> Finding:
    """No clone API; the newest KubeVirt is recommended only where there is no trace of any.

    Some distributions rename its groups, or have an operator of their own that installs it.
    """
    traces = [name for name in cluster.groups or () if any(word in name for word in _TRACES)]
    if KUBEVIRT_GROUP in traces:
        version = observed_version(cluster.kubevirt) or "this KubeVirt"
        message = (
            f"{version} serves no {CLONE_GROUP}: it is older than 0.55, or lacks the CRD of clones"
        )
        hint = kubectl("get", f"kubevirts.{KUBEVIRT_GROUP}", "-A")
        return error("no-clone-api", message, hint)
    if traces:
        message = f"{cluster.unserved}; it may be there under {', '.join(traces)}"
        return error("no-clone-api", message, kubectl("api-resources", "--api-group", traces[0]))
    if cluster.groups is None:
        return error("no-clone-api", cluster.unserved)
    files = (f"{_INSTALL}/kubevirt-operator.yaml", "-f", f"{_INSTALL}/kubevirt-cr.yaml")
    return error("no-clone-api", cluster.unserved, kubectl("apply", "-f", *files))


def denied_finding(verbs: list[str], namespace: str, user: str) -> Finding:
    """The finding that the user may not do something with clones; an admin can change that."""
    name = re.sub(r"[^a-z0-9.-]+", "-", user.lower()).strip("-.") or "user"
    words = ("create", "rolebinding", f"{name}-may-clone")
    role = ("--clusterrole=kubevirt.io:edit", f"--user={user or 'USER'}")
    grant = Command((*words, *role), namespace, for_an_admin=True)
    message = f"you may not {', '.join(verbs)} {CLONES.qualified} in the namespace {namespace}"
    return error("rbac", message, grant)


def right_findings(_: Object, facts: Facts) -> Iterator[Finding]:
    """Whether the user may create this clone, where that was asked."""
    if facts.may_create is False:
        yield denied_finding(["create"], facts.namespace, facts.user)


def gate_findings(_: Object, facts: Facts) -> Iterator[Finding]:
    """The Snapshot gate: on where it is listed; from 1.9 on also where it isn't, unless disabled.

    Source: KubeVirt's ``featuregate.IsEnabled``.
    """
    for kubevirt in facts.kubevirt.objects:
        if gate_is_on(facts) is not False:
            continue
        gates = gates_of(kubevirt, "featureGates")
        value = {"developerConfiguration": {"featureGates": [*gates, GATE]}}
        patch = json.dumps({"spec": {"configuration": value}}, separators=(",", ":"))
        where = text_at(kubevirt, "metadata", "namespace")
        words = ("patch", f"kubevirt/{name_of(kubevirt)}", "--type=merge", "-p", patch)
        message = f"KubeVirt's feature gate {GATE} is off, and nothing can be cloned without it"
        yield error("snapshot-gate", message, kubectl(*words, namespace=where))


def field_findings(clone: Object, facts: Facts) -> Iterator[Finding]:
    """Fields of the manifest that the server's schema lacks: newer ones, and those of no release.

    If the schema could not be read, only the latter are known.
    """
    for name, release in unserved_fields(clone, facts.fields):
        message = f"the server's clone API has no spec.{name}, which came with KubeVirt {release}"
        hint = (*leave_out(*_flags_of(clone, name)), f", or update KubeVirt to {release}")
        yield error("field-unsupported", message, *hint)
    for path, known in _unknown_fields(clone, facts):
        close = difflib.get_close_matches(path.rpartition(".")[2], known, n=1)
        parent = path.rpartition(".")[0]
        meant = f"{parent}.{close[0]}".lstrip(".") if close else ""
        question = f"; {meant} is meant?" if meant else ""
        message = f"the server's clone API has no {path}{question}"
        yield error("unknown-field", message, *leave_out(path))


def _flags_of(clone: Object, field: str) -> Hint:
    """The flags for a field of the spec; for patches, the flags that made each of them."""
    given = at(clone, "spec", field)
    if field == "patches" and isinstance(given, list):
        flags = [(" and ", *given_as(patch)) for patch in given if isinstance(patch, str)]
        return tuple(part for parts in flags for part in parts)[1:] or FLAGS[field]
    return FLAGS[field]


def _unknown_fields(clone: Object, facts: Facts) -> Iterator[tuple[str, tuple[str, ...]]]:
    for name in clone:
        if name not in _TOP:
            yield str(name), _TOP
    spec = mapping_at(clone, "spec")
    served = tuple(sorted(set(_SPEC) if facts.fields is None else facts.fields))
    for name in spec:
        if name not in served and name not in FIELD_SINCE:
            yield f"spec.{name}", served
    for parent, known in _NESTED.items():
        for name in mapping_at(spec, parent):
            if name not in known:
                yield f"spec.{parent}.{name}", known


def schema_matters(clone: Object) -> bool:
    """Whether the clone has a field that not every release knows."""
    return any(name in FIELD_SINCE for name in mapping_at(clone, "spec"))


def served_by(cluster: ClusterFacts) -> str:
    """``v1beta1, v1alpha1``: the versions of the clone API that the cluster serves."""
    return ", ".join(cluster.versions) or f"no version of {CLONE_GROUP}"
