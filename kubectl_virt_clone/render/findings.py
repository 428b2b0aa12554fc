"""Findings as text: a table for ``check``, lines for ``create``, plain values for JSON.

Which level means what is ``model.preflight``'s; what goes to which stream, the caller's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from kubectl_virt_clone.errors import SeveralErrors, VirtCloneError
from kubectl_virt_clone.model.api import CLONES
from kubectl_virt_clone.model.finding import ERROR, UNKNOWN, WARNING, Finding
from kubectl_virt_clone.model.manifest import named
from kubectl_virt_clone.model.objects import Object, text_at
from kubectl_virt_clone.model.preflight.cluster import ClusterFacts, gate_is_on, served_by
from kubectl_virt_clone.model.preflight.facts import Facts
from kubectl_virt_clone.model.surroundings import Listing
from kubectl_virt_clone.render.escaping import escaped
from kubectl_virt_clone.render.tables import plain

HEADERS = ("ID", "LEVEL", "MESSAGE", "HINT")
NO_FINDINGS = "no findings"
Checked = tuple[Object, Sequence[Finding]]
"""A clone's manifest and what was found out about it."""


def table(findings: Sequence[Finding]) -> str:
    """The findings with kubectl's columns; ends with a newline.

    The checks that could not run share one line below.
    """
    known = [finding for finding in findings if finding.level != UNKNOWN]
    lines = []
    if known:
        rows = [(item.id, item.level, item.message, item.hint) for item in known]
        lines += plain(HEADERS, rows)
    if not_checked := unknown_line(findings):
        lines.append(not_checked)
    return "\n".join(lines or [NO_FINDINGS]) + "\n"


def unknown_line(findings: Sequence[Finding]) -> str:
    """``not checked: a, b (x can't be read: Forbidden)``; empty if every check could run."""
    unknown = [finding for finding in findings if finding.level == UNKNOWN]
    if not unknown:
        return ""
    reasons = dict.fromkeys(finding.message for finding in unknown)
    ids = ", ".join(dict.fromkeys(finding.id for finding in unknown))
    return escaped(f"not checked: {ids} ({'; '.join(reasons)})")


def as_values(findings: Sequence[Finding]) -> list[dict[str, str]]:
    """The findings for JSON: id, level, message and hint of each."""
    return [
        {"id": item.id, "level": item.level, "message": item.message, "hint": item.hint}
        for item in findings
    ]


def report(checked: Sequence[Checked], output: str | None) -> str:
    """What ``check`` prints for the clones of a request, as tables or as JSON."""
    if output == "json":
        clones = [{"clone": named(clone), "findings": as_values(found)} for clone, found in checked]
        return _json(clones[0] if len(clones) == 1 else {"clones": clones})
    if len(checked) == 1:
        return table(checked[0][1])
    return "\n".join(f"{escaped(named(clone))}\n{table(found)}" for clone, found in checked)


def cluster_report(cluster: ClusterFacts, findings: Sequence[Finding], output: str | None) -> str:
    """What ``check`` prints about a cluster alone."""
    if output == "json":
        return _json({"cluster": _cluster_values(cluster), "findings": as_values(findings)})
    gate = {True: "on", False: "off", None: "<unknown>"}[_gate(cluster.kubevirt)]
    allowed = [verb for verb, may in cluster.rights.items() if may]
    rows = [
        ("Clone API:", served_by(cluster)),
        ("KubeVirt:", _version(cluster.kubevirt) or "<unknown>"),
        ("Snapshot gate:", gate),
        ("Rights:", f"{', '.join(allowed) or '<none>'} in the namespace {cluster.namespace}"),
    ]
    head = "".join(f"{label:<16}{escaped(value)}\n" for label, value in rows)
    return f"{head}\n{table(findings)}"


def _cluster_values(cluster: ClusterFacts) -> dict[str, Any]:
    return {
        "cloneAPIVersions": list(cluster.versions),
        "kubevirtVersion": _version(cluster.kubevirt),
        "snapshotGate": _gate(cluster.kubevirt),
        "namespace": cluster.namespace,
        "rights": dict(cluster.rights),
    }


def _gate(kubevirt: Listing) -> bool | None:
    return gate_is_on(Facts(kubevirt=kubevirt))


def _version(kubevirt: Listing) -> str:
    versions = (text_at(item, "status", "observedKubeVirtVersion") for item in kubevirt.objects)
    return next(filter(None, versions), "")


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, indent=4) + "\n"


def warnings(checked: Sequence[Checked]) -> list[str]:
    """What ``create`` says before it goes on: a line for each warning, one for what is unknown."""
    several = len(checked) > 1
    lines = []
    for clone, found in checked:
        lines += [_line(clone, item, several, "; ") for item in found if item.level == WARNING]
        if not_checked := unknown_line(found):
            lines.append(f"{_about(clone, several)}{not_checked}")
    return lines


def refusal(checked: Sequence[Checked]) -> VirtCloneError | None:
    """The error that stands for all findings of the level error; None if there is none."""
    several = len(checked) > 1
    errors = [
        VirtCloneError(_line(clone, item, several))
        for clone, found in checked
        for item in found
        if item.level == ERROR
    ]
    if not errors:
        return None
    return SeveralErrors([*errors, VirtCloneError(_NOTHING_CREATED)])


_NOTHING_CREATED = f"no {CLONES.kind} was created; --skip-check ID (or all) goes on without a check"


def _line(clone: Object, finding: Finding, several: bool, before_hint: str = "\n") -> str:
    hint = f"{before_hint}hint: {finding.hint}" if finding.hint else ""
    return f"{_about(clone, several)}[{finding.id}] {finding.message}{hint}"


def _about(clone: Object, several: bool) -> str:
    return f"{named(clone)}: " if several else ""
