"""Who asks: the holder of a client certificate or of a token, and as whom they want to act.

What users may do is decided in ``authorization``.
"""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from email.message import Message
from typing import Any, NamedTuple
from urllib.parse import unquote

from kubevirt_sandbox.apiserver.access import authorization
from kubevirt_sandbox.apiserver.access.authorization import User
from kubevirt_sandbox.storage import status

AUTHENTICATED = "system:authenticated"
REVIEWS = "authentication.k8s.io"
EXTRA = "impersonate-extra-"

Peer = Mapping[str, Any]
"""A verified client certificate as ``SSLSocket.getpeercert`` tells it; empty = none was sent."""


class _Acting(NamedTuple):
    """What somebody who impersonates asks for: a resource that RBAC knows, and its name."""

    group: str
    plural: str
    name: str
    subresource: str = ""


def user_of(users: Mapping[str, User], headers: Message, path: str, peer: Peer) -> User:
    """Who asks; raises ApiError 401, or 403 when they may not impersonate.

    ``users`` maps bearer tokens to users; they are also known by the names in certificates.
    """
    user = _certified(users, peer) or _holder(users, headers, path)
    name = _text(headers.get("Impersonate-User", ""))
    groups = tuple(map(_text, headers.get_all("Impersonate-Group") or ()))
    uid = _text(headers.get("Impersonate-Uid", ""))
    extra = _extra(headers)
    if not name:
        if groups or uid or extra:
            raise _nobody(groups, uid, extra)
        return user
    acting = [_Acting("", "users", name), *(_Acting("", "groups", group) for group in groups)]
    acting += [_Acting(REVIEWS, "userextras", value, key) for key in extra for value in extra[key]]
    acting += [_Acting(REVIEWS, "uids", uid)] if uid else []
    for item in acting:
        resource = f"{item.plural}/{item.subresource}" if item.subresource else item.plural
        if not user.may("impersonate", item.group, resource, "", item.name):
            raise status.forbidden(
                user.name, "impersonate", item, name=item.name, subresource=item.subresource
            )
    return replace(_known(users, name), groups=(*groups, AUTHENTICATED), uid=uid, extra=extra)


def _nobody(groups: tuple[str, ...], uid: str, extra: dict[str, list[str]]) -> status.ApiError:
    """What the server says of one who wants a group, a uid or a field, and to be nobody."""
    fields = ", ".join(f"{json.dumps(key)}:{_strings(extra[key])}" for key in sorted(extra))
    info = (
        f'Name:"", UID:{json.dumps(uid)}, Groups:{_strings(groups)}, '
        f"Extra:map[string][]string{f'{{{fields}}}' if fields else '(nil)'}"
    )
    return status.bad_request(
        f"requested &user.DefaultInfo{{{info}}} without impersonating a user name"
    )


def _strings(values: Sequence[str]) -> str:
    return f"[]string{{{', '.join(map(json.dumps, values))}}}" if values else "[]string(nil)"


def _certified(users: Mapping[str, User], peer: Peer) -> User | None:
    """The user whom a certificate names: CN is the user, each O a group; None without one."""
    if not peer:
        return None
    if ssl.cert_time_to_seconds(peer["notAfter"]) < time.time():
        raise status.unauthorized()
    subject = [pair for part in peer.get("subject", ()) for pair in part]
    names = [value for key, value in subject if key == "commonName"]
    groups = [value for key, value in subject if key == "organizationName"]
    return replace(_known(users, "".join(names[-1:])), groups=(*groups, AUTHENTICATED))


def _holder(users: Mapping[str, User], headers: Message, path: str) -> User:
    scheme, _, token = headers.get("Authorization", "").partition(" ")
    user = users.get(token.strip()) if scheme.lower() == "bearer" else None
    if user is None:
        if not scheme and path in authorization.PUBLIC_PATHS:
            return authorization.ANONYMOUS
        raise status.unauthorized()
    return user


def _known(users: Mapping[str, User], name: str) -> User:
    """A user with the rules bound to them, or one without rules."""
    return next((user for user in list(users.values()) if user.name == name), User(name))


def _extra(headers: Message) -> dict[str, list[str]]:
    """The values of each extra field; its key is in the header's name, %-encoded."""
    extra: dict[str, list[str]] = {}
    for header, value in headers.items():
        if header.lower().startswith(EXTRA):
            extra.setdefault(unquote(header[len(EXTRA) :].lower()), []).append(_text(value))
    return extra


def _text(value: str) -> str:
    """A header's value as Go reads it, in UTF-8; Python has read it in Latin-1."""
    return value.encode("latin-1", "replace").decode("utf-8", "replace")
