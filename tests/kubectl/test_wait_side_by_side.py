"""``kubectl wait`` and ours on the same clones with the same arguments, and where they differ."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
import yaml

from kubectl_virt_clone.cli.main import run
from kubevirt_sandbox.controlplane import ControlPlane
from tests.kubectl.conftest import PATIENCE, answered
from tests.planes import Plane
from tests.sandbox.world import CLONES, NAMESPACE, a_clone

SHORT = "--timeout=200ms"


def json_documents(text: str) -> list[Any]:
    decoder, found = json.JSONDecoder(), []
    while text := text.lstrip():
        value, end = decoder.raw_decode(text)
        found.append(value)
        text = text[end:]
    return found


def yaml_documents(text: str) -> list[Any]:
    return list(yaml.safe_load_all(text))


class Ended(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


class Sandbox(NamedTuple):
    """A control plane, and the watches of clones that it was asked for."""

    plane: ControlPlane
    watches: list[str]


Both = Callable[..., tuple[Ended, Ended]]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """``done`` has succeeded, ``also`` too; ``pending`` waits for its source."""

    def hear(method: str, path: str, code: int) -> None:
        if "/virtualmachineclones?" in path and "watch=" in path:
            watches.append(path)

    watches: list[str] = []
    with Plane(speed=float("inf"), seeds=["kubevirt", "vm-cirros"], on_request=hear) as plane:
        for name, source, labels in (
            ("done", "vm-cirros", {"batch": "1"}),
            ("also", "vm-cirros", {"batch": "1", "odd": "yes"}),
            ("pending", "nosuch", {"batch": "2"}),
        ):
            clone = a_clone(name, source, f"{name}-t")
            clone["metadata"]["labels"] = labels
            plane.registry.create(CLONES, NAMESPACE, clone)
        until(plane, lambda: settled(plane))
        yield Sandbox(plane, watches)


def until(plane: ControlPlane, condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not come true"
        plane.registry.store.changes_since(plane.registry.store.version, 0.02)


def settled(plane: ControlPlane) -> bool:
    statuses = [obj.get("status", {}) for obj in plane.registry.list(CLONES, NAMESPACE).items]
    return [status.get("phase", "") for status in statuses if status.get("conditions")] == [
        "Succeeded",
        "Succeeded",
        "",
    ]


@pytest.fixture
def both(
    sandbox: Sandbox,
    kubectl_path: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Both:
    """Runs both waits with the same arguments; a name is vmclone/NAME for kubectl."""
    monkeypatch.setenv("KUBECONFIG", str(sandbox.plane.kubeconfig))
    monkeypatch.setenv("KUBECACHEDIR", str(sandbox.plane.kubeconfig.parent / "cache"))

    def call(*args: str) -> tuple[Ended, Ended]:
        names = [arg for arg in args if not arg.startswith("-")]
        flags = [arg for arg in args if arg.startswith("-")]
        words = [f"vmclone/{name}" for name in names] or ["vmclone"]
        with subprocess.Popen(
            [kubectl_path, "wait", *words, *flags],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as theirs:
            capsys.readouterr()
            code = run(["wait", *names, *flags, "--quiet"])
            ours = Ended(code, *capsys.readouterr())
            out, err = theirs.communicate(timeout=PATIENCE)
        return Ended(theirs.returncode, out, answered(err)), ours

    return call


READY = "--for=condition=Ready"


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (("done", READY), 0),
        (("done", "--for=condition=ready=TRUE"), 0),
        (("done", READY, "--timeout=0"), 0),
        (("done", READY, "--timeout=-1s"), 0),
        (("pending", "--for=condition=Ready=false"), 0),
        (("also", "done", READY), 0),
        (("--selector=batch=1", READY), 0),
        (("--selector=odd", "--for=jsonpath={.status.phase}=Succeeded"), 0),
        (("--all", "--for=jsonpath={.metadata.name}"), 0),
        (("--all", "--selector=batch=1", READY), 0),
        (("--all", "--field-selector=metadata.name=also", READY), 0),
        (("--all", "--selector=batch=9", READY), 1),
        (("done", "--all", READY), 0),
        (("done", "done", READY), 0),
        (("done", "done", "--for=create", "--output=name"), 0),
        (("nosuch", "nosuch", READY), 1),
        (("done", "--for=create"), 0),
        (("done", "--for=CREATE", "--timeout=0"), 0),
        (("nosuch", "--for=delete"), 0),
        (("nosuch", "--for=delete", "--timeout=0"), 0),
        (("nosuch", "gone", "--for=delete", "--output=name"), 0),
        (("--selector=batch=9", "--for=delete"), 0),
        (("done", READY, "--output=name"), 0),
        (("done", "--for=create", "--output=name"), 0),
        (("done", "--for=jsonpath={.status.phase}"), 0),
        (("done", "--for=jsonpath={.status.phase}=Succeeded"), 0),
        (("done", "--for=jsonpath=.status.phase='Succeeded'"), 0),
        (("done", '--for=jsonpath={.status.conditions[?(@.type=="Ready")].status}=True'), 0),
        (("done", "--for=jsonpath={.metadata.generation}=1"), 0),
        (("nosuch", READY), 1),
        (("nosuch", "done", READY), 1),
        (("nosuch", READY, "--timeout=0"), 1),
        (("--selector=batch=9", READY), 1),
        (("--selector=batch=1,batch=2", READY), 1),
        (("done", "--for=jsonpath={.status.conditions[*].type}"), 1),
        (("done", "--for=jsonpath={.spec.source}=x"), 1),
    ],
)
def test_both_print_the_same_and_end_with_the_same_exit_code(
    both: Both, args: tuple[str, ...], code: int
) -> None:
    theirs, ours = both(*args)

    assert ours == theirs
    assert ours.code == code


@pytest.mark.parametrize("names", [("done",), ("also", "done"), ("done", "done")])
@pytest.mark.parametrize(("output", "read"), [("json", json_documents), ("yaml", yaml_documents)])
def test_both_print_the_same_objects(
    both: Both, names: tuple[str, ...], output: str, read: Callable[[str], list[Any]]
) -> None:
    theirs, ours = both(*names, READY, f"--output={output}")

    # kubectl sorts the keys of an object; ours come as the server sent them.
    assert read(ours.out) == read(theirs.out)
    assert [obj["metadata"]["name"] for obj in read(ours.out)] == list(names)
    assert (ours.code, ours.err) == (theirs.code, theirs.err) == (0, "")


CAUSE = "Source doesnt exist: VirtualMachine default/nosuch"


@pytest.mark.parametrize(
    ("args", "because"),
    [
        (("pending", READY, SHORT), f": {CAUSE}"),
        (("pending", READY, "--timeout=0"), f": {CAUSE}"),
        (("pending", "--for=jsonpath={.status.phase}=Succeeded", SHORT), f": {CAUSE}"),
        (("pending", "--for=jsonpath={.status.targetName}", SHORT), f": {CAUSE}"),
        (("pending", "--for=jsonpath={.status.targetName}", "--timeout=0"), f": {CAUSE}"),
        (("--selector=batch=2", READY, "--timeout=0"), f": {CAUSE}"),
        (("--all", READY, "--timeout=0"), f": {CAUSE}"),
        (("pending", "--all", READY, "--timeout=0"), f": {CAUSE}"),
        (("done", "pending", READY, "--timeout=0"), f": {CAUSE}"),
        (("done", "--for=delete", SHORT), ""),
        (("done", "--for=delete", "--timeout=0"), ""),
    ],
)
def test_where_the_time_is_up_ours_ends_with_3_and_adds_the_cause_if_there_is_one(
    both: Both, args: tuple[str, ...], because: str
) -> None:
    theirs, ours = both(*args)

    assert ours.out == theirs.out
    assert ours.err.splitlines()[0] == f"{theirs.err.rstrip()}{because}"
    assert (theirs.code, ours.code) == (1, 3)


@pytest.mark.parametrize(
    "goals",
    [
        ("condition=Ready=false",),
        ("condition=Running",),
        ("jsonpath={.status.phase}=nosuch",),
        ("condition=Ready", "condition=Running"),
        ("condition=Running", "condition=Ready"),
    ],
)
def test_where_kubectl_waits_for_what_cannot_come_any_more_ours_ends_at_once(
    both: Both, goals: tuple[str, ...]
) -> None:
    theirs, ours = both("done", *(f"--for={goal}" for goal in goals), "--timeout=1s")

    assert ours.out == theirs.out
    assert (theirs.code, ours.code) == (1, 4)
    assert ours.err.rstrip().endswith(": its phase is already Succeeded")


def test_several_clones_that_are_not_there_in_time_are_each_named(both: Both) -> None:
    """kubectl names also those that were: one context ended for all."""
    theirs, ours = both("pending", "done", READY, SHORT)

    assert theirs == (
        1,
        "",
        "timed out waiting for the condition on virtualmachineclones/pending\n"
        "timed out waiting for the condition on virtualmachineclones/done\n",
    )
    assert ours.out == "virtualmachineclone.clone.kubevirt.io/done condition met\n"
    assert ours.err.splitlines()[0] == (
        f"error: timed out waiting for the condition on virtualmachineclones/pending: {CAUSE}"
    )
    assert ours.code == 3


@pytest.mark.parametrize("timeout", [SHORT, "--timeout=0"])
def test_a_clone_that_does_not_come_is_named_by_ours(both: Both, timeout: str) -> None:
    theirs, ours = both("nosuch", "--for=create", timeout)

    assert theirs == (1, "", "error: timed out waiting for the condition\n")
    assert ours.err.startswith("error: ")
    assert ours.err.endswith(" virtualmachineclones/nosuch\n")
    assert (ours.code, ours.out) == (3, "")


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (("done", "--for=foo"), 'unrecognized condition: "foo"'),
        (("done", "--for=jsonpath={.a"), "unexpected path string, expected a 'name1.name2'"),
        (("done", "--for=jsonpath="), "jsonpath expression cannot be empty"),
        (("done", "--for=jsonpath={.a}="), "jsonpath wait has to have a value after equal sign"),
        (("done", "--for=jsonpath={.a[b]}"), "invalid array index b"),
        (("done", READY, "--timeout=10"), 'time: missing unit in duration "10"'),
        (("done", READY, "--timeout=abc"), 'time: invalid duration "abc"'),
    ],
)
def test_wrong_usage_is_said_in_the_same_words_and_ends_with_2(
    both: Both, args: tuple[str, ...], sentence: str
) -> None:
    theirs, ours = both(*args)

    assert sentence in theirs.err.splitlines()[0]
    assert sentence in ours.err.splitlines()[0]
    assert (theirs.out, ours.out) == ("", "")
    assert (theirs.code, ours.code) == (1, 2)


@pytest.mark.parametrize(
    ("args", "line"),
    [
        ((READY,), "error: "),
        (("done", "--selector=batch=1", READY), "error: "),
        (("done", "--for=condition="), "error: "),
        (("done", READY, "--output=xx"), "error: "),
    ],
)
def test_other_wrong_usage_ends_with_2(both: Both, args: tuple[str, ...], line: str) -> None:
    theirs, ours = both(*args, SHORT)

    assert ours.err.startswith(line)
    assert (theirs.out, ours.out) == ("", "")
    assert (theirs.code, ours.code) == (1, 2)


def test_a_clone_that_is_deleted_is_reported_by_both(both: Both, sandbox: Sandbox) -> None:
    plane, watches = sandbox
    clone = a_clone("leaving", "nosuch", "t")
    clone["metadata"]["labels"] = {"batch": "3"}
    plane.registry.create(CLONES, NAMESPACE, clone)
    before = len(watches)

    def delete() -> None:
        until(plane, lambda: len(watches) == before + 2)
        plane.registry.delete(CLONES, NAMESPACE, "leaving")

    deletion = threading.Thread(target=delete)
    deletion.start()
    theirs, ours = both("leaving", "--for=delete")
    deletion.join()

    assert ours == theirs
    assert ours == (0, "virtualmachineclone.clone.kubevirt.io/leaving condition met\n", "")
