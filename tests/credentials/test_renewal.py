"""Credentials that end in the midst of a wait are read anew, and the wait goes on."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kubectl_virt_clone.kube import kubeconfig
from kubectl_virt_clone.kube.transport import Session
from kubectl_virt_clone.objects.resource import ConnectionFlags
from tests.credentials.cases import BEHIND, CARL, EVERYBODY, plugin
from tests.credentials.conftest import Answer, Kvc
from tests.credentials.kit import Kit
from tests.credentials.servers import HOST, NAMED, Identity

LONG_AGO = "2020-01-01T00:00:00Z"
MET = "virtualmachineclone.clone.kubevirt.io/c condition met\n"

Waits = Callable[..., Answer]


@pytest.fixture
def waits(kit: Kit, kvc: Kvc) -> Waits:
    """Waits for a label, which comes when ``change`` was called and the watch was opened again."""
    server, numbers = kit.cluster.server, itertools.count()
    done = f"yes-{next(LABELS)}"

    def call(path: Path | None, change: Callable[[], object]) -> Answer:
        def opened() -> None:
            if next(numbers) == 0:
                change()
                server.hang_up()
            else:
                kit.cluster.label("done", done)

        server.on_watch = opened
        flags = ["--kubeconfig", path] if path else []
        goal = f"--for=jsonpath={{.metadata.labels.done}}={done}"
        return kvc("wait", "c", goal, "--timeout=20s", *flags)

    return call


LABELS = itertools.count()


def test_a_token_file_that_is_replaced(kit: Kit, waits: Waits) -> None:
    token = kit.token("rita")
    path = kit.config({"tokenFile": str(kit.file("rotating", token))})

    def rotate() -> None:
        kit.file("rotating", kit.token("rose"))
        del kit.cluster.users[token]

    answer = waits(path, rotate)

    assert (answer.code, answer.out, answer.err) == (0, MET, "")
    assert answer.seen == (Identity("rita"), Identity("rose"))
    assert kit.cluster.server.refused == 1


def test_a_token_file_that_is_missing_for_a_moment(kit: Kit, waits: Waits) -> None:
    token = kit.token("rita")
    file = kit.file("rotating", token)
    path = kit.config({"tokenFile": str(file)})
    server = kit.cluster.server

    def rotate() -> None:
        file.unlink()
        del kit.cluster.users[token]

    def refused() -> None:
        if server.refused == 2:
            kit.file("rotating", kit.token("rose"))

    server.on_refusal = refused
    answer = waits(path, rotate)

    assert (answer.code, answer.out, answer.err) == (0, MET, "")
    assert answer.seen == (Identity("rita"), Identity("rose"))


def test_the_token_of_a_pods_account(
    kit: Kit, waits: Waits, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    token = kit.token("pod-a")
    (tmp_path / "token").write_text(token)
    (tmp_path / "ca.crt").write_bytes(kit.cluster.authority.ca)
    (tmp_path / "namespace").write_text("default\n")
    monkeypatch.setattr(kubeconfig, "SERVICE_ACCOUNT", tmp_path)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", HOST)
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", kit.names["port"])

    def rotate() -> None:
        (tmp_path / "token").write_text(kit.token("pod-b"))
        del kit.cluster.users[token]

    answer = waits(None, rotate)

    assert (answer.code, answer.out, answer.err) == (0, MET, "")
    assert answer.seen == (Identity("pod-a"), Identity("pod-b"))


def test_a_token_of_the_kubeconfig(kit: Kit, waits: Waits) -> None:
    token = kit.token("rita")
    path = kit.config({"token": token}, name="rewritten")

    def rotate() -> None:
        kit.config({"token": kit.token("rose")}, name="rewritten")
        del kit.cluster.users[token]

    answer = waits(path, rotate)

    assert (answer.code, answer.out, answer.err) == (0, MET, "")
    assert answer.seen == (Identity("rita"), Identity("rose"))


def test_neither_another_server_nor_its_credentials_come_into_a_wait(
    kit: Kit, waits: Waits
) -> None:
    kit.proxy.asked.clear()
    token = kit.token("rita")
    path = kit.config({"token": token}, name="rewritten")

    def rotate() -> None:
        elsewhere = {"server": f"https://{NAMED}", "proxy-url": BEHIND}
        kit.config({"token": kit.token("rose")}, elsewhere, name="rewritten")
        del kit.cluster.users[token]

    answer = waits(path, rotate)

    assert (answer.code, answer.err) == (
        1,
        "error: You must be logged in to the server (Unauthorized)\n",
    )
    assert kit.proxy.asked == []
    assert answer.seen == (Identity("rita"),)


def test_a_plugins_token_that_is_refused(kit: Kit, waits: Waits) -> None:
    token = kit.token("rita")
    path = kit.config(plugin(str(kit.file("changing.json", kit.granted(token=token)))))

    def rotate() -> None:
        kit.file("changing.json", kit.granted(token=kit.token("rose")))
        del kit.cluster.users[token]

    answer = waits(path, rotate)

    assert (answer.code, answer.out, answer.err) == (0, MET, "")
    assert answer.seen == (Identity("rita"), Identity("rose"))
    assert len(kit.told) == 2


def test_a_plugin_that_fails_at_first(kit: Kit, waits: Waits) -> None:
    token = kit.token("rita")
    file = kit.file("changing.json", kit.granted(token=token))
    path = kit.config(plugin(str(file)))
    server = kit.cluster.server

    def rotate() -> None:
        kit.file("changing.json", "")
        del kit.cluster.users[token]

    def refused() -> None:
        if server.refused == 2:
            kit.file("changing.json", kit.granted(token=kit.token("rose")))

    server.on_refusal = refused
    answer = waits(path, rotate)

    assert (answer.code, answer.out, answer.err) == (0, MET, "")
    assert answer.seen == (Identity("rita"), Identity("rose"))


def test_a_plugins_credentials_are_renewed_at_their_time_before_a_server_refuses_them(
    kit: Kit, kvc: Kvc
) -> None:
    granted = kit.granted(token=kit.token("rita"), expirationTimestamp=LONG_AGO)
    path = kit.config(plugin(str(kit.file("ended.json", granted))))

    answer = kvc("get", "c", "-o=name", "--kubeconfig", path)

    # At the start, and before each of the two requests.
    assert (answer.code, kit.cluster.server.refused, len(kit.told)) == (0, 0, 3)


def test_a_plugins_certificate_that_ends(kit: Kit, waits: Waits) -> None:
    def certified(user: str, *groups: str) -> str:
        pair = kit.cluster.authority.client(user, groups)
        kit.secrets.add(pair.key.decode().splitlines()[1])
        return kit.granted(
            clientCertificateData=pair.certificate.decode(),
            clientKeyData=pair.key.decode(),
            expirationTimestamp=LONG_AGO,
        )

    path = kit.config(plugin(str(kit.file("ending.json", certified("carl", "dev", "ops")))))

    answer = waits(path, lambda: kit.file("ending.json", certified("jane")))

    assert (answer.code, answer.out, answer.err) == (0, MET, "")
    assert answer.seen == (CARL, Identity("jane", (EVERYBODY,)))


def test_many_requests_that_are_refused_at_once_run_the_plugin_once(kit: Kit) -> None:
    token = kit.token("rita")
    path = kit.config(plugin(str(kit.file("changing.json", kit.granted(token=token)))))
    session = Session(ConnectionFlags(kubeconfig=str(path)), log=print, warn=print)
    kit.file("changing.json", kit.granted(token=kit.token("rose")))
    del kit.cluster.users[token]
    together = threading.Barrier(8)
    found: list[Any] = []

    def ask() -> None:
        together.wait(10)
        found.append(session.request("GET", "/version")["major"])

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert found == ["1"] * 8
    assert len(kit.told) == 2


@pytest.mark.parametrize("user", [{"token": "{wrong}"}, plugin("{gives_wrong}")])
def test_what_stays_wrong_is_tried_once_more_and_no_more(kit: Kit, kvc: Kvc, user: Any) -> None:
    kit.file("gives_wrong.json", kit.granted(token=kit.names["wrong"]))

    answer = kvc("get", "c", "--kubeconfig", kit.config(user))

    assert (answer.code, kit.cluster.server.refused) == (1, 2)
