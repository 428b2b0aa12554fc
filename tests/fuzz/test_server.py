"""The program from end to end, against a server that answers whatever it likes."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.commands import COMMANDS
from tests.fuzz.conftest import Cluster
from tests.fuzz.effort import fuzzed
from tests.fuzz.hostile import DEPTH, TEXTS, VALUES, mutated, poisoned
from tests.fuzz.replay import Answer
from tests.fuzz.terminals import ran, unsafe

# A watch that its command has left behind may still choose when to try again.
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module")

DEEP = b"[" * DEPTH + b"]" * DEPTH
NO_JSON = (
    *(
        b"",
        b"{",
        b"null",
        b"[]",
        b'"text"',
        b"7",
        b"\xff\xfe",
        b"\xef\xbb\xbf{}",
        b"{}{}",
        b"<html>",
    ),
    *(b'{"items":[NaN,Infinity]}', b'{"metadata":{"name":"a","name":"b"},"items":[{}],"items":7}'),
    *(b'{"kind":"\\ud800","\\udfff":"\xff"}', '{"a":"b"}'.encode("utf-16"), b'{"a":' + DEEP + b"}"),
    *(DEEP, b'{"items":[{"metadata":' + DEEP + b"}]}", b'{"a":' + b"9" * 5000 + b"}"),
    *(b'{"items":[{"metadata":{"name":"' + b"x" * 10**6 + b'"}}]}', b'{"a":1e999}'),
)
# Of what a server says about retries; a larger number of seconds is not waited for.
HEADERS = st.sampled_from(
    (
        (),
        (("Retry-After", "0"),),
        (("Retry-After", "\xb2"),),
        (("Retry-After", "-1"),),
        (("Retry-After", "9" * 400),),
        (("Warning", '299 - "\x1b[31mred"'), ("Warning", "nonsense"), ("Warning", "")),
        (("Warning", '299 kv "gpj.\xe2\x80\xaeexe \\" \x9b2J"'),),
        (("Location", "http://127.0.0.1:1/"),),
    )
)
CODES = (200, 201, 204, 301, 307, 400, 401, 403, 404, 409, 410, 415, 422)
BUSY = (500, 503, 504)  # what is to be written is then sent again, for half a minute


@st.composite
def answers(draw: Any, kept: Answer, writes: bool) -> Answer:
    """What a server may answer instead."""
    headers = draw(HEADERS)
    if draw(st.integers(0, 5)) == 0:
        return Answer(kept.code, draw(st.sampled_from(NO_JSON)), headers)
    if draw(st.integers(0, 3)) == 0:
        status = {
            "kind": "Status",
            "reason": draw(st.sampled_from(("Invalid", "NotFound", "Expired", "")) | TEXTS),
            "message": draw(TEXTS),
            "details": {"kind": "a", "name": "b", "causes": [{"field": "c", "message": "d"}]},
            "metadata": {"continue": draw(TEXTS)},
        }
        code = draw(st.sampled_from(CODES if writes else (*CODES, *BUSY)))
        return Answer(code, _written(draw(mutated(status))), headers)
    lines = [json.loads(line) for line in kept.body.splitlines()]
    if len(lines) > 1 or not lines:  # of a watch
        events = draw(mutated([*lines, {"type": "ERROR", "object": {"code": 410}}]))
        events = events if isinstance(events, list) else []
        return Answer(kept.code, b"\n".join(map(_written, events)), headers)
    return Answer(kept.code, _written(draw(mutated(lines[0]) | VALUES)), headers)


def _written(value: Any) -> bytes:
    return json.dumps(value).encode()


@st.composite
def plans(draw: Any, cluster: Cluster, command: tuple[str, ...]) -> dict[str, Answer]:
    """Other answers to some of what the command asks for."""
    asks = cluster.asks[command]
    some = draw(st.lists(st.sampled_from(asks), min_size=1, max_size=3, unique=True))
    kept = cluster.replay.answers
    return {ask: draw(answers(kept[ask], not ask.startswith("GET"))) for ask in some}


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@fuzzed(3)
@given(data=st.data())
def test_a_hostile_server_gets_no_traceback_and_no_terminal(
    cluster: Cluster, command: tuple[str, ...], data: st.DataObject
) -> None:
    tty = data.draw(st.booleans())
    cluster.replay.instead = data.draw(plans(cluster, command))

    done = ran(command, tty=tty, stdin="n\n")

    assert done.code in (0, 1, 3, 4)
    assert "Traceback" not in done.err
    assert unsafe(done, tty=tty) == {}
    if done.code == 0:
        _check_format(command, done.out)


OK = b"HTTP/1.1 200 OK\r\n"
RAW = {
    "nothing": b"",
    "no-http": b"\x00\xff\x1b[2J" * 99,
    "half-a-header": b"HTTP/1.1 200 OK\r\nContent-Le",
    "reason": b"HTTP/1.1 500 \x1b[31mred\r\nContent-Length: 0\r\n\r\n",
    "code": b"HTTP/1.1 99999 OK\r\n\r\n",
    "early-hints": b"HTTP/1.1 103 Early Hints\r\n\r\n" * 3,
    "length": OK + b"Content-Length: nope\r\n\r\n[]",
    "negative-length": OK + b"Content-Length: -1\r\n\r\n[]",
    "two-lengths": OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n[]",
    "too-short": OK + b"Content-Length: 100\r\n\r\n[]",
    "chunks": OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n[]",
    "half-a-chunk": OK + b"Transfer-Encoding: chunked\r\n\r\nff\r\n{",
    "gzip": OK + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n[]",
    "brotli": OK + b"Content-Encoding: br, gzip\r\nContent-Length: 2\r\n\r\n[]",
    "many-headers": OK + b"A: b\r\n" * 5000 + b"\r\n[]",
    "long-header": OK + b"A: " + b"b" * 10**6 + b"\r\n\r\n[]",
    "no-name": OK + b": b\r\n\x1b\r\n folded\r\nContent-Length: 2\r\n\r\n[]",
    "elsewhere": b"HTTP/1.1 307 X\r\nLocation: http://\x1b[0m/\r\nContent-Length: 0\r\n\r\n",
    "upgrade": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n",
}


@pytest.mark.parametrize("name", RAW)
@pytest.mark.parametrize(
    "command", [("get",), ("get", "-w", "--request-timeout=30ms"), ("version",), ("check",)]
)
def test_what_is_no_http_is_no_answer(
    cluster: Cluster, command: tuple[str, ...], name: str
) -> None:
    cluster.replay.instead = dict.fromkeys(cluster.replay.answers, Answer(0, RAW[name]))

    done = ran(command)

    assert done.code == 1
    assert done.err
    assert unsafe(done, tty=False) == {}


EVERYWHERE = "\x1b]0;x\x07\r\n\u202e\u200b\ud800\x9b2J"
# With these left as they are, what is shown goes through all the program.
SPARED = ("kind", "apiVersion", "phase", "type", "status", "creationTimestamp", "version", "uid")


@pytest.mark.parametrize("tty", [False, True], ids=["pipe", "terminal"])
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_hostile_text_everywhere_reaches_no_terminal(
    cluster: Cluster, command: tuple[str, ...], tty: bool
) -> None:
    cluster.replay.instead = {
        ask: cluster.replay.answers[ask]._replace(
            body=_everywhere(cluster.replay.answers[ask].body)
        )
        for ask in cluster.asks[command]
    }

    done = ran(command, tty=tty, stdin="n\n")

    assert done.code in (0, 1, 3, 4)
    assert unsafe(done, tty=tty) == {}


def _everywhere(body: bytes) -> bytes:
    lines = [poisoned(json.loads(line), EVERYWHERE, spared=SPARED) for line in body.splitlines()]
    return b"\n".join(map(_written, lines))


def _check_format(command: tuple[str, ...], out: str) -> None:
    """What is printed as JSON or YAML can be read as such."""
    output = command[command.index("-o") + 1] if "-o" in command else ""
    if command[0] == "__complete":
        assert out.splitlines()[-1].startswith(":")
    elif output == "json" and "-w" not in command:
        json.loads(out, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    elif output == "yaml":
        yaml.safe_load(out)
