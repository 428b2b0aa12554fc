"""``kubectl get vmclone`` and ``kubectl virt-clone get`` side by side: what must not differ."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest
import yaml

from kubectl_virt_clone.cli.main import run
from kubevirt_sandbox.controlplane import ControlPlane
from tests.kubectl.conftest import PATIENCE, answered
from tests.planes import Plane

CLONES = "virtualmachineclones.clone.kubevirt.io"


class Ended(NamedTuple):
    """What a command wrote, and its exit code."""

    out: str
    err: str
    code: int


Both = Callable[..., tuple[Ended, Ended]]


@pytest.fixture(scope="module")
def plane() -> Iterator[ControlPlane]:
    """Two clones in default, of which one has a label, and one in vms; nobody changes them."""
    with Plane(controllers=False) as started:
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "vms"}}
        started.registry.create("namespaces", "", namespace)
        for where, name in (("default", "c10"), ("default", "c2"), ("vms", "other")):
            labels = {"backup": "nightly"} if name == "c2" else {}
            source = {
                "apiGroup": "kubevirt.io",
                "kind": "VirtualMachine",
                "name": f"of-{name[::-1]}",
            }
            clone = {
                "apiVersion": "clone.kubevirt.io/v1beta1",
                "kind": "VirtualMachineClone",
                "metadata": {"name": name, "labels": labels},
                "spec": {"source": source},
            }
            started.registry.create(CLONES, where, clone)
        yield started


@pytest.fixture
def both(
    kubectl_path: str,
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Both:
    """Runs kubectl, and the program in process, with the same arguments."""
    monkeypatch.setenv("KUBECONFIG", environment["KUBECONFIG"])

    def call(*args: str) -> tuple[Ended, Ended]:
        done = subprocess.run(
            [kubectl_path, "get", "vmclone", *args],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
        capsys.readouterr()
        code = run(["get", *args])
        theirs = Ended(done.stdout, answered(done.stderr), done.returncode)
        return theirs, Ended(*capsys.readouterr(), code)

    return call


@pytest.mark.parametrize(
    "args",
    [
        (),
        ("-A",),
        ("-l", "backup=nightly"),
        ("-l", "backup!=nightly", "-A"),
        ("--field-selector", "metadata.name=c10"),
        ("--sort-by", ".metadata.name"),
        ("--sort-by", "{.spec.source.name}"),
        ("--chunk-size=1",),
        ("c2", "c10"),
        ("c2", "nosuch", "c10"),
        ("nosuch",),
        ("nosuch", "--ignore-not-found"),
        ("-l", "backup=never"),
        ("-n", "nosuch"),
    ],
    ids=" ".join,
)
def test_the_same_objects_come_in_the_same_order_with_the_same_words(
    both: Both, args: tuple[str, ...]
) -> None:
    theirs, ours = both("-o", "name", *args)
    assert ours == theirs


@pytest.mark.parametrize("args", [(), ("c2",), ("c2", "nosuch"), ("-l", "backup=never")], ids=len)
def test_objects_have_the_same_shape(both: Both, args: tuple[str, ...]) -> None:
    for output, read in (("json", json.loads), ("yaml", yaml.safe_load)):
        theirs, ours = both("-o", output, *args)
        assert read(ours.out) == read(theirs.out)
        assert (ours.err, ours.code) == (theirs.err, theirs.code)


@pytest.mark.parametrize(
    "args", [("-l", "x=y"), ("-l", "x=y", "-A"), ("-n", "nosuch"), ("nosuch",)], ids=" ".join
)
def test_an_empty_table_is_told_alike(both: Both, args: tuple[str, ...]) -> None:
    theirs, ours = both(*args)
    assert ours == theirs


@pytest.mark.parametrize(
    "args",
    [("c2", "-l", "x=y"), ("c2", "--field-selector=metadata.name=c2"), ("c2", "-A")],
    ids=" ".join,
)
def test_wrong_usage_has_the_same_words_but_an_exit_code_of_its_own(
    both: Both, args: tuple[str, ...]
) -> None:
    theirs, ours = both(*args)
    assert (ours.out, ours.err.splitlines()[0], ours.code) == (theirs.out, theirs.err.strip(), 2)


@pytest.mark.parametrize(
    ("args", "number"),
    [((), 1), (("--no-headers",), 1), (("-A",), 2), (("-A", "--no-headers"), 2)],
)
def test_the_first_columns_are_aligned_alike(
    both: Both, args: tuple[str, ...], number: int
) -> None:
    theirs, ours = (ended.out.splitlines() for ended in both(*args))
    starts = [match.end() for line in ours if (match := re.match(rf"(\S+ +){{{number}}}", line))]
    assert [line[:start] for line, start in zip(ours, starts, strict=True)] == [
        line[:start] for line, start in zip(theirs, starts, strict=True)
    ]


def test_labels_stand_in_the_last_column(both: Both) -> None:
    for args in ((), ("--no-headers",)):
        theirs, ours = both("--show-labels", *args)
        last = [[line.split()[-1] for line in ended.out.splitlines()] for ended in (ours, theirs)]
        assert last[0] == last[1]
