"""Every way to reach a server and to be known there: by the program, and by kubectl beside it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.credentials.cases import CASES, Case
from tests.credentials.conftest import Kubectl, Kvc
from tests.credentials.kit import Kit

NAME = "virtualmachineclone.clone.kubevirt.io/c\n"
PATH = "/apis/clone.kubevirt.io/v1beta1/namespaces/default/virtualmachineclones/c"


def arranged(kit: Kit, case: Case, monkeypatch: pytest.MonkeyPatch, cwd: Path) -> list[object]:
    """The flags with which either program is in the case; the environment is in it then."""
    shutil.copy(kit.names["plugin"], cwd / "no-such-plugin")
    monkeypatch.chdir(cwd)
    monkeypatch.setattr("sys.stdin", None)
    for name, value in case.environ.items():
        monkeypatch.setenv(name, kit.fill(value))
    return ["--kubeconfig", kit.config(case.user, case.cluster), *kit.fill(case.flags)]


@pytest.mark.parametrize("name", CASES)
def test_the_program_is_known_or_says_why_not(
    kvc: Kvc, kit: Kit, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    case = CASES[name]

    answer = kvc("get", "c", "-o=name", "-v=9", *arranged(kit, case, monkeypatch, tmp_path))

    expected = (0, NAME, (case.seen,)) if case.seen else (1, "", ())
    assert (answer.code, answer.out, answer.seen) == expected, answer.err
    assert answer.err == kit.fill(case.error)


# Whether the table is right about kubectl changes with kubectl alone: each run asks some of it.
ALIKE = [name for name, case in CASES.items() if not case.kubectl]
SOME = ALIKE[::8]


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[] if name in SOME else pytest.mark.nightly) for name in ALIKE],
)
def test_kubectl_comes_to_the_same_end(
    kubectl: Kubectl, kit: Kit, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    case = CASES[name]

    answer = kubectl("get", "--raw", PATH, *arranged(kit, case, monkeypatch, tmp_path))

    assert (answer.code, answer.seen) == (0, (case.seen,)) if case.seen else (1, ()), answer
