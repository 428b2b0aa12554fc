"""What the checks say of what a source holds: volumes, TPM and EFI state, a running guest."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kubectl_virt_clone.clone.checks.facts import (
    Facts,
    Finding,
    content_name,
    is_before,
    kubevirt_version,
    source_vm,
    storage_classes_used,
)
from kubectl_virt_clone.clone.checks.findings import findings
from kubectl_virt_clone.clone.checks.volumes import (
    backend_storage_findings,
    cloud_init_findings,
    first_consumer_findings,
    left_out_findings,
    running_findings,
    volume_findings,
)
from kubectl_virt_clone.clone.target.restore_rules import disks_of
from kubectl_virt_clone.objects.resource import Listing, Lookup
from tests.unit.builders import read
from tests.unit.test_preflight import FIELDS, NEWEST, a_clone, a_kubevirt, a_snapshot, a_vm

BEFORE_1_5 = a_kubevirt("v1.4.0", ("Snapshot",))
SNAPSHOT = "VirtualMachineSnapshot"


def claimed(name: str, claim: str) -> dict[str, Any]:
    return {"name": name, "persistentVolumeClaim": {"claimName": claim}}


def imported(name: str, data_volume: str) -> dict[str, Any]:
    return {"name": name, "dataVolume": {"name": data_volume}}


def a_vm_with(*volumes: dict[str, Any], **statuses: dict[str, Any]) -> dict[str, Any]:
    """A VM of these volumes; of some it is known whether they can be snapshotted."""
    vm = a_vm()
    vm["spec"]["template"]["spec"]["volumes"] = list(volumes)
    told = [{"name": name, **status} for name, status in statuses.items()]
    vm["status"] = {"volumeSnapshotStatuses": told}
    return vm


def a_claim(name: str, phase: str = "Bound", storage_class: str = "fast") -> dict[str, Any]:
    return {
        "metadata": {"name": name},
        "spec": {"storageClassName": storage_class},
        "status": {"phase": phase},
    }


def told(vm: dict[str, Any] | None, **facts: Any) -> list[Finding]:
    known: dict[str, Any] = {"namespace": "ns", "kubevirt": NEWEST, "source": Lookup(vm), **facts}
    return read(volume_findings(a_clone(), Facts(**known)))


@pytest.mark.parametrize(
    ("volume", "claim"),
    [
        (claimed("a", "b"), "b"),
        (imported("a", "b"), "b"),
        ({"name": "a", "containerDisk": {"image": "x"}}, ""),
        ({"name": "a", "memoryDump": {"claimName": "b"}}, ""),
        ({}, ""),
    ],
)
def test_a_clone_snapshots_the_claim_of_a_volume_or_of_its_data_volume_but_no_dump(
    volume: dict[str, Any], claim: str
) -> None:
    assert list(disks_of(a_vm_with(volume)).values()) == [claim] * bool(claim)


def test_images_and_cloud_init_are_not_snapshotted() -> None:
    vm = a_vm_with(
        claimed("a", "one"), {"name": "b", "containerDisk": {}}, imported("c", "three"), {}
    )

    assert disks_of(vm) == {"a": "one", "c": "three"}


def test_volumes_that_can_be_snapshotted_and_are_bound_have_no_findings() -> None:
    vm = a_vm_with(
        claimed("a", "one"), {"name": "b", "containerDisk": {}}, a={"enabled": True}, b={}
    )

    assert told(vm, claims=Listing((a_claim("one"),))) == []
    assert told(vm) == []
    assert told(None) == []


@pytest.mark.parametrize(
    ("kubevirt", "level", "what"),
    [
        (NEWEST, "warning", "lets the clone wait until it has"),
        (BEFORE_1_5, "error", "refuses the clone until it has"),
        (Listing(), "warning", "lets the clone wait until it has"),
    ],
)
def test_a_volume_of_which_kubevirt_has_not_said_anything_is_waited_for(
    kubevirt: Listing, level: str, what: str
) -> None:
    vm = a_vm_with(claimed("a", "one"), b={"enabled": True})

    assert told(vm, kubevirt=kubevirt) == [
        Finding(
            "volume-unknown",
            level,
            f'KubeVirt has not said yet whether the volume "a" can be snapshotted, and {what}',
            "kubectl wait '--for=jsonpath={.status.volumeSnapshotStatuses}' vm/s -n ns",
        )
    ]


@pytest.mark.parametrize(
    ("kubevirt", "level", "what"),
    [
        (NEWEST, "warning", "lets the clone wait until it is"),
        (BEFORE_1_5, "error", "refuses the clone until it is"),
    ],
)
def test_a_claim_that_is_not_there_is_waited_for(kubevirt: Listing, level: str, what: str) -> None:
    vm = a_vm_with(claimed("a", "one"), a={"enabled": False, "reason": "PVC not found"})

    assert told(vm, kubevirt=kubevirt) == [
        Finding(
            "volume-not-snapshottable",
            level,
            f'the claim "one" of the volume "a" is not there, and KubeVirt {what}',
            "kubectl wait --for=create pvc/one --timeout=10m -n ns",
        )
    ]


NO_CLASS = "No VolumeSnapshotClass: Volume snapshots are not configured for this StorageClass"
LACKING = {"enabled": False, "reason": NO_CLASS}
A_CLASS = {"metadata": {"name": "fast"}, "provisioner": "csi.example.com"}
NEW_CLASS = {
    "apiVersion": "snapshot.storage.k8s.io/v1",
    "kind": "VolumeSnapshotClass",
    "metadata": {"name": "fast"},
    "driver": "csi.example.com",
    "deletionPolicy": "Delete",
}
CREATES_CLASS = f"kubectl create -f - <<< '{json.dumps(NEW_CLASS, separators=(',', ':'))}'"
MAKES_ONE = "; the hint makes one, if csi.example.com takes snapshots"
SHOWS_CLAIM = "kubectl describe pvc/one -n ns"


@pytest.mark.parametrize(
    ("status", "classes", "why", "hint"),
    [
        (
            {"enabled": False, "reason": NO_CLASS},
            Listing((A_CLASS,)),
            NO_CLASS + MAKES_ONE,
            CREATES_CLASS,
        ),
        (LACKING, Listing(), NO_CLASS, SHOWS_CLAIM),
        (LACKING, None, NO_CLASS, SHOWS_CLAIM),
        ({"enabled": False, "reason": "other"}, Listing((A_CLASS,)), "other", SHOWS_CLAIM),
        ({"enabled": "true"}, None, "KubeVirt doesn't say why", SHOWS_CLAIM),
        ({}, Listing((A_CLASS,)), "KubeVirt doesn't say why", SHOWS_CLAIM),
    ],
)
def test_a_volume_that_can_not_be_snapshotted_is_told_with_kubevirts_reason(
    status: dict[str, Any], classes: Listing | None, why: str, hint: str
) -> None:
    vm = a_vm_with(claimed("a", "one"), a=status)

    assert told(vm, claims=Listing((a_claim("one"),)), storage_classes=classes) == [
        Finding(
            "volume-not-snapshottable",
            "error",
            f'the volume "a" can\'t be snapshotted: {why}',
            hint,
        )
    ]


SEVERAL = "2 matching VolumeSnapshotClasses for fast"
SNAPSHOT_CLASSES = Listing(
    tuple(
        {"metadata": {"name": name}, "driver": driver}
        for name, driver in (("b", "csi.example.com"), ("0", "other"), ("a", "csi.example.com"))
    )
)
ANNOTATES = (
    "kubectl annotate volumesnapshotclass.snapshot.storage.k8s.io/a"
    " snapshot.storage.kubernetes.io/is-default-class=true"
)
DRIVER = Listing(({"metadata": {"name": "csi.example.com"}},))


@pytest.mark.parametrize(
    ("reason", "more", "told_of_it", "hint"),
    [
        (SEVERAL, {"snapshot_classes": SNAPSHOT_CLASSES}, "", ANNOTATES),
        (SEVERAL, {"snapshot_classes": Listing(unreadable="Forbidden")}, "", SHOWS_CLAIM),
        (NO_CLASS, {"drivers": DRIVER}, MAKES_ONE, CREATES_CLASS),
        (NO_CLASS, {"drivers": Listing(unreadable="Forbidden")}, MAKES_ONE, CREATES_CLASS),
        (
            NO_CLASS,
            {"drivers": Listing()},
            "; csi.example.com is no CSI driver, and only these take snapshots",
            "",
        ),
    ],
)
def test_a_class_is_chosen_or_made_only_where_that_can_help(
    reason: str, more: dict[str, Any], told_of_it: str, hint: str
) -> None:
    vm = a_vm_with(claimed("a", "one"), a={"enabled": False, "reason": reason})
    known = {"claims": Listing((a_claim("one"),)), "storage_classes": Listing((A_CLASS,))}

    (found,) = told(vm, **known, **more)

    assert found.message == f'the volume "a" can\'t be snapshotted: {reason}{told_of_it}'
    assert (found.hint or "") == hint


def test_a_cd_rom_is_better_ejected() -> None:
    vm = a_vm_with(claimed("a", "one"), a={"enabled": False, "reason": NO_CLASS})
    vm["spec"]["template"]["spec"]["domain"] = {
        "devices": {"disks": [{"name": "root"}, {"name": "a", "cdrom": {}}]}
    }

    (found,) = told(vm, claims=Listing((a_claim("one"),)), storage_classes=Listing((A_CLASS,)))

    assert found.message.startswith('the CD-ROM "a" can\'t be snapshotted: ')
    places = ("volumes/0", "domain/devices/disks/1")
    removals = ({"op": "remove", "path": f"/spec/template/spec/{place}"} for place in places)
    patch = json.dumps([*removals], separators=(",", ":"))
    assert found.hint == f"kubectl patch vm/s --type=json -p '{patch}' -n ns"


def test_without_its_claim_the_storage_of_a_volume_is_not_known() -> None:
    vm = a_vm_with(claimed("a", "one"), a={"enabled": False, "reason": NO_CLASS})

    assert [item.hint for item in told(vm, storage_classes=Listing((A_CLASS,)))] == [SHOWS_CLAIM]


WAITS = "kubectl wait '--for=jsonpath={.status.phase}=Bound' pvc/one -n ns"


@pytest.mark.parametrize(
    ("state", "hint"),
    [
        ({"runStrategy": "Always"}, WAITS),
        ({"runStrategy": "RerunOnFailure"}, WAITS),
        ({"runStrategy": "Once"}, WAITS),
        ({"running": True}, WAITS),
        (
            {"runStrategy": "Halted"},
            """kubectl patch vm/s --type=merge -p '{"spec":{"runStrategy":"Always"}}' -n ns""",
        ),
        (
            {"running": False},
            """kubectl patch vm/s --type=merge -p '{"spec":{"running":true}}' -n ns""",
        ),
    ],
)
@pytest.mark.parametrize("phase", ["Pending", "Lost", ""])
def test_a_claim_that_is_not_bound_is_waited_for_or_its_vm_is_started(
    state: dict[str, Any], hint: str, phase: str
) -> None:
    vm = a_vm_with(claimed("a", "one"), a={"enabled": True})
    vm["spec"] = {**state, "template": vm["spec"]["template"]}

    assert told(vm, claims=Listing((a_claim("one", phase), a_claim("two", phase)))) == [
        Finding(
            "volume-unbound",
            "error",
            'the claim "one" of the volume "a" is not bound: nothing to snapshot',
            hint,
        )
    ]


def test_each_volume_of_a_snapshot_has_to_be_in_its_content() -> None:
    vm = a_vm_with(claimed("a", "one"), imported("b", "two"), {"name": "c", "containerDisk": {}})
    backups = [{"volumeName": "b"}]
    content = {"spec": {"source": {"virtualMachine": vm}, "volumeBackups": backups}}
    facts = Facts(source=Lookup(a_snapshot()), content=Lookup(content))

    assert read(left_out_findings(a_clone(kind=SNAPSHOT), facts)) == [
        Finding(
            "volume-not-snapshottable",
            "error",
            'the volume "a" is not in the snapshot "s"',
            "--source vm/web",
        )
    ]


def test_the_vm_of_a_snapshot_is_the_one_in_its_content() -> None:
    kept = a_vm("web")
    content = Lookup({"spec": {"source": {"virtualMachine": {**kept, "status": {"x": 1}}}}})
    clone = a_clone(kind=SNAPSHOT)

    assert source_vm(clone, Facts(content=content, source=Lookup(a_snapshot()))) == kept
    assert source_vm(clone, Facts(source=Lookup(a_snapshot()))) is None
    assert source_vm(a_clone(), Facts(source=Lookup(kept))) == kept
    assert source_vm(a_clone(), Facts(content=content)) is None


def test_a_snapshot_names_its_content_once_it_has_one() -> None:
    assert content_name(a_snapshot()) == "content"
    assert content_name(None) == ""


@pytest.mark.parametrize(
    ("texts", "version"),
    [
        (["v1.9.0"], (1, 9)),
        (["1.10.3-rc.1"], (1, 10)),
        (["", "v1.6.0"], (1, 6)),
        (["devel"], None),
        ([], None),
    ],
)
def test_kubevirts_version_is_the_first_that_is_one(
    texts: list[str], version: tuple[int, int] | None
) -> None:
    objects = tuple({"status": {"observedKubeVirtVersion": text}} for text in texts)

    assert kubevirt_version(Facts(kubevirt=Listing(objects))) == version


@pytest.mark.parametrize(
    ("version", "older"),
    [("v1.4.9", True), ("v0.59.0", True), ("v1.5.0", False), ("v2.0.0", False), ("", False)],
)
def test_kubevirt_is_before_only_where_its_version_is_known(version: str, older: bool) -> None:
    assert is_before(Facts(kubevirt=a_kubevirt(version)), 1, 5) is older


BOTH = {
    "devices": {"tpm": {"persistent": True}},
    "firmware": {"bootloader": {"efi": {"persistent": True}}},
}
DOMAIN = "/spec/template/spec/domain"


def stateful(kubevirt: Listing, **domain: Any) -> list[Finding]:
    source = Lookup(a_vm("s", **domain))
    return read(backend_storage_findings(a_clone(), Facts("ns", source=source, kubevirt=kubevirt)))


@pytest.mark.parametrize(
    ("kubevirt", "level", "what"),
    [(NEWEST, "error", "can't clone"), (BEFORE_1_5, "warning", "leaves behind")],
)
def test_the_state_of_tpm_and_efi_is_each_given_up_by_a_patch_of_the_source(
    kubevirt: Listing, level: str, what: str
) -> None:
    assert stateful(kubevirt, **BOTH) == [
        Finding(
            "backend-storage",
            level,
            f"the source keeps its {name} state in a volume of its own, which KubeVirt {what}; the"
            " hint gives that state up",
            "kubectl patch vm/s --type=json -p"
            f""" '[{{"op": "remove", "path": "{DOMAIN}/{path}"}}]' -n ns""",
        )
        for name, path in (
            ("TPM", "devices/tpm/persistent"),
            ("EFI", "firmware/bootloader/efi/persistent"),
        )
    ]


@pytest.mark.parametrize(
    "domain",
    [
        {},
        {"devices": {"tpm": {}}},
        {"devices": {"tpm": {"persistent": False}}},
        {"devices": {"tpm": {"persistent": True, "enabled": False}}},
        {"firmware": {"bootloader": {"efi": {"persistent": False}}}},
        {"firmware": {"bootloader": {"efi": {"persistent": "true"}}}},
    ],
)
def test_state_that_is_not_kept_is_nothing_to_lose(domain: dict[str, Any]) -> None:
    assert stateful(NEWEST, **domain) == []


def test_of_a_snapshot_the_vm_is_mended_and_then_cloned_itself() -> None:
    content = {"spec": {"source": {"virtualMachine": a_vm("web", **BOTH)}}}
    facts = Facts("ns", source=Lookup(a_snapshot()), content=Lookup(content), kubevirt=NEWEST)

    assert [
        item.hint for item in read(backend_storage_findings(a_clone(kind=SNAPSHOT), facts))
    ] == [
        "kubectl patch vm/web --type=json -p"
        f""" '[{{"op": "remove", "path": "{DOMAIN}/{path}"}}]' -n ns, then --source vm/web"""
        for path in ("devices/tpm/persistent", "firmware/bootloader/efi/persistent")
    ]


SLOW = {"metadata": {"name": "slow"}, "volumeBindingMode": "WaitForFirstConsumer"}
CLASSES = Listing((SLOW, {**A_CLASS, "volumeBindingMode": "Immediate"}))


@pytest.mark.parametrize("target", ["t", ""])
def test_volumes_that_wait_for_the_first_start_are_named(target: str) -> None:
    volumes = [claimed(name, f"claim-{name}") for name in "abc"]
    vm = a_vm_with(*volumes)
    claims = (a_claim("claim-a", storage_class="slow"), a_claim("claim-b"))
    facts = Facts(
        source=Lookup(vm),
        claims=Listing((*claims, a_claim("claim-c", storage_class="slow"))),
        storage_classes=CLASSES,
    )

    assert read(first_consumer_findings(a_clone(target=target), facts, a_vm("t"))) == [
        Finding(
            "first-consumer",
            "warning",
            'the storage of "a", "c" binds when the target is first started; until then its data is'
            " not there and the temporary snapshot stays",
            "--start",
        )
    ]


def test_without_a_name_the_target_is_started_as_whatever_it_will_be_called() -> None:
    vm = a_vm_with(claimed("a", "one"))
    facts = Facts(
        namespace="ns",
        source=Lookup(vm),
        claims=Listing((a_claim("one", storage_class="slow"),)),
        storage_classes=CLASSES,
        fields=FIELDS - {"patches"},
    )

    (finding,) = read(first_consumer_findings(a_clone(target=""), facts, vm))

    assert finding.hint == (
        "once the clone is done: kubectl patch vm/TARGET --type=merge"
        """ -p '{"spec":{"runStrategy":"Always"}}' -n ns"""
    )


@pytest.mark.parametrize(
    ("projected", "changed"),
    [
        ({"spec": {"runStrategy": "Always"}}, {}),
        ({"spec": {"running": True}}, {}),
        ({"spec": {}}, {"storage_classes": None}),
        ({"spec": {}}, {"storage_classes": Listing((A_CLASS,))}),
        ({"spec": {}}, {"claims": None}),
        ({"spec": {}}, {"claims": Listing((a_claim("one", storage_class=""),))}),
    ],
)
def test_nothing_waits_for_a_target_that_starts_or_for_storage_that_binds_at_once(
    projected: dict[str, Any], changed: dict[str, Any]
) -> None:
    known: dict[str, Any] = {
        "source": Lookup(a_vm_with(claimed("a", "one"))),
        "claims": Listing((a_claim("one", storage_class="slow"),)),
        "storage_classes": CLASSES,
    }

    assert list(first_consumer_findings(a_clone(), Facts(**{**known, **changed}), projected)) == []


def test_the_storage_of_a_snapshot_is_that_of_its_claims_as_they_were() -> None:
    backups = [
        {"volumeName": "a", "persistentVolumeClaim": a_claim("x", storage_class="slow")},
        {"volumeName": "b", "persistentVolumeClaim": {}},
        {"volumeName": "c"},
    ]
    facts = Facts(content=Lookup({"spec": {"volumeBackups": backups}}), storage_classes=CLASSES)

    assert storage_classes_used(a_clone(kind=SNAPSHOT), facts) == {"a": "slow"}
    assert storage_classes_used(a_clone(), facts) == {}


def test_the_volumes_of_a_snapshot_may_wait_for_the_first_start_too() -> None:
    backup = {"volumeName": "a", "persistentVolumeClaim": a_claim("x", storage_class="slow")}
    content = Lookup({"spec": {"volumeBackups": [backup]}})
    facts = Facts(content=content, storage_classes=CLASSES)

    assert [
        item.id for item in first_consumer_findings(a_clone(kind=SNAPSHOT), facts, a_vm("t"))
    ] == ["first-consumer"]


def test_cloud_init_is_taken_away_from_the_last_volume_to_the_first() -> None:
    vm = a_vm(devices={"disks": [{"name": "x"}, {"name": "a"}, {"name": "c"}]})
    vm["spec"]["template"]["spec"]["volumes"] = [
        {"name": "a", "cloudInitNoCloud": {}},
        claimed("x", "x"),
        {"name": "c", "cloudInitConfigDrive": {}},
    ]
    paths = [
        *("/spec/template/spec/volumes/2", "/spec/template/spec/volumes/0"),
        *(f"{DOMAIN}/devices/disks/2", f"{DOMAIN}/devices/disks/1"),
    ]

    assert read(cloud_init_findings(vm)) == [
        Finding(
            "cloud-init-reruns",
            "info",
            "cloud-init runs again at the target's first start: it may set passwords, keys and the"
            " hostname anew",
            " ".join(f"""--patch '{{"op":"remove","path":"{path}"}}'""" for path in paths),
        )
    ]
    assert list(cloud_init_findings(a_vm_with(claimed("x", "x")))) == []


AGENT = {"type": "AgentConnected", "status": "True"}


def running(*conditions: dict[str, str], created: Any = True) -> list[Finding]:
    vm = {**a_vm(), "status": {"created": created, "conditions": list(conditions)}}
    return read(running_findings(a_clone(), Facts("ns", source=Lookup(vm))))


@pytest.mark.parametrize(
    "conditions", [[], [{**AGENT, "status": "False"}], [{"type": "Ready", "status": "True"}]]
)
def test_a_guest_that_nobody_can_ask_to_flush_its_files_is_stopped_first(
    conditions: list[dict[str, str]],
) -> None:
    assert running(*conditions) == [
        Finding(
            "running-without-agent",
            "info",
            '"s" runs without a guest agent: its disks are copied as after a power cut',
            """kubectl patch vm/s --type=merge -p '{"spec":{"runStrategy":"Halted"}}' -n ns""",
        )
    ]


def test_a_guest_that_runs_by_the_older_field_is_stopped_by_it() -> None:
    vm = {**a_vm(), "status": {"created": True}}
    vm["spec"] = {"running": True, "template": vm["spec"]["template"]}

    assert [
        item.hint for item in read(running_findings(a_clone(), Facts("ns", source=Lookup(vm))))
    ] == ["""kubectl patch vm/s --type=merge -p '{"spec":{"running":false}}' -n ns"""]


def test_a_guest_with_an_agent_or_that_does_not_run_is_fine() -> None:
    vm = {**a_vm(), "status": {"created": True}}

    assert running({"type": "Ready", "status": "True"}, AGENT) == []
    assert running(created=False) == []
    assert list(running_findings(a_clone(), Facts())) == []
    assert list(running_findings(a_clone(kind=SNAPSHOT), Facts(source=Lookup(vm)))) == []


def test_the_rules_about_what_a_source_holds_are_applied_to_a_clone() -> None:
    vm = a_vm(devices={"tpm": {"persistent": True}})
    volumes = [claimed("a", "one"), {"name": "b", "cloudInitNoCloud": {}}]
    vm["spec"]["template"]["spec"]["volumes"] = volumes
    vm["status"] = {"created": True}
    facts = Facts(
        source=Lookup(vm),
        kubevirt=NEWEST,
        fields=FIELDS,
        claims=Listing((a_claim("one", "Pending", "slow"),)),
        storage_classes=CLASSES,
    )

    found = read(findings(a_clone(), facts))

    assert [item.hint.split(" --")[0] for item in found if item.id == "backend-storage"] == [
        "kubectl patch vm/s"
    ]
    assert [(item.id, item.level) for item in found] == [
        ("volume-unbound", "error"),
        ("backend-storage", "error"),
        ("volume-unknown", "warning"),
        ("first-consumer", "warning"),
        ("cloud-init-reruns", "info"),
        ("running-without-agent", "info"),
    ]


def test_a_snapshot_does_not_run_whatever_its_status_says() -> None:
    content = Lookup({"spec": {"source": {"virtualMachine": a_vm("web")}}})
    source = Lookup(a_snapshot(created=True))
    facts = Facts(source=source, content=content, kubevirt=NEWEST, fields=FIELDS)

    assert findings(a_clone(kind=SNAPSHOT), facts) == ()
