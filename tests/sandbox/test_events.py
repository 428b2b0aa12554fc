"""The events that a controller records, as client-go's recorder writes them."""

from __future__ import annotations

import pytest

from kubevirt_sandbox.kubevirt.api import LocalApi
from kubevirt_sandbox.kubevirt.controllers.events import Recorder
from kubevirt_sandbox.kubevirt.resources import CLONES as CLONE_RESOURCE

from .world import NAMESPACE, World


@pytest.fixture
def recorder(still_world: World) -> Recorder:
    return Recorder(LocalApi(still_world.registry), CLONE_RESOURCE, "clone-controller")


def test_the_same_event_again_raises_its_count(still_world: World, recorder: Recorder) -> None:
    clone = still_world.clone("a", target="b")
    for _ in range(3):
        recorder.normal(clone, "SnapshotReady", "ready")
    recorder.warning(clone, "SnapshotReady", "ready")
    events = still_world.registry.list("events", NAMESPACE).items
    assert [(event["type"], event["count"]) for event in events] == [("Normal", 3), ("Warning", 1)]
    assert events[0]["involvedObject"] == {
        "apiVersion": "clone.kubevirt.io/v1beta1",
        "kind": "VirtualMachineClone",
        "name": "a",
        "namespace": NAMESPACE,
        "resourceVersion": clone["metadata"]["resourceVersion"],
        "uid": clone["metadata"]["uid"],
    }
    assert events[0]["metadata"]["name"].startswith("a.")
    assert len(events[0]["metadata"]["name"]) == len("a.") + 16


def test_an_event_that_was_deleted_begins_anew(still_world: World, recorder: Recorder) -> None:
    clone = still_world.clone("a", target="b")
    for _ in range(2):
        recorder.normal(clone, "R", "m")
        (event,) = still_world.registry.list("events", NAMESPACE).items
        assert event["count"] == 1
        still_world.delete("events", event["metadata"]["name"])
