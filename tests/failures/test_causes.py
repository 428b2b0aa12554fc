"""Each cause, in the words of kubectl and of ours: what the document says is what happens."""

from __future__ import annotations

import json
import os
import re
import subprocess
import threading
import time
from typing import NamedTuple

import pytest

from kubectl_virt_clone.cli.main import run
from kubectl_virt_clone.clone.progress.progress import IDS
from kubevirt_sandbox.controlplane import ControlPlane
from tests.sandbox.world import a_clone

from .book import CAUSES, KUBECTL_SECONDS, Book
from .cases import CASES, Case
from .stage import PATIENCE, Lookout, Stage

MOST_SECONDS = 2.0
WEBHOOK = "webhook-unreachable"
_UID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TOLD = re.compile(r"error: .*?(?:will not reach [^:]*|condition on [^:]*): (.*)")


class Ended(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.cause or "none")
def test_the_document_says_how_each_cause_is_told(
    case: Case,
    book: Book,
    kubectl_path: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def wait(*args: str) -> Ended:
        capsys.readouterr()
        code = run(["wait", "c", f"--for={case.goal}", "--quiet", *args])
        return Ended(int(code), *capsys.readouterr())

    stage = Stage(audience=case.audience, **case.options)
    with stage.plane as plane:
        monkeypatch.setenv("KUBECONFIG", str(plane.kubeconfig))
        case.before(stage)
        if case.source:
            stage.clone("c", case.source, case.target, **case.spec)
        acting = threading.Thread(target=stage.curtain, args=(lambda: case.after(stage),))
        with Lookout(stage, *case.shown) as lookout, _kubectl(kubectl_path, case, book) as kubectl:
            stage.kubectl = kubectl
            acting.start()
            began = time.monotonic()
            ended = wait(
                *([] if case.final else ["--fail-on-pending"]), f"--timeout={case.patience}s"
            )
            end = time.monotonic()
            acting.join()
            theirs = Ended(0, *kubectl.communicate(timeout=PATIENCE))._replace(
                code=kubectl.returncode
            )
        late = ended if case.final or case.met else wait("--timeout=200ms")

    seconds = max(end - (lookout.moment or began), 0.0)
    told, hint = _told(ended)
    assert _told(late) == (told, hint)
    assert not (case.final and book.writing) or seconds <= MOST_SECONDS
    cells = [case.cause or "none", case.how, *_kubectl_cells(theirs)]
    book.hold(CAUSES, [*cells, str(late.code), str(ended.code), told, hint], f"{seconds:.1f}")


def test_the_document_says_what_is_said_where_nothing_can_be_created(
    book: Book,
    kubectl_path: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clone = {**a_clone("c", target="t"), "apiVersion": "clone.kubevirt.io/v1beta1"}
    with ControlPlane(speed=float("inf"), faults=["no-webhook"]) as plane:
        monkeypatch.setenv("KUBECONFIG", str(plane.kubeconfig))
        done = subprocess.run(
            [kubectl_path, "create", "-f", "-"],
            input=json.dumps(clone),
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
        code = run(["create", "c", "--source=vm-cirros", "--target=t", "--wait"])
        ours = Ended(int(code), *capsys.readouterr())

    theirs = _kubectl_cells(Ended(done.returncode, done.stdout, done.stderr))
    how = "virt-api does not run: `kubectl create -f` and `create --wait`"
    said, *hints = ours.err.splitlines()
    hint = "".join(f"`{line.removeprefix('hint: ')}`" for line in hints)
    book.hold(CAUSES, [WEBHOOK, how, *theirs, str(int(code)), "-", f"`{said}`", hint], " ")


def test_every_cause_has_a_row(book: Book) -> None:
    if not book.writing:
        rows = book.rows(CAUSES)
        assert {row[0] for row in rows} == {*IDS, WEBHOOK, "none"}
        waited_on = [row[0] for row in rows if row[5] not in ("4", "-") and row[0] != "none"]
        assert waited_on == ["volume-unbound"]  # it passes by itself as a rule
        assert len(rows) == len(CASES) + 1


def test_no_final_cause_was_told_late(book: Book) -> None:
    if not book.writing:
        late = [row for row in book.rows(CAUSES) if row[4] == "4" and float(row[-1]) > 2]
        assert late == []


def _kubectl(path: str, case: Case, book: Book) -> subprocess.Popen[str]:
    # It says nothing before its time is up; what it says does not depend on how long that is.
    seconds = KUBECTL_SECONDS if book.writing or case.audience > 1 else 0.5
    timeout = f"--timeout={PATIENCE if case.ready else seconds}s"
    return subprocess.Popen(
        [path, "wait", "vmclone/c", "--for=condition=Ready", timeout],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ,
        text=True,
    )


def _kubectl_cells(ended: Ended) -> tuple[str, str]:
    lines = [line for line in ended.err.splitlines() if not re.match("[IWE][0-9]{4} ", line)]
    return str(ended.code), f"`{(ended.out.splitlines() or lines)[-1]}`"


def _told(ended: Ended) -> tuple[str, str]:
    """The sentence of the cause and the hint, with what differs from run to run left out."""
    if ended.code == 0:
        return f"`{ended.out.rstrip()}`", ""
    lines = _UID.sub("UID", ended.err).splitlines()
    sentence = next(match[1] for line in lines if (match := _TOLD.match(line)))
    hint = "".join(line.removeprefix("hint: ") for line in lines if line.startswith("hint: "))
    return sentence, f"`{hint}`" if hint else ""
