"""What no connection can be made of is refused in one line, as kubectl refuses it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.credentials.cases import PAT, TOKEN, TOM, plugin
from tests.credentials.conftest import Kubectl, Kvc
from tests.credentials.kit import Kit

NO_PEM = "error: the certificate-authority of the cluster is not PEM\n"
NO_PROXY_HOST = "error: the URL of the proxy has an invalid host\n"
BOTH = "certificate-authority-data and certificate-authority are both specified"
COMBINED = "authProvider cannot be provided in combination with an exec plugin for u"


@pytest.mark.parametrize(
    ("user", "cluster", "error"),
    [
        (TOKEN, {"certificate-authority": "{empty}"}, NO_PEM),
        (
            TOKEN,
            {"certificate-authority": None, "certificate-authority-data": "w7w="},
            NO_PEM,
        ),
        (TOKEN, {"certificate-authority-data": "{ca_data}"}, f"error: {BOTH}\n"),
        (
            {
                "client-certificate": "{client_cert}",
                "client-certificate-data": "{client_cert_data}",
                "client-key": "{client_key}",
            },
            {},
            "error: client-certificate-data and client-certificate are both specified\n",
        ),
        (TOKEN, {"proxy-url": "http://ü ü:1"}, NO_PROXY_HOST),
        (
            TOKEN,
            {"certificate-authority": "a\0b"},
            "error: unable to read certificate-authority {folder}/a\\x00b: embedded null byte\n",
        ),
        (
            {"tokenFile": "a\0b"},
            {},
            "error: unable to read tokenFile {folder}/a\\x00b: embedded null byte\n",
        ),
        (
            {**plugin("{gives_token}"), "auth-provider": {"name": "oidc"}},
            {},
            f"error: {COMBINED}\n",
        ),
    ],
)
def test_it_is_refused_in_one_line(
    kit: Kit, kvc: Kvc, kubectl: Kubectl, user: Any, cluster: Any, error: str
) -> None:
    path = kit.config(user, cluster, name="refused")

    answer = kvc("get", "c", "-o=name", "--kubeconfig", path)

    assert (answer.code, answer.out, answer.err) == (1, "", kit.fill(error))
    assert kubectl("get", "vmclone", "c", "--kubeconfig", path).code != 0


def test_two_entries_of_one_name_are_refused(kit: Kit, kvc: Kvc, kubectl: Kubectl) -> None:
    path = kit.config(TOKEN, name="twice")
    document = yaml.safe_load(path.read_text())
    document["users"] *= 2
    path.write_text(yaml.safe_dump(document))

    answer = kvc("get", "c", "-o=name", "--kubeconfig", path)

    said = f'error: error loading config file "{path}": duplicate name "u" in users\n'
    assert (answer.code, answer.err) == (1, said)
    assert kubectl("get", "vmclone", "c", "--kubeconfig", path).code == 1


@pytest.mark.parametrize(
    ("user", "cluster", "seen"),
    [
        (TOKEN, {"server": "{url}/?x=1#y"}, TOM),
        (plugin("{gives_token}", env=[{"name": "HINT", "value": None}]), {}, PAT),
    ],
)
def test_what_is_odd_but_clear_works(
    kit: Kit, kvc: Kvc, user: Any, cluster: Any, seen: object
) -> None:
    answer = kvc("get", "c", "-o=name", "--kubeconfig", kit.config(user, cluster, name="odd"))

    assert (answer.code, answer.seen) == (0, (seen,)), answer.err


def test_a_server_that_is_null_is_the_one_of_no_kubeconfig(
    kit: Kit, kvc: Kvc, tmp_path: Path
) -> None:
    path = tmp_path / "config"
    document = yaml.safe_load(kit.config(TOKEN, name="null").read_text())
    document["clusters"][0]["cluster"] = {"server": None}
    path.write_text(yaml.safe_dump(document))

    answer = kvc("get", "c", "-o=name", "--kubeconfig", path)

    assert answer.code == 1
    assert answer.err.startswith("The connection to the server localhost:8080 was refused")
