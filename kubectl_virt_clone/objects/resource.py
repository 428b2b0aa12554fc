"""What a request is about: a resource of an API server, which of its objects, and as whom."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from kubectl_virt_clone.errors import InvalidValue
from kubectl_virt_clone.objects.fields import Object

PAGE_SIZE = 500
"""How many objects are asked for in one request: kubectl's own --chunk-size."""


@dataclass(frozen=True)
class Selection:
    """What was asked for; ``names`` as they were given, one perhaps twice.

    ``everything`` is --all; where nothing at all is given, the verb decides what that means.
    Raises InvalidValue, in kubectl's words, for what can't stand together.
    """

    names: tuple[str, ...] = ()
    label_selector: str = ""
    field_selector: str = ""
    everything: bool = False
    all_namespaces: bool = False

    def __post_init__(self) -> None:
        selectors = bool(self.label_selector or self.field_selector)
        if self.names and (selectors or self.everything):
            raise InvalidValue("name cannot be provided when a selector is specified")
        if self.everything and selectors:
            raise InvalidValue("setting 'all' parameter but found a non empty selector")
        if self.names and self.all_namespaces:
            raise InvalidValue("a resource cannot be retrieved by name across all namespaces")

    def __bool__(self) -> bool:
        """Whether it selects anything; a bare -A does not."""
        selectors = self.label_selector or self.field_selector
        return bool(self.names or selectors or self.everything)

    @property
    def distinct(self) -> tuple[str, ...]:
        """The names without repetition, in order."""
        return tuple(dict.fromkeys(self.names))

    @property
    def query(self) -> list[tuple[str, str]]:
        """The selectors as parameters of a list or a watch."""
        given = (("labelSelector", self.label_selector), ("fieldSelector", self.field_selector))
        return [(name, text) for name, text in given if text]

    def scope(self, namespace: str) -> str:
        """The namespace to ask, empty for all of them."""
        return "" if self.all_namespaces else namespace


@dataclass(frozen=True)
class Access:
    """Words of a command line: those that choose the ``server``, and those that say as whom.

    They hold no secret. ``namespace`` is the one that the user gave, or empty.
    """

    server: tuple[str, ...] = ()
    user: tuple[str, ...] = ()
    namespace: str = ""

    @property
    def words(self) -> tuple[str, ...]:
        """All of them but the namespace, which belongs to what is asked for."""
        return (*self.server, *self.user)


NO_FLAGS = Access()
"""That of a command which says nothing about its connection."""


@dataclass(frozen=True)
class Resource:
    """One resource of the API, as a URL and a message need it."""

    group: str
    version: str
    plural: str
    kind: str

    @property
    def singular(self) -> str:
        """The lower-case kind, as kubectl prints it: ``virtualmachineclone``."""
        return self.kind.lower()

    @property
    def api_version(self) -> str:
        """``group/version``, or the bare version for the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def qualified(self) -> str:
        """``plural.group``, as messages name the resource: ``virtualmachines.kubevirt.io``."""
        return f"{self.plural}.{self.group}" if self.group else self.plural


@dataclass(frozen=True)
class Lookup:
    """One object that was asked for: there, not there, or not ours to read.

    ``object`` is None when it does not exist; ``unreadable`` says why it could not be read.
    """

    object: Object | None = None
    unreadable: str = ""


@dataclass(frozen=True)
class Listing:
    """Objects of one kind that were asked for; ``unreadable`` as in Lookup."""

    objects: tuple[Object, ...] = ()
    unreadable: str = ""


class ConnectionFlags(NamedTuple):
    """kubectl's connection flags; an empty value means that the flag was not given.

    ``request_timeout`` is in seconds: 0 for no limit, None for our own. A ``verbosity`` above 0
    logs each request.
    """

    kubeconfig: str = ""
    context: str = ""
    cluster: str = ""
    user: str = ""
    namespace: str = ""
    server: str = ""
    token: str = ""
    certificate_authority: str = ""
    client_certificate: str = ""
    client_key: str = ""
    tls_server_name: str = ""
    proxy_url: str = ""
    kuberc: str = ""
    insecure_skip_tls_verify: bool = False
    impersonate_user: str = ""
    impersonate_groups: tuple[str, ...] = ()
    impersonate_uid: str = ""
    impersonate_extra: tuple[tuple[str, str], ...] = ()
    request_timeout: float | None = None
    verbosity: int = 0

    @property
    def access(self) -> Access:
        """The words that reach the same server as the same user, without token and password."""
        cluster = {"--kubeconfig": self.kubeconfig, "--context": self.context}
        cluster |= {"--cluster": self.cluster, "-s": _bare(self.server)}
        cluster |= {"--certificate-authority": self.certificate_authority}
        cluster |= {"--tls-server-name": self.tls_server_name, "--proxy-url": _bare(self.proxy_url)}
        cluster |= {"--kuberc": self.kuberc}
        user = {"--user": self.user, "--client-certificate": self.client_certificate}
        user |= {"--client-key": self.client_key, "--as": self.impersonate_user}
        user |= {"--as-uid": self.impersonate_uid}
        insecure = ("--insecure-skip-tls-verify",) if self.insecure_skip_tls_verify else ()
        groups = [("--as-group", group) for group in self.impersonate_groups]
        groups += [("--as-user-extra", f"{key}={text}") for key, text in self.impersonate_extra]
        return Access(
            (*_words(cluster.items()), *insecure),
            _words([*user.items(), *groups]),
            self.namespace,
        )


def _bare(url: str) -> str:
    """The URL without a user and a password."""
    return re.sub(r"^(\w+://)?[^/]*@", r"\1", url)


def _words(flags: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    return tuple(word for flag, value in flags if value for word in (flag, value))
