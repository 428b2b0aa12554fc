"""Which versions the other side has: Kubernetes', KubeVirt's, those of the clone API.

What the versions mean for a clone is not judged here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from typing import Any

from kubectl_virt_clone.clone.api import CLONE_GROUP, CLONE_VERSIONS, CLONES, KUBEVIRT_GROUP
from kubectl_virt_clone.errors import (
    ConnectionFailed,
    ResourceNotServed,
    StatusError,
    VirtCloneError,
)
from kubectl_virt_clone.kube.resource import items_of
from kubectl_virt_clone.kube.transport import Session
from kubectl_virt_clone.objects.fields import mappings_at, text_at
from kubectl_virt_clone.objects.resource import ConnectionFlags, Resource

_KUBEVIRTS = f"/apis/{KUBEVIRT_GROUP}/v1/kubevirts"
# virt-api says it to everybody; the KubeVirt object may be read by few.
_VIRT_API = f"/apis/subresources.{KUBEVIRT_GROUP}/v1/version"


def served_clones(session: Session, *, deadline: float = math.inf) -> Resource:
    """The clone resource in the newest version that both sides know; raises ResourceNotServed."""
    served = served_versions(session, deadline=deadline)
    return replace(CLONES, version=next(known for known in CLONE_VERSIONS if known in served))


def served_versions(session: Session, *, deadline: float = math.inf) -> tuple[str, ...]:
    """The versions of the clone API that the server has, preferred first, from discovery.

    Raises ResourceNotServed where there is none that we know.
    """
    served = _clone_api(session, deadline=deadline)
    if served is None:
        raise _not_served("KubeVirt is not installed, or older than 0.55")
    if not set(served).isdisjoint(CLONE_VERSIONS):
        return served
    names = ", ".join(sorted(set(served))) or "no version"
    raise _not_served(f"it serves {CLONE_GROUP} in {names}, not in {' or '.join(CLONE_VERSIONS)}")


def served_groups(session: Session) -> tuple[str, ...] | None:
    """The names of all API groups that the server has; None where it does not say."""
    try:
        groups = session.request("GET", "/apis")
    except (ConnectionFailed, StatusError):
        return None
    return tuple(text_at(group, "name") for group in mappings_at(groups, "groups"))


def _not_served(reason: str) -> ResourceNotServed:
    return ResourceNotServed(
        f'the server doesn\'t have a resource type "{CLONES.plural}": {reason}'
    )


def server_versions(
    flags: ConnectionFlags, *, log: Callable[[str], None], warn: Callable[[str], None]
) -> tuple[dict[str, Any], VirtCloneError | None]:
    """``serverVersion``, ``kubeVirtVersion`` and ``cloneAPIVersions`` (none: an empty list).

    What could not be read is missing; with the first error if that is everything.
    """
    from kubectl_virt_clone.kube.pool import side_by_side

    try:
        session = Session(flags, log=log, warn=warn)
    except VirtCloneError as error:
        return {}, error
    questions = {
        "serverVersion": _kubernetes,
        "kubeVirtVersion": _kubevirt,
        "cloneAPIVersions": lambda session: list(_clone_api(session) or ()),
    }
    answers = side_by_side(
        {name: partial(_answer, question, session) for name, question in questions.items()}
    )
    errors = [answer for answer in answers.values() if isinstance(answer, VirtCloneError)]
    if len(errors) == len(questions):
        return {}, errors[0]
    return {name: answer for name, answer in answers.items() if answer not in (None, *errors)}, None


def _answer(question: Callable[[Session], Any], session: Session) -> Any:
    try:
        return question(session)
    except VirtCloneError as error:
        return error


def _kubernetes(session: Session) -> dict[str, Any]:
    return session.request("GET", "/version")


def _kubevirt(session: Session) -> str | None:
    try:
        for item in items_of(session.request("GET", _KUBEVIRTS)):
            if version := text_at(item, "status", "observedKubeVirtVersion"):
                return version
    except StatusError:
        pass  # there is another who knows
    return text_at(session.request("GET", _VIRT_API), "gitVersion") or None


def _clone_api(session: Session, *, deadline: float = math.inf) -> tuple[str, ...] | None:
    """The versions of the clone API as discovery has them, the preferred first, or None."""
    try:
        group = session.request("GET", f"/apis/{CLONE_GROUP}", deadline=deadline)
    except StatusError as error:
        if error.code == HTTPStatus.NOT_FOUND:
            return None
        raise
    return tuple(text_at(entry, "version") for entry in mappings_at(group, "versions"))
