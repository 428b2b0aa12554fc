"""Options that all verbs share are spelled and read as kubectl spells and reads them."""

from typing import NamedTuple

import click
import pytest
from click.testing import CliRunner

from kubectl_virt_clone.cli.flags import (
    DURATION,
    GOAL,
    Verb,
    as_click_reads,
    connection_declared,
    connection_options,
    output_option,
    parse_duration,
    parse_request_timeout,
    takes,
)
from kubectl_virt_clone.clone.progress.progress import SUCCESS
from kubectl_virt_clone.errors import InvalidValue
from kubectl_virt_clone.objects.resource import ConnectionFlags


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("-0", 0),
        ("30s", 30),
        ("10m", 600),
        ("1h30m", 5400),
        ("1h30m0.5s", 5400.5),
        ("1.5h", 5400),
        (".5s", 0.5),
        ("1.s", 1),
        ("300ms", 0.3),
        ("5us", 5e-6),
        ("5µs", 5e-6),
        ("5\u03bcs", 5e-6),
        ("7ns", 7e-9),
        ("-1s", -1),
        ("+1m", 60),
        ("2562047h", 2562047 * 3600),
    ],
)
def test_a_duration_is_read_as_go_reads_it(text, seconds):
    assert parse_duration(text) == pytest.approx(seconds, rel=1e-9)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "invalid"),
        ("5", "missing unit in"),
        ("1.5", "missing unit in"),
        ("-5", "missing unit in"),
        ("5x", "invalid"),
        ("s", "invalid"),
        (".s", "invalid"),
        ("1h 30m", "invalid"),
        ("--5s", "invalid"),
        ("+-5s", "invalid"),
        ("5s-", "invalid"),
        ("٣s", "invalid"),
        ("1e3s", "invalid"),
    ],
)
def test_what_is_no_duration_is_refused_in_gos_words(text, what):
    with pytest.raises(InvalidValue) as refusal:
        parse_duration(text)
    assert refusal.value.reason == f'time: {what} duration "{text}"; write 30s, 5m or 1h30m'


@pytest.mark.parametrize("text", ["2562048h", "-2562048h", f"{'9' * 400}s"])
def test_a_duration_that_go_cannot_hold_is_refused(text):
    with pytest.raises(InvalidValue) as refusal:
        parse_duration(text)
    assert refusal.value.reason == f'time: invalid duration "{text}"; it is longer than 290 years'


@pytest.mark.parametrize(("text", "seconds"), [("0", 0), ("5", 5), ("5s", 5), ("1m", 60)])
def test_a_request_timeout_may_be_a_bare_number_of_seconds(text, seconds):
    assert parse_request_timeout(text) == seconds


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("-5s", '"-5s" is negative; 0 means no limit'),
        ("-5", 'time: missing unit in duration "-5"; write 30s, 5m or 1h30m'),
        ("²", 'time: invalid duration "²"; write 30s, 5m or 1h30m'),
        ("", 'time: invalid duration ""; write 30s, 5m or 1h30m'),
    ],
)
def test_what_is_no_request_timeout_is_refused(text, reason):
    with pytest.raises(InvalidValue) as refusal:
        parse_request_timeout(text)
    assert refusal.value.reason == reason


def test_a_value_that_was_read_already_stays_as_it_is():
    assert (DURATION.convert(5.0, None, None), GOAL.convert(SUCCESS, None, None)) == (5.0, SUCCESS)


def test_a_wrong_value_is_a_usage_error_that_names_the_option():
    with pytest.raises(click.BadParameter) as refusal:
        a_verb().main(["--timeout", "5"], standalone_mode=False)
    assert refusal.value.format_message() == (
        "Invalid value for '--timeout': time: missing unit in duration \"5\";"
        " write 30s, 5m or 1h30m"
    )


class Tried(NamedTuple):
    """The flags of the verb."""

    names: tuple[str, ...]
    everything: bool
    timeout: float
    output: str | None
    connection: ConnectionFlags


def a_verb(answer=None, examples=""):
    """A verb with every kind of option; it returns its flags."""

    @click.command(cls=Verb, name="try", examples=examples)
    @click.argument("names", nargs=-1)
    @click.option("--all", "everything", is_flag=True)
    @click.option("--timeout", type=DURATION, default="10m")
    @output_option("json", "yaml")
    @connection_options
    @takes(Tried)
    def command(flags):
        """Try something."""
        if answer:
            raise answer
        return flags

    return command


def given(*args):
    return a_verb().main(list(args), standalone_mode=False)


@pytest.mark.parametrize(
    ("args", "rewritten"),
    [
        (["-o=yaml", "a"], ["-oyaml", "a"]),
        (["-o", "yaml"], ["-o", "yaml"]),
        (["-o="], ["-o="]),
        (["--output=yaml"], ["--output=yaml"]),
        (["-n=vms"], ["-nvms"]),
        (["-v"], ["-v6"]),
        (["-v", "a"], ["-v6", "a"]),
        (["-v", "8", "a"], ["-v", "8", "a"]),
        (["-v=8"], ["-v8"]),
        (["-v8"], ["-v8"]),
        (["--dry-run", "a"], ["--dry-run=client", "a"]),
        (["--dry-run", "server"], ["--dry-run", "server"]),
        (["--dry-run=server", "a"], ["--dry-run=server", "a"]),
        (["--all=true", "a"], ["--all", "a"]),
        (["--all=T"], ["--all"]),
        (["--all=1"], ["--all"]),
        (["--all=false", "a"], ["a"]),
        (["--all=0"], []),
        (["--all=maybe"], ["--all=maybe"]),
        (["--insecure-skip-tls-verify=true"], ["--insecure-skip-tls-verify"]),
        (["--timeout=true"], ["--timeout=true"]),
        (["a", "--", "-o=yaml", "--all=true"], ["a", "--", "-o=yaml", "--all=true"]),
        ([], []),
    ],
)
def test_the_forms_that_pflag_takes_become_those_that_click_takes(args, rewritten):
    assert as_click_reads(args, a_verb().params) == rewritten


@pytest.mark.parametrize(
    ("args", "values"),
    [
        ((), ((), False, 600, None, ConnectionFlags())),
        (
            ("a", "b", "--all=true", "-o=json", "--timeout=0"),
            (("a", "b"), True, 0, "json", ConnectionFlags()),
        ),
        (("-n=vms", "-v"), ((), False, 600, None, ConnectionFlags(namespace="vms", verbosity=6))),
        (("--timeout", "-1s"), ((), False, -1, None, ConnectionFlags())),
    ],
)
def test_a_verb_gets_values_and_not_text(args, values):
    assert given(*args) == values


EVERY_FLAG = {
    "--kubeconfig=f": {"kubeconfig": "f"},
    "--context=x": {"context": "x"},
    "--cluster=c": {"cluster": "c"},
    "--user=u": {"user": "u"},
    "--namespace=n": {"namespace": "n"},
    "-nn": {"namespace": "n"},
    "--server=https://h": {"server": "https://h"},
    "-s=https://h": {"server": "https://h"},
    "--token=t": {"token": "t"},
    "--certificate-authority=ca": {"certificate_authority": "ca"},
    "--client-certificate=cert": {"client_certificate": "cert"},
    "--client-key=key": {"client_key": "key"},
    "--tls-server-name=name": {"tls_server_name": "name"},
    "--insecure-skip-tls-verify": {"insecure_skip_tls_verify": True},
    "--as=alice": {"impersonate_user": "alice"},
    "--as-group=g": {"impersonate_groups": ("g",)},
    "--as-uid=7": {"impersonate_uid": "7"},
    "--as-user-extra=a=b=c": {"impersonate_extra": (("a", "b=c"),)},
    "--proxy-url=http://p:1": {"proxy_url": "http://p:1"},
    "--kuberc=f": {"kuberc": "f"},
    "--request-timeout=5": {"request_timeout": 5.0},
    "-v=8": {"verbosity": 8},
}


@pytest.mark.parametrize(("flag", "fields"), EVERY_FLAG.items())
def test_each_connection_flag_of_kubectl_has_its_field(flag, fields):
    assert given(flag)[-1] == ConnectionFlags(**fields)


def test_no_connection_flag_is_left_untested():
    fields = {name for value in EVERY_FLAG.values() for name in value}
    assert fields == set(ConnectionFlags._fields)


@pytest.mark.parametrize(
    ("before", "after", "flags"),
    [
        (["-n", "a"], [], ConnectionFlags(namespace="a")),
        ([], ["-n", "b"], ConnectionFlags(namespace="b")),
        (["-n", "a"], ["-n", "b"], ConnectionFlags(namespace="b")),
        (
            ["-n", "a", "--as=alice"],
            ["--as-group=g", "--as-group=h"],
            ConnectionFlags(namespace="a", impersonate_user="alice", impersonate_groups=("g", "h")),
        ),
    ],
)
def test_connection_flags_count_before_and_after_the_verb_and_the_later_wins(before, after, flags):
    group = click.Group("program", commands={"try": a_verb()})
    program = connection_declared(group)
    values = program.main([*before, "try", *after], standalone_mode=False)
    assert values[-1] == flags


def test_a_value_that_the_verb_itself_finds_invalid_is_wrong_usage_of_that_verb():
    with pytest.raises(click.UsageError) as refusal:
        a_verb(answer=InvalidValue("a name is empty")).main([], standalone_mode=False)
    assert (refusal.value.message, refusal.value.ctx.command.name) == ("a name is empty", "try")


def test_the_help_shows_the_verbs_own_options_before_those_of_the_connection_and_examples():
    examples = "\n# Try it\nkubectl virt-clone try\n"
    text = CliRunner().invoke(a_verb(examples=examples), ["--help"]).output
    headings = [line for line in text.splitlines() if line and not line.startswith("   ")]
    own = [line for line in headings if not line.startswith("  -")]
    assert own == [
        "Usage: try [OPTIONS] [NAMES]...",
        "  Try something.",
        "Examples:",
        "  # Try it",
        "  kubectl virt-clone try",
        "Options:",
        "Connection options:",
    ]
