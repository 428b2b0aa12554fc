"""The store: versions, the log of changes, older states, compaction."""

from __future__ import annotations

import threading
import time

import pytest

from kubevirt_sandbox.storage.store import Compacted, Store

KIND = "things.example.com"


def _thing(name: str, value: int = 0, **metadata: object) -> dict[str, object]:
    return {"metadata": {"name": name, "namespace": "ns", "uid": name, **metadata}, "value": value}


def _filled() -> tuple[Store, int]:
    store = Store()
    start = store.version
    store.put(KIND, _thing("a", 1))
    store.put(KIND, _thing("a", 2))
    store.put(KIND, _thing("b"))
    store.remove(KIND, ("ns", "a"))
    return store, start


def test_every_change_has_the_next_version() -> None:
    store, start = _filled()
    newest, changes = store.changes_since(start, 0)
    assert [change.version for change in changes] == [start + n for n in (1, 2, 3, 4)]
    assert [change.event for change in changes] == ["ADDED", "MODIFIED", "ADDED", "DELETED"]
    assert newest == store.version == start + 4


def test_a_change_knows_what_was_before() -> None:
    store, start = _filled()
    _, changes = store.changes_since(start, 0)
    assert [change.previous and change.previous["value"] for change in changes] == [
        None,
        1,
        None,
        2,
    ]


def test_the_last_state_of_a_deleted_object_has_the_version_of_its_deletion() -> None:
    store, start = _filled()
    _, changes = store.changes_since(start + 3, 0)
    assert changes[0].object["metadata"]["resourceVersion"] == str(start + 4)


def test_a_snapshot_shows_an_older_state() -> None:
    store, start = _filled()
    states = [
        [(key[1], obj["value"]) for key, obj in store.snapshot(KIND, "ns", start + n)[1]]
        for n in range(5)
    ]
    assert states == [
        [],
        [("a", 1)],
        [("a", 2)],
        [("a", 2), ("b", 0)],
        [("b", 0)],
    ]


def test_a_compacted_version_cannot_be_read() -> None:
    store, start = _filled()
    store.compact(keep=1)
    with pytest.raises(Compacted, match=f"too old resource version: {start}"):
        store.changes_since(start, 0)
    with pytest.raises(Compacted):
        store.snapshot(KIND, "ns", start + 1)
    assert len(store.changes_since(start + 3, 0)[1]) == 1


def test_the_log_is_bounded() -> None:
    store = Store(history=10)
    for number in range(100):
        store.put(KIND, _thing("a", number))
    with pytest.raises(Compacted):
        store.changes_since(store.version - 12, 0)
    assert len(store.changes_since(store.version - 10, 0)[1]) == 10


def test_a_waiting_reader_is_woken_by_a_change() -> None:
    store = Store()
    found: list[str] = []

    def follow() -> None:
        found.extend(change.event for change in store.changes_since(store.version, 10)[1])

    reader = threading.Thread(target=follow)
    reader.start()
    store.put(KIND, _thing("a"))
    reader.join(5)
    # The reader may have begun after the change; then it waits on, and closing wakes it.
    store.close()
    reader.join(5)
    assert not reader.is_alive()
    assert found in (["ADDED"], [])


def test_waiting_ends_with_the_timeout() -> None:
    store = Store()
    before = time.monotonic()
    assert store.changes_since(store.version, 0.05) == (store.version, [])
    assert time.monotonic() - before < 5


def test_dependents_are_known_by_the_uid_of_their_owner() -> None:
    store = Store()
    owned = [{"uid": "owner"}]
    store.put(KIND, _thing("a", ownerReferences=owned))
    store.put(KIND, _thing("b", ownerReferences=owned))
    store.put(KIND, _thing("b"))
    assert store.dependents("owner") == [(KIND, ("ns", "a"))]
    store.remove(KIND, ("ns", "a"))
    assert store.dependents("owner") == []
