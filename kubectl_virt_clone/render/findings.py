"""Findings as text: a table for ``check``, lines for ``create``, plain values for JSON.

Which level means what is ``clone/checks``'s; what goes to which stream, the caller's.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from kubectl_virt_clone.clone.api import CLONES, named
from kubectl_virt_clone.clone.checks.cluster import ClusterFacts, served_by
from kubectl_virt_clone.clone.checks.facts import Facts, gate_is_on
from kubectl_virt_clone.clone.checks.finding import ERROR, UNKNOWN, WARNING, Finding, Judged
from kubectl_virt_clone.clone.progress.around import Listing
from kubectl_virt_clone.errors import SeveralErrors, VirtCloneError
from kubectl_virt_clone.objects.access import NO_FLAGS, Access
from kubectl_virt_clone.objects.fields import Object, text_at
from kubectl_virt_clone.render.escaping import escaped
from kubectl_virt_clone.render.hints import written

HEADERS = ("ID", "LEVEL", "MESSAGE", "HINT")
NO_FINDINGS = "no findings"
_SHOWN = 3


def table(findings: Sequence[Finding], access: Access = NO_FLAGS) -> str:
    """The findings with kubectl's columns; hints act by ``access``. Ends with a newline.

    The checks that could not run share one line below.
    """
    known = [finding for finding in findings if finding.level != UNKNOWN]
    lines = []
    if known:
        from kubectl_virt_clone.render.tables import plain  # here, for create prints none

        rows = [(item.id, item.level, item.message, written(item.hint, access)) for item in known]
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
    if output == "json":
        return _json({"cluster": _cluster_values(cluster), "findings": as_values(findings, access)})
    gate = {True: "on", False: "off", None: "<unknown>"}[_gate(cluster.kubevirt)]
    allowed = [verb for verb, may in cluster.rights.items() if may]
    none = "<unknown>" if None in cluster.rights.values() else "<none>"
    rows = [
        ("Clone API:", served_by(cluster)),
        ("KubeVirt:", _version(cluster.kubevirt) or "<unknown>"),
        ("Snapshot gate:", gate),
        ("Rights:", f"{', '.join(allowed) or none} in the namespace {cluster.namespace}"),
    ]
    head = "".join(f"{label:<16}{escaped(value)}\n" for label, value in rows)
    return f"{head}\n{table(findings, access)}"


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


def warnings(checked: Sequence[Judged], *, access: Access = NO_FLAGS) -> list[str]:
    """What ``create`` says before it goes on: a line for each warning, one for what is unknown."""
    told = [
        *_told(
            checked, lambda found: (_line(item, "; ", access) for item in found if _warns(item))
        ),
        *_told(checked, lambda found: filter(None, (unknown_line(found),))),
    ]
    return [f"{about}{text}" for about, text in told]


def refusal(checked: Sequence[Judged], *, access: Access = NO_FLAGS) -> VirtCloneError | None:
    """The error that stands for all findings of the level error; None if there is none.

    That there is such a clone already says the server itself, in kubectl's words.
    """
    told = _told(
        checked, lambda found: (_line(item, "\n", access) for item in found if _stops(item))
    )
    errors = [VirtCloneError(f"{about}{text}") for about, text in told]
    return SeveralErrors([*errors, VirtCloneError(_NOTHING_CREATED)]) if errors else None


_NOTHING_CREATED = f"no {CLONES.kind} was created; --skip-check ID (or all) goes on without a check"


def _warns(finding: Finding) -> bool:
    return finding.level == WARNING


def _stops(finding: Finding) -> bool:
    return finding.level == ERROR and finding.id != "clone-exists"


def _line(finding: Finding, before_hint: str, access: Access) -> str:
    hint = f"{before_hint}hint: {written(finding.hint, access)}" if finding.hint else ""
    return f"[{finding.id}] {finding.message}{hint}"


def _told(
    checked: Sequence[Judged], lines: Callable[[Sequence[Finding]], Iterable[str]]
) -> list[tuple[str, str]]:
    """(about which clones, line) of each line once, however many clones it is about."""
    about: dict[str, list[Object]] = {}
    for clone, found in checked:
        for line in dict.fromkeys(lines(found)):
            about.setdefault(line, []).append(clone)
    return [(_about(clones) * (len(checked) > 1), line) for line, clones in about.items()]


def _about(clones: Sequence[Object]) -> str:
    if len(clones) == 1:
        return f"{named(clones[0])}: "
    names = [named(clone).rpartition("/")[2] for clone in clones[:_SHOWN]]
    more = ", ..." if len(clones) > _SHOWN else ""
    return f"{len(clones)} clones ({', '.join(names)}{more}): "
