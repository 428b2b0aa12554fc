"""What a credential plugin finds in its environment and at its terminal, as kubectl gives it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from kubectl_virt_clone.errors import ConfigError
from kubectl_virt_clone.kube.auth import run_plugin
from kubectl_virt_clone.kube.kuberc import PluginPolicy
from tests.credentials.cases import plugin
from tests.credentials.conftest import Kubectl, Kvc, Transcript
from tests.credentials.kit import V1, V1BETA1, Kit
from tests.credentials.test_cases import NAME, PATH
from tests.tools import needs

pty = pytest.importorskip("pty")

CONFIG = {"name": "client.authentication.k8s.io/exec", "extension": {"audience": "vms"}}
TOLD = {
    "nothing of the cluster": ({}, {}, None),
    "the cluster": (
        {"provideClusterInfo": True},
        {"tls-server-name": "localhost", "extensions": [CONFIG, {"name": "x", "extension": 1}]},
        {
            "server": "{url}",
            "tls-server-name": "localhost",
            "certificate-authority-data": "{ca_data}",
            "config": {"audience": "vms"},
        },
    ),
    "a cluster that is not checked, behind a proxy": (
        {"provideClusterInfo": True},
        {
            "certificate-authority": None,
            "insecure-skip-tls-verify": True,
            "proxy-url": "http://127.0.0.1:{proxy}",
        },
        {
            "server": "{url}",
            "insecure-skip-tls-verify": True,
            "proxy-url": "http://127.0.0.1:{proxy}",
            "config": None,
        },
    ),
}


@pytest.mark.parametrize("what", TOLD)
@pytest.mark.parametrize("version", [V1, V1BETA1])
def test_a_plugin_is_told_what_kubectl_tells_it(
    kit: Kit, kvc: Kvc, kubectl: Kubectl, version: str, what: str
) -> None:
    more, cluster, expected = TOLD[what]
    gives = "{gives_token}" if version == V1 else "{gives_beta}"
    hint = "of the kubeconfig" if expected else "none"
    variable = [{"name": "HINT", "value": hint}] if expected else None
    path = kit.config(plugin(gives, version=version, env=variable, **more), cluster)

    kvc("get", "c", "--kubeconfig", path)
    ours = kit.told
    kubectl("get", "--raw", PATH, "--kubeconfig", path)
    theirs = kit.told

    spec = {"interactive": False, **({"cluster": kit.fill(expected)} if expected else {})}
    asked = {"kind": "ExecCredential", "apiVersion": version, "spec": spec}
    assert [_told(line) for line in ours] == [(asked, hint)]
    assert {json.dumps(_told(line), sort_keys=True) for line in theirs} == {
        json.dumps((asked, hint), sort_keys=True)
    }


def _told(line: str) -> tuple[Any, str]:
    """What the plugin was told, and its other variable."""
    decoder = json.JSONDecoder()
    asked, end = decoder.raw_decode(line)
    return asked, line[end:].strip()


def test_a_ca_that_has_gone_when_a_plugin_is_to_be_told_of_it_is_named(kit: Kit) -> None:
    described = kit.fill(plugin("{gives_token}", provideClusterInfo=True)["exec"])

    cluster = {"server": "https://a", "certificate-authority": "/no/ca"}

    with pytest.raises(ConfigError) as failed:
        run_plugin(described, cluster, PluginPolicy())

    assert str(failed.value) == (
        "error: unable to read certificate-authority /no/ca: no such file or directory"
    )


def test_what_a_plugin_says_is_the_users_to_see(kit: Kit, kvc: Kvc, transcript: Transcript) -> None:
    kvc("get", "c", "--kubeconfig", kit.config(plugin("{gives_token}")))

    assert "the plugin speaks\n" in "".join(transcript)


@pytest.mark.parametrize("program", ["ours", pytest.param("kubectl", marks=needs("kubectl"))])
@pytest.mark.parametrize("mode", ["IfAvailable", "Always"])
def test_a_plugin_may_ask_at_the_terminal(
    kit: Kit, transcript: Transcript, program: str, mode: str
) -> None:
    path = kit.config(plugin(command="{asking}", interactiveMode=mode, args=None))
    if program == "ours":
        command = [sys.executable, "-m", "kubectl_virt_clone", "get", "c", "-o=name"]
    else:
        command = ["kubectl", "get", "--raw", PATH]
    ours, terminal = pty.openpty()
    try:
        # Twice, for a kubectl that asks for the server's version first.
        os.write(ours, f"{kit.names['gives_token']}\n".encode() * 2)
        done = subprocess.run(
            [*command, "--kubeconfig", str(path)],
            stdin=terminal,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    finally:
        os.close(ours)
        os.close(terminal)

    transcript += [done.stdout, done.stderr]
    assert (done.returncode, done.stderr) == (0, "")
    assert (done.stdout == NAME) == (program == "ours")


def test_a_plugin_that_never_asks_finds_no_terminal(kit: Kit, transcript: Transcript) -> None:
    path = kit.config(plugin(command="{asking}", args=None))
    ours, terminal = pty.openpty()
    try:
        done = subprocess.run(
            [sys.executable, "-m", "kubectl_virt_clone", "get", "--kubeconfig", str(path)],
            stdin=terminal,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    finally:
        os.close(ours)
        os.close(terminal)

    transcript += [done.stdout, done.stderr]
    assert done.returncode == 1
    assert "exec: executable" in done.stderr
