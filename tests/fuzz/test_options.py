"""Any text for every option and argument of every verb: a value, or wrong usage in one line."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_virt_clone.cli.flags import Verb
from kubectl_virt_clone.cli.main import VERBS, virt_clone
from tests.fuzz.conftest import Cluster
from tests.fuzz.effort import fuzzed
from tests.fuzz.hostile import TEXTS
from tests.fuzz.replay import Answer
from tests.fuzz.terminals import Ran, ran, unsafe

# A watch that its command has left behind may still choose when to try again.
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module")

ARGUMENTS = TEXTS.map(lambda text: text.encode("utf-8", "replace")) | st.binary(max_size=6)
WORDS = ARGUMENTS.map(lambda data: os.fsdecode(data.replace(b"\0", b"")))
"""What an operating system can hand to a program: no NUL, and bytes that are no UTF-8."""


def _command(verb: str) -> click.Command:
    command = virt_clone.get_command(click.Context(virt_clone), verb)
    assert command is not None
    return command


def _params() -> Iterator[tuple[str, click.Parameter]]:
    for verb in VERBS:
        for param in _command(verb).params:
            yield verb, param


PARAMS = list(_params())


def _given(param: click.Parameter, text: str) -> Iterator[list[str]]:
    """The ways in which a text can be given for a parameter."""
    if isinstance(param, click.Argument):
        yield ["--", text]
        return
    for flag in (*param.opts, *param.secondary_opts):
        yield [f"{flag}={text}"]
    yield [param.opts[-1], text]


def _is_fine(done: Ran) -> bool:
    """Whether the text was taken, or refused as wrong usage is."""
    if done.code == 2:
        first, second, end = [*done.err.split("\n"), "", ""][:3]
        shaped = first.startswith("error: ") and second.startswith("See 'kubectl virt-clone")
        return shaped and done.err.count("\n") == 2 and not (end or done.out)
    return done.code == 0


@pytest.fixture
def idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Verbs that read their flags, and do nothing."""
    for verb in VERBS:
        monkeypatch.setattr(_command(verb), "callback", lambda *_, **__: None)


@pytest.mark.usefixtures("idle")
@fuzzed(2)
@given(data=st.data())
def test_every_parameter_of_every_verb_takes_or_refuses_any_text(data: st.DataObject) -> None:
    texts = data.draw(st.lists(WORDS, min_size=9, max_size=9))
    faults = {}
    for number, (verb, param) in enumerate(PARAMS):
        for given_as in _given(param, texts[number % len(texts)]):
            done = ran([verb, *given_as])
            if not _is_fine(done) or unsafe(done, tty=False):
                faults[" ".join((verb, *given_as))] = done

    assert faults == {}


def test_a_parameter_of_each_kind_was_found() -> None:
    found = {(verb, param.name) for verb, param in PARAMS}

    assert {verb for verb, _ in found} == set(VERBS)
    assert found >= {("create", "patch"), ("wait", "goals"), ("get", "sort_by"), ("get", "names")}
    assert all(isinstance(_command(verb), Verb) for verb in VERBS)


# What would leave this machine, write to it, or never end; each is given to every verb above.
_APART = (
    "--server",
    "-s",
    "--install",
    "--timeout",
    "--count",
    "--kubeconfig",
)
FLAGS = sorted(
    flag
    for verb, param in PARAMS
    for flag in (*param.opts, *param.secondary_opts)
    if verb != "sandbox" and flag.startswith("-") and flag not in _APART
)
PLAIN = (
    *("c1", "c2", "vm-cirros", "vmsnapshot/snap-1", "t{}", "a=b", "1", "yaml", "json", "-A", "--"),
    *("--source=vm-cirros", "--target=t", "--target=u", "--count=2", "--timeout=0", "--all", "x=y"),
    *("--for=delete", "--for=phase=Failed", "--dry-run=client", "--wait=false", "--output=name"),
)
LINES = st.tuples(
    st.sampled_from([*VERBS, "", "nosuch"]),
    st.lists(st.sampled_from(PLAIN) | st.sampled_from(FLAGS) | WORDS, max_size=6),
).map(lambda line: [line[0], *line[1]])


@fuzzed(20)
@given(data=st.data())
def test_any_command_line_ends_in_an_answer(
    cluster: Cluster, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    argv = data.draw(LINES)
    gone = Answer(404, b"{}")  # of a watch: no wait goes on without it
    cluster.replay.instead = {key: gone for key in cluster.replay.answers if key.endswith("?watch")}

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(_empty(tmp_path_factory))
        patch.setattr(_command("sandbox"), "callback", lambda *_, **__: None)
        done = ran(argv, stdin="y\n")

    assert done.code in (0, 1, 2, 3, 4)
    assert done.code != 2 or _is_fine(done)
    assert unsafe(done, tty=False) == {}


@fuzzed(15)
@given(words=st.lists(st.sampled_from(PLAIN) | st.sampled_from(FLAGS) | WORDS, max_size=4))
def test_any_line_can_be_completed(cluster: Cluster, words: list[str]) -> None:
    cluster.replay.instead = {}

    done = ran(["__complete", *words])

    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[-1].startswith(":")
    assert unsafe(done._replace(out=done.out.replace("\t", "")), tty=False) == {}


def _empty(factory: Any) -> Path:
    """A folder with nothing in it."""
    folder: Path = factory.getbasetemp() / "empty"
    folder.mkdir(exist_ok=True)
    return folder
