"""Findings as text: a table for ``check``, lines for ``create``, plain values for JSON.

``clone/checks`` defines the levels; the caller chooses the streams.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from kubectl_virt_clone.clone.api import CLONES, named
from kubectl_virt_clone.clone.checks.cluster import ClusterFacts, served_by
from kubectl_virt_clone.clone.checks.facts import (
    ERROR,
    UNKNOWN,
    WARNING,
    Facts,
    Finding,
    Judged,
    gate_is_on,
    observed_version,
)
from kubectl_virt_clone.errors import SeveralErrors, VirtCloneError
from kubectl_virt_clone.objects.fields import Object
from kubectl_virt_clone.objects.resource import NO_FLAGS, Access, Listing
from kubectl_virt_clone.render.escaping import escaped
from kubectl_virt_clone.render.hints import written

HEADERS = ("ID", "LEVEL", "MESSAGE", "HINT")
NO_FINDINGS = "no findings"
_SHOWN = 3


def table(findings: Sequence[Finding], access: Access = NO_FLAGS) -> str:
    """The findings with kubectl's columns; hints act by ``access``. Ends with a newline.

    The checks that could not run share one line below.
    """
    from kubectl_virt_clone.render.tables import plain  # here, as create prints no table

    rows = [tuple(v.values()) for v in as_values(findings, access) if v["level"] != UNKNOWN]
    lines = plain(HEADERS, rows) if rows else []
    if not_checked := unknown_line(findings):
        lines.append(not_checked)
    return "\n".join(lines or [NO_FINDINGS]) + "\n"


def unknown_line(findings: Sequence[Finding]) -> str:
    """``not checked: a, b (x can't be read: Forbidden)``; empty if every check could run."""
    unknown = [finding for finding in findings if finding.level == UNKNOWN]
    reasons = "; ".join(dict.fromkeys(finding.message for finding in unknown))
    ids = ", ".join(dict.fromkeys(finding.id for finding in unknown))
    return escaped(f"not checked: {ids} ({reasons})") if unknown else ""


def as_values(findings: Sequence[Finding], access: Access = NO_FLAGS) -> list[dict[str, str]]:
    """The findings for JSON: id, level, message and hint of each."""
    return [
        {
            "id": item.id,
            "level": item.level,
            "message": item.message,
            "hint": written(item.hint, access),
        }
        for item in findings
    ]


def report(checked: Sequence[Judged], output: str | None, *, access: Access = NO_FLAGS) -> str:
    """What ``check`` prints for the clones of a request, as tables or as JSON."""
    if output == "json":
        clones = [
            {"clone": named(clone), "findings": as_values(found, access)}
            for clone, found in checked
        ]
        return _json(clones[0] if len(clones) == 1 else {"clones": clones})
    if len(checked) == 1:
        return table(checked[0][1], access)
    return "\n".join(f"{escaped(named(clone))}\n{table(found, access)}" for clone, found in checked)


def cluster_report(
    cluster: ClusterFacts,
    findings: Sequence[Finding],
    output: str | None,
    *,
    access: Access = NO_FLAGS,
) -> str:
    """What ``check`` prints about a cluster alone."""
    from kubectl_virt_clone.render.tables import aligned

    if output == "json":
        return _json({"cluster": _cluster_values(cluster), "findings": as_values(findings, access)})
    gate = {True: "on", False: "off", None: "<unknown>"}[_gate(cluster.kubevirt)]
    allowed = [verb for verb, may in cluster.rights.items() if may]
    none = "<unknown>" if None in cluster.rights.values() else "<none>"
    rows = [
        ("Clone API:", escaped(served_by(cluster))),
        ("KubeVirt:", escaped(observed_version(cluster.kubevirt)) or "<unknown>"),
        ("Snapshot gate:", gate),
        ("Rights:", escaped(f"{', '.join(allowed) or none} in the namespace {cluster.namespace}")),
    ]
    return "\n".join([*aligned(rows), "", table(findings, access)])


def _cluster_values(cluster: ClusterFacts) -> dict[str, Any]:
    return {
        "cloneAPIVersions": list(cluster.versions),
        "kubevirtVersion": observed_version(cluster.kubevirt),
        "snapshotGate": _gate(cluster.kubevirt),
        "namespace": cluster.namespace,
        "rights": dict(cluster.rights),
    }


def _gate(kubevirt: Listing) -> bool | None:
    return gate_is_on(Facts(kubevirt=kubevirt))


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, indent=4) + "\n"


def warnings(checked: Sequence[Judged], *, access: Access = NO_FLAGS) -> list[str]:
    """What ``create`` says before it goes on: a line for each warning, and one for unknown ones."""

    def warned(found: Sequence[Finding]) -> Iterator[str]:
        return (_line(item, "; ", access) for item in found if item.level == WARNING)

    return [
        *_told(checked, warned),
        *_told(checked, lambda found: filter(None, (unknown_line(found),))),
    ]


def refusal(checked: Sequence[Judged], *, access: Access = NO_FLAGS) -> VirtCloneError | None:
    """The error for all findings of the level error; None if there are none.

    If the clone exists already, the server says so itself, in kubectl's words.
    """

    def stopped(found: Sequence[Finding]) -> Iterator[str]:
        errors = (item for item in found if item.level == ERROR and item.id != "clone-exists")
        return (_line(item, "\n", access) for item in errors)

    lines = _told(checked, stopped)
    lines += [_NOTHING_CREATED] if lines else []
    return SeveralErrors(list(map(VirtCloneError, lines))) if lines else None


_NOTHING_CREATED = f"no {CLONES.kind} was created; --skip-check ID (or all) goes on without a check"


def _line(finding: Finding, before_hint: str, access: Access) -> str:
    hint = f"{before_hint}hint: {written(finding.hint, access)}" if finding.hint else ""
    return f"[{finding.id}] {finding.message}{hint}"


def _told(
    checked: Sequence[Judged], lines: Callable[[Sequence[Finding]], Iterable[str]]
) -> list[str]:
    """Each line once, with the clones that it is about if there are several."""
    about: dict[str, list[Object]] = {}
    for clone, found in checked:
        for line in dict.fromkeys(lines(found)):
            about.setdefault(line, []).append(clone)
    return [_about(clones) * (len(checked) > 1) + line for line, clones in about.items()]


def _about(clones: Sequence[Object]) -> str:
    if len(clones) == 1:
        return f"{named(clones[0])}: "
    names = [named(clone).rpartition("/")[2] for clone in clones[:_SHOWN]]
    more = ", ..." if len(clones) > _SHOWN else ""
    return f"{len(clones)} clones ({', '.join(names)}{more}): "
