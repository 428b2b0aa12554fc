"""The smallest client of the Kubernetes API: requests and answers as they are on the wire."""

from __future__ import annotations

import base64
import contextlib
import json
import ssl
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any

import yaml

Obj = dict[str, Any]

CLONES = "/apis/clone.kubevirt.io/v1beta1"
SNAPSHOTS = "/apis/snapshot.kubevirt.io/v1beta1"
MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
PATIENCE = 30.0


@dataclass(frozen=True)
class Answer:
    """One response; ``body`` is its JSON, or its text when it is none."""

    code: int
    headers: Message
    body: Any

    @property
    def warnings(self) -> list[str]:
        return self.headers.get_all("Warning") or []


class Api:
    """A cluster as one user sees it; ``token`` replaces the kubeconfig's credentials.

    A kubeconfig has to hold a token or a client certificate: nothing is executed here.
    """

    def __init__(self, kubeconfig: Path, token: str | None = None) -> None:
        config = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))
        context = _named(config["contexts"], config["current-context"])["context"]
        cluster = _named(config["clusters"], context["cluster"])["cluster"]
        user = _named(config["users"], context["user"])["user"]
        self.host = cluster["server"].rstrip("/")
        self._kubeconfig = kubeconfig
        authority = _pem(kubeconfig, cluster, "certificate-authority")
        self._context = ssl.create_default_context(cadata=authority.decode() or None)
        if cluster.get("insecure-skip-tls-verify"):
            self._context.check_hostname = False
            self._context.verify_mode = ssl.CERT_NONE
        bearer = user.get("token") if token is None else token
        self._headers = {} if bearer is None else {"Authorization": f"Bearer {bearer}"}
        certificate = _pem(kubeconfig, user, "client-certificate") if token is None else b""
        if certificate:
            self._show(certificate, _pem(kubeconfig, user, "client-key"))
        if not self._headers and not certificate:
            raise ValueError(f"{kubeconfig} holds neither a token nor a client certificate")

    def _show(self, certificate: bytes, key: bytes) -> None:
        # ssl reads certificates of its own from files only.
        with tempfile.TemporaryDirectory() as folder:
            pair = Path(folder, "pair.pem")
            pair.write_bytes(certificate + b"\n" + key)
            self._context.load_cert_chain(pair)

    def with_token(self, token: str) -> Api:
        """The same cluster for the holder of another token."""
        return Api(self._kubeconfig, token)

    def request(
        self, method: str, path: str, body: Any = None, headers: Obj | None = None, **query: Any
    ) -> Answer:
        """One request; ``body`` is JSON or bytes, the rest goes into the query."""
        try:
            with self._open(method, path, body, headers, query) as response:
                return _answer(response.status, response.headers, response.read())
        except urllib.error.HTTPError as error:
            with error:
                return _answer(error.code, error.headers, error.read())

    def get(self, path: str, accept: str = "application/json", **query: Any) -> Answer:
        return self.request("GET", path, headers={"Accept": accept}, **query)

    def post(self, path: str, body: Any, **query: Any) -> Answer:
        return self.request("POST", path, body, **query)

    def put(self, path: str, body: Any, **query: Any) -> Answer:
        return self.request("PUT", path, body, **query)

    def patch(self, path: str, body: Any, kind: str = MERGE_PATCH, **query: Any) -> Answer:
        return self.request("PATCH", path, body, {"Content-Type": kind}, **query)

    def delete(self, path: str, options: Obj | None = None, **query: Any) -> Answer:
        return self.request("DELETE", path, options, **query)

    @contextlib.contextmanager
    def watch(
        self, path: str, accept: str = "application/json", **query: Any
    ) -> Iterator[Iterator[Obj]]:
        """The events of a watch, as long as the block lasts or the server sends them."""
        query = {"watch": "true", "timeoutSeconds": 20, **query}
        with self._open("GET", path, None, {"Accept": accept}, query) as response:
            yield (json.loads(line) for line in response)

    def _open(self, method: str, path: str, body: Any, headers: Obj | None, query: Obj) -> Any:
        url = self.host + path
        if query:
            url += "?" + urllib.parse.urlencode(query)
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        sent = {"Content-Type": "application/json", **self._headers, **(headers or {})}
        request = urllib.request.Request(url, data, sent, method=method)
        return urllib.request.urlopen(request, timeout=PATIENCE, context=self._context)


def _named(items: list[Obj], name: str) -> Obj:
    return next(item for item in items if item["name"] == name)


def _pem(kubeconfig: Path, section: Obj, key: str) -> bytes:
    """What a kubeconfig holds, or names as a file; empty when it does neither."""
    if f"{key}-data" in section:
        return base64.b64decode(section[f"{key}-data"])
    return (kubeconfig.parent / section[key]).read_bytes() if key in section else b""


def _answer(code: int, headers: Message, raw: bytes) -> Answer:
    is_json = bool(raw) and headers.get("Content-Type", "").startswith("application/json")
    return Answer(code, headers, json.loads(raw) if is_json else raw.decode())
