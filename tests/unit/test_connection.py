"""The connection flags as words of a command, and of the commands in a hint."""

import shlex

import pytest

from kubectl_virt_clone.objects.connection import ConnectionFlags

EVERYTHING = ConnectionFlags(
    kubeconfig="my config",
    context="admin@prod",
    cluster="c",
    user="me@home",
    namespace="vms",
    server="https://host:6443",
    token="secret",
    certificate_authority="ca.crt",
    client_certificate="me.crt",
    client_key="me.key",
    tls_server_name="api",
    insecure_skip_tls_verify=True,
    impersonate_user="ann@home",
    impersonate_groups=("x", "y z"),
    impersonate_uid="7",
    request_timeout=5.0,
    verbosity=6,
)
PROD = ConnectionFlags(context="prod", impersonate_user="it's me")
HERE = "--context prod --as 'it'\"'\"'s me'"


def test_without_flags_there_are_no_words():
    assert ConnectionFlags().words == ()


def test_every_flag_is_repeated_but_the_namespace_and_the_token():
    assert shlex.join(EVERYTHING.words) == (
        "--kubeconfig 'my config' --context admin@prod --cluster c -s https://host:6443"
        " --certificate-authority ca.crt --tls-server-name api --insecure-skip-tls-verify"
        " --user me@home --client-certificate me.crt --client-key me.key --as ann@home --as-uid 7"
        " --as-group x --as-group 'y z'"
    )


@pytest.mark.parametrize(
    ("server", "told"),
    [
        ("https://me:secret@host", "https://host"),
        ("https://me:sec@ret@host/a@b", "https://host/a@b"),
        ("me:secret@host:8443", "host:8443"),
        ("https://host/a@b", "https://host/a@b"),
    ],
)
def test_a_password_in_the_address_of_a_server_is_not_repeated(server, told):
    assert ConnectionFlags(server=server).words == ("-s", told)


def test_a_hint_stays_as_it_is_where_no_flag_was_given():
    assert ConnectionFlags(namespace="vms", token="t").in_hint("kubectl get vm/a -n vms") == (
        "kubectl get vm/a -n vms"
    )


@pytest.mark.parametrize(
    ("hint", "told"),
    [
        ("", ""),
        ("--no-shared-snapshot", "--no-shared-snapshot"),
        ("leave out kubectl", "leave out kubectl"),
        ("kubectl get vm/a -n vms", f"kubectl {HERE} get vm/a -n vms"),
        ("virtctl start a -n vms", f"virtctl {HERE} start a -n vms"),
        ("kubectl virt-clone wait a", f"kubectl virt-clone {HERE} wait a"),
        ("kubectl create -f - <<< '{}'", f"kubectl {HERE} create -f - <<< '{{}}'"),
        (
            "kubectl patch vm/a -p 'x: kubectl y', then --source vm/a",
            f"kubectl {HERE} patch vm/a -p 'x: kubectl y', then --source vm/a",
        ),
        (
            """leave out --label 'a=it'"'"'s: kubectl x', then: kubectl get""",
            f"""leave out --label 'a=it'"'"'s: kubectl x', then: kubectl {HERE} get""",
        ),
    ],
)
def test_each_command_of_a_hint_gets_the_flags_and_nothing_else_does(hint, told):
    assert PROD.in_hint(hint) == told


def test_what_somebody_with_more_rights_is_to_do_is_not_done_in_the_name_of_the_user():
    assert PROD.in_hint("kubectl create rolebinding a", as_user=False) == (
        "kubectl --context prod create rolebinding a"
    )
