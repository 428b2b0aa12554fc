"""What hostile input once did to the program, each by its name."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kubectl_virt_clone.cli.flags import parse_duration
from kubectl_virt_clone.clone.checks.facts import Facts, kubevirt_version
from kubectl_virt_clone.clone.shared_snapshot import owners
from kubectl_virt_clone.errors import InvalidValue, ManifestError
from kubectl_virt_clone.kube.transport import read_json, retry_after
from kubectl_virt_clone.objects.documents import parse_documents
from kubectl_virt_clone.objects.resource import Listing
from kubectl_virt_clone.render.removal import question
from kubevirt_sandbox.apiserver.access.authorization import User
from kubevirt_sandbox.apiserver.endpoints import Endpoints, Request, Response
from kubevirt_sandbox.apiserver.requestinfo import parse
from kubevirt_sandbox.storage.status import ApiError
from tests.fuzz.conftest import Cluster
from tests.fuzz.hostile import DEPTH
from tests.fuzz.replay import Answer
from tests.fuzz.terminals import Ran, bounded, ran
from tests.fuzz.test_files import BOMBS
from tests.sandbox.world import World as Plane
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

    reason = f"Unable to connect to the server: {cluster.replay.url} sent no JSON object\n"
    assert done == (1, "", reason)


def test_values_nested_without_end_are_no_traceback(cluster: Cluster) -> None:
    body = b'{"items":' + b"[" * DEPTH + b"]" * DEPTH + b"}"

    done = answered(cluster, ["get"], {f"GET {CLONES}": body})

    assert (done.code, done.out) == (1, "")
    assert (
        done.err == f"Unable to connect to the server: {cluster.replay.url} sent no JSON object\n"
    )


@pytest.fixture
def uncollected() -> Iterator[None]:
    """What other tests left is not finalized at a depth where pytest could not tell of it."""
    gc.disable()
    yield
    gc.enable()


def test_values_nested_as_deep_as_can_be_read_are_no_traceback(
    cluster: Cluster, uncollected: None
) -> None:
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
        ('a: "\\ud800"', "a string contains half a character"),
        ('{"\\udfff": 1}', "a string contains half a character"),
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


DIGITS = "9" * 5000
VMS = "/apis/kubevirt.io/v1/namespaces/default/virtualmachines"
VM = f"{VMS}/vm-cirros"
REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
UNREADABLE = (
    "the object provided is unrecognized (must be of type VirtualMachine): couldn't get"
    " version/kind; json parse error: {}"
)
NO_REVIEW = (
    'SelfSubjectAccessReview in version "v1" cannot be handled as a SelfSubjectAccessReview: json:'
    " cannot unmarshal a value of its spec"
)
NO_OPTIONS = "json: cannot unmarshal dryRun or preconditions into DeleteOptions"
EXCESSIVE = "yaml: document contains excessive aliasing"
NO_JSON = "yaml: JSON has no such value"
NO_NUMBER = f'strconv.Parse{{}}: parsing "{DIGITS}": value out of range'
NO_VERSION = f'resourceVersion: Invalid value: "{DIGITS}": {NO_NUMBER.format("Uint")}'
NO_CLAIM = (
    'PersistentVolumeClaim "a" is invalid: [spec: Invalid value: "array": spec in body must be of'
    ' type object: "array", spec.accessModes: Required value: at least 1 access mode is required,'
    " spec.resources[storage]: Required value]"
)
REFUSED = {
    (f"GET {VMS}?limit={DIGITS}", ""): (400, NO_NUMBER.format("Int")),
    (f"GET {VMS}?limit=\u0663", ""): (400, 'strconv.ParseInt: parsing "\u0663": invalid syntax'),
    (f"GET {VMS}?resourceVersion={DIGITS}", ""): (400, f"invalid resource version: {NO_VERSION}"),
    (f"GET {VMS}?watch=1&resourceVersion={DIGITS}", ""): (500, NO_VERSION),
    (f"GET {VMS}?continue=eyJydiI6SW5maW5pdHksInN0YXJ0IjoiYS9iIn0", ""): (
        *(400, "invalid continue token: continue key is not valid: it can't be read"),
    ),
    (f"DELETE {VM}", '{"dryRun":7}'): (400, NO_OPTIONS),
    (f"DELETE {VM}", '{"preconditions":[1]}'): (400, NO_OPTIONS),
    (f"POST {VMS}", "a: !!bool maybe"): (400, UNREADABLE.format(NO_JSON)),
    (f"POST {VMS}", "a: !!binary aaaa"): (400, UNREADABLE.format(NO_JSON)),
    (f"POST {VMS}", "? 2020-01-01\n: a"): (400, UNREADABLE.format(NO_JSON)),
    (f"POST {VMS}", BOMBS["lists"]): (400, UNREADABLE.format(EXCESSIVE)),
    (f"POST {VMS}", BOMBS["merges"]): (400, UNREADABLE.format(EXCESSIVE)),
    (f"POST {VMS}", BOMBS["itself"]): (400, UNREADABLE.format(EXCESSIVE)),
    (f"POST {VMS}", "a: .nan"): (
        *(400, UNREADABLE.format("invalid character 'N' looking for beginning of value")),
    ),
    ("PATCH /api/v1/namespaces/default", '{"metadata":{"ownerReferences":[{"uid":{}}]}}'): (
        *(400, "unable to apply the strategic merge patch"),
    ),
    (
        "POST /api/v1/namespaces/default/persistentvolumeclaims",
        '{"kind":"PersistentVolumeClaim","metadata":{"name":"a"},"spec":[{}]}',
    ): (422, NO_CLAIM),
    (f"POST {REVIEWS}", '{"kind":"SelfSubjectAccessReview","spec":7}'): (400, NO_REVIEW),
    (
        f"POST {REVIEWS}",
        '{"kind":"SelfSubjectAccessReview","spec":{"resourceAttributes":7}}',
    ): (400, NO_REVIEW),
}
"""What the sandbox is asked and sent, and what it says."""


@pytest.fixture(scope="module")
def endpoints() -> Endpoints:
    return Endpoints(Plane().registry)


def asked(endpoints: Endpoints, line: str, body: str) -> Response:
    """The sandbox's answer; a patch is a strategic one, any other body is YAML."""
    info = parse(*line.split(" "))
    media = "strategic-merge-patch+json" if info.method == "PATCH" else "yaml"
    user = User("admin", groups=("system:masters",))
    request = Request(info, user, content_type=f"application/{media}", body=body.encode())
    return endpoints.answer(request)


@pytest.mark.parametrize(("line", "body"), REFUSED)
def test_the_sandbox_refuses_what_it_cannot_read(
    endpoints: Endpoints, line: str, body: str
) -> None:
    with bounded(), pytest.raises(ApiError) as refusal:
        asked(endpoints, line, body)

    assert (refusal.value.code, str(refusal.value)) == REFUSED[line, body]


def test_half_an_address_is_a_path_that_names_no_resource() -> None:
    info = parse("GET", "//[?limit=1")

    assert (info.path, info.resource, info.query) == ("//[", "", {"limit": "1"})


def test_the_sandbox_reads_half_a_character_as_the_one_that_stands_for_it(
    endpoints: Endpoints,
) -> None:
    namespace = (
        '{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"half","annotations":{%s}}}'
    )

    answer = asked(endpoints, "POST /api/v1/namespaces", namespace % '"a":"\\ud800"')

    assert answer.code == 201
    assert json.loads(answer.body)["metadata"]["annotations"] == {"a": "\ufffd"}
