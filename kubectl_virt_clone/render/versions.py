"""The versions of everything that takes part in a clone, in the shape of ``kubectl version``."""

from __future__ import annotations

from typing import Any

from kubectl_virt_clone.objects.fields import Object, at, text_at
from kubectl_virt_clone.render.escaping import escaped

UNKNOWN, NONE = "<unknown>", "<none>"


def client_version(version: str) -> dict[str, Any]:
    """Our own version under the keys that kubectl uses for its own."""
    major, minor, *_ = version.split(".")
    return {"clientVersion": {"major": major, "minor": minor, "gitVersion": f"v{version}"}}


def shown(versions: Object, output: str | None, *, client_only: bool) -> str:
    """Lines, or ``json`` or ``yaml``; the latter lack what is unknown."""
    if output:
        from kubectl_virt_clone.render.formats import formatted

        return formatted([versions], output)
    lines = {"Client Version": text_at(versions, "clientVersion", "gitVersion")}
    if not client_only:
        served = at(versions, "cloneAPIVersions")
        lines |= {
            "Server Version": text_at(versions, "serverVersion", "gitVersion") or UNKNOWN,
            "KubeVirt Version": text_at(versions, "kubeVirtVersion") or UNKNOWN,
            "Clone API Versions": UNKNOWN if served is None else ", ".join(served) or NONE,
        }
    return "".join(f"{title}: {escaped(text)}\n" for title, text in lines.items())
