"""The connection flags as words of a command, and hints whose commands repeat them."""

import shlex

import pytest

from kubectl_virt_clone.clone.hint import Command, Field, flag, kubectl, leave_out
from kubectl_virt_clone.objects.resource import NO_FLAGS, Access, ConnectionFlags
from kubectl_virt_clone.render.hints import written

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
    proxy_url="http://me:secret@proxy:1",
    kuberc="rc",
    insecure_skip_tls_verify=True,
    impersonate_user="ann@home",
    impersonate_groups=("x", "y z"),
    impersonate_uid="7",
    impersonate_extra=(("k", "v w"),),
    request_timeout=5.0,
    verbosity=6,
)
PROD = ConnectionFlags(context="prod", impersonate_user="it's me")
QUOTED = """'a=it'"'"'s: kubectl x'"""
HERE = "--context prod --as 'it'\"'\"'s me'"


def test_without_flags_there_are_no_words():
    assert ConnectionFlags().access == NO_FLAGS
    assert NO_FLAGS.words == ()


def test_every_flag_is_repeated_but_the_namespace_and_the_token():
    assert shlex.join(EVERYTHING.access.words) == (
        "--kubeconfig 'my config' --context admin@prod --cluster c -s https://host:6443"
        " --certificate-authority ca.crt --tls-server-name api --proxy-url http://proxy:1"
        " --kuberc rc --insecure-skip-tls-verify"
        " --user me@home --client-certificate me.crt --client-key me.key --as ann@home --as-uid 7"
        " --as-group x --as-group 'y z' --as-user-extra 'k=v w'"
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
    assert ConnectionFlags(server=server).access.words == ("-s", told)


def test_the_namespace_is_known_beside_the_words():
    assert ConnectionFlags(context="c", user="u", namespace="vms", token="t").access == Access(
        ("--context", "c"), ("--user", "u"), "vms"
    )


@pytest.mark.parametrize(
    ("hint", "told"),
    [
        ((), ""),
        (("leave out kubectl get",), "leave out kubectl get"),
        (leave_out(flag("--target"), ": x"), "leave out --target: x"),
        ((flag("--label", "a=it's: kubectl x", "b="),), f"--label {QUOTED} --label b="),
        ((Field("spec.target"),), "spec.target"),
        ((Field("spec.patches", ["é", "'"]),), """spec.patches: ["\\u00e9", "'"]"""),
        ((kubectl("get", "vm/a", namespace="vms"),), f"kubectl {HERE} get vm/a -n vms"),
        ((Command(("start", "a"), "b c", "virtctl"),), f"virtctl {HERE} start a -n 'b c'"),
        (
            (Command(("wait", "a"), program="kubectl virt-clone"),),
            f"kubectl virt-clone {HERE} wait a",
        ),
        (
            (Command(("create", "-f", "-"), stdin="{}"), " then"),
            f"kubectl {HERE} create -f - <<< '{{}}' then",
        ),
        (
            (kubectl("patch", "vm/a", "-p", "x: kubectl y"), ", then ", flag("--source", "vm/a")),
            f"kubectl {HERE} patch vm/a -p 'x: kubectl y', then --source vm/a",
        ),
        (
            (Command(("create", "rolebinding", "a"), "n", for_an_admin=True),),
            "kubectl --context prod create rolebinding a -n n",
        ),
    ],
)
def test_each_command_of_a_hint_gets_the_flags_and_nothing_else_does(hint, told):
    assert written(hint, PROD.access) == told


def test_a_hint_stays_as_it_is_where_no_flag_was_given():
    assert written((kubectl("get", "vm/a", namespace="vms"),)) == "kubectl get vm/a -n vms"
