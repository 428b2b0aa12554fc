"""No secret is written, lies about, or goes to anybody but the server it is for."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from kubectl_virt_clone.kube.auth import credentials_of
from kubectl_virt_clone.kube.kubeconfig import resolve
from kubectl_virt_clone.kube.kuberc import PluginPolicy
from kubectl_virt_clone.objects.resource import ConnectionFlags
from tests.credentials import relays
from tests.credentials.cases import BEHIND, CERTIFICATE, NAMED, TOKEN, plugin
from tests.credentials.conftest import Kvc, Transcript, leaks
from tests.credentials.kit import Kit
from tests.credentials.servers import HOST, server_tls


def test_the_search_for_secrets_finds_one_that_is_written(
    kit: Kit, kvc: Kvc, transcript: Transcript
) -> None:
    token = kit.names["token"]

    kvc("get", token, "-v", "--kubeconfig", kit.config(TOKEN))

    assert leaks("".join(transcript), kit.secrets) == {token}
    assert leaks(f"{token[:9]}\n  {token[9:]}", kit.secrets) == {token}
    transcript.clear()


@pytest.mark.parametrize("level", range(11))
def test_no_level_of_the_log_has_a_secret(kit: Kit, kvc: Kvc, level: int) -> None:
    url = "https://basic-user:{password}@" + NAMED
    proxy = "http://proxy-user:{proxy_password}@127.0.0.1:{gate}"
    path = kit.config(TOKEN, {"server": url, "proxy-url": proxy})

    answer = kvc("describe", "c", f"-v={level}", "--kubeconfig", path)

    assert answer.code == 0, answer.err


@pytest.mark.parametrize("user", [CERTIFICATE, plugin("{gives_cert}")])
def test_no_key_is_left_in_a_file(
    kit: Kit, kvc: Kvc, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, user: dict[str, object]
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    answer = kvc("get", "c", "--kubeconfig", kit.config(user))

    assert (answer.code, list(tmp_path.iterdir())) == (0, [])


def test_a_redirect_is_not_followed(kit: Kit, kvc: Kvc) -> None:
    tls = server_tls(kit.cluster.authority.server(HOST))
    elsewhere = relays.redirect_to(kit.names["url"])
    with relays.listening(elsewhere, tls) as port:
        server = f"https://{HOST}:{port}"
        answer = kvc("get", "c", "--kubeconfig", kit.config(TOKEN, {"server": server}))

    assert (answer.code, answer.seen) == (1, ())
    assert answer.err == f"Unable to connect to the server: {server} sent no JSON object\n"


def test_the_pool_of_connections_does_not_know_the_password_of_its_proxy(kit: Kit) -> None:
    url = "http://proxy-user:{proxy_password}@127.0.0.1:{gate}"
    path = kit.config(TOKEN, {"server": f"https://{NAMED}", "proxy-url": url})
    connection = resolve(ConnectionFlags(kubeconfig=str(path)), {})

    pool = credentials_of(connection, PluginPolicy()).pool

    assert str(pool.proxy) == kit.fill("http://127.0.0.1:{gate}")


def test_a_proxy_sees_no_credentials_of_the_server(kit: Kit, kvc: Kvc) -> None:
    kit.proxy.asked.clear()
    path = kit.config(TOKEN, {"server": f"https://{NAMED}", "proxy-url": BEHIND})

    answer = kvc("get", "c", "--kubeconfig", path)

    assert (answer.code, set(kit.proxy.asked)) == (0, {f"CONNECT {NAMED}:443"})


def test_a_server_that_nobody_vouches_for_gets_no_credentials(kit: Kit, kvc: Kvc) -> None:
    stranger = kit.cluster.others["unknown"]
    stranger.forget()

    answer = kvc("get", "c", "--kubeconfig", kit.config(TOKEN, {"server": "{unknown}"}))

    assert (answer.code, stranger.seen, stranger.refused) == (1, [], 0)


@pytest.mark.parametrize("pair", ["foreign", "ended"])
def test_a_certificate_that_the_server_refuses_ends_in_a_message(
    kit: Kit, kvc: Kvc, pair: str
) -> None:
    user = {
        "client-certificate": "{" + pair + "_cert}",
        "client-key": "{" + pair + "_key}",
    }

    answer = kvc("get", "c", "--kubeconfig", kit.config(user))

    assert (answer.code, answer.out, answer.seen) == (1, "", ())
    assert answer.err.startswith("Unable to connect to the server: ")
    assert answer.err.count("\n") == 1
