"""What hostile input once did to the program, each by its name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kubectl_virt_clone.cluster.answers import read_json, retry_after
from kubectl_virt_clone.errors import InvalidValue, ManifestError
from kubectl_virt_clone.model.documents import parse_documents
from kubectl_virt_clone.model.preflight.facts import Facts, kubevirt_version
from kubectl_virt_clone.model.shared_snapshot import owners
from kubectl_virt_clone.model.surroundings import Listing
from kubectl_virt_clone.options import parse_duration
from kubectl_virt_clone.render.removal import question
from tests.fuzz.conftest import Cluster
from tests.fuzz.hostile import DEPTH
from tests.fuzz.replay import Answer
from tests.fuzz.terminals import Ran, bounded, ran
from tests.unit.builders import a_clone, a_snapshot

CLONES = "/apis/clone.kubevirt.io/v1beta1/namespaces/default/virtualmachineclones"


def answered(cluster: Cluster, command: list[str], answers: dict[str, Any]) -> Ran:
    """What a command says where the server has other answers: objects, or bytes."""
    cluster.replay.instead = {
        ask: Answer(200, body if isinstance(body, bytes) else json.dumps(body).encode())
        for ask, body in answers.items()
    }
    return ran(command)


def test_half_a_character_in_a_name_is_asked_for_as_the_one_that_stands_for_it(
    cluster: Cluster,
) -> None:
    source = {"kind": "VirtualMachine", "name": "half\ud800"}
    clone = a_clone(name="c1", spec={"source": source})
    cluster.replay.asked.clear()

    done = answered(cluster, ["describe", "c1"], {f"GET {CLONES}/c1": clone})

    assert (done.code, done.err) == (0, "")
    assert any(ask.endswith("/virtualmachines/half%EF%BF%BD") for ask in cluster.replay.asked)
    assert read_json(b'["\\ud83d\\ude00", "\\ud83d", "\xff"]') == ["\U0001f600", "\ufffd", "\ufffd"]


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e999", "9" * 5000])
def test_a_number_that_json_does_not_have_is_no_json(cluster: Cluster, number: str) -> None:
    body = f'{{"metadata":{{"name":"c1"}},"spec":{number}}}'.encode()

    done = answered(cluster, ["get", "c1", "-o", "json"], {f"GET {CLONES}/c1": body})

    reason = f"Unable to connect to the server: {cluster.replay.url} sent no JSON\n"
    assert done == (1, "", reason)


def test_values_nested_without_end_are_no_traceback(cluster: Cluster) -> None:
    body = b'{"items":' + b"[" * DEPTH + b"]" * DEPTH + b"}"

    done = answered(cluster, ["get"], {f"GET {CLONES}": body})

    assert (done.code, done.out) == (1, "")
    assert done.err == f"Unable to connect to the server: {cluster.replay.url} sent no JSON\n"


def test_values_nested_as_deep_as_can_be_read_are_no_traceback(cluster: Cluster) -> None:
    deep: Any = "x"
    for _ in range(700):
        deep = [deep]

    done = answered(cluster, ["get", "c1", "-o", "yaml"], {f"GET {CLONES}/c1": {"a": deep}})

    assert done == (1, "", "error: what was read is nested too deeply\n")


@pytest.mark.parametrize(
    ("header", "seconds"), [("3", 3.0), ("\xb2", 1.0), ("\u0663", 1.0), ("-1", 1.0), ("", 1.0)]
)
def test_only_plain_digits_say_how_long_to_wait(header: str, seconds: float) -> None:
    assert retry_after(header, 429) == seconds


@pytest.mark.parametrize("lacking", ["uid", "name", "namespace"])
def test_an_object_that_cannot_be_told_from_another_is_not_deleted(
    cluster: Cluster, lacking: str
) -> None:
    clone = a_clone(name="c1")
    del clone["metadata"][lacking]

    done = answered(cluster, ["delete", "c1"], {f"GET {CLONES}/c1": clone})

    name = "" if lacking == "name" else "c1"
    assert (done.code, done.out) == (1, "")
    assert f"virtualmachineclone.clone.kubevirt.io/{name} is left alone" in done.err


@pytest.mark.parametrize("references", [7, "text", {"a": 1}, [{"uid": {}}], [7, None], True])
def test_owner_references_of_another_type_are_none(references: Any) -> None:
    snapshot = a_snapshot()
    snapshot["metadata"]["ownerReferences"] = references

    assert owners(snapshot, [a_clone()])[-1]["name"] == "clone-1"


def test_a_version_of_endless_digits_is_none_that_we_know() -> None:
    kubevirt = {"status": {"observedKubeVirtVersion": f"v{'9' * 5000}.1"}}

    assert kubevirt_version(Facts(kubevirt=Listing((kubevirt,)))) is None


def test_the_namespace_of_a_context_is_made_harmless_in_a_question() -> None:
    assert question(2, 0, "a\x1b[2J") == "delete all 2 clones of the namespace a^[[2J?"


def test_wrong_usage_is_told_in_one_line_whatever_it_quotes() -> None:
    done = ran(["get", "--chunk-size=1\nerror: forged"])

    assert done.code == 2
    assert done.err.split("\n")[0].endswith("'1\\nerror: forged' is not a valid integer range.")
    assert done.err.count("\n") == 2


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('a: "\\ud800"', "a text holds half a character"),
        ('{"\\udfff": 1}', "a text holds half a character"),
        ('{"a": 1e999}', "unsupported value: inf"),
    ],
)
def test_what_could_not_be_sent_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ManifestError) as refusal:
        parse_documents(text, "a.yaml")

    assert str(refusal.value) == f"error: error parsing a.yaml: {reason}"


@pytest.mark.parametrize("text", ["9" * 20_000, "1." + "9" * 20_000, "1h" * 9_999])
def test_a_duration_of_endless_digits_is_refused_at_once(text: str) -> None:
    with bounded(), pytest.raises(InvalidValue):
        parse_duration(f"{text}x")


def test_a_kubeconfig_that_cannot_be_read_is_not_quoted(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text('users:\n- name: a\n  user: {token: "secret-of-mine\n')

    done = ran(["get", "--kubeconfig", str(path)])

    assert done == (
        *(1, ""),
        f'error: error loading config file "{path}": found unexpected end of stream'
        " (line 4, column 1)\n",
    )
