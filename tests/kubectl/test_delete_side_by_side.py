"""``kubectl delete vmclone`` and ``kubectl virt-clone delete``: what must not differ."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest

from kubectl_virt_clone.cli.main import run
from kubevirt_sandbox.controlplane import ControlPlane
from tests.kubectl.conftest import PATIENCE, answered
from tests.planes import Plane

CLONES = "virtualmachineclones.clone.kubevirt.io"


class Ended(NamedTuple):
    """What a command wrote, its exit code, and which clones are left."""

    out: str
    err: str
    code: int
    left: list[str]


Both = Callable[..., tuple[Ended, Ended]]


@pytest.fixture(scope="module")
def plane() -> Iterator[ControlPlane]:
    """A control plane on which nothing happens by itself."""
    with Plane(controllers=False) as started:
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "vms"}}
        started.registry.create("namespaces", "", namespace)
        yield started


def renew(plane: ControlPlane) -> None:
    """The same clones as before: a, b and held in default, which a finalizer holds; c in vms."""
    for where, name in (("default", "a"), ("default", "b"), ("default", "held"), ("vms", "c")):
        if name in names(plane):
            continue
        source = {"apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": "vm"}
        clone = {
            "apiVersion": "clone.kubevirt.io/v1beta1",
            "kind": "VirtualMachineClone",
            "metadata": {"name": name, "labels": {"name": name}},
            "spec": {"source": source},
        }
        if name == "held":
            clone["metadata"]["finalizers"] = ["example.com/held"]  # type: ignore[index]
        plane.registry.create(CLONES, where, clone)


def names(plane: ControlPlane) -> list[str]:
    listed = [plane.registry.list(CLONES, where).items for where in ("default", "vms")]
    return [item["metadata"]["name"] for items in listed for item in items]


@pytest.fixture
def both(
    plane: ControlPlane,
    kubectl_path: str,
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Both:
    """Runs kubectl, and the program in process, with the same arguments on the same clones."""
    monkeypatch.setenv("KUBECONFIG", environment["KUBECONFIG"])

    def call(*args: str) -> tuple[Ended, Ended]:
        renew(plane)
        done = subprocess.run(
            [kubectl_path, "delete", "vmclone", *args],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
        theirs = Ended(done.stdout, answered(done.stderr), done.returncode, names(plane))
        renew(plane)
        capsys.readouterr()
        code = run(["delete", *args])
        out, err = capsys.readouterr()
        # What an unfinished clone leaves behind is ours alone.
        told = [line for line in err.splitlines(keepends=True) if ": unfinished, " not in line]
        return theirs, Ended(out, "".join(told), code, names(plane))

    return call


@pytest.mark.parametrize(
    "args",
    [
        ("a",),
        ("a", "b"),
        ("zz", "a", "yy", "b"),
        ("zz",),
        ("zz", "--ignore-not-found"),
        ("zz", "a", "--ignore-not-found=true"),
        ("a", "-o", "name"),
        ("zz", "a", "-o", "name"),
        ("-l", "name in (a,b)"),
        ("-l", "name=zz"),
        ("-l", "name=zz", "-o", "name"),
        ("-l", "name in (a,c)", "-A"),
        ("--field-selector", "metadata.name=b"),
        ("--all", "-n", "vms"),
        ("--all", "-n", "nosuch"),
        ("--all", "--wait=false"),
        ("--all", "-A", "--dry-run=client"),
        ("--all", "--dry-run=server"),
        ("--all", "--dry-run"),
        ("a", "--dry-run=client", "-o", "name"),
        ("zz", "--dry-run=server"),
        ("zz", "--dry-run=server", "--ignore-not-found"),
        ("held", "--wait=false"),
        ("held", "a", "--wait=false", "--timeout=1s"),
    ],
    ids=" ".join,
)
def test_the_answer_is_kubectls(both: Both, args: tuple[str, ...]) -> None:
    theirs, ours = both(*args)

    assert ours == theirs


@pytest.mark.parametrize("args", [("held", "--timeout=1s"), ("a", "held", "--timeout=1s")])
def test_a_clone_that_is_held_is_told_of_alike_and_ours_says_by_what(
    both: Both, args: tuple[str, ...]
) -> None:
    theirs, ours = both(*args)

    err = f"{theirs.err.rstrip()}: held by example.com/held\n"
    assert ours == theirs._replace(code=3, err=err)
    assert theirs.code == 1


@pytest.mark.parametrize(
    "args", [("a", "--all"), ("-l", "name=a", "--all"), ("a", "-A")], ids=" ".join
)
def test_what_can_not_stand_together_is_told_alike_and_ours_is_wrong_usage(
    both: Both, args: tuple[str, ...]
) -> None:
    theirs, ours = both(*args)

    assert ours.err.splitlines()[0] == theirs.err.strip().rstrip(". ")
    assert (theirs.code, ours.code, ours.left) == (1, 2, theirs.left)
