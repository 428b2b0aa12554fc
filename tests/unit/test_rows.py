"""``get``'s rows and lists, from clones in each state that a live control plane showed."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from kubectl_virt_clone.clone.api import RESTORES, SNAPSHOTS
from kubectl_virt_clone.render.rows import DELETED, Chunk, Layout, nothing_found, shown
from tests.unit.builders import (
    NOW,
    RESTORE,
    SNAPSHOT,
    a_clone,
    a_condition,
    a_restore,
    a_snapshot,
    malformed,
)
from tests.unit.test_totality import HOSTILE_ALL, WHOLE, dangerous

GOLDEN = Path(__file__).parent.parent / "golden"
LATER = NOW + timedelta(minutes=5)
MISSING = "Source doesnt exist: VirtualMachine default/nosuch"


def text(*chunks, **layout):
    return "".join(shown(chunks, Layout(**layout), lambda: LATER))


def chunk(*clones, **more):
    return Chunk(clones, **more)


def test_a_table_has_the_columns_of_a_clone_three_spaces_apart():
    clones = [
        a_clone(name="done"),
        a_clone("Failed", name="failed", sentence="no"),
        a_clone("RestoreInProgress", name="restoring"),
        a_clone("", name="pending", sentence=MISSING, spec={"target": {}}),
        {"metadata": {"name": "new"}},
    ]
    assert text(chunk(*clones)) == (
        "NAME        PHASE               SOURCE      TARGET            READY    AGE\n"
        "done        Succeeded           vm-cirros   vm-cirros-clone   True     6m\n"
        "failed      Failed              vm-cirros   vm-cirros-clone   False    6m\n"
        "restoring   RestoreInProgress   vm-cirros   vm-cirros-clone   False    6m\n"
        "pending     Pending             vm-cirros   <none>            False    6m\n"
        "new         Pending             <none>      <none>            <none>   <unknown>\n"
    )


def test_a_wide_table_says_of_what_kind_the_source_is_how_long_it_took_and_what_holds_it_up():
    snapshot = {"kind": "VirtualMachineSnapshot", "name": "nightly"}
    clones = [
        a_clone(name="done"),
        a_clone("SnapshotInProgress", name="snap", spec={"source": snapshot}),
        a_clone("", name="pending", sentence=MISSING),
    ]
    assert text(chunk(*clones), output="wide") == (GOLDEN / "get-wide.txt").read_text()


def last_cells(*chunks, **layout):
    """What stands behind the restore's name: ELAPSED and CAUSE."""
    lines = text(*chunks, output="wide", headers=False, **layout).splitlines()
    return [
        line.split(RESTORE if RESTORE in line else "<none>")[-1].split(None, 1) for line in lines
    ]


def test_a_child_says_what_holds_its_clone_up():
    exists = "restore source and restore target are different but restore target already exists"
    children = {
        (RESTORES.kind, "default", RESTORE): a_restore(sentence=exists),
        (SNAPSHOTS.kind, "default", SNAPSHOT): a_snapshot(),
    }
    clone = a_clone("RestoreInProgress")

    assert last_cells(chunk(clone, unfinished=children)) == [
        [
            "6m",
            'the target "vm-cirros-clone" exists already; KubeVirt goes on only if it is deleted',
        ]
    ]


@pytest.mark.parametrize(
    "children",
    [{}, {(RESTORES.kind, "other", RESTORE): a_restore(sentence="already exists")}],
    ids=["none", "others"],
)
def test_of_a_child_that_was_not_read_nothing_is_said(children):
    clones = [a_clone("RestoreInProgress"), a_clone("SnapshotInProgress")]
    rows = [text(chunk(clone, unfinished=children), output="wide") for clone in clones]
    assert [row.split()[-1] for row in rows] == ["<none>"] * 2


@pytest.mark.parametrize(
    ("seconds", "cause"),
    [
        (4, "<none>"),
        (
            5,
            "KubeVirt has not looked at it yet, there is no status: virt-controller is busy,"
            " or does not run",
        ),
    ],
)
def test_of_a_clone_without_a_status_only_its_age_says_something(seconds, cause):
    new = a_clone()
    new["metadata"]["creationTimestamp"] = (LATER - timedelta(seconds=seconds)).isoformat()
    del new["status"]
    children = {(RESTORES.kind, "default", RESTORE): a_restore(sentence="of another clone")}
    row = text(chunk(new, unfinished=children), output="wide", headers=False)
    assert row.split(f"{seconds}s")[-1].strip() == cause


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_the_time_of_a_finished_clone_is_up_to_its_ready_condition(phase):
    clone = a_clone(phase)
    clone["status"]["conditions"][1]["lastTransitionTime"] = "2026-11-22T07:55:45Z"
    row = text(chunk(clone), output="wide", headers=False)
    assert row.split()[9] == "90s"


def test_the_time_of_a_finished_clone_without_conditions_is_unknown():
    clone = a_clone()
    del clone["status"]["conditions"]
    assert text(chunk(clone), output="wide", headers=False).split()[9] == "<unknown>"


def test_a_clone_that_is_ready_no_more_says_so():
    clone = a_clone()
    clone["status"]["conditions"] = [a_condition("Ready", "False", "x")]
    assert text(chunk(clone), headers=False).split()[4] == "False"


def test_the_target_is_the_one_that_kubevirt_reports():
    clone = a_clone(spec={"target": {"name": "edited"}})
    assert text(chunk(clone), headers=False).split()[3] == "vm-cirros-clone"


def test_namespace_and_event_stand_in_front_and_labels_behind():
    labels = {"labels": {"b": "2", "a": "1"}}
    chunks = chunk(a_clone(metadata=labels)), chunk(a_clone(name="c"), event=DELETED)
    assert text(*chunks, namespaces=True, events=True, labels=True) == (
        "EVENT      NAMESPACE   NAME      PHASE       SOURCE      TARGET            READY   AGE"
        "   LABELS\n"
        "ADDED      default     clone-1   Succeeded   vm-cirros   vm-cirros-clone   True    6m"
        "    a=1,b=2\n"
        "DELETED    default     c         Succeeded   vm-cirros   vm-cirros-clone   True    6m"
        "    <none>\n"
    )


def test_without_headers_a_column_is_as_wide_as_its_cells():
    assert text(chunk(a_clone(name="a")), headers=False) == (
        "a     Succeeded   vm-cirros   vm-cirros-clone   True   6m\n"
    )


def test_rows_come_with_their_chunk_and_keep_the_width_of_what_was_wider():
    chunks = (chunk(a_clone(name=name)) for name in ("a", "a-longer-name", "b"))
    asked = []
    rows = shown((asked.append(b) or b for b in chunks), Layout(), lambda: LATER)

    first = next(rows)

    assert (first, len(asked)) == (
        "NAME   PHASE       SOURCE      TARGET            READY   AGE\n"
        "a      Succeeded   vm-cirros   vm-cirros-clone   True    6m\n",
        1,
    )
    assert list(rows) == [
        "a-longer-name   Succeeded   vm-cirros   vm-cirros-clone   True    6m\n",
        "b               Succeeded   vm-cirros   vm-cirros-clone   True    6m\n",
    ]


def test_a_table_of_nothing_has_no_headers():
    assert list(shown([Chunk([])], Layout(), datetime.now)) == []


def test_objects_of_a_watch_are_documents_with_their_event_if_it_is_wanted():
    small = {"kind": "VirtualMachineClone", "metadata": {"name": "a"}}
    chunks = chunk(small), chunk(small, event=DELETED)
    assert {output: text(*chunks, output=output, bare=True, events=True) for output in OUTPUTS} == {
        "yaml": "object:\n  kind: VirtualMachineClone\n  metadata:\n    name: a\ntype: ADDED\n"
        "---\n"
        "object:\n  kind: VirtualMachineClone\n  metadata:\n    name: a\ntype: DELETED\n",
        "json": '{"type":"ADDED","object":{"kind":"VirtualMachineClone","metadata":{"name":"a"}}}\n'
        '{"type":"DELETED","object":{"kind":"VirtualMachineClone","metadata":{"name":"a"}}}\n',
        "name": "virtualmachineclone.clone.kubevirt.io/a\n" * 2,
    }
    assert text(*chunks, output="yaml", bare=True) == (
        "kind: VirtualMachineClone\nmetadata:\n  name: a\n"
        "---\n"
        "kind: VirtualMachineClone\nmetadata:\n  name: a\n"
    )


OUTPUTS = ("yaml", "json", "name")


def test_an_empty_list_is_told_in_kubectls_words():
    assert [nothing_found(namespace) for namespace in ("vms", "")] == [
        "No resources found in vms namespace.",
        "No resources found",
    ]


@pytest.mark.parametrize("output", ["wide", "json", "yaml", "name"])
def test_every_malformed_clone_has_a_row(output):
    children = {(RESTORES.kind, "default", RESTORE): a_restore(sentence="why")}
    layout = {"output": output, "namespaces": True, "labels": True}
    texts = [text(chunk(clone, unfinished=children), **layout) for clone in malformed(WHOLE)]
    assert all(isinstance(shown_, str) and shown_ for shown_ in texts)


def test_every_malformed_child_leaves_a_row():
    clone = a_clone("RestoreInProgress")
    for restore in malformed(a_restore(sentence="why")):
        children = {(RESTORES.kind, "default", RESTORE): restore}
        assert text(chunk(clone, unfinished=children), output="wide")


@pytest.mark.parametrize("output", ["wide", "json", "yaml", "name"])
def test_hostile_text_reaches_no_terminal_from_a_row(output):
    clone = HOSTILE_ALL[0]
    layout = {"output": output, "namespaces": True, "labels": True}
    assert dangerous(text(chunk(clone), **layout)) == set()
    assert len(text(chunk(clone), output="wide").splitlines()) == 2
