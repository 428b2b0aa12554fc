"""Clones as a list or a watch brings them, with what is known of their children."""

import pytest

from kubectl_virt_clone.clone.progress.progress import Surroundings
from kubectl_virt_clone.objects.resource import Lookup
from kubectl_virt_clone.render.rows import Chunk
from tests.unit.builders import RESTORE, SNAPSHOT, WRONG, a_clone, a_restore, a_snapshot, without

CHILDREN = {
    ("VirtualMachineSnapshot", "default", SNAPSHOT): a_snapshot(),
    ("VirtualMachineRestore", "default", RESTORE): a_restore(sentence="x"),
    ("VirtualMachineRestore", "other", RESTORE): a_restore(sentence="y"),
    ("VirtualMachineSnapshot", "default", RESTORE): a_snapshot(),
}
CHUNK = Chunk((a_clone(),), unfinished=CHILDREN)


def test_the_children_that_a_clone_names_stand_around_it():
    assert CHUNK.around(a_clone("RestoreInProgress")) == Surroundings(
        snapshot=Lookup(a_snapshot()), restore=Lookup(a_restore(sentence="x"))
    )
    assert CHUNK.around(a_clone("SnapshotInProgress")) == Surroundings(
        snapshot=Lookup(a_snapshot())
    )


def test_children_of_another_namespace_or_that_are_not_named_are_not_the_clones():
    elsewhere = a_clone("RestoreInProgress", metadata={"namespace": "other"})
    assert CHUNK.around(elsewhere) == Surroundings(restore=Lookup(a_restore(sentence="y")))
    assert CHUNK.around(a_clone()) == Surroundings()
    assert Chunk(()).around(a_clone("RestoreInProgress")) == Surroundings()


@pytest.mark.parametrize("wrong", [*WRONG, without(a_clone(), "status"), {"status": 7}])
def test_a_malformed_clone_has_no_children(wrong):
    assert CHUNK.around(wrong) == Surroundings()
