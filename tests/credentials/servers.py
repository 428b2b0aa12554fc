"""API servers over one registry, each with another certificate, and whom they took a client for."""

from __future__ import annotations

import base64
import secrets
import ssl
import tempfile
from collections.abc import Callable
from datetime import timedelta
from email.message import Message
from pathlib import Path
from typing import Any, NamedTuple

from kubevirt_sandbox.apiserver.access.authorization import EVERYTHING, User
from kubevirt_sandbox.apiserver.access.certificates import Authority, Pair
from kubevirt_sandbox.apiserver.server import ApiServer
from kubevirt_sandbox.kubevirt.releases import NEWEST, catalogue_of
from kubevirt_sandbox.storage.registry import Registry

HOST = "127.0.0.1"
NAMED = "cluster.invalid"
"""A name that the servers' certificate has, and no DNS."""
PLURAL = "virtualmachineclones"
CLONES = f"{PLURAL}.clone.kubevirt.io"
CLONE = {
    "apiVersion": "clone.kubevirt.io/v1beta1",
    "kind": "VirtualMachineClone",
    "metadata": {"name": "c", "namespace": "default"},
    "spec": {
        "source": {"apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": "a"},
        "target": {"apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": "b"},
    },
}


class Identity(NamedTuple):
    """Whom a server took a client for."""

    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: tuple[tuple[str, tuple[str, ...]], ...] = ()


class Users(dict[str, User]):
    """The tokens of users who may do everything, and so is each one's right to impersonate."""

    def add(self, name: str) -> str:
        """A new user; returns the token."""
        token = f"token-{secrets.token_hex(12)}"
        self[token] = User(name, (EVERYTHING,))
        return token


class Server(ApiServer):
    """An API server that notes whom it answered; it takes passwords too, as a gateway does."""

    def __init__(self, registry: Registry, users: Users, tls: ssl.SSLContext) -> None:
        super().__init__(registry, users, tls, on_request=self._heard)
        self.passwords: dict[str, str] = {}
        self.seen: list[Identity] = []
        self.refused = 0
        self.on_watch: Callable[[], object] = _nothing
        self.on_refusal: Callable[[], object] = _nothing
        self.start()

    def user_of(self, headers: Message, path: str, peer: Any) -> User:
        scheme, _, value = headers.get("Authorization", "").partition(" ")
        if scheme == "Basic":
            pair = base64.b64decode(value).decode()
            del headers["Authorization"]
            headers["Authorization"] = f"Bearer {self.passwords.get(pair, '')}"
        user = super().user_of(headers, path, peer)
        extra = tuple((key, tuple(values)) for key, values in user.extra.items())
        self.seen.append(Identity(user.name, user.groups, user.uid, extra))
        return user

    def forget(self) -> None:
        """Begins anew, for another test."""
        self.seen.clear()
        self.refused = 0
        self.on_watch = self.on_refusal = _nothing

    def hang_up(self) -> None:
        """Ends every connection."""
        self._server.close_connections()

    def _heard(self, _: str, path: str, code: int) -> None:
        if code == 401:
            self.refused += 1
            self.on_refusal()
        if f"/{PLURAL}?" in path and "watch=true" in path and code == 200:
            self.on_watch()


def _nothing() -> None:
    """What follows from a request, where a test asks for nothing."""


class Cluster:
    """The servers, the authorities behind their certificates, and a clone to ask for."""

    def __init__(self) -> None:
        self.registry = Registry(catalogue=catalogue_of(NEWEST))
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "default"}}
        self.registry.create("namespaces", "", namespace)
        self.registry.create(CLONES, "default", CLONE)
        self.users = Users()
        self.authority, self.stranger = Authority(), Authority("a stranger's CA")
        self.server = self._serve(self.authority.server(HOST, ("localhost", NAMED)))
        self.others = {
            "expired": self._serve(self._ended()),
            "misnamed": self._serve(self.authority.server("10.9.9.9", ("inner.invalid",))),
            "unknown": self._serve(self.stranger.server(HOST)),
        }

    def stop(self) -> None:
        for server in (self.server, *self.others.values()):
            server.stop()

    def label(self, key: str, value: str) -> None:
        """Changes the clone, as a controller would."""
        clone = self.registry.get(CLONES, "default", "c")
        clone["metadata"].setdefault("labels", {})[key] = value
        self.registry.update(CLONES, "default", "c", clone)

    def _ended(self) -> Pair:
        return self.authority.server(HOST, lifetime=timedelta(minutes=-1))

    def _serve(self, pair: Pair) -> Server:
        return Server(self.registry, self.users, server_tls(pair, self.authority))


def server_tls(pair: Pair, clients: Authority | None = None) -> ssl.SSLContext:
    """TLS of a server; takes client certificates of an authority where there is one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pair.pem"
        path.write_bytes(pair.certificate + pair.key)
        context.load_cert_chain(path)
    if clients:
        context.verify_mode = ssl.CERT_OPTIONAL
        context.load_verify_locations(cadata=clients.ca.decode())
    return context
