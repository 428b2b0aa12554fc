"""Everything that a kubeconfig of the tests may name: files, tokens, passwords, plugins."""

from __future__ import annotations

import base64
import json
import secrets
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from kubevirt_sandbox.apiserver.access.authorization import EVERYTHING, User
from tests.credentials import relays
from tests.credentials.servers import HOST, Cluster, server_tls

V1, V1BETA1 = (f"client.authentication.k8s.io/{version}" for version in ("v1", "v1beta1"))
# Prints a file; writes down what it was told, and how often it ran; fails where it is told to.
PLUGIN = """#!/bin/sh
printf '%s %s\\036' "$KUBERNETES_EXEC_INFO" "$HINT" >> "$0.log"
echo "the plugin speaks" >&2
sleep "${3:-0}"
cat "$1"
exit "${2:-0}"
"""
# Asks at the terminal which file to print.
ASKING = """#!/bin/sh
read -r answer
cat "$answer"
"""


def b64(data: bytes | str) -> str:
    return base64.b64encode(data if isinstance(data, bytes) else data.encode()).decode()


class Kit:
    """Files and names for kubeconfigs, over the servers of a cluster and what stands before it."""

    def __init__(self, cluster: Cluster, folder: Path, stack: ExitStack) -> None:
        self.cluster = cluster
        self.folder = folder
        self.secrets: set[str] = set()
        self.proxy = relays.Proxy(cluster.server.port)
        password = f"proxy-user:{self._secret('proxy')}"
        self.gate = relays.Proxy(cluster.server.port, password)
        self.socks = relays.Socks(cluster.server.port)
        self.socks_gate = relays.Socks(cluster.server.port, password)
        self.names: dict[str, str] = {"folder": str(folder), "python": sys.executable}
        self._people()
        self._certificates()
        self._plugins()
        self._servers(stack)

    def fill(self, value: Any) -> Any:
        """The value with names in braces replaced, however deep they are."""
        if isinstance(value, str):
            return value.format_map(self.names)
        if isinstance(value, Mapping):
            return {key: self.fill(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.fill(item) for item in value]
        return value

    def config(self, user: Any, cluster: Any = None, *, name: str = "config") -> Path:
        """A kubeconfig with one context; a key of the cluster that is None is left out."""
        entry = {"server": "{url}", "certificate-authority": "{ca}", **(cluster or {})}
        entry = {key: value for key, value in entry.items() if value is not None}
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "c", "cluster": self.fill(entry)}],
            "users": [{"name": "u", "user": self.fill(user)}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "x",
        }
        path = self.folder / name
        written = path.with_suffix(".new")
        written.write_text(yaml.safe_dump(document))
        return written.replace(path)

    def file(self, name: str, content: bytes | str) -> Path:
        """A file in the folder, known by its name up to the dot; replaced in one step."""
        path, written = self.folder / name, self.folder / f"{name}.new"
        written.write_bytes(content if isinstance(content, bytes) else content.encode())
        self.names[name.partition(".")[0]] = str(path)
        return written.replace(path)

    def token(self, user: str = "tom") -> str:
        """A new token of a user."""
        token = self.cluster.users.add(user)
        self.secrets.add(token)
        return token

    def granted(self, *, version: str = V1, **status: Any) -> str:
        """What a plugin prints."""
        return json.dumps({"apiVersion": version, "kind": "ExecCredential", "status": status})

    @property
    def told(self) -> list[str]:
        """What the plugin was told by each of its runs, since this was last asked."""
        log = self.folder / "plugin.log"
        lines = log.read_text().split("\x1e")[:-1] if log.exists() else []
        log.unlink(missing_ok=True)
        return lines

    def _secret(self, kind: str) -> str:
        secret = f"secret-{kind}-{secrets.token_hex(8)}"
        self.secrets.add(secret)
        self.secrets.add(b64(f"{kind}-user:{secret}"))
        return secret

    def _people(self) -> None:
        self.names["token"] = self.token()
        self.names["password"] = password = self._secret("basic")
        self.names["proxy_password"] = next(s for s in self.secrets if s.startswith("secret-proxy"))
        self.names["wrong"] = self._secret("wrong")
        claims = b64(json.dumps({"exp": 4102444800})).rstrip("=")
        self.names["id_token"] = id_token = f"e30.{claims}.{secrets.token_hex(12)}"
        self.cluster.users[id_token] = User("olga", (EVERYTHING,))
        self.secrets.add(id_token)
        token = self.token("bess")
        self.cluster.server.passwords[f"basic-user:{password}"] = token
        for name in ("carl", "jane", "jörg"):
            self.cluster.users[secrets.token_hex(8)] = User(name, (EVERYTHING,))
        self.file("tokenfile", f"{self.names['token']}\n")
        self.file("wrongfile", self.names["wrong"])
        self.file("empty", "")

    def _certificates(self) -> None:
        authority = self.cluster.authority
        self.file("ca.crt", authority.ca)
        self.file("bundle.crt", b"# T\xc3\xbcrk\n" + self.cluster.stranger.ca + authority.ca)
        self.file("stranger.crt", self.cluster.stranger.ca)
        self.file("leaf.crt", authority.client("nobody").certificate)
        self.names["ca_data"] = b64(authority.ca)
        pairs = {
            "client": authority.client("carl", ("dev", "ops")),
            "ended": authority.client("carl", lifetime=timedelta(minutes=-1)),
            "foreign": self.cluster.stranger.client("carl"),
        }
        for name, pair in pairs.items():
            self.file(f"{name}_cert.crt", pair.certificate)
            self.file(f"{name}_key.key", pair.key)
            self.names |= {
                f"{name}_cert_data": b64(pair.certificate),
                f"{name}_key_data": b64(pair.key),
            }
            body = pair.key.decode().splitlines()[1]
            self.secrets |= {b64(pair.key), body}
        key = load_pem_private_key(pairs["client"].key, None)
        locked = key.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"locked")
        )
        self.file("locked_key.key", locked)
        self.secrets.add(locked.decode().splitlines()[1])

    def _plugins(self) -> None:
        for name, text in (("plugin", PLUGIN), ("asking", ASKING), ("broken", "\0")):
            self.file(name, text).chmod(0o700)
        client = self.cluster.authority.client("carl", ("dev",))
        token = self.token("pat")
        self.secrets.add(client.key.decode().splitlines()[1])
        pem = {
            "clientCertificateData": client.certificate.decode(),
            "clientKeyData": client.key.decode(),
        }
        for name, text in {
            "gives_token": self.granted(token=token),
            "gives_beta": self.granted(token=token, version=V1BETA1),
            "gives_cert": self.granted(**pem),
            "gives_half": self.granted(clientKeyData=pem["clientKeyData"]),
            "gives_nothing": self.granted(),
            "gives_empty": self.granted(expirationTimestamp="2030-01-01T00:00:00Z"),
            "gives_text": f"token: {token}",
            "gives_list": f'["{token}"]',
        }.items():
            self.file(f"{name}.json", text)

    def _servers(self, stack: ExitStack) -> None:
        authority = self.cluster.authority
        self.names |= {"port": str(self.cluster.server.port), "closed": str(_closed_port())}
        self.names["url"] = f"https://{HOST}:{self.cluster.server.port}"
        for name, server in self.cluster.others.items():
            self.names[name] = f"https://{HOST}:{server.port}"
        proxy_tls = server_tls(authority.server(HOST))
        for name, serve, tls in (
            ("plain", relays.plain_to(self.cluster.server.port), None),
            ("rude", relays.hang_up, None),
            ("silent", relays.stay_silent, None),
            ("elsewhere", relays.redirect_to(self.names["url"]), None),
            ("proxy", self.proxy.serve, None),
            ("gate", self.gate.serve, None),
            ("tls_proxy", self.proxy.serve, proxy_tls),
            ("socks", self.socks.serve, None),
            ("socks_gate", self.socks_gate.serve, None),
        ):
            self.names[name] = str(stack.enter_context(relays.listening(serve, tls)))


def _closed_port() -> int:
    import socket

    with socket.create_server((HOST, 0)) as listener:
        return int(listener.getsockname()[1])
