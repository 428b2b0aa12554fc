"""``get`` as a user runs it: what is shown of which clones, and what is said of the others."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml

from kubevirt_sandbox.apiserver.access.authorization import Rule, User
from kubevirt_sandbox.controlplane import ControlPlane
from tests.cli.conftest import Kvc, Planes
from tests.cli.test_wait import a_clone, phase_of, until

CLONES = "virtualmachineclones.clone.kubevirt.io"
OBJECT = "virtualmachineclone.clone.kubevirt.io"
HEADERS = "NAME   PHASE       SOURCE      TARGET   READY   AGE\n"
RESTORES = "virtualmachinerestores.snapshot.kubevirt.io"
SKIP = "--skip-check=target-exists"
NOT_FOUND = f'Error from server (NotFound): {CLONES} "nosuch" not found\n'


def aged(text: str) -> str:
    """Replace ages, which no test can foretell, by ``AGE``, as wide as the header."""
    text = re.sub(r"(?<=   )\d+s +(?=\S)", "AGE   ", text)
    return re.sub(r"(?<=   )\d+s$", "AGE", text, flags=re.M)


def labelled(plane: ControlPlane, name: str, **labels: str) -> dict[str, Any]:
    clone = plane.registry.get(CLONES, "default", name)
    clone["metadata"]["labels"] = labels
    return plane.registry.update(CLONES, "default", name, clone)


@pytest.fixture
def three(plane: ControlPlane) -> ControlPlane:
    """A control plane with three clones: done, and pending, and done in another namespace."""
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "vms"}}
    plane.registry.create("namespaces", "", namespace)
    a_clone(plane, "a")
    a_clone(plane, "b", source="nosuch")
    until(lambda: phase_of(plane, "a") == "Succeeded")
    until(lambda: "conditions" in plane.registry.get(CLONES, "default", "b").get("status", {}))
    labelled(plane, "a", backup="nightly")
    other = plane.registry.get(CLONES, "default", "b")
    other["metadata"] = {"name": "c", "namespace": "vms"}
    del other["status"]
    plane.registry.create(CLONES, "vms", other)
    until(lambda: "conditions" in plane.registry.get(CLONES, "vms", "c").get("status", {}))
    return plane


def test_clones_are_listed_with_phase_source_target_readiness_and_age(
    kvc: Kvc, three: ControlPlane
) -> None:
    answer = kvc("get")

    assert (aged(answer.out), answer.err) == (
        f"{HEADERS}"
        "a      Succeeded   vm-cirros   a-t      True    AGE\n"
        "b      Pending     nosuch      b-t      False   AGE\n",
        "",
    )


def test_the_namespace_stands_first_and_labels_last(kvc: Kvc, three: ControlPlane) -> None:
    assert aged(kvc("get", "-A", "--show-labels").out) == (
        "NAMESPACE   NAME   PHASE       SOURCE      TARGET   READY   AGE   LABELS\n"
        "default     a      Succeeded   vm-cirros   a-t      True    AGE   backup=nightly\n"
        "default     b      Pending     nosuch      b-t      False   AGE   <none>\n"
        "vms         c      Pending     nosuch      b-t      False   AGE   <none>\n"
    )


def test_a_wide_list_says_why_a_clone_is_where_it_is(kvc: Kvc, three: ControlPlane) -> None:
    assert aged(kvc("get", "-o", "wide", "--no-headers").out) == (
        "a     Succeeded   vm-cirros   a-t   True    AGE   VirtualMachine   <none>   <none>   AGE"
        "   <none>\n"
        "b     Pending     nosuch      b-t   False   AGE   VirtualMachine   <none>   <none>   AGE"
        "   Source doesnt exist: VirtualMachine default/nosuch\n"
    )


@pytest.mark.parametrize(
    ("args", "names"),
    [
        ((), "ab"),
        (("-l", "backup=nightly"), "a"),
        (("-l", "!backup"), "b"),
        (("--field-selector=metadata.name=b",), "b"),
        (("-A",), "abc"),
        (("-A", "--field-selector=metadata.namespace=vms"), "c"),
        (("-n", "vms"), "c"),
        (("b", "a", "b"), "bab"),
        (("--sort-by=.status.phase",), "ba"),
        (("--sort-by={.metadata.name}", "-A"), "abc"),
        (("b", "a", "--sort-by=metadata.name"), "ab"),
        (("--chunk-size=1",), "ab"),
        (("--chunk-size=0", "-A"), "abc"),
    ],
)
def test_selectors_names_and_orders_say_which_clones_come_and_how(
    kvc: Kvc, three: ControlPlane, args: tuple[str, ...], names: str
) -> None:
    answer = kvc("get", "-o", "name", *args)

    assert answer == ("".join(f"{OBJECT}/{name}\n" for name in names), "")


def test_several_objects_are_one_list_and_a_single_name_is_an_object(
    kvc: Kvc, three: ControlPlane
) -> None:
    stored = [three.registry.get(CLONES, "default", name) for name in "ab"]
    empty = {"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": ""}}

    answers = [
        [read(kvc("get", *args, "-o", output).out) for args in ((), ("a",), ("-l", "x"))]
        for read, output in ((json.loads, "json"), (yaml.safe_load, "yaml"))
    ]

    assert answers == [[{**empty, "items": stored}, stored[0], {**empty, "items": []}]] * 2


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("-l", "x"), "No resources found in default namespace.\n"),
        (("-l", "x", "-n", "other", "-o", "wide"), "No resources found in other namespace.\n"),
        (("-l", "x", "-A", "--sort-by=.status.phase"), "No resources found\n"),
        (("-l", "x", "--ignore-not-found"), ""),
        (("-l", "x", "-o", "name"), ""),
        (("nosuch", "--ignore-not-found"), ""),
        (("nosuch", "other", "--ignore-not-found", "-o", "yaml"), ""),
    ],
)
def test_nothing_found_is_told_where_a_table_was_asked_for(
    kvc: Kvc, three: ControlPlane, args: tuple[str, ...], message: str
) -> None:
    assert kvc("get", *args) == ("", message)


def test_a_missing_name_is_told_after_the_others(kvc: Kvc, three: ControlPlane) -> None:
    answer = kvc("get", "a", "nosuch", exit_code=1)
    items = json.loads(kvc("get", "nosuch", "a", "-o", "json", exit_code=1).out)["items"]

    assert (aged(answer.out), answer.err) == (
        f"{HEADERS}a      Succeeded   vm-cirros   a-t      True    AGE\n",
        NOT_FOUND,
    )
    assert [item["metadata"]["name"] for item in items] == ["a"]
    assert kvc("get", "nosuch", "-o", "json", exit_code=1) == ("", NOT_FOUND)
    assert kvc("get", "nosuch", "-w", exit_code=1) == ("", NOT_FOUND)
    assert kvc("get", "a", "nosuch", "--ignore-not-found", "-o", "name") == (f"{OBJECT}/a\n", "")


def test_a_field_that_no_clone_has_can_not_sort(kvc: Kvc, three: ControlPlane) -> None:
    path = '"{.status.nosuch}"'
    assert kvc("get", "--sort-by=.status.nosuch", exit_code=1) == (
        "",
        f"error: couldn't find any field with path {path} in the list of objects\n",
    )


@pytest.mark.parametrize("args", [("-l", "a in ("), ("--field-selector", "status.phase=x")])
def test_a_selector_that_the_server_refuses_is_an_error(
    kvc: Kvc, plane: ControlPlane, args: tuple[str, str]
) -> None:
    answer = kvc("get", *args, "-o", "json", exit_code=1)

    assert (answer.out, answer.err.split(":")[0]) == ("", "Error from server (BadRequest)")


def test_stuck_clones_are_explained_by_their_restores_with_two_lists_for_all(
    kvc: Kvc, make_plane: Planes
) -> None:
    requests: list[str] = []
    plane = make_plane(on_request=lambda method, path, _: requests.append(path))
    a_clone(plane, "a")
    until(lambda: phase_of(plane, "a") == "Succeeded")
    taken = ("taken", "vm-data")
    for target in taken:
        name = f"onto-{target}"
        kvc("create", name, "--source=vm-cirros", f"--target={target}", SKIP)

    def refused() -> bool:
        restores = plane.registry.list(RESTORES, "default").items
        told = [str(restore.get("status")) for restore in restores]
        return sum("already exists" in status for status in told) == len(taken)

    until(refused)
    requests.clear()

    rows = kvc("get", "-o", "wide", "--chunk-size=1").out.splitlines()

    assert [row.partition("   the target ")[2] for row in rows] == [
        "",
        "",
        *(f'"{target}" exists already; KubeVirt goes on only if it is deleted' for target in taken),
    ]
    children = [path for path in requests if "/snapshot.kubevirt.io/" in path]
    assert sorted(path.split("?")[0].rpartition("/")[2] for path in children) == [
        "virtualmachinerestores",
        "virtualmachinesnapshots",
    ]


def test_children_of_finished_clones_are_not_asked_for(kvc: Kvc, make_plane: Planes) -> None:
    requests: list[str] = []
    plane = make_plane(on_request=lambda method, path, _: requests.append(path))
    a_clone(plane, "a")
    a_clone(plane, "b", source="nosuch")
    until(lambda: phase_of(plane, "a") == "Succeeded")

    kvc("get", "-o", "wide")

    assert [path for path in requests if "/snapshot.kubevirt.io/" in path] == []


def test_children_that_may_not_be_read_are_left_out(kvc: Kvc, make_plane: Planes) -> None:
    rules = (Rule(("clone.kubevirt.io",), ("virtualmachineclones",), ("list",)),)
    plane = make_plane(users={"token": User("lister", rules)})
    kvc("create", "c", "--source=vm-cirros", "--target=taken", SKIP)
    until(lambda: phase_of(plane, "c") == "RestoreInProgress")

    answer = kvc("get", "-o", "wide", "--no-headers", "--token=token")

    assert (answer.out.split()[-1], answer.err) == ("<none>", "")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("a", "-l", "x"), "name cannot be provided when a selector is specified"),
        (("a", "-A"), "a resource cannot be retrieved by name across all namespaces"),
        (
            ("--output-watch-events",),
            "--output-watch-events option can only be used with --watch or --watch-only",
        ),
        (
            ("-w", "--sort-by=.metadata.name"),
            "--sort-by can't be used with --watch: rows come as they change",
        ),
        (("--chunk-size=-1",), "Invalid value for '--chunk-size': -1 is not in the range x>=0."),
        (("--sort-by=.a[",), "Invalid value for '--sort-by': unterminated array"),
        (("-o", "table"), "Invalid value for '-o' / '--output': 'table' is not one of"),
    ],
)
def test_wrong_usage_ends_with_2(kvc: Kvc, args: tuple[str, ...], message: str) -> None:
    answer = kvc("get", "-s", "https://127.0.0.1:1", *args, exit_code=2)

    assert (answer.out, answer.err.splitlines()[-1]) == (
        "",
        "See 'kubectl virt-clone get -h' for help and examples",
    )
    assert answer.err.startswith(f"error: {message}")
