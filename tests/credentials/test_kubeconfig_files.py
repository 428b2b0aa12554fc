"""What is a kubeconfig and what is none: the program, and kubectl beside it with the same file."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.credentials.cases import TOKEN, TOM
from tests.credentials.conftest import Kubectl, Kvc
from tests.credentials.kit import Kit
from tests.credentials.test_cases import NAME, PATH

HEADS = ("clusters:\n", "contexts:\n", "users:\n")


def with_nulls(text: str) -> bytes:
    for head in HEADS:
        text = text.replace(head, f"{head}- null\n")
    return text.encode()


TAKEN: dict[str, Callable[[str], bytes]] = {
    "without apiVersion and kind": lambda text: (
        text.replace("apiVersion: v1", "").replace("kind: Config", "").encode()
    ),
    "with an empty apiVersion and kind": lambda text: (
        text.replace("apiVersion: v1", "apiVersion: ''").replace("kind: Config", "kind:").encode()
    ),
    "with fields that nobody knows": lambda text: (
        f"colour: [red]\npreferences: {{colour: 5}}\n{text}".replace(
            "- cluster:\n", "- colour: 5\n  cluster:\n    colour: [red]\n"
        ).encode()
    ),
    "with null among the entries": with_nulls,
    "with extensions": lambda text: (
        f"extensions: [null, {{name: a, extension: 5}}]\n{text}".encode()
    ),
    "in UTF-8 with a mark": lambda text: text.encode("utf-8-sig"),
    "in UTF-16, little endian": lambda text: b"\xff\xfe" + text.encode("utf-16-le"),
    "in UTF-16, big endian": lambda text: b"\xfe\xff" + text.encode("utf-16-be"),
    "with Windows' line ends": lambda text: text.replace("\n", "\r\n").encode(),
}


@pytest.mark.parametrize("how", TAKEN)
def test_a_file_is_taken(kit: Kit, kvc: Kvc, kubectl: Kubectl, how: str) -> None:
    text = kit.config(TOKEN, name="taken").read_text()
    path = kit.file("taken", TAKEN[how](text))

    answer = kvc("get", "c", "-o=name", "--kubeconfig", path)

    assert answer == (0, NAME, "", (TOM,))
    assert kubectl("get", "--raw", PATH, "--kubeconfig", path).seen == (TOM,)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("kind: Config", "kind: Pod", 'no kind "Pod" is registered for version "v1"'),
        ("kind: Config", "kind: config", 'no kind "config" is registered for version "v1"'),
        ("kind: Config", "kind: 5", "kind is of type number, not string"),
        (": v1\n", ": v2\n", 'no kind "Config" is registered for version "v2"'),
        (": v1\n", ": apps/v1\n", 'no kind "Config" is registered for version "apps/v1"'),
        (": v1\n", ": [v1]\n", "apiVersion is of type array, not string"),
        ("t: x\n", "t: 5\n", "current-context is of type number, not string"),
        ("name: x\n", "name: 5\n", "contexts.name is of type number, not string"),
        ("user: u\n", "user: y\n", "contexts.context.user is of type bool, not string"),
        ("clusters:\n", "clusters:\n- 5\n", "clusters is of type number, not object"),
        ("contexts:\n", "contexts:\n- null\n- null\n", 'duplicate name "" in contexts'),
    ],
)
def test_a_file_is_refused(
    kit: Kit, kvc: Kvc, kubectl: Kubectl, old: str, new: str, reason: str
) -> None:
    text = kit.config(TOKEN, name="refused").read_text()
    assert text.count(old) == 1, text
    path = kit.file("refused", text.replace(old, new))

    answer = kvc("get", "c", "-o=name", "--kubeconfig", path)

    assert answer == (1, "", f'error: error loading config file "{path}": {reason}\n', ())
    theirs = kubectl("get", "--raw", PATH, "--kubeconfig", path)
    assert (theirs.code, theirs.seen) == (1, ())
