"""The kubeconfig's auth-provider: a token that has ended is renewed, and kept where it stood."""

from __future__ import annotations

import json
import secrets
import threading
import urllib.parse
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubectl_virt_clone.kube import oidc
from kubevirt_sandbox.apiserver.access.authorization import EVERYTHING, User
from tests.credentials.conftest import Kvc
from tests.credentials.kit import Kit, b64
from tests.credentials.servers import HOST, Identity, server_tls

NOT_RENEWED = (
    "error: the ID token of the user's auth-provider has expired, and its provider gives no other:"
    " log in again as you did the first time\n"
)


class Provider:
    """An identity provider that takes each refresh token once."""

    def __init__(self, kit: Kit) -> None:
        self.kit = kit
        self.visits = 0
        self.asked: list[dict[str, str]] = []
        self.clients: list[str] = []
        self.knows_headers = True
        self.refresh = self._secret()
        self.given = ""
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.visits += 1
                self.answer(200, {"token_endpoint": f"{provider.url}/token"})

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                asked = dict(urllib.parse.parse_qsl(body))
                provider.clients.append(self.headers["Authorization"] or "")
                self.answer(*provider.renew(asked, self.headers["Authorization"]))

            def answer(self, code: int, body: dict[str, Any]) -> None:
                data = json.dumps(body).encode()
                self.send_response(code)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                """Nothing: what a test prints is searched for secrets."""

        self.server = ThreadingHTTPServer((HOST, 0), Handler)
        tls = server_tls(kit.cluster.authority.server(HOST))
        self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        self.url = f"https://{HOST}:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def renew(self, asked: dict[str, str], client: str | None) -> tuple[int, dict[str, Any]]:
        self.asked.append(asked)
        if client and not self.knows_headers:
            return 401, {"error": "invalid_client"}
        if asked.get("refresh_token") != self.refresh:
            return 400, {"error": "invalid_grant"}
        self.refresh = self._secret()
        claims = b64(json.dumps({"exp": 4102444800})).rstrip("=")
        self.given = f"e30.{claims}.{self._secret()}"
        self.kit.secrets.add(self.given)
        self.kit.cluster.users[self.given] = User("oleg", (EVERYTHING,))
        return 200, {
            "access_token": self._secret(),
            "token_type": "Bearer",
            "id_token": self.given,
            "refresh_token": self.refresh,
        }

    def user(self, **changes: str) -> dict[str, Any]:
        """A user of a kubeconfig whose ID token has ended."""
        config = {
            "client-id": "virt",
            "client-secret": self._secret(),
            "id-token": f"e30.{b64(json.dumps({'exp': 1})).rstrip('=')}.{self._secret()}",
            "idp-certificate-authority-data": "{ca_data}",
            "idp-issuer-url": self.url,
            "refresh-token": self.refresh,
            **changes,
        }
        return {"auth-provider": {"name": "oidc", "config": config}}

    def _secret(self) -> str:
        secret = secrets.token_hex(12)
        self.kit.secrets.add(secret)
        return secret


@pytest.fixture
def provider(kit: Kit) -> Iterator[Provider]:
    provider = Provider(kit)
    yield provider
    provider.server.shutdown()
    provider.server.server_close()


def kept_in(path: Path) -> dict[str, Any]:
    """What the kubeconfig holds of its user's provider."""
    config: dict[str, Any] = yaml.safe_load(path.read_text())["users"][0]["user"]["auth-provider"][
        "config"
    ]
    return config


def test_a_token_that_has_ended_is_renewed_once_and_kept(
    kit: Kit, kvc: Kvc, provider: Provider
) -> None:
    path = kit.config(provider.user(), name="oidc")
    path.chmod(0o640)
    before = yaml.safe_load(path.read_text())

    for _ in range(2):
        answer = kvc("get", "c", "-o=name", "--kubeconfig", path)
        assert (answer.code, answer.err, answer.seen) == (0, "", (Identity("oleg"),))

    assert len(provider.asked) == 1
    renewed = {"id-token": provider.given, "refresh-token": provider.refresh}
    before["users"][0]["user"]["auth-provider"]["config"].update(renewed)
    assert yaml.safe_load(path.read_text()) == before
    assert path.stat().st_mode & 0o777 == 0o640
    assert not list(path.parent.glob(".oidc.*"))


def test_it_is_kept_in_the_file_that_has_the_user(
    kit: Kit, kvc: Kvc, provider: Provider, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = kit.config(provider.user(), name="second")
    first, link = tmp_path / "first", tmp_path / "link"
    first.write_text("kind: Config\n")
    link.symlink_to(path)
    monkeypatch.setenv("KUBECONFIG", f"{first}:{link}")

    answer = kvc("get", "c", "-o=name")

    assert (answer.code, answer.seen) == (0, (Identity("oleg"),))
    assert kept_in(path)["id-token"] == provider.given
    assert (first.read_text(), link.is_symlink()) == ("kind: Config\n", True)


def test_a_refresh_token_that_was_used_before_changes_nothing(
    kit: Kit, kvc: Kvc, provider: Provider
) -> None:
    path = kit.config(provider.user(**{"refresh-token": "used"}), name="oidc")
    before = path.read_bytes()

    answer = kvc("get", "c", "-o=name", "--kubeconfig", path)

    assert (answer.code, answer.out, answer.err) == (1, "", NOT_RENEWED)
    # As kubectl, which asks again with the client's secret in the body.
    assert (len(provider.asked), path.read_bytes()) == (2, before)


def test_the_client_names_itself_in_a_header_or_where_that_is_refused_in_the_body(
    kit: Kit, kvc: Kvc, provider: Provider
) -> None:
    provider.knows_headers = False
    refresh, secret = provider.refresh, "s:e"
    path = kit.config(provider.user(**{"client-secret": secret}), name="oidc")

    answer = kvc("get", "c", "-o=name", "--kubeconfig", path)

    assert (answer.code, answer.err, answer.seen) == (0, "", (Identity("oleg"),))
    grant = {"grant_type": "refresh_token", "refresh_token": refresh}
    assert provider.asked == [grant, {**grant, "client_id": "virt", "client_secret": secret}]
    assert provider.clients == [f"Basic {b64('virt:s%3Ae')}", ""]


@pytest.mark.parametrize("issuer", ["", "http://127.0.0.1:9", "https://127.0.0.1:1"])
def test_a_provider_that_cannot_be_asked_in_secret_is_not(
    kit: Kit, kvc: Kvc, provider: Provider, issuer: str
) -> None:
    path = kit.config(provider.user(**{"idp-issuer-url": issuer}), name="oidc")

    answer = kvc("get", "c", "-o=name", "--kubeconfig", path)

    assert (answer.code, answer.err) == (1, NOT_RENEWED)


def test_a_provider_that_cannot_prove_itself_gets_no_token(
    kit: Kit, kvc: Kvc, provider: Provider
) -> None:
    user = provider.user()
    # Where nothing says whom to trust, that is the system's authorities, and never anybody.
    del user["auth-provider"]["config"]["idp-certificate-authority-data"]

    answer = kvc("get", "c", "-o=name", "--kubeconfig", kit.config(user, name="oidc"))

    assert (answer.code, answer.err) == (1, NOT_RENEWED)
    # Nor is it believed where its tokens are to be had.
    assert (provider.visits, provider.asked) == (0, [])


@pytest.mark.parametrize("authority", ["", None])
def test_an_authority_that_is_empty_is_none(
    kit: Kit, kvc: Kvc, provider: Provider, authority: Any
) -> None:
    user = provider.user(**{"idp-certificate-authority-data": authority})

    answer = kvc("get", "c", "-o=name", "--kubeconfig", kit.config(user, name="oidc"))

    assert (answer.err, provider.visits, provider.asked) == (NOT_RENEWED, 0, [])


def test_no_token_is_renewed_that_could_not_be_kept(
    kit: Kit, kvc: Kvc, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oidc.os, "access", lambda *_: False)  # root may write everything
    path = kit.config(provider.user(), name="oidc")

    answer = kvc("get", "c", "-o=name", "--kubeconfig", path)

    assert (answer.code, provider.asked) == (1, [])
    assert answer.err == (
        "error: the ID token of the user's auth-provider has expired, and a new one can't be saved"
        f" in {path}: permission denied\n"
    )


def test_no_token_is_renewed_while_somebody_else_writes_the_file(
    kit: Kit, kvc: Kvc, provider: Provider
) -> None:
    path = kit.config(provider.user(), name="oidc")
    lock = path.with_name("oidc.lock")
    lock.touch()

    answer = kvc("get", "c", "-o=name", "--kubeconfig", path)

    assert (answer.code, provider.asked, lock.exists()) == (1, [], True)
    assert answer.err.endswith(f"{path}: file exists\n")
    lock.unlink()
