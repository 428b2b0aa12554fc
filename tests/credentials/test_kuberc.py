"""Which plugins the policy of a kuberc lets run: ours, and every kubectl that is here, alike."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from kubectl_virt_clone.errors import ConfigError
from kubectl_virt_clone.kube.kuberc import PluginPolicy, plugin_policy
from kubectl_virt_clone.objects.resource import ConnectionFlags
from tests.kubectl.conftest import is_recent
from tests.planes import Plane
from tests.tools import path_of

OURS = (sys.executable, "-m", "kubectl_virt_clone", "get", "-o", "name")
THEIRS = ("get", "vmclone", "-o", "name")
HEAD = "apiVersion: kubectl.config.k8s.io/v1beta1\nkind: Preference\n"
RUNS = ""
FAULT = "error occurred while applying preferences "
DENIED = 'plugin "{command}" not allowed: policy set to "DenyAll"'
UNLISTED = 'plugin path "{program}" is not permitted by the credential plugin allowlist'
UNLISTED_LINK = UNLISTED.replace("{program}", "{folder}/link")
UNSPECIFIED = f'{FAULT}credential plugin policy set to "Allowlist", but allowlist is unspecified'
NON_NIL = "misconfigured credential plugin allowlist: plugin policy is {} but allowlist is non-nil"
EMPTY = f"{FAULT}misconfigured credential plugin allowlist: empty allowlist entry"


def policy(name: str, allowed: str = "") -> str:
    listed = f"credentialPluginAllowlist: {allowed}\n" if allowed else ""
    return f"{HEAD}credentialPluginPolicy: {name}\n{listed}"


class Case(NamedTuple):
    """A kuberc, the plugin that a kubeconfig asks for, and what it says instead of running it."""

    kuberc: str
    said: str = RUNS
    command: str = "{folder}/plugin"


# Each as kubectl 1.36.4 and 1.37.1 answer.
CASES = (
    Case(policy("AllowAll")),
    Case(policy("''")),
    Case(policy("null")),
    Case(policy("DenyAll"), DENIED),
    Case(policy("DenyAll"), DENIED, "plugin"),
    Case(policy("DenyAll"), DENIED, "nosuch"),
    Case(policy("denyall"), f'{FAULT}unknown plugin policy: "denyall"'),
    Case(policy("Allowlist"), UNSPECIFIED),
    Case(policy("Allowlist", "null"), UNSPECIFIED),
    Case(policy("Allowlist", "[]"), f"{UNSPECIFIED[:-11]}empty; use"),
    Case(policy("Allowlist", "[{name: '{folder}/plugin'}]")),
    Case(policy("Allowlist", "[{name: '{folder}/plugin'}]"), command="plugin"),
    Case(policy("Allowlist", "[{name: nosuch}, {name: plugin}]")),
    Case(policy("Allowlist", "[{name: plugin}]"), command="plugin"),
    Case(policy("Allowlist", "[{command: plugin}]")),
    Case(policy("Allowlist", "[{command: plugin, name: plugin}]")),
    Case(policy("Allowlist", "[{name: other}]"), UNLISTED, "plugin"),
    Case(policy("Allowlist", "[{name: '*'}, {name: '{folder}/*'}]"), UNLISTED),
    Case(policy("Allowlist", "[{name: link}]"), UNLISTED),
    Case(policy("Allowlist", "[{name: plugin}]"), UNLISTED_LINK, "link"),
    Case(policy("Allowlist", "[{name: ' plugin'}]"), UNLISTED),
    Case(policy("Allowlist", "[{name: ./plugin}]"), f'{FAULT}non-normalized file path: "./plugin"'),
    Case(policy("Allowlist", "[{name: nosuch}]"), "exec: executable nosuch not found", "nosuch"),
    Case(policy("Allowlist", "[{}]"), f"{EMPTY} #1"),
    Case(policy("Allowlist", "[{name: plugin}, null]"), f"{EMPTY} #2"),
    Case(policy("''", "[]"), FAULT + NON_NIL.format('""')),
    Case(policy("AllowAll", "[]"), FAULT + NON_NIL.format('"AllowAll"')),
    Case(policy("DenyAll", "[{name: plugin}]"), FAULT + NON_NIL.format('"DenyAll"')),
    Case(f"{policy('DenyAll')}---\n{policy('AllowAll')}", DENIED),
    Case(f"# nothing\n---\n{policy('DenyAll')}", DENIED),
    Case(f"apiVersion: v1\nkind: Other\n---\n{policy('DenyAll')}", DENIED),
    Case(f"{policy('DenyAll')}nosuch: 1\n", DENIED),
    Case(json.dumps(yaml.safe_load(policy("DenyAll"))), DENIED),
    Case(f"\ufeff{policy('DenyAll')}", DENIED),
    Case(""),
)


@pytest.fixture(scope="module")
def plane() -> Iterator[Plane]:
    with Plane(seeds=["kubevirt"]) as plane:
        yield plane


def prepared(plane: Plane, folder: Path, case: Case) -> dict[str, str]:
    """A home with the kuberc and a kubeconfig whose user has the plugin; its environment."""
    plugin = folder / "plugin"
    granted = {"kind": "ExecCredential", "status": {"token": plane.token}}
    granted["apiVersion"] = "client.authentication.k8s.io/v1"
    plugin.write_text(f"#!/bin/sh\ntouch '{folder}/ran'\necho '{json.dumps(granted)}'\n")
    plugin.chmod(0o755)
    (folder / "link").symlink_to(plugin)
    (folder / ".kube").mkdir()
    (folder / ".kube" / "kuberc").write_text(filled(case.kuberc, folder), encoding="utf-8")
    config = yaml.safe_load(plane.kubeconfig.read_text())
    config["users"][0]["user"] = {
        "exec": {
            "apiVersion": granted["apiVersion"],
            "command": filled(case.command, folder),
            "interactiveMode": "Never",
        }
    }
    (folder / "config").write_text(json.dumps(config))
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "HOME": str(folder), "KUBECONFIG": str(folder / "config"), "PATH": path}


def filled(text: str, folder: Path) -> str:
    values = {"{folder}": str(folder), "{program}": str(folder / "plugin")}
    for place, value in values.items():
        text = text.replace(place, value)
    return text


def outcome(
    command: tuple[str, ...], folder: Path, environment: dict[str, str]
) -> tuple[int, bool, str]:
    """The exit code, whether the plugin ran, and what was said."""
    (folder / "ran").unlink(missing_ok=True)
    done = subprocess.run(
        command,
        env=environment,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=60,
    )
    return done.returncode, (folder / "ran").exists(), done.stdout


def kubectls() -> list[str]:
    """That of the extra "dev", or on the PATH; and those of MORE_KUBECTLS, such as an older one."""
    first = path_of("kubectl")
    more = os.environ.get("MORE_KUBECTLS", "").split(os.pathsep)
    return [path for path in (first, *more) if path and is_recent(path)]


@pytest.mark.parametrize("case", CASES, ids=range(len(CASES)))
def test_a_plugin_runs_or_is_refused(
    case: Case, tmp_path: Path, plane: Plane, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = prepared(plane, tmp_path, case)
    command = filled(case.command, tmp_path)
    said = filled(case.said, tmp_path).replace("{command}", command)
    program = {"nosuch": None, "plugin": str(tmp_path / "plugin"), "link": str(tmp_path / "link")}

    try:
        found = plugin_policy(ConnectionFlags(), environment, pytest.fail)
        monkeypatch.setenv("PATH", environment["PATH"])
        refused = found.refusal(command, program.get(command, command))
    except ConfigError as error:
        refused = str(error.args[0])

    if said.startswith("exec: "):
        assert refused == ""  # it is not there, which is said where it is run
    else:
        assert refused.startswith(said) if said else refused == ""


@pytest.mark.needs("kubectl")
@pytest.mark.parametrize("case", CASES, ids=range(len(CASES)))
def test_every_kubectl_answers_so(case: Case, tmp_path: Path, plane: Plane) -> None:
    environment = prepared(plane, tmp_path, case)
    said = filled(case.said, tmp_path).replace("{command}", filled(case.command, tmp_path))
    commands = [(path, *THEIRS) for path in kubectls()] or pytest.skip("no kubectl is recent")

    for command in (OURS, *commands):
        code, ran, text = outcome(command, tmp_path, environment)
        assert (code, ran) == ((0, True) if case.said == RUNS else (1, False)), (command, text)
        assert said in text, command


BAD = f'{FAULT}unknown plugin policy: "Bad"'


@pytest.mark.parametrize(
    ("flag", "variables", "said"),
    [
        ("", {}, DENIED),
        ("", {"KUBERC": ""}, DENIED),
        ("", {"KUBERC": "{folder}/bad"}, BAD),
        ("", {"KUBERC": "off"}, RUNS),
        ("", {"KUBERC": "{folder}/no"}, f"{FAULT}kuberc error kuberc: open {{folder}}/no: no "),
        (
            "",
            {"KUBERC": "{folder}"},
            f"{FAULT}kuberc error kuberc: read {{folder}}: is a dir",
        ),
        ("", {"KUBECTL_KUBERC": "False"}, RUNS),
        ("", {"KUBECTL_KUBERC": "0"}, DENIED),
        ("", {"KUBECTL_KUBERC": "false", "KUBERC": "{folder}/bad"}, RUNS),
        ("{folder}/bad", {}, BAD),
        ("{folder}/bad", {"KUBERC": "off"}, f"{FAULT}kuberc error disabling kuberc via KUBERC=off"),
        ("{folder}/ok", {"KUBERC": "{folder}/bad"}, RUNS),
        ("off", {}, f"{FAULT}kuberc error kuberc: open off: no such file"),
        ("{folder}/bad", {"KUBECTL_KUBERC": "false"}, "--kuberc"),
    ],
)
@pytest.mark.needs("kubectl")
def test_the_file_is_chosen_as_kubectl_chooses_it(
    flag: str, variables: dict[str, str], said: str, tmp_path: Path, plane: Plane
) -> None:
    environment = prepared(plane, tmp_path, Case(policy("DenyAll")))
    (tmp_path / "bad").write_text(policy("Bad"))
    (tmp_path / "ok").write_text(policy("AllowAll"))
    environment |= {name: filled(value, tmp_path) for name, value in variables.items()}
    said = filled(said, tmp_path).replace("{command}", str(tmp_path / "plugin"))
    flags = (f"--kuberc={filled(flag, tmp_path)}",) if flag else ()

    for command in (OURS, *((path, *THEIRS) for path in kubectls())):
        code, ran, text = outcome((*command, *flags), tmp_path, environment)
        assert (code, ran) == ((0, True) if said == RUNS else (1, False)), (command, text)
        assert said in text, command


def test_a_faulty_policy_stops_also_who_needs_no_plugin(tmp_path: Path, plane: Plane) -> None:
    environment = prepared(plane, tmp_path, Case(policy("Bad")))
    environment["KUBECONFIG"] = str(plane.kubeconfig)

    code, _, text = outcome(OURS, tmp_path, environment)

    assert (code, text) == (1, f"error: {BAD}\n")


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "kind: Preference\n",
        f"{HEAD}credentialPluginPolicy: 3\n",
        f"{HEAD}credentialPluginPolicy: Allowlist\ncredentialPluginAllowlist: [plugin]\n",
        policy("Allowlist", "[{name: a, command: b}]"),
    ],
)
def test_a_file_without_preferences_is_told_and_ignored_as_kubectl_does(
    text: str, tmp_path: Path
) -> None:
    (tmp_path / "kuberc").write_text(text)
    told: list[str] = []

    found = plugin_policy(ConnectionFlags(), {"KUBERC": str(tmp_path / "kuberc")}, told.append)

    assert found == PluginPolicy()
    assert told == [
        f"kuberc: no preferences loaded from {tmp_path}/kuberc: no valid preferences found in"
        f" {tmp_path}/kuberc"
    ]
