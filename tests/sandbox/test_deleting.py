"""Snapshots and restores say that they are being deleted before they are gone; seen on v1.9."""

from __future__ import annotations

from .world import RESTORES, SNAPSHOTS, World


def test_the_temporary_objects_say_that_they_are_being_deleted(world: World) -> None:
    world.clone("c", target="t")
    world.until(lambda: world.phase("c") == "Succeeded" and not world.names(SNAPSHOTS))

    _, changes = world.registry.store.changes_since(1, 0)
    last = {change.type_key: change for change in changes}
    reasons = {
        key: [
            f"{item['type']}={item['status']}:{item['reason']}"
            for item in last[key].object["status"]["conditions"]
        ]
        for key in (RESTORES, SNAPSHOTS)
    }
    assert [last[key].event for key in (RESTORES, SNAPSHOTS)] == ["DELETED", "DELETED"]
    assert reasons == {
        RESTORES: [
            "Progressing=False:VM restore is deleting",
            "Ready=False:VM restore is deleting",
        ],
        SNAPSHOTS: ["Progressing=False:VM snapshot is deleting", "Ready=True:Ready"],
    }
    assert last[RESTORES].object["status"]["complete"] is True
