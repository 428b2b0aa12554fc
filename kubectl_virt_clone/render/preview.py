"""``preview``: what a clone's target will be, as text for people, as a diff or as objects.

It shows every value as it was projected; it fetches and judges nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from difflib import unified_diff
from typing import Any

from kubectl_virt_clone.clone.api import VIRTUAL_MACHINES
from kubectl_virt_clone.clone.spec.filters import Decision
from kubectl_virt_clone.clone.target.preview import Preview, possible, source_reference
from kubectl_virt_clone.clone.target.projection import PATCHED, filters_of
from kubectl_virt_clone.objects.fields import Object, at, name_of
from kubectl_virt_clone.objects.resource import NO_FLAGS, Access
from kubectl_virt_clone.render.escaping import escaped
from kubectl_virt_clone.render.findings import as_values, table
from kubectl_virt_clone.render.formats import formatted
from kubectl_virt_clone.render.tables import aligned, underlined

NONE, CLUSTER, DROPPED = "<none>", "left to the cluster", "not restored"
INSIDE = "what is inside the volumes, such as machine-id, SSH host keys or a SID"
_METADATA = ("annotations", "labels", "name", "namespace")


def rendered(previews: Sequence[Preview], output: str | None, *, access: Access = NO_FLAGS) -> str:
    """The previews in the requested format, or for people without one; ends with a newline.

    Hints act by ``access``. Raises VirtCloneError if ``yaml`` or ``diff`` would show a target that
    won't come to be.
    """
    if output == "json":
        return formatted([_values(preview, access) for preview in previews], output)
    if output == "yaml":
        targets = [_sorted(preview.projection.target) for preview in possible(previews)]
        return formatted(targets, output)
    if output == "diff":
        return "".join(map(_diff, possible(previews)))
    return "\n\n".join(_text(preview, access) for preview in previews)


def _values(preview: Preview, access: Access) -> dict[str, Any]:
    projection = preview.projection
    return {
        "source": at(preview.clone, "spec", "source"),
        "target": _sorted(projection.target),
        "labels": _decisions(projection.labels),
        "annotations": _decisions(projection.annotations),
        "templateLabels": _decisions(projection.template_labels),
        "templateAnnotations": _decisions(projection.template_annotations),
        "macAddresses": [asdict(mac) for mac in projection.macs],
        "smbiosSerial": {"before": projection.serial_before, "after": projection.serial_after},
        "firmwareUUID": {"before": projection.uuid_before, "after": projection.uuid_after},
        "volumes": [asdict(volume) for volume in projection.volumes],
        "otherVolumes": [{"volume": name, "fate": fate} for name, fate in projection.others],
        "runStrategy": {
            "before": projection.run_strategy_before,
            "after": projection.run_strategy_after,
        },
        "patches": list(projection.patches),
        "generated": list(projection.generated),
        "problems": list(projection.problems),
        "findings": as_values(preview.findings, access),
    }


def _decisions(decisions: Sequence[Decision]) -> list[dict[str, Any]]:
    return [{"key": made.key, "kept": made.kept, "filter": made.by} for made in decisions]


def _sorted(value: Any) -> Any:
    """``value`` with its keys sorted, as the API server writes a custom resource."""
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(item) for item in value] if isinstance(value, list) else value


def _diff(preview: Preview) -> str:
    source, target = _comparable(preview.source), preview.projection.target
    return "".join(
        unified_diff(
            formatted([_sorted(source)], "yaml").splitlines(keepends=True),
            formatted([_sorted(target)], "yaml").splitlines(keepends=True),
            fromfile=escaped(source_reference(preview.clone)),
            tofile=escaped(f"vm/{name_of(target)}"),
        )
    )


def _comparable(source: Object) -> dict[str, Any]:
    """The source without its status and the server's bookkeeping, which no clone copies."""
    metadata = at(source, "metadata")
    kept = {key: metadata[key] for key in _METADATA if at(metadata, key)}
    return {
        "apiVersion": VIRTUAL_MACHINES.api_version,
        "kind": VIRTUAL_MACHINES.kind,
        "metadata": kept,
        "spec": at(source, "spec"),
    }


def _text(preview: Preview, access: Access) -> str:
    projection = preview.projection
    target = f"vm/{name_of(projection.target)}"
    lines = _aligned([("Source", source_reference(preview.clone)), ("Target", target)])
    for title, decided, *path in (
        ("Labels", projection.labels, "labelFilters"),
        ("Annotations", projection.annotations, "annotationFilters"),
        ("Template Labels", projection.template_labels, "template", "labelFilters"),
        ("Template Annotations", projection.template_annotations, "template", "annotationFilters"),
    ):
        filtered = filters_of(preview.clone, "spec", *path) is not None
        rows = [(made.key, _outcome(made), _reason(made, filtered)) for made in decided]
        lines += _section(title, underlined(("Key", "Target", "Filter"), rows) if rows else [])
    macs = [(mac.interface, _change(mac.before, mac.after or CLUSTER)) for mac in projection.macs]
    volumes = [(v.volume, _change(v.before, v.after or DROPPED)) for v in projection.volumes]
    volumes += projection.others
    lines += _section("MAC Addresses", _aligned(macs))
    lines += _section("Volumes", _aligned(volumes))
    lines += [f"Never Changed:  {INSIDE}"] if any(v.after for v in projection.volumes) else []
    lines += _aligned(
        [
            ("SMBIOS Serial", _change(projection.serial_before, projection.serial_after)),
            ("Firmware UUID", _change(projection.uuid_before, projection.uuid_after)),
            (
                "Run Strategy",
                _change(projection.run_strategy_before, projection.run_strategy_after),
            ),
        ]
    )
    lines += _section("Patches", map(escaped, projection.patches))
    lines += _section("Generated by KubeVirt", map(escaped, projection.generated))
    if projection.problems:
        lines += _section("Problems", map(escaped, projection.problems))
    found = table(preview.findings, access).splitlines() if preview.findings else []
    return "\n".join([*lines, *_section("Findings", found)]) + "\n"


def _section(title: str, content: Iterable[str]) -> list[str]:
    lines = [f"  {line}" for line in content]
    return [f"{title}:", *lines] if lines else [f"{title}:  {NONE}"]


def _outcome(decision: Decision) -> str:
    if not decision.kept:
        return "dropped"
    return "set" if decision.by == PATCHED else "kept"


def _reason(decision: Decision, filtered: bool) -> str:
    """The filter that decided, or what did if no filter hits the key."""
    if decision.by or not filtered:
        return decision.by or NONE
    return "(always kept)" if decision.kept else "(none keeps it)"


def _change(before: str, after: str) -> str:
    before, after = before or NONE, after or NONE
    return before if before == after else f"{before} -> {after}"


def _aligned(rows: Sequence[tuple[str, str]]) -> list[str]:
    return aligned([(f"{escaped(label)}:", escaped(value)) for label, value in rows])
