"""Which versions the other side has: Kubernetes', KubeVirt's, those of the clone API.

What can't be read is left out; what the versions mean for a clone is not judged here.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from kubectl_virt_clone.clone.api import CLONE_GROUP, KUBEVIRT_GROUP
from kubectl_virt_clone.errors import StatusError, VirtCloneError
from kubectl_virt_clone.kube.pool import side_by_side
from kubectl_virt_clone.kube.resource import NOT_FOUND, items_of
from kubectl_virt_clone.kube.transport import Session, connect
from kubectl_virt_clone.objects.connection import ConnectionFlags
from kubectl_virt_clone.objects.fields import mappings_at, text_at

_KUBEVIRTS = f"/apis/{KUBEVIRT_GROUP}/v1/kubevirts"
# virt-api says it to everybody; the KubeVirt object may be read by few.
_VIRT_API = f"/apis/subresources.{KUBEVIRT_GROUP}/v1/version"


def server_versions(
    flags: ConnectionFlags, *, log: Callable[[str], None], warn: Callable[[str], None]
) -> tuple[dict[str, Any], VirtCloneError | None]:
    """``serverVersion``, ``kubeVirtVersion`` and ``cloneAPIVersions`` (none: an empty list).

    What could not be read is missing; with the first error if that is everything.
    """
    try:
        session = connect(flags, log=log, warn=warn)
    except VirtCloneError as error:
        return {}, error
    questions = {
        "serverVersion": _kubernetes,
        "kubeVirtVersion": _kubevirt,
        "cloneAPIVersions": _clone_api,
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


def _clone_api(session: Session) -> list[str]:
    """As discovery tells them, the preferred one first; also those that we don't know."""
    try:
        group = session.request("GET", f"/apis/{CLONE_GROUP}")
    except StatusError as error:
        if error.code == NOT_FOUND:
            return []
        raise
    return [text_at(entry, "version") for entry in mappings_at(group, "versions")]
