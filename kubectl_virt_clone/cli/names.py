"""Names for shell completion: quickly, or those that were read in time, and never a word of error.

Nothing else should read names here: what is missing is not told from what could not be read.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial

from kubectl_virt_clone.actions.versions import served_clones
from kubectl_virt_clone.clone.api import SNAPSHOT_CONTENTS, SNAPSHOTS, Reference
from kubectl_virt_clone.kube.connection import ConnectionFlags
from kubectl_virt_clone.kube.kubeconfig import names_in
from kubectl_virt_clone.kube.resource import get, pages
from kubectl_virt_clone.kube.transport import Session, connect
from kubectl_virt_clone.objects.fields import mappings_at, name_of, text_at
from kubectl_virt_clone.objects.resource import Resource

PATIENCE = 2.0  # seconds; who presses TAB would rather type on than wait longer
NAMESPACES = Resource("", "v1", "namespaces", "Namespace")

_INTERFACES = ("spec", "template", "spec", "domain", "devices", "interfaces")


def clone_names(flags: ConnectionFlags) -> list[str]:
    """The clones of the namespace."""
    return _in_time(flags, lambda session: _listed(session, served_clones(session)))


def object_names(flags: ConnectionFlags, resource: Resource) -> list[str]:
    """The objects of a kind in the namespace."""
    return _in_time(flags, lambda session: _listed(session, resource))


def namespace_names(flags: ConnectionFlags) -> list[str]:
    """The namespaces of the cluster."""
    return _in_time(flags, lambda session: _listed(session, NAMESPACES, ""))


def interface_names(flags: ConnectionFlags, source: Reference) -> list[str]:
    """The interfaces of a VM, or of the one that a snapshot holds."""
    return _in_time(flags, partial(_interfaces, source=source))


def kubeconfig_names(flags: ConnectionFlags, section: str) -> list[str]:
    """The ``contexts``, ``clusters`` or ``users`` of the kubeconfig; no server is asked."""
    with suppress(Exception):
        return names_in(section, flags, os.environ)
    return []


def _in_time(flags: ConnectionFlags, ask: Callable[[Session], Iterator[str]]) -> list[str]:
    """What ``ask`` has found when the time is up, or when anything goes wrong."""
    # Not the server's fault, and on a slow machine most of the time.
    import urllib3  # noqa: F401

    found: list[str] = []

    def read() -> None:
        # An error, of whatever kind, would be written into the line that is being typed.
        with suppress(Exception):
            session = connect(quick, log=_ignore, warn=_ignore)
            found.extend(name for name in ask(session))

    quick = replace(flags, request_timeout=PATIENCE, verbosity=0)
    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    return list(found)


def _listed(session: Session, resource: Resource, namespace: str | None = None) -> Iterator[str]:
    within = session.namespace if namespace is None else namespace
    for page in pages(session, resource, within, metadata_only=True, notice=_ignore):
        yield from map(name_of, page)


def _interfaces(session: Session, source: Reference) -> Iterator[str]:
    found = get(session, source.resource, session.namespace, source.name)
    path: tuple[str, ...] = _INTERFACES
    if source.resource == SNAPSHOTS:
        content = text_at(found, "status", "virtualMachineSnapshotContentName")
        found = get(session, SNAPSHOT_CONTENTS, session.namespace, content)
        path = ("spec", "source", "virtualMachine", *_INTERFACES)
    for interface in mappings_at(found, *path):
        yield text_at(interface, "name")


def _ignore(_: str) -> None:
    """Say nothing: the user is typing."""
