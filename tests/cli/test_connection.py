"""Connection flags, kubeconfig rules, and what is said when there is no way to the server."""

from __future__ import annotations

import re
import socket
from pathlib import Path

import pytest
import yaml

from kubevirt_sandbox.apiserver.access.authorization import Rule, User
from kubevirt_sandbox.apiserver.access.certificates import make_certificates
from kubevirt_sandbox.controlplane import ControlPlane
from tests.cli.conftest import Kvc, Planes

CLONES = "virtualmachineclones.clone.kubevirt.io"
OBJECT = "virtualmachineclone.clone.kubevirt.io"
CREATE = ("create", "c", "--source=vm-cirros", "--target=t")


def config_of(plane: ControlPlane) -> dict[str, object]:
    return dict(yaml.safe_load(plane.kubeconfig.read_text()))


def closed_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def test_without_any_kubeconfig_the_default_server_is_asked(
    kvc: Kvc, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))

    answer = kvc("wait", "c", exit_code=1)

    assert answer == (
        "",
        "The connection to the server localhost:8080 was refused"
        " - did you specify the right host or port?\n",
    )


def test_a_refused_connection_is_told_in_kubectls_words(kvc: Kvc) -> None:
    host = f"127.0.0.1:{closed_port()}"

    answer = kvc(*CREATE, "-s", f"https://{host}", exit_code=1)

    assert answer == (
        "",
        f"The connection to the server {host} was refused"
        " - did you specify the right host or port?\n",
    )


def test_an_unknown_host_is_told_in_kubectls_words(kvc: Kvc) -> None:
    answer = kvc(*CREATE, "-s", "https://nosuch.invalid", exit_code=1)

    assert answer == (
        "",
        "Unable to connect to the server: dial tcp: lookup nosuch.invalid: no such host\n",
    )


def test_an_unknown_ca_is_told_in_kubectls_words(
    kvc: Kvc, plane: ControlPlane, tmp_path: Path
) -> None:
    other = tmp_path / "other.crt"
    other.write_bytes(make_certificates("127.0.0.1").ca)

    answer = kvc(*CREATE, "--certificate-authority", other, exit_code=1)

    assert answer == (
        "",
        "Unable to connect to the server: tls: failed to verify certificate:"
        " x509: certificate signed by unknown authority\n",
    )


def test_a_server_without_its_ca_can_be_used_only_with_the_insecure_flag(
    kvc: Kvc, plane: ControlPlane
) -> None:
    args = ("create", "c", "--source=vm-cirros", "--kubeconfig=/dev/null")
    args = (*args, "-s", plane.url, "--token", plane.token, "--target=t")

    refused = kvc(*args, exit_code=1)
    taken = kvc(*args, "--insecure-skip-tls-verify=true")

    assert "certificate signed by unknown authority" in refused.err
    assert taken == (
        f"{OBJECT}/c created\n",
        f"Warning: insecure-skip-tls-verify: whoever answers at {plane.url} is taken for the server"
        " and gets your credentials\n",
    )


def test_a_name_that_the_certificate_does_not_have_is_refused(
    kvc: Kvc, plane: ControlPlane
) -> None:
    refused = kvc(*CREATE, "--tls-server-name=other.example", exit_code=1)
    taken = kvc(*CREATE, "--tls-server-name=localhost")

    assert refused.err.startswith("Unable to connect to the server: tls: failed to verify")
    assert taken.out == f"{OBJECT}/c created\n"


def test_a_wrong_token_is_told_in_kubectls_words(kvc: Kvc, plane: ControlPlane) -> None:
    answer = kvc(*CREATE, "--token", "wrong", exit_code=1)

    assert answer == ("", "error: You must be logged in to the server (Unauthorized)\n")


def test_what_is_forbidden_is_told_in_the_servers_words(kvc: Kvc, make_plane: Planes) -> None:
    make_plane(users={"viewers-token": User("viewer", ())})

    answer = kvc(*CREATE, "--token=viewers-token", "--skip-check=all", exit_code=1)

    assert answer == (
        "",
        f'Error from server (Forbidden): {CLONES} is forbidden: User "viewer" cannot create'
        ' resource "virtualmachineclones" in API group "clone.kubevirt.io" in the namespace'
        ' "default"\n',
    )


def test_an_unknown_namespace_is_told_in_the_servers_words(kvc: Kvc, plane: ControlPlane) -> None:
    answer = kvc(*CREATE, "-n", "nosuch", "--skip-check=all", exit_code=1)

    assert answer == ("", 'Error from server (NotFound): namespaces "nosuch" not found\n')


def test_a_server_without_the_clone_api_is_told(kvc: Kvc, plane: ControlPlane) -> None:
    del plane.registry.catalogue.by_key[CLONES]

    answer = kvc(*CREATE, exit_code=1)

    assert answer == (
        "",
        'error: the server doesn\'t have a resource type "virtualmachineclones":'
        " KubeVirt is not installed, or older than 0.55\n",
    )


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (
            ("--context=nosuch",),
            "Error in configuration: context was not found for specified context: nosuch",
        ),
        (("--cluster=nosuch",), 'error: no server found for cluster "nosuch"'),
        (("--user=nosuch",), 'error: auth info "nosuch" does not exist'),
        (("--kubeconfig=/nosuch",), "error: stat /nosuch: no such file or directory"),
        (
            ("--certificate-authority=/nosuch",),
            "error: unable to read certificate-authority /nosuch: no such file or directory",
        ),
        (
            ("--client-key=/nosuch",),
            "error: unable to read client-key /nosuch: no such file or directory",
        ),
        (
            ("--certificate-authority=/x", "--insecure-skip-tls-verify"),
            "error: specifying a root certificates file with the insecure flag is not allowed",
        ),
    ],
)
def test_a_flag_that_names_nothing_is_told_in_kubectls_words(
    kvc: Kvc, plane: ControlPlane, flags: tuple[str, ...], message: str
) -> None:
    assert kvc(*CREATE, *flags, exit_code=1) == ("", f"{message}\n")


@pytest.mark.parametrize("content", ["a: b: c", "- 1", "clusters: [1]", "\x00", "clusters: 5"])
def test_a_broken_kubeconfig_is_told_with_its_name(kvc: Kvc, tmp_path: Path, content: str) -> None:
    broken = tmp_path / "broken"
    broken.write_text(content)

    answer = kvc(*CREATE, "--kubeconfig", broken, exit_code=1)

    assert answer.out == ""
    assert answer.err.startswith(f'error: error loading config file "{broken}": ')
    assert answer.err.count("\n") == 1


def test_the_flags_may_stand_before_and_after_the_verb(
    kvc: Kvc, plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", "/nosuch")
    path = plane.kubeconfig

    before = kvc("--kubeconfig", path, "-n=default", *CREATE, "-o=name")
    after = kvc("describe", "c", "--kubeconfig", path, "-n", "default")
    both = kvc("-n", "nosuch", "wait", "c", "--kubeconfig", path, "--namespace=default")

    assert before.out == f"{OBJECT}/c\n"
    assert after.out.startswith("Name: ")
    assert both.out == f"{OBJECT}/c condition met\n"


def test_kubeconfig_lists_merge_and_the_first_wins(
    kvc: Kvc, plane: ControlPlane, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = config_of(plane)
    first = tmp_path / "first"
    context = {"cluster": "virt-clone-sandbox", "user": "admin", "namespace": "kubevirt"}
    first.write_text(
        yaml.safe_dump(
            {
                "contexts": [{"name": "mine", "context": context}],
                "current-context": "mine",
                "users": [{"name": "nobody", "user": {}}],
            }
        )
    )
    second = tmp_path / "second"
    second.write_text(yaml.safe_dump(config))
    monkeypatch.setenv("KUBECONFIG", f"{first}:/nosuch:{second}")

    kvc(*CREATE, "--skip-check=source-missing")

    assert plane.registry.get(CLONES, "kubevirt", "c")["spec"]["source"]["name"] == "vm-cirros"


def test_paths_in_a_kubeconfig_are_relative_to_it(
    kvc: Kvc, plane: ControlPlane, tmp_path: Path
) -> None:
    config = config_of(plane)
    (tmp_path / "certs").mkdir()
    (tmp_path / "certs" / "ca.crt").write_bytes(plane.ca_file.read_bytes())
    (tmp_path / "token").write_text(plane.token)
    config["clusters"][0]["cluster"]["certificate-authority"] = "certs/ca.crt"  # type: ignore[index]
    config["users"][0]["user"] = {"tokenFile": "token"}  # type: ignore[index]
    path = tmp_path / "config"
    path.write_text(yaml.safe_dump(config))

    assert kvc(*CREATE, "--kubeconfig", path).out == f"{OBJECT}/c created\n"


def test_an_exec_plugin_gives_the_token_and_its_failure_is_told(
    kvc: Kvc, plane: ControlPlane, tmp_path: Path
) -> None:
    credential = (
        '{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",'
        f' "status": {{"token": "{plane.token}"}}}}'
    )
    plugin = tmp_path / "plugin"
    plugin.write_text(f"#!/bin/sh\necho '{credential}'\n")
    plugin.chmod(0o700)
    config = config_of(plane)
    spec = {"apiVersion": "client.authentication.k8s.io/v1", "command": "./plugin"}
    spec["interactiveMode"] = "Never"
    config["users"][0]["user"] = {"exec": spec}  # type: ignore[index]
    path = tmp_path / "config"
    path.write_text(yaml.safe_dump(config))

    taken = kvc(*CREATE, "--kubeconfig", path)
    plugin.write_text("#!/bin/sh\nexit 3\n")
    failed = kvc(*CREATE, "--kubeconfig", path, exit_code=1)

    assert taken.out == f"{OBJECT}/c created\n"
    assert failed == (
        "",
        "Unable to connect to the server: getting credentials:"
        f" exec: executable {plugin} failed with exit code 3\n",
    )


@pytest.mark.parametrize("in_kubeconfig", [True, False])
def test_impersonation_comes_from_the_flags_or_the_kubeconfig(
    kvc: Kvc, plane: ControlPlane, tmp_path: Path, in_kubeconfig: bool
) -> None:
    flags = ["--as=jane", "--as-group=dev", "--as-group=ops"]
    if in_kubeconfig:
        config = config_of(plane)
        user = config["users"][0]["user"]  # type: ignore[index]
        user |= {"as": "jane", "as-groups": ["dev", "ops"]}
        path = tmp_path / "config"
        path.write_text(yaml.safe_dump(config))
        flags = ["--kubeconfig", str(path)]

    answer = kvc(*CREATE, *flags, exit_code=1)

    assert 'User "jane" cannot create resource "virtualmachineclones"' in answer.err


def test_the_log_of_requests_has_no_credentials(kvc: Kvc, plane: ControlPlane) -> None:
    answer = kvc(*CREATE, "--token", plane.token, "-v")

    first, *checks, last = (line.split(" in ")[0] for line in answer.err.splitlines())
    clones = f"{plane.url}/apis/clone.kubevirt.io/v1beta1/namespaces/default/virtualmachineclones"
    vms = f"{plane.url}/apis/kubevirt.io/v1/namespaces/default/virtualmachines"
    tried = "fieldManager=kubectl-virt-clone&fieldValidation=Strict"
    assert answer.out == f"{OBJECT}/c created\n"
    assert first == f"GET {plane.url}/apis/clone.kubevirt.io 200"
    assert sorted(checks) == sorted(  # they are sent side by side
        [
            f"GET {plane.url}/openapi/v3/apis/clone.kubevirt.io/v1beta1 200",
            f"GET {plane.url}/api/v1/namespaces/default/resourcequotas?limit=500 200",
            f"GET {plane.url}/apis/kubevirt.io/v1/kubevirts?limit=500 200",
            f"GET {clones}?limit=500 200",
            f"GET {vms}/vm-cirros 200",
            f"GET {vms}/t 404",
            f"POST {vms}?{tried}&dryRun=All 201",
        ]
    )
    assert last == f"POST {clones}?{tried} 201"
    assert plane.token not in answer.err


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        (("--namespace",), "Option '--namespace' requires an argument."),
        (("--rm=5",), "Option '--rm' does not take a value."),
    ],
)
def test_a_flag_with_the_wrong_value_is_wrong_usage_of_its_verb(
    kvc: Kvc, args: tuple[str, ...], reason: str
) -> None:
    answer = kvc("create", *args, exit_code=2)

    usage = "See 'kubectl virt-clone create -h' for help and examples"
    assert answer == ("", f"error: {reason}\n{usage}\n")


def test_a_request_without_an_answer_is_logged_before_it_is_told(kvc: Kvc) -> None:
    host = f"127.0.0.1:{closed_port()}"

    asked, told = kvc("get", "-s", f"https://me:secret@{host}", "-v", exit_code=1).err.splitlines()

    url = f"https://{host}/apis/clone.kubevirt.io"
    assert re.sub(r"\d+ ms", "N ms", asked) == f"GET {url} without an answer in N ms"
    assert told.startswith(f"The connection to the server {host} was refused")


@pytest.mark.parametrize("level", [("-v", "6"), ("-v6",), ("-v=6",), ("-v",)])
def test_the_log_level_is_read_in_every_form(
    kvc: Kvc, plane: ControlPlane, level: tuple[str, ...]
) -> None:
    assert kvc(*level, *CREATE).err.startswith(f"GET {plane.url}/apis/clone.kubevirt.io 200 in ")


def test_where_listing_is_forbidden_a_clone_is_polled_and_that_is_said_once(
    kvc: Kvc, make_plane: Planes
) -> None:
    rules = (Rule(("clone.kubevirt.io",), ("virtualmachineclones",), ("create", "get")),)
    make_plane(speed=0.5, users={"token": User("cloner", rules)})

    answer = kvc(*CREATE, "--wait", "--token=token")

    assert answer.out == f"{OBJECT}/c created\n{OBJECT}/c condition met\n"
    assert answer.err.count("polling instead") == 1


def test_where_watching_is_forbidden_the_list_is_polled(kvc: Kvc, make_plane: Planes) -> None:
    rules = (Rule(("clone.kubevirt.io",), ("virtualmachineclones",), ("create", "get", "list")),)
    make_plane(speed=0.5, users={"token": User("cloner", rules)})

    answer = kvc(*CREATE, "--wait", "--token=token")

    assert answer.out == f"{OBJECT}/c created\n{OBJECT}/c condition met\n"
    assert answer.err.count("watching virtualmachineclones is forbidden: polling instead") == 1
