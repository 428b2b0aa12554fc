"""Manifests and kubeconfigs of every shape: read, or refused by name in one line, and in time."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from kubectl_virt_clone.errors import VirtCloneError
from kubectl_virt_clone.kube.transport import Session
from kubectl_virt_clone.objects.documents import parse_documents
from kubectl_virt_clone.objects.resource import ConnectionFlags
from tests.fuzz import corpus
from tests.fuzz.conftest import Cluster
from tests.fuzz.effort import fuzzed
from tests.fuzz.hostile import NASTY, TEXTS, VALUES, mutated
from tests.fuzz.terminals import bounded, ran, unsafe

# A watch that its command has left behind may still choose when to try again.
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module")

NAMED = ("create", "preview", "check")

PIECES = (
    *("a:", " b", "\n", "- ", "&x ", "*x", "<<: ", "{", "}", "[", "]", ",", ": ", "|\n", ">-\n  "),
    *("!!python/object/apply:os.system [id]", "!!binary ", "!!set ", "!!timestamp ", "!!int "),
    *("---\n", "...\n", "%YAML 1.1\n", "? ", '"', "'", '"\\ud800"', "0x" + "f" * 400, "1e999"),
    *("~", "y", "2026-01-01", "52:54:00:12:34:56", "\ufeff", "\r\n", "\t", "#", "\x00", "\x85"),
    *("kind: VirtualMachineClone\n", "kind: List\nitems:\n- ", "!x ", ".nan", "!!bool maybe\n"),
    "apiVersion: clone.kubevirt.io/v1beta1\n",
)
"""What YAML is made of."""

GARBLED = st.lists(st.sampled_from(PIECES) | TEXTS, max_size=12).map("".join)


def _encoded(text: str, how: str) -> bytes:
    return text.encode(how, "surrogatepass" if how.startswith("utf") else "replace")


@st.composite
def files(draw: Any, *whole: Any) -> bytes:
    """A file that was once one of these objects, in YAML or JSON, or is garbled."""
    if draw(st.integers(0, 3)) == 0:
        text = draw(GARBLED)
    else:
        value = draw(st.sampled_from(whole).flatmap(mutated) | VALUES)
        text = json.dumps(value)
        if draw(st.booleans()):
            with suppress(ValueError):  # of a number of more digits than Python reads
                text = yaml.safe_dump(json.loads(text), allow_unicode=draw(st.booleans()))
        if draw(st.integers(0, 3)) == 0:
            place = draw(st.integers(0, len(text)))
            text = text[:place] + draw(st.sampled_from((*PIECES, *NASTY))) + text[place:]
    codings = ("utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16", "latin-1")
    return _encoded(text, draw(st.sampled_from(codings)))


@fuzzed(20)
@example(b"a: !!bool maybe")
@example(b"a: !!timestamp maybe")
@example(b"a: !!set {b, c}")
@example(b"a: .inf")
@example(b"1: a")
@example(b"? [a]\n: b")
@given(file=files(*corpus.clones(), {"kind": "List", "items": corpus.clones()[:2]}))
def test_any_manifest_is_read_or_refused_by_name_in_one_line(file: bytes) -> None:
    text = file.decode("utf-8", "replace")

    refusal, documents = "", None
    try:
        with bounded():
            documents = parse_documents(text, "a.yaml")
    except VirtCloneError as error:
        refusal = str(error)

    assert documents is not None or refusal.startswith("error: error parsing a.yaml: ")
    assert "\n" not in refusal
    assert json.loads(json.dumps(documents, allow_nan=False)) == documents


@fuzzed(8)
@example(
    file=b'apiVersion: clone.kubevirt.io/v1beta1\nkind: "\\e[2J\\u200e"', verb="check", dry=False
)
@example(file=b'a: "\xff"', verb="preview", dry=False)
@given(file=files(*corpus.clones()), verb=st.sampled_from(NAMED), dry=st.booleans())
def test_any_manifest_given_to_a_verb_ends_in_an_answer(
    cluster: Cluster, file: bytes, verb: str, dry: bool
) -> None:
    cluster.replay.instead = {}
    path = cluster.kubeconfig.with_name("clone.yaml")
    path.write_bytes(file)

    with bounded():
        flags = ["--dry-run=client", "-o", "yaml"] if dry and verb == "create" else []
        done = ran([verb, "-f", str(path), *flags])

    assert done.code in (0, 1)
    assert "Traceback" not in done.err
    assert unsafe(done, tty=False) == {}


def _laughs(line: str, first: str, times: int = 40) -> str:
    lines = [line.format(n=n, before=", ".join([f"*a{n - 1}"] * 9)) for n in range(1, times)]
    return "\n".join([first, *lines])


BOMBS = {
    "lists": _laughs("a{n}: &a{n} [{before}]", "a0: &a0 [x, x]"),
    "maps": _laughs("a{n}: &a{n} {{b: [{before}]}}", "a0: &a0 {x: 1}"),
    "merges": _laughs("a{n}: &a{n} {{<<: [{before}], k{n}: 1}}", "a0: &a0 {x: 1}"),
    "wide": "a: &a [" + "1," * 2000 + "]\nb: [" + "*a," * 2000 + "]",
    "itself": "a: &a [*a]",
    "its-own-key": "a: &a\n  <<: *a\n  b: 1\n",
    "in-a-later-document": "a: &a [1]\n---\nb: &a [*a]\n",
    "deep-flow": "[\n" * 100_000,
    "deep-json": '{"a":' * 100_000,
    "deep-block": "".join(f"{' ' * n}a:\n" for n in range(2000)),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_small_file_that_stands_for_endless_values_is_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / "bomb.yaml"
    path.write_text(f"kind: Config\n{BOMBS[name]}" if BOMBS[name][0] == "a" else BOMBS[name])

    manifest = ran(["create", "-f", str(path), "--dry-run=client"])
    kubeconfig = ran(["get", "--kubeconfig", str(path)])

    assert [manifest.code, kubeconfig.code] == [1, 1]
    assert manifest.err.startswith(f"error: error parsing {path}: ")
    assert kubeconfig.err.startswith(f'error: error loading config file "{path}": ')
    assert manifest.err.count("\n") == kubeconfig.err.count("\n") == 1


def test_aliases_that_stand_for_few_values_are_taken() -> None:
    text = "a: &a {b: [1, 2]}\nc: [*a, *a]\nd: {<<: *a, e: 3}\n"

    assert parse_documents(text, "") == [
        {"a": {"b": [1, 2]}, "c": [{"b": [1, 2]}] * 2, "d": {"b": [1, 2], "e": 3}}
    ]


def test_many_small_documents_take_time_in_proportion() -> None:
    text = "{}" * 100_000 + " " * 20_000_000  # what is copied for each of them makes it hang

    with bounded():
        assert len(parse_documents(text, "")) == 100_000


CONFIG = {
    "apiVersion": "v1",
    "kind": "Config",
    "clusters": [
        {
            "name": "a",
            "cluster": {
                "server": "https://127.0.0.1:1",
                "certificate-authority-data": "bm8=",
                "tls-server-name": "x",
                "proxy-url": "http://127.0.0.1:1",
                "extensions": [{"name": "x", "extension": {}}],
            },
        },
        {"name": "b", "cluster": {"server": "127.0.0.1:1", "insecure-skip-tls-verify": True}},
        {"name": "c", "cluster": {"certificate-authority": "ca", "server": "http://127.0.0.1:1/x"}},
    ],
    "users": [
        {"name": "a", "user": {"token": "t", "as": "u", "as-groups": ["g"], "as-uid": "1"}},
        {"name": "b", "user": {"username": "u", "password": "p", "as-user-extra": {"a": ["b"]}}},
        {"name": "c", "user": {"client-certificate-data": "bm8=", "client-key-data": "bm8="}},
        {"name": "d", "user": {"tokenFile": "token", "client-certificate": "crt"}},
        {
            "name": "e",
            "user": {
                "exec": {
                    "apiVersion": "client.authentication.k8s.io/v1",
                    "command": "sh",
                    "args": ["a"],
                    "env": [{"name": "A", "value": "b"}],
                    "interactiveMode": "Never",
                    "provideClusterInfo": True,
                    "installHint": "install it",
                }
            },
        },
        {"name": "f", "user": {"auth-provider": {"name": "oidc", "config": {"id-token": "x"}}}},
    ],
    "contexts": [
        {"name": user, "context": {"cluster": cluster, "user": user, "namespace": "n"}}
        for user, cluster in zip("abcdef", "abcabc", strict=True)
    ],
    "current-context": "a",
}
CREDENTIAL = {
    "apiVersion": "client.authentication.k8s.io/v1",
    "kind": "ExecCredential",
    "status": {
        "token": "t",
        "expirationTimestamp": "2126-11-22T07:54:15Z",
        "clientCertificateData": "x",
        "clientKeyData": "y",
    },
}
"""What a plugin prints."""


@fuzzed(20)
@given(
    configs=st.lists(files(CONFIG), min_size=1, max_size=2),
    context=st.sampled_from(("", *"abcdef")) | TEXTS,
    code=st.sampled_from((0, 0, 0, 1, -9)),
    printed=files(CREDENTIAL),
)
def test_any_kubeconfig_connects_or_is_refused(
    tmp_path_factory: pytest.TempPathFactory,
    configs: list[bytes],
    context: str,
    code: int,
    printed: bytes,
) -> None:
    folder, said = tmp_path_factory.getbasetemp(), list[str]()
    paths = [folder / f"config-{number}" for number in range(len(configs))]
    for path, text in zip(paths, configs, strict=True):
        path.write_bytes(text)

    with pytest.MonkeyPatch.context() as patch, bounded():
        patch.setenv("KUBECONFIG", os.pathsep.join(map(str, paths)))
        # A mutated command may be that of anything.
        patch.setattr("subprocess.run", lambda *_, **__: CompletedProcess((), code, printed))
        with suppress(VirtCloneError):
            session = Session(ConnectionFlags(context=context), log=said.append, warn=said.append)
            assert isinstance(session.server, str)


@pytest.mark.parametrize(
    "text",
    [
        "clusters: 7",
        "users: [7]",
        "contexts: [{name: a, context: [b]}]",
        "users: [{name: a, user: {as: b, as-groups: 7}}]",
        "clusters: [{name: a, cluster: {server: [b]}}]",
    ],
)
def test_a_kubeconfig_whose_entries_are_of_other_types_is_refused(
    tmp_path: Path, text: str
) -> None:
    path = tmp_path / "config"
    path.write_text(text)

    done = ran(["get", "--kubeconfig", str(path)])

    assert (done.code, done.out) == (1, "")
    assert done.err.startswith(f'error: error loading config file "{path}": ')


@pytest.mark.parametrize("name", ["bytes.yaml", "folder.json"])
def test_a_folder_with_a_file_in_it_that_is_no_text_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.json").mkdir()
    if name == "bytes.yaml":
        (tmp_path / name).write_bytes(b"\xff\xfe\x00")

    done = ran(["create", "-f", str(tmp_path), "--dry-run=client"])

    assert (done.code, done.out) == (1, "")
    assert done.err.startswith(f"error: error reading {tmp_path}: ")
