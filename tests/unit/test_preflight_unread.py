"""Which checks could not run, because what they need could not be read."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_virt_clone.clone.checks.facts import IDS, Facts, Finding, ordered
from kubectl_virt_clone.clone.checks.findings import findings, judged, unknown_findings
from kubectl_virt_clone.objects.resource import Listing, Lookup
from tests.unit.builders import read
from tests.unit.test_preflight import FIELDS, NEWEST, a_clone, a_snapshot, a_vm

HIDDEN, HIDDEN_LIST = Lookup(unreadable="Forbidden"), Listing(unreadable="Forbidden")
SNAPSHOT = "VirtualMachineSnapshot"
OF_EVERY_VM = (
    *("backend-storage", "network-annotations", "cloud-init-reruns", "first-consumer"),
    *("source-name-too-long", "not-admissible", "identity-copied", "shared-by-name"),
)
OF_THE_SOURCE = (
    *("source-missing", "source-deleting", "source-locked", "tracking-state"),
    *("volume-not-snapshottable", "volume-unknown", "volume-unbound", "running-without-agent"),
    *("claim-deleting", "claim-filling", "claim-in-use", "source-changed-since-start"),
)


def told(clone: dict[str, Any], **facts: Any) -> list[Finding]:
    known: dict[str, Any] = {"namespace": "ns", "kubevirt": NEWEST, "fields": FIELDS, **facts}
    return read(ordered(unknown_findings(clone, Facts(**known))))


def in_order(*ids: str) -> tuple[str, ...]:
    return tuple(sorted(ids, key=IDS.index))


def unknown(ids: tuple[str, ...], message: str, hint: Any = ()) -> list[Finding]:
    return [Finding(id_, "unknown", message, hint) for id_ in ids]


def test_where_everything_could_be_read_no_check_is_left_out() -> None:
    clone = a_clone(newMacAddresses={"a": "x"}, patches=["{}"])
    empty = Listing()

    assert told(clone) == []
    assert told(clone, vms=empty, claims=empty, storage_classes=empty) == []


FILTERED = ("filter-unused", "filter-overreach", "filter-controller-keys")


@pytest.mark.parametrize(
    ("spec", "ids"),
    [
        ({}, ()),
        ({"labelFilters": []}, FILTERED),
        ({"annotationFilters": ["*"]}, FILTERED),
        ({"template": {"labelFilters": ["*"]}}, FILTERED),
        ({"template": {"annotationFilters": ["*"]}}, FILTERED),
        ({"newMacAddresses": {"a": "02-00-00-00-00-01"}}, ("mac-unknown-interface",)),
        ({"newSMBiosSerial": "x"}, ("serial-ignored",)),
        ({"patches": ["{}"]}, ("patch-invalid",)),
        ({"volumeNamePolicy": "PrefixTargetName"}, ("claim-exists",)),
    ],
)
def test_without_the_vm_the_checks_that_this_clone_needs_it_for_are_left_out(
    spec: dict[str, Any], ids: tuple[str, ...]
) -> None:
    assert told(a_clone(**spec), source=HIDDEN) == unknown(
        in_order(*OF_THE_SOURCE, *OF_EVERY_VM, *ids),
        "the VirtualMachine can't be read: Forbidden",
        "kubectl auth can-i get virtualmachines.kubevirt.io -n ns",
    )


@pytest.mark.parametrize(("target", "ids"), [("t", ("target-overwritten",)), ("", ())])
def test_without_the_snapshot_nothing_of_it_is_known(target: str, ids: tuple[str, ...]) -> None:
    own = ("source-missing", "source-deleting", "snapshot-not-ready", "snapshot-failed")
    own += ("snapshot-gone", "snapshot-partial")

    assert told(a_clone(kind=SNAPSHOT, target=target), source=HIDDEN) == unknown(
        in_order(*own, *ids, *OF_EVERY_VM, "volume-not-snapshottable"),
        "the VirtualMachineSnapshot can't be read: Forbidden",
        "kubectl auth can-i get virtualmachinesnapshots.snapshot.kubevirt.io -n ns",
    )


def test_without_its_content_the_vm_of_a_snapshot_is_not_known() -> None:
    source = Lookup(a_snapshot())

    assert told(a_clone(kind=SNAPSHOT), source=source, content=HIDDEN) == unknown(
        in_order(*OF_EVERY_VM, "volume-not-snapshottable"),
        "the VirtualMachineSnapshotContent can't be read: Forbidden",
        "kubectl auth can-i get virtualmachinesnapshotcontents.snapshot.kubevirt.io -n ns",
    )


def test_a_source_of_no_kind_needs_no_rights() -> None:
    assert told(a_clone(kind="Pod"), source=HIDDEN) == []


def test_a_check_that_lacks_two_things_is_told_once_for_the_first() -> None:
    found = told(a_clone(), source=HIDDEN, storage_classes=HIDDEN_LIST, claims=HIDDEN_LIST)

    assert tuple(item.id for item in found) == in_order(*OF_THE_SOURCE, *OF_EVERY_VM)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (
            {"target": HIDDEN},
            unknown(
                ("target-exists",),
                "the target can't be read: Forbidden",
                "kubectl auth can-i get virtualmachines.kubevirt.io -n ns",
            ),
        ),
        (
            {"clones": HIDDEN_LIST},
            unknown(("target-claimed",), "the other clones can't be read: Forbidden"),
        ),
        (
            {"claims": HIDDEN_LIST},
            unknown(
                ("claim-deleting", "claim-filling", "volume-unbound", "first-consumer"),
                "persistentvolumeclaims can't be read: Forbidden",
            ),
        ),
        (
            {"storage_classes": HIDDEN_LIST},
            unknown(("first-consumer",), "storageclasses can't be read: Forbidden"),
        ),
        ({"vms": HIDDEN_LIST}, []),
        ({"pods": HIDDEN_LIST}, unknown(("claim-in-use",), "pods can't be read: Forbidden")),
        (
            {"kubevirt": HIDDEN_LIST},
            unknown(("snapshot-gate",), "KubeVirt's configuration can't be read: Forbidden"),
        ),
        (
            {"kubevirt": Listing()},
            unknown(
                ("snapshot-gate",),
                "KubeVirt's configuration can't be read: its version or its object is not there",
            ),
        ),
        ({"fields": None}, []),
    ],
)
def test_what_could_not_be_read_leaves_its_checks_out(
    facts: dict[str, Any], expected: list[Finding]
) -> None:
    assert told(a_clone(), **facts) == expected


def test_other_vms_matter_for_new_addresses_and_the_schema_for_newer_fields() -> None:
    clone = a_clone(newMacAddresses={"a": "02-00-00-00-00-01"}, patches=[])

    assert told(clone, vms=HIDDEN_LIST, fields=None) == [
        *unknown(("field-unsupported",), "the schema of the clone API can't be read: not served"),
        *unknown(("mac-in-use",), "the other VMs can't be read: Forbidden"),
    ]


def test_what_is_unknown_comes_after_every_other_finding() -> None:
    facts = Facts(source=Lookup(a_vm()), clones=HIDDEN_LIST, kubevirt=NEWEST, fields=FIELDS)

    assert [item.id for item in findings(a_clone(labelFilters=["zzz"]), facts)] == [
        "filter-unused",
        "target-claimed",
    ]


def test_each_clone_of_a_request_is_judged_by_its_own_facts_and_without_what_is_skipped() -> None:
    one, two = a_clone(target="s"), a_clone(labelFilters=["zzz"])
    facts = Facts(source=Lookup(a_vm()), kubevirt=NEWEST, fields=FIELDS)
    other = Facts(source=Lookup(a_vm()), kubevirt=Listing(), fields=FIELDS)

    found = judged([one, two], [facts, other], ["snapshot-gate", "rbac"])

    assert [(clone, [item.id for item in items]) for clone, items in found] == [
        (one, ["target-is-source"]),
        (two, ["filter-unused"]),
    ]
    assert judged([one], [facts], ["all"]) == [(one, ())]
    with pytest.raises(ValueError, match="shorter"):
        judged([one, two], [facts], [])
