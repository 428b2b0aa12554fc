"""What a user may do: users, their rules, and the reviews of both.

Who asks is found out in ``authentication``; refusing sentences are in ``storage.status``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from kubevirt_sandbox.apiserver.requestinfo import RequestInfo
from kubevirt_sandbox.storage.status import ApiError, bad_request, cause, invalid

Obj = dict[str, Any]

SELF_REVIEWS = (
    ("authentication.k8s.io", "selfsubjectreviews"),
    ("authorization.k8s.io", "selfsubjectaccessreviews"),
    ("authorization.k8s.io", "selfsubjectrulesreviews"),
)
PUBLIC_PATHS = ("/healthz", "/livez", "/readyz", "/version", "/version/")
DISCOVERY_PATHS = (
    "/.well-known/*",
    "/.well-known",
    "/api/*",
    "/api",
    "/apis/*",
    "/apis",
    "/healthz",
    "/livez",
    "/openapi/*",
    "/openapi",
    "/readyz",
    "/version/",
    "/version",
)


_TEXTS = ("verb", "group", "resource", "subresource", "namespace", "name", "path")
_NO_TEXT = (dict, list, int, float)


@dataclass(frozen=True)
class Rule:
    """One RBAC rule; ``*`` stands for everything, ``namespaces`` for where it was bound."""

    api_groups: tuple[str, ...]
    resources: tuple[str, ...]
    verbs: tuple[str, ...]
    namespaces: tuple[str, ...] = ("*",)
    resource_names: tuple[str, ...] = ()

    def allows(
        self, verb: str, group: str, resource: str, namespace: str = "", name: str = ""
    ) -> bool:
        """Whether the rule covers one request; ``resource`` may be ``plural/subresource``."""
        return (
            _covers(self.verbs, verb)
            and _covers(self.api_groups, group)
            and (_covers(self.resources, resource))
            and self.reaches(namespace)
            and (not self.resource_names or name in self.resource_names)
        )

    def reaches(self, namespace: str) -> bool:
        """Whether the rule counts in a namespace; empty = the whole cluster."""
        return "*" in self.namespaces or (bool(namespace) and namespace in self.namespaces)


EVERYTHING = Rule(("*",), ("*",), ("*",))
# What every signed-in user of a cluster with KubeVirt may do.
AUTHENTICATED = (
    *(Rule((group,), (plural,), ("create",)) for group, plural in SELF_REVIEWS),
    *(
        Rule(("instancetype.kubevirt.io",), (plural,), ("get", "list", "watch"))
        for plural in ("virtualmachineclusterinstancetypes", "virtualmachineclusterpreferences")
    ),
    Rule(("kubevirt.io",), ("kubevirts",), ("get", "list")),
    *(
        Rule(("subresources.kubevirt.io",), (plural,), ("get", "list"))
        for plural in ("guestfs", "version")
    ),
)


@dataclass(frozen=True)
class User:
    """A user and the rules bound to them; members of ``system:masters`` may do everything."""

    name: str
    rules: tuple[Rule, ...] = ()
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: dict[str, list[str]] = field(default_factory=dict, compare=False)

    @property
    def all_rules(self) -> tuple[Rule, ...]:
        """The bound rules and those of every user."""
        masters = (EVERYTHING,) if "system:masters" in self.groups else ()
        return (*masters, *AUTHENTICATED, *self.rules)

    def may(
        self, verb: str, group: str, resource: str, namespace: str = "", name: str = ""
    ) -> bool:
        """Whether a request on a resource is allowed."""
        return any(rule.allows(verb, group, resource, namespace, name) for rule in self.all_rules)

    def may_path(self, verb: str, path: str) -> bool:
        """Whether a request on a path that is no resource is allowed."""
        if EVERYTHING in self.all_rules:
            return True
        return verb == "get" and any(_path_matches(item, path) for item in DISCOVERY_PATHS)


ANONYMOUS = User("system:anonymous", groups=("system:unauthenticated",))
ADMIN = User("admin", groups=("system:masters", "system:authenticated"))


def allowed(user: User, info: RequestInfo) -> bool:
    """Whether the user may do what the request asks."""
    if not info.resource:
        return user.may_path(info.verb, info.path)
    return user.may(info.verb, info.group, _qualified(info), info.namespace, info.name)


def review(user: User, kind: str, body: Any, now: str) -> Obj:
    """The answer to a self review: the request with its status, never stored.

    ``now`` is the server's time. Raises ApiError 400 when the body is no review of this kind, or
    names no namespace, and 422 when it does not ask exactly one thing.
    """
    if not isinstance(body, dict) or body.get("kind") != kind:
        raise bad_request(f"the object provided must be of type {kind}")
    spec = _texts_of(kind, body.get("spec") or {})
    if kind == "SelfSubjectReview":
        return {**body, "metadata": {"creationTimestamp": now}, "status": _review_self(user)}
    if kind == "SelfSubjectAccessReview":
        asked = {
            key: _texts_of(kind, spec[key])
            for key in ("resourceAttributes", "nonResourceAttributes")
            if spec.get(key) is not None
        }
        return {**body, "metadata": {}, "status": _review_access(user, asked)}
    if not spec.get("namespace"):
        raise bad_request("no namespace on request")
    # The namespace is what is asked for; what is answered does not repeat it.
    return {**body, "metadata": {}, "spec": {}, "status": _review_rules(user, spec["namespace"])}


def _texts_of(kind: str, value: Any) -> Obj:
    """A part of a review's spec without its nulls. Raises ApiError 400 where a text is none."""
    if not isinstance(value, dict) or any(isinstance(value.get(key), _NO_TEXT) for key in _TEXTS):
        handled = f'{kind} in version "v1" cannot be handled as a {kind}'
        raise bad_request(f"{handled}: json: cannot unmarshal a value of its spec")
    return {key: item for key, item in value.items() if item is not None}


def _review_access(user: User, spec: Obj) -> Obj:
    """The status of a SelfSubjectAccessReview."""
    path = spec.get("nonResourceAttributes")
    attributes = spec.get("resourceAttributes")
    if path is not None and attributes is not None:
        asked = {"Path": path.get("path", ""), "Verb": path.get("verb", "")}
        value = json.dumps(asked, separators=(",", ":"))
        reason = "cannot be specified in combination with resourceAttributes"
        raise _invalid_review("spec.nonResourceAttributes", value, reason)
    if path is not None:
        return {"allowed": user.may_path(path.get("verb", ""), path.get("path", ""))}
    if attributes is None:
        reason = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
        raise _invalid_review("spec.resourceAttributes", "null", reason)
    resource = attributes.get("resource", "")
    if attributes.get("subresource"):
        resource += "/" + attributes["subresource"]
    verdict = user.may(
        attributes.get("verb", ""),
        attributes.get("group", ""),
        resource,
        attributes.get("namespace", ""),
        attributes.get("name", ""),
    )
    return {"allowed": verdict}


def _invalid_review(field: str, value: str, reason: str) -> ApiError:
    # The server names no kind here.
    wrong = cause("FieldValueInvalid", f"Invalid value: {value}: {reason}", field)
    return invalid("authorization.k8s.io", "", "", [wrong])


def _review_rules(user: User, namespace: str) -> Obj:
    """The status of a SelfSubjectRulesReview."""
    rules = [rule for rule in user.all_rules if rule.reaches(namespace)]
    everything = EVERYTHING in rules
    paths = [("*", ["*"])] if everything else []
    # Two roles allow what is public: each is listed.
    paths += [(path, ["get"]) for path in sorted((*DISCOVERY_PATHS, *PUBLIC_PATHS))]
    return {
        "incomplete": False,
        "resourceRules": [_shown(rule) for rule in rules],
        "nonResourceRules": [{"nonResourceURLs": [path], "verbs": verbs} for path, verbs in paths],
    }


def _review_self(user: User) -> Obj:
    """The status of a SelfSubjectReview."""
    info: Obj = {"username": user.name, "groups": list(user.groups)}
    if user.uid:
        info["uid"] = user.uid
    if user.extra:
        info["extra"] = user.extra
    return {"userInfo": info}


def _shown(rule: Rule) -> Obj:
    shown = {
        "verbs": list(rule.verbs),
        "apiGroups": list(rule.api_groups),
        "resources": list(rule.resources),
    }
    if rule.resource_names:
        shown["resourceNames"] = list(rule.resource_names)
    return shown


def _qualified(info: RequestInfo) -> str:
    return f"{info.resource}/{info.subresource}" if info.subresource else info.resource


def _covers(patterns: tuple[str, ...], value: str) -> bool:
    return "*" in patterns or value in patterns


def _path_matches(pattern: str, path: str) -> bool:
    if pattern.endswith("*"):
        return path.startswith(pattern[:-1])
    # The health endpoints answer for their single checks too: /readyz/ping.
    return path == pattern or (
        pattern in ("/healthz", "/livez", "/readyz") and path.startswith(pattern + "/")
    )
