"""Which writes a policy or a webhook is about: resource rules and selectors, as objects say them.

What is then said to the write is in ``policies`` and ``foreign``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kubevirt_sandbox.storage.webhooks import AdmissionRequest

Obj = dict[str, Any]
NAMESPACE_NAME = "kubernetes.io/metadata.name"


def section(obj: Any, *path: str) -> Obj:
    """The mapping at ``path``, empty where there is none."""
    for key in path:
        obj = obj.get(key) if isinstance(obj, dict) else None
    return obj if isinstance(obj, dict) else {}


def entries(obj: Any, key: str) -> list[Obj]:
    """The mappings of the list at ``key``."""
    found = section(obj).get(key)
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def concerns(match: Obj, rules: str, request: AdmissionRequest) -> bool:
    """Whether ``match`` is about a write; ``rules`` names its list of rules."""
    if not any(_covers(rule, request) for rule in entries(match, rules)):
        return False
    namespace = {NAMESPACE_NAME: request.namespace} if request.namespace else {}
    labels = section(request.object, "metadata", "labels")
    return selects(section(match, "namespaceSelector"), namespace) and selects(
        section(match, "objectSelector"), labels
    )


def selects(selector: Obj, labels: Obj) -> bool:
    """Whether a LabelSelector takes these labels; an empty one takes all."""
    wanted = section(selector, "matchLabels")
    return all(labels.get(key) == value for key, value in wanted.items()) and all(
        _MEETS[str(item.get("operator"))](
            labels.get(str(item.get("key"))), item.get("values") or []
        )
        for item in entries(selector, "matchExpressions")
    )


_MEETS: dict[str, Callable[[Any, list[str]], bool]] = {
    "In": lambda value, values: value in values,
    "NotIn": lambda value, values: value not in values,
    "Exists": lambda value, _: value is not None,
    "DoesNotExist": lambda value, _: value is None,
}


def _covers(rule: Obj, request: AdmissionRequest) -> bool:
    plural, _, group = request.type_key.partition(".")
    version = str(request.object.get("apiVersion", "")).rpartition("/")[2]
    path = f"{plural}/{request.subresource}" if request.subresource else plural
    return all(
        value in (rule.get(key) or []) or "*" in (rule.get(key) or [])
        for key, value in (
            ("apiGroups", group),
            ("apiVersions", version),
            ("operations", request.operation),
            ("resources", path),
        )
    )
