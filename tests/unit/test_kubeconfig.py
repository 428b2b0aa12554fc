"""Kubeconfig files and flags become the connection that kubectl would use."""

import pytest
import yaml

from kubectl_virt_clone.errors import ConfigError
from kubectl_virt_clone.kube import kubeconfig
from kubectl_virt_clone.kube.kubeconfig import Connection, resolve
from kubectl_virt_clone.objects.resource import ConnectionFlags

LOCALHOST = {"server": "http://localhost:8080"}


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A home without a kubeconfig, outside of any pod."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(kubeconfig, "SERVICE_ACCOUNT", tmp_path / "serviceaccount")
    return tmp_path / "home"


def a_config(*, name="x", cluster=None, user=None, namespace=None, current=True):
    """A kubeconfig with one context, cluster and user of that name."""
    context = {"cluster": name, "user": name}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": cluster or {"server": f"https://{name}"}}],
        "users": [{"name": name, "user": user or {"token": f"token-{name}"}}],
        "contexts": [
            {"name": name, "context": context | ({"namespace": namespace} if namespace else {})}
        ],
        **({"current-context": name} if current else {}),
    }


@pytest.fixture
def credentials(tmp_path, monkeypatch):
    """Files named ca, cert, key and token in the working directory, beside the kubeconfigs."""
    monkeypatch.chdir(tmp_path)
    for name in ("ca", "cert", "key", "token"):
        (tmp_path / name).write_text(name)


def relative(entry, tmp_path):
    """The entry with paths as they were written."""
    return yaml.safe_load(yaml.safe_dump(entry).replace(f"{tmp_path}/", ""))


@pytest.fixture
def resolved(tmp_path):
    """Resolves flags against kubeconfigs that KUBECONFIG lists."""

    def call(*configs, environ=None, **flags):
        paths = []
        for number, config in enumerate(configs):
            path = tmp_path / f"config-{number}"
            path.write_text(config if isinstance(config, str) else yaml.safe_dump(config))
            paths.append(str(path))
        listed = {"KUBECONFIG": ":".join(paths)} if paths else {}
        return resolve(ConnectionFlags(**flags), {**listed, **(environ or {})})

    return call


def test_the_current_context_says_where_and_who(resolved):
    assert resolved(a_config(namespace="vms")) == Connection(
        cluster={"server": "https://x"}, user={"token": "token-x"}, namespace="vms"
    )


def test_without_any_file_it_is_kubectls_localhost(resolved):
    assert resolved() == Connection(LOCALHOST, {}, "default")


def test_the_file_in_the_home_directory_counts_where_none_is_named(resolved, home):
    (home / ".kube").mkdir(parents=True)
    (home / ".kube" / "config").write_text(yaml.safe_dump(a_config(name="home")))
    found = resolved(environ={"HOME": str(home)})
    assert found == Connection({"server": "https://home"}, {"token": "token-home"})


def test_without_a_home_there_is_no_default_file(resolved, home):
    assert resolved(environ={}).cluster == LOCALHOST


def test_the_flag_counts_before_the_environment(resolved, tmp_path):
    path = tmp_path / "flagged"
    path.write_text(yaml.safe_dump(a_config(name="flagged")))
    assert resolved(a_config(), kubeconfig=str(path)) == Connection(
        {"server": "https://flagged"}, {"token": "token-flagged"}
    )


def test_files_merge_and_the_first_wins(resolved):
    first = a_config(name="x", current=False)
    second = a_config(name="second")
    again = a_config(name="x", cluster={"server": "https://later"})
    assert [
        resolved(first, second, again, context=name).cluster for name in ("x", "second", "")
    ] == [
        {"server": "https://x"},
        {"server": "https://second"},
        {"server": "https://second"},
    ]


def test_a_time_is_text_and_only_the_first_document_counts(resolved):
    """As in client-go; its reader takes a bare y for a truth value, which is no name."""
    config = yaml.safe_dump(a_config()).replace("token-x", "2024-01-01")
    assert resolved(f"{config}---\ncurrent-context: z\n").user == {"token": "2024-01-01"}


@pytest.mark.parametrize("text", ["", "# nothing\n", "{}", "clusters:\nusers:\ncontexts:\n"])
def test_an_empty_file_is_no_error(resolved, text):
    assert resolved(text, a_config()).cluster == {"server": "https://x"}


def test_a_listed_file_need_not_be_there(resolved, tmp_path):
    path = tmp_path / "real"
    path.write_text(yaml.safe_dump(a_config()))
    listed = f"{tmp_path / 'missing'}::{path}"
    assert resolved(environ={"KUBECONFIG": listed}).cluster == {"server": "https://x"}


def test_where_every_listed_file_is_missing_the_home_directory_is_not_asked(
    resolved, tmp_path, home
):
    (home / ".kube").mkdir(parents=True)
    (home / ".kube" / "config").write_text(yaml.safe_dump(a_config(name="home")))
    assert resolved(environ={"KUBECONFIG": str(tmp_path / "missing")}).cluster == LOCALHOST


BOTH = {**a_config(namespace="vms")}
BOTH["clusters"] = [*BOTH["clusters"], {"name": "other", "cluster": {"server": "https://other"}}]
BOTH["users"] = [*BOTH["users"], {"name": "bob", "user": {"token": "bobs"}}]
BOTH["contexts"] = [*BOTH["contexts"], {"name": "bare", "context": None}]


@pytest.mark.parametrize(
    ("flags", "connection"),
    [
        ({"namespace": "n"}, Connection({"server": "https://x"}, {"token": "token-x"}, "n")),
        (
            {"cluster": "other"},
            Connection({"server": "https://other"}, {"token": "token-x"}, "vms"),
        ),
        ({"user": "bob"}, Connection({"server": "https://x"}, {"token": "bobs"}, "vms")),
        ({"context": "bare"}, Connection(LOCALHOST, {}, "default")),
        (
            {"context": "bare", "cluster": "other", "user": "bob"},
            Connection({"server": "https://other"}, {"token": "bobs"}, "default"),
        ),
        ({"server": "https://h"}, Connection({"server": "https://h"}, {"token": "token-x"}, "vms")),
        ({"token": "t"}, Connection({"server": "https://x"}, {"token": "t"}, "vms")),
    ],
)
def test_a_flag_replaces_its_part_of_the_context(resolved, flags, connection):
    assert resolved(BOTH, **flags) == connection


CA = {"server": "https://x", "certificate-authority-data": "QQ==", "tls-server-name": "inner"}


@pytest.mark.usefixtures("credentials")
@pytest.mark.parametrize(
    ("cluster", "flags", "expected"),
    [
        (
            CA,
            {"certificate_authority": "ca"},
            {"server": "https://x", "tls-server-name": "inner", "certificate-authority": "ca"},
        ),
        (
            {**CA, "certificate-authority": "missing"},
            {"insecure_skip_tls_verify": True},
            {"server": "https://x", "tls-server-name": "inner", "insecure-skip-tls-verify": True},
        ),
        (
            {"server": "https://x", "insecure-skip-tls-verify": True},
            {"certificate_authority": "ca"},
            {"server": "https://x", "certificate-authority": "ca"},
        ),
        (CA, {"tls_server_name": "outer"}, {**CA, "tls-server-name": "outer"}),
        (
            {"server": "https://x", "tls-server-name": "inner"},
            {"server": "https://h"},
            {"server": "https://h"},
        ),
        (
            {"server": "https://x", "tls-server-name": "inner"},
            {"server": "https://h", "tls_server_name": "outer"},
            {"server": "https://h", "tls-server-name": "outer"},
        ),
    ],
)
def test_a_flag_about_certificates_replaces_what_it_contradicts(
    resolved, tmp_path, cluster, flags, expected
):
    connection = resolved(a_config(cluster=cluster), **flags)
    assert relative(connection.cluster, tmp_path) == expected


@pytest.mark.usefixtures("credentials")
@pytest.mark.parametrize(
    ("user", "flags", "expected"),
    [
        (
            {"tokenFile": "missing", "exec": {"command": "aws"}},
            {"token": "t"},
            {"token": "t"},
        ),
        (
            {
                "auth-provider": {"name": "oidc"},
                "client-certificate": "cert",
                "client-key": "key",
            },
            {"token": "t"},
            {"token": "t", "client-certificate": "cert", "client-key": "key"},
        ),
        (
            {"client-certificate-data": "QQ==", "client-key-data": "QQ=="},
            {"client_certificate": "cert", "client_key": "key"},
            {"client-certificate": "cert", "client-key": "key"},
        ),
    ],
)
def test_a_credential_on_the_command_line_replaces_its_rivals(
    resolved, tmp_path, user, flags, expected
):
    connection = resolved(a_config(user=user), **flags)
    assert relative(connection.user, tmp_path) == expected


@pytest.mark.parametrize(
    ("cluster", "user", "key"),
    [
        ({"server": "https://x", "certificate-authority": "/none/f"}, {}, "certificate-authority"),
        ({}, {"client-certificate": "/none/f"}, "client-certificate"),
        ({}, {"client-key": "/none/f"}, "client-key"),
        ({}, {"tokenFile": "/none/f"}, "tokenFile"),
    ],
)
def test_a_credential_that_cannot_be_read_is_named(resolved, cluster, user, key):
    with pytest.raises(ConfigError) as refusal:
        resolved(a_config(cluster=cluster, user=user))
    assert str(refusal.value) == f"error: unable to read {key} /none/f: no such file or directory"


def test_a_certificate_both_as_data_and_in_a_file_is_refused(resolved):
    with pytest.raises(ConfigError, match="-authority-data and certificate-authority are both"):
        resolved(a_config(cluster={**CA, "certificate-authority": "/none/f"}))


ALICE = {
    "as": "alice",
    "as-uid": "7",
    "as-groups": ["g1", "g2"],
    "as-user-extra": {"reason": ["audit", "test"]},
}
EXTRA = [("Impersonate-Extra-reason", "audit"), ("Impersonate-Extra-reason", "test")]


@pytest.mark.parametrize(
    ("user", "flags", "headers"),
    [
        ({"token": "t"}, {}, []),
        (
            ALICE,
            {},
            [
                ("Impersonate-User", "alice"),
                ("Impersonate-Uid", "7"),
                ("Impersonate-Group", "g1"),
                ("Impersonate-Group", "g2"),
                *EXTRA,
            ],
        ),
        (
            ALICE,
            {"impersonate_user": "bob"},
            [
                ("Impersonate-User", "bob"),
                ("Impersonate-Uid", "7"),
                ("Impersonate-Group", "g1"),
                ("Impersonate-Group", "g2"),
                *EXTRA,
            ],
        ),
        (
            ALICE,
            {"impersonate_groups": ("h", "i"), "impersonate_uid": "9"},
            [
                ("Impersonate-User", "alice"),
                ("Impersonate-Uid", "9"),
                ("Impersonate-Group", "h"),
                ("Impersonate-Group", "i"),
                *EXTRA,
            ],
        ),
        (
            {"as": "alice", "as-user-extra": {"reason": ["audit"], "scope": ["all"]}},
            {"impersonate_extra": (("reason", "a=b"), ("reason", "c"))},
            [
                ("Impersonate-User", "alice"),
                ("Impersonate-Extra-reason", "a=b"),
                ("Impersonate-Extra-reason", "c"),
                ("Impersonate-Extra-scope", "all"),
            ],
        ),
        (
            {"token": "t"},
            {"impersonate_user": "bob", "impersonate_groups": ("h",)},
            [("Impersonate-User", "bob"), ("Impersonate-Group", "h")],
        ),
    ],
)
def test_who_is_impersonated_comes_from_the_kubeconfig_and_the_flags(
    resolved, user, flags, headers
):
    assert resolved(a_config(user=user), **flags).impersonation == headers


@pytest.mark.parametrize(
    ("user", "flags"),
    [
        ({}, {"impersonate_groups": ("g",)}),
        ({}, {"impersonate_uid": "7"}),
        ({"as-user-extra": {"reason": ["audit"]}}, {}),
    ],
)
def test_a_group_without_a_user_is_refused_as_kubectl_refuses_it(resolved, user, flags):
    with pytest.raises(ConfigError) as refusal:
        resolved(a_config(user=user or {"token": "t"}), **flags)
    assert str(refusal.value) == (
        "error: requesting uid, groups or user-extra for x without impersonating a user"
    )


EXEC = {"apiVersion": "client.authentication.k8s.io/v1beta1"}


def test_paths_in_a_file_start_at_that_file_and_paths_in_flags_at_the_working_directory(
    resolved, tmp_path, monkeypatch
):
    cluster = {"server": "https://x", "certificate-authority": "pki/ca"}
    user = {"client-certificate": "../cert", "exec": {**EXEC, "command": "bin/aws"}}
    for path in ("conf/config", "conf/pki/ca", "cert", "work/key"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(path)
    (tmp_path / "conf/config").write_text(yaml.safe_dump(a_config(cluster=cluster, user=user)))
    monkeypatch.chdir(tmp_path / "work")
    connection = resolved(kubeconfig="../conf/config", client_key="key")
    assert (relative(connection.cluster, tmp_path), relative(connection.user, tmp_path)) == (
        {"server": "https://x", "certificate-authority": "conf/pki/ca"},
        {
            "client-certificate": "cert",
            "client-key": "key",
            "exec": {**EXEC, "command": "conf/bin/aws"},
        },
    )


def test_a_plugin_that_is_looked_up_on_the_path_keeps_its_name(resolved):
    user = {"exec": {**EXEC, "command": "aws", "args": ["a/b"]}}
    assert resolved(a_config(user=user)).user == user


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (
            {"context": "nope"},
            "Error in configuration: context was not found for specified context: nope",
        ),
        ({"cluster": "nope"}, 'error: no server found for cluster "nope"'),
        ({"user": "nope"}, 'error: auth info "nope" does not exist'),
        (
            {"certificate_authority": "/ca", "insecure_skip_tls_verify": True},
            "error: specifying a root certificates file with the insecure flag is not allowed",
        ),
        (
            {"kubeconfig": "/nonexistent/config"},
            "error: stat /nonexistent/config: no such file or directory",
        ),
    ],
)
def test_what_no_file_has_is_refused_in_kubectls_words(resolved, flags, message):
    with pytest.raises(ConfigError) as refusal:
        resolved(a_config(), **flags)
    assert str(refusal.value) == message


@pytest.mark.parametrize(
    "text",
    [
        "hello",
        "- a",
        "a: b: c",
        "\x00",
        "users: [{name: y}]",
        "a: &a [*a]",
        "users: 5",
        "users: {a: b}",
        "users: [5]",
        "users: !!python/object/apply:os.getpid []",
        "users: [{name: x, user: text}]",
        "users: [{name: x, user: {token: 123}}]",
        "users: [{name: x, user: {as-groups: g}}]",
        "users: [{name: x, user: {as-groups: [5]}}]",
        "users: [{name: x, user: {as-user-extra: [a]}}]",
        "users: [{name: x, user: {as-user-extra: {a: b}}}]",
        "users: [{name: x, user: {exec: aws}}]",
        "contexts: [{name: x, context: {namespace: 2024}}]",
        "contexts: [{name: x, context: {cluster: [a]}}]",
        "clusters: [{name: x, cluster: {server: 5}}]",
        "clusters: [{name: x, cluster: {insecure-skip-tls-verify: 'yes'}}]",
    ],
)
def test_a_malformed_file_is_refused_by_its_name(resolved, tmp_path, text):
    with pytest.raises(ConfigError) as refusal:
        resolved(text)
    assert str(refusal.value).startswith(
        f'error: error loading config file "{tmp_path / "config-0"}": '
    )


def test_a_current_context_that_is_not_there_is_refused(resolved):
    with pytest.raises(ConfigError) as refusal:
        resolved("current-context: nope")
    assert str(refusal.value) == (
        "Error in configuration: context was not found for specified context: nope"
    )


@pytest.mark.parametrize(
    "user",
    [
        {"token": None, "as-groups": None, "as-user-extra": None, "exec": None},
        {"extensions": [{"name": "a", "extension": {"b": 1}}], "auth-provider": {"config": {}}},
    ],
)
def test_an_entry_may_hold_nulls_and_what_we_do_not_read(resolved, user):
    connection = resolved(a_config(user=user))
    assert (connection.user, connection.impersonation) == (user, [])


def test_a_folder_is_no_kubeconfig(resolved, tmp_path):
    with pytest.raises(ConfigError) as refusal:
        resolved(environ={"KUBECONFIG": str(tmp_path)})
    assert str(refusal.value) == (
        f'error: error loading config file "{tmp_path}": read {tmp_path}: is a directory'
    )


def test_a_credential_is_not_in_the_text_of_a_connection(resolved):
    assert repr(resolved(a_config())) == ("Connection(namespace='default')")


POD = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"}


@pytest.fixture
def pod(tmp_path):
    account = tmp_path / "serviceaccount"
    account.mkdir()
    (account / "token").write_text("t")
    (account / "namespace").write_text("pods-own\n")


IN_POD = {"server": "https://10.0.0.1:443"}
ACCOUNT = {"tokenFile": "serviceaccount/token"}


@pytest.mark.usefixtures("pod")
@pytest.mark.parametrize(
    ("configs", "flags", "expected"),
    [
        ([], {}, (IN_POD, ACCOUNT, "pods-own")),
        ([], {"namespace": "n"}, (IN_POD, ACCOUNT, "n")),
        ([], {"token": "t"}, (IN_POD, {"token": "t"}, "pods-own")),
        ([], {"impersonate_user": "jane"}, (IN_POD, {**ACCOUNT, "as": "jane"}, "pods-own")),
        ([a_config()], {}, ({"server": "https://x"}, {"token": "token-x"}, "default")),
        ([], {"server": "https://h"}, ({"server": "https://h"}, {}, "default")),
    ],
)
def test_a_pods_own_account_counts_where_nothing_else_is_given(
    resolved, tmp_path, configs, flags, expected
):
    connection = resolved(*configs, environ=POD, **flags)
    cluster, user, namespace = expected
    assert connection.cluster == cluster
    assert relative(connection.user, tmp_path) == user
    assert connection.namespace == namespace


@pytest.mark.usefixtures("pod")
def test_a_pod_finds_its_server_with_an_ipv6_address_too(resolved):
    connection = resolved(environ={**POD, "KUBERNETES_SERVICE_HOST": "fd00::1"})
    assert connection.cluster == {"server": "https://[fd00::1]:443"}


def test_outside_of_a_pod_the_service_account_does_not_count(resolved, pod):
    assert resolved().cluster == LOCALHOST


def test_a_pod_without_an_account_is_no_cluster(resolved):
    assert resolved(environ=POD).cluster == LOCALHOST
