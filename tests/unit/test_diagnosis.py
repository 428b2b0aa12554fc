"""Why a clone is not going well, from the texts that a live control plane wrote.

The number in brackets behind a case is that of the recording which its text is from.
"""

from dataclasses import replace
from datetime import timedelta

import pytest

from kubectl_virt_clone.clone.progress.diagnosis import (
    clone_cause,
    deleted_cause,
    diagnose,
    not_cloned,
)
from kubectl_virt_clone.clone.progress.progress import IDS, Cause, Surroundings
from kubectl_virt_clone.objects.resource import Listing, Lookup
from tests.unit.builders import (
    NOW,
    RESTORE,
    SNAPSHOT,
    UID,
    WRONG,
    a_clone,
    a_condition,
    a_restore,
    a_snapshot,
    a_vm,
    an_event,
    malformed,
    read,
    surroundings,
    without,
)


def diagnosed(clone, around, now):
    cause = diagnose(clone, around, now)
    return cause and read([cause])[0]


NO_SOURCE = "Source doesnt exist: VirtualMachine default/nosuch"  # [02]
NO_SNAPSHOT = "Source doesnt exist: VirtualMachineSnapshot default/nosnap"  # [11]
NO_SUPPORT = "Virtual Machine volume data does not support snapshots"  # [03]
NOT_KNOWN = "Virtual Machine volume data snapshot support unknown"
BACKEND = "Clone of source with backendstorage is not supported: VM default/vm-tpm"  # [04]
TAKEN = "restore source and restore target are different but restore target already exists"  # [08]
RUNS = (
    "Waiting for target VM to be powered off. Please stop the restore target to proceed with"
    " restore, or the operation will fail after 5m0s"
)  # [21]
WEBHOOK = (
    'admission webhook "virtualmachinerestore-validator.snapshot.kubevirt.io" denied the request: '
)
COLONS = (
    f"{WEBHOOK}patch format is not valid - one"
    ' ":" expected in a single key-value json patch: "value":"02:00:00:00:00:99"'
)  # [09]
NO_GROUP = f"{WEBHOOK}missing apiGroup"  # [08]
PASSING = f'{WEBHOOK}VirtualMachineRestore "{RESTORE}" in progress'  # [08, 09, 13, 14, 19]
NO_PATH = """\
error patching VM p-nopath-t: failed to apply patch for VM [
{"op":"replace","path":"/spec/template/spec/domain/firmware/uuid","value":""},
{"op":"replace","path":"/spec/nosuch/x","value":1}
]: replace operation does not apply: doc is missing path: /spec/nosuch/x: missing value"""  # [09]
NO_OBJECT = """\
error patching VM p-arr-t: cannot decode vm patches [
[{"op":"remove","path":"/spec/runStrategy"}]
]: json: cannot unmarshal array into Go value of type jsonpatch.Operation"""  # [09]
MALFORMED_MAC = (
    'admission webhook "virtualmachine-validator.kubevirt.io" denied the request: interface'
    " spec.template.spec.domain.devices.interfaces[0].name has malformed MAC address (zz)."
)  # [09]
CONFLICT = (
    'Operation cannot be fulfilled on virtualmachines.kubevirt.io "a": the object has been modified'
)
FOREIGN = (
    'admission webhook "vms.freeze.example.com" denied the request: the change freeze lasts until'
    " Monday, ask the change board"
)  # [26]
QUOTA = (
    'persistentvolumeclaims "restore-1-data" is forbidden: exceeded quota: claims, requested:'
    " persistentvolumeclaims=1, used: persistentvolumeclaims=1, limited: persistentvolumeclaims=1"
)  # [58]
NO_CLASS = "StorageClass cold does not exist"  # [57]
LOST = "VolumeSnapshots (vmsnapshot-1-volume-data) missing"  # [64]
QUEUED = 'Source not locked snapshot "a" in progress'  # [60]
USED = "Source not locked source is offline but 1 pods using PVCs [shop-data]"  # [55]
NO_VM = """\
error patching VM t-type: cannot unmarshal modified marshalled vm {"metadata":{"name":"t-type"}}: \
json: cannot unmarshal string into Go struct field"""  # [62]
AGAIN = "KubeVirt tries again by itself, after pauses that double up to 16m40s"
DELETE = "kubectl delete vmclone.clone.kubevirt.io/clone-1 -n default"
FORBIDDEN = Lookup(unreadable="Forbidden")
STATUSES = "kubectl get vm/vm-cirros -o 'jsonpath={.status.volumeSnapshotStatuses}' -n default"


def renamed(clone, target):
    """A clone of which KubeVirt makes another ``target`` than its spec says by now."""
    clone["status"]["targetName"] = target
    return clone


def refused(refusal, *, count=10):
    message = f"failed creating restore {RESTORE} for clone clone-1: {refusal}"
    return an_event("RestoreCreationFailed", message, severity="Warning", count=count)


def unrestored():
    """A clone behind its snapshot, whose restore is still to be made."""
    return without(a_clone("RestoreInProgress"), "status", "restoreName")


def from_snapshot(phase, *, target="vm-cirros-clone"):
    source = {"apiGroup": "snapshot.kubevirt.io", "kind": "VirtualMachineSnapshot", "name": "snap"}
    spec = {"source": source, "target": {"kind": "VirtualMachine", "name": target}}
    clone = a_clone(phase, spec=spec)
    clone["status"].pop("snapshotName", None)
    return clone


def a_failed_snapshot(name="snap-3"):
    """As recording 11 has it: the conditions say why, and there is no error."""
    snapshot = a_snapshot(name, phase="Failed")
    snapshot["status"]["conditions"] = [
        a_condition("Progressing", "False", "Operation failed"),
        a_condition("Ready", "False", "Not ready"),
        a_condition("Failure", "True", "snapshot deadline exceeded"),
    ]
    return snapshot


def a_lost_snapshot():
    snapshot = a_snapshot("snap", phase="Succeeded")
    snapshot["status"] |= {"readyToUse": False, "error": {"message": LOST}}
    return snapshot


def a_vm_that_goes():
    vm = a_vm("vm-cirros")
    vm["metadata"]["deletionTimestamp"] = "2026-11-22T07:55:00Z"
    return vm


def a_waiting_snapshot(*, error="", deadline=None, said="Source locked and operation in progress"):
    snapshot = a_snapshot(phase="InProgress")
    snapshot["status"]["conditions"] = [
        a_condition("Progressing", "True", said),
        a_condition("Ready", "False", "Not ready"),
    ]
    snapshot["status"]["error"] = {"message": error} if error else None
    snapshot["spec"]["failureDeadline"] = deadline
    return snapshot


def marked(vm, uid=UID):
    value = f"tmp-restore-{uid}-ed58ba62-b934-41cf-963d-a88e8637b30b"
    vm["metadata"]["annotations"] = {"restore.kubevirt.io/lastRestoreUID": value}
    return vm


def with_claim(vm):
    volume = {"name": "data", "persistentVolumeClaim": {"claimName": "vm-cirros-clone-data"}}
    vm["metadata"]["creationTimestamp"] = "2026-11-22T07:54:16Z"
    return vm | {"spec": {"template": {"spec": {"volumes": [volume]}}}}


OLD_CLAIM = {
    "vm-cirros-clone-data": Lookup({"metadata": {"creationTimestamp": "2026-11-22T07:00:00Z"}})
}


def an_old_vm():
    vm = a_vm("vm-cirros-clone", status="Running")
    vm["metadata"]["creationTimestamp"] = "2026-11-22T07:00:00Z"
    return vm


def around_claim(phase, *, mode="WaitForFirstConsumer", **given):
    """Surroundings with one claim of the class ``later``."""
    claim = {"spec": {"storageClassName": "later"}, "status": {"phase": phase}}
    classes = ({"metadata": {"name": "later"}, "volumeBindingMode": mode},)
    return Surroundings(
        claims={"gone": Lookup(), "secret": FORBIDDEN, "data": Lookup(claim)},
        storage_classes=Listing(classes),
        **given,
    )


CASES = {
    "a missing VM [02]": (
        a_clone("", sentence=NO_SOURCE),
        surroundings(),
        Cause("source-missing", NO_SOURCE, "kubectl get vm -n default"),
    ),
    "a missing snapshot [11]": (
        from_snapshot("") | {"status": a_clone("", sentence=NO_SNAPSHOT)["status"]},
        surroundings(),
        Cause(
            "source-missing", NO_SNAPSHOT, "kubectl get vmsnapshot.snapshot.kubevirt.io -n default"
        ),
    ),
    "a snapshot that was deleted while the clone waited for it [11]": (
        from_snapshot("SnapshotInProgress")
        | {"status": a_clone("SnapshotInProgress", sentence=NO_SNAPSHOT)["status"]},
        surroundings(snapshot=None),
        Cause(
            "source-missing", NO_SNAPSHOT, "kubectl get vmsnapshot.snapshot.kubevirt.io -n default"
        ),
    ),
    "a volume without snapshot support [03]": (
        a_clone("", sentence=NO_SUPPORT),
        surroundings(),
        Cause("volume-not-snapshottable", NO_SUPPORT, STATUSES),
    ),
    "a volume of which nobody knows": (
        a_clone("", sentence=NOT_KNOWN),
        surroundings(),
        Cause("volume-unknown", NOT_KNOWN, STATUSES),
    ),
    "several volumes": (
        a_clone("", sentence=f"{NO_SUPPORT}\n{NOT_KNOWN}"),
        surroundings(),
        Cause("volume-not-snapshottable", f"{NO_SUPPORT}; {NOT_KNOWN}", STATUSES),
    ),
    "a sentence that is not known": (
        a_clone("", sentence="something new"),
        surroundings(),
        Cause("clone-failed", "something new"),
    ),
    "backend storage [04]": (
        a_clone("Failed", sentence=BACKEND),
        surroundings(),
        Cause("backend-storage", BACKEND, DELETE, final=True),
    ),
    "backend storage, the conditions overwritten [04]": (
        a_clone("Failed"),
        surroundings(events=(an_event("SourceVMWithBackendStorageInvalid", BACKEND, count=3),)),
        Cause("backend-storage", BACKEND, DELETE, final=True),
    ),
    "a snapshot without a volume": (
        a_clone("Failed"),
        surroundings(
            events=(
                an_event("SnapshotCreated", "created"),
                an_event("SnapshotContentInvalid", "volume data is not backed up in snapshot s"),
                an_event("SnapshotReady", "ready"),
            )
        ),
        Cause("content-invalid", "volume data is not backed up in snapshot s", DELETE, final=True),
    ),
    "a snapshot without content": (
        a_clone("Failed", sentence="snapshot content c in namespace default does not exist"),
        surroundings(),
        Cause(
            "content-invalid",
            "snapshot content c in namespace default does not exist",
            DELETE,
            final=True,
        ),
    ),
    "a snapshot that is gone before its restore, by the conditions": (
        a_clone("Failed", sentence=f"snapshot {SNAPSHOT} does not exist anymore"),
        surroundings(),
        Cause("snapshot-deleted", f"snapshot {SNAPSHOT} does not exist anymore", DELETE, True),
    ),
    "a snapshot that is gone before its restore, by the events": (
        a_clone("Failed"),
        surroundings(events=(an_event("SnapshotDeleted", f"snapshot {SNAPSHOT} does not exist"),)),
        Cause("snapshot-deleted", f"snapshot {SNAPSHOT} does not exist", DELETE, True),
    ),
    "a failure that nobody explains": (
        a_clone("Failed"),
        surroundings(events=(an_event("SnapshotReady", "ready"),)),
        Cause("clone-failed", "KubeVirt gives no reason", DELETE, final=True),
    ),
    "a snapshot source that failed [11]": (
        from_snapshot("SnapshotInProgress"),
        surroundings(snapshot=a_failed_snapshot()),
        Cause(
            "snapshot-failed",
            'the snapshot "snap-3" failed: snapshot deadline exceeded',
            DELETE,
            final=True,
        ),
    ),
    "a snapshot that failed and doesn't say why": (
        a_clone("SnapshotInProgress"),
        surroundings(snapshot={"metadata": {"name": "s"}, "status": {"phase": "Failed"}}),
        Cause(
            "snapshot-failed",
            'the snapshot "s" failed: it doesn\'t say why',
            DELETE,
            final=True,
        ),
    ),
    "a snapshot that failed, whose VM is gone by now [28]": (
        a_clone("SnapshotInProgress", sentence=NO_SOURCE),
        surroundings(snapshot=a_failed_snapshot()),
        Cause(
            "snapshot-failed",
            'the snapshot "snap-3" failed: snapshot deadline exceeded',
            DELETE,
            final=True,
        ),
    ),
    "a snapshot that lost its VolumeSnapshots [64]": (
        from_snapshot("SnapshotInProgress"),
        surroundings(snapshot=a_lost_snapshot()),
        Cause(
            "snapshot-gone",
            f'the snapshot "snap" has lost its data, and will never be ready: {LOST}',
            DELETE,
            final=True,
        ),
    ),
    "a snapshot that a quota or somebody's webhook refuses [26, 29, 66]": (
        without(a_clone("SnapshotInProgress"), "status", "snapshotName"),
        surroundings(),
        Cause(
            "snapshot-refused",
            "KubeVirt can't take its snapshot, and tries again;"
            " only the log of virt-controller says why",
            "kubectl logs -l kubevirt.io=virt-controller -n kubevirt",
        ),
    ),
    "a snapshot that waits for another one of its VM [60]": (
        a_clone("SnapshotInProgress"),
        surroundings(snapshot=a_waiting_snapshot(said=QUEUED)),
        Cause(
            "snapshot-waiting",
            f'the snapshot "{SNAPSHOT}" is not ready, KubeVirt tries for 5m: {QUEUED}',
            f"kubectl describe vmsnapshot.snapshot.kubevirt.io/{SNAPSHOT} -n default",
            passing=True,
        ),
    ),
    "a snapshot of a VM whose claim a pod uses [55]": (
        a_clone("SnapshotInProgress"),
        surroundings(snapshot=a_waiting_snapshot(said=USED)),
        Cause(
            "snapshot-waiting",
            f'the snapshot "{SNAPSHOT}" is not ready, KubeVirt tries for 5m: {USED}',
            "kubectl describe pvc/shop-data -n default",
        ),
    ),
    "a snapshot of a VM that is being deleted [28]": (
        a_clone("SnapshotInProgress"),
        surroundings(
            snapshot=a_waiting_snapshot(said="Source not locked"), source=a_vm_that_goes()
        ),
        Cause(
            "snapshot-waiting",
            f'the snapshot "{SNAPSHOT}" is not ready, KubeVirt tries for 5m: its source is being'
            " deleted (Source not locked)",
            f"kubectl describe vmsnapshot.snapshot.kubevirt.io/{SNAPSHOT} -n default",
            passing=True,
        ),
    ),
    "a snapshot in progress": (
        a_clone("SnapshotInProgress"),
        surroundings(snapshot=a_waiting_snapshot()),
        Cause(
            "snapshot-waiting",
            f'the snapshot "{SNAPSHOT}" is not ready, KubeVirt tries for 5m:'
            " Source locked and operation in progress",
            f"kubectl describe vmsnapshot.snapshot.kubevirt.io/{SNAPSHOT} -n default",
            passing=True,
        ),
    ),
    "a snapshot with an error and a deadline of its own": (
        a_clone("SnapshotInProgress"),
        surroundings(snapshot=a_waiting_snapshot(error="no\nfreeze ", deadline="10s")),
        Cause(
            "snapshot-waiting",
            f'the snapshot "{SNAPSHOT}" is not ready, KubeVirt tries for 10s: no freeze',
            f"kubectl describe vmsnapshot.snapshot.kubevirt.io/{SNAPSHOT} -n default",
        ),
    ),
    "a snapshot that was not begun, and has no deadline": (
        a_clone("SnapshotInProgress"),
        surroundings(
            snapshot={"metadata": {"name": "s"}, "spec": {"failureDeadline": "0s"}, "status": None}
        ),
        Cause(
            "snapshot-waiting",
            'the snapshot "s" is not ready: KubeVirt has not begun with it',
            "kubectl describe vmsnapshot.snapshot.kubevirt.io/s -n default",
            passing=True,
        ),
    ),
    "a temporary snapshot that was deleted": (
        a_clone("SnapshotInProgress"),
        surroundings(),
        Cause(
            "snapshot-deleted",
            f'its snapshot "{SNAPSHOT}" was deleted, and KubeVirt takes no other',
            DELETE,
            final=True,
        ),
    ),
    "a MAC address with colons [09]": (
        unrestored(),
        surroundings(events=(refused(COLONS),)),
        Cause(
            "restore-refused", f"KubeVirt's admission refuses its restore: {COLONS}", DELETE, True
        ),
    ),
    "a target without apiGroup, after a passing refusal [08]": (
        unrestored(),
        surroundings(events=(refused(PASSING, count=1), refused(NO_GROUP, count=9))),
        Cause(
            "restore-refused", f"KubeVirt's admission refuses its restore: {NO_GROUP}", DELETE, True
        ),
    ),
    "a refusal that may pass": (
        unrestored(),
        surroundings(events=(refused('failed calling webhook "x": connection refused'),)),
        Cause(
            "restore-pending",
            f'its restore is refused: failed calling webhook "x": connection refused ({AGAIN})',
        ),
    ),
    "somebody else's webhook refuses the restore [26]": (
        unrestored(),
        surroundings(events=(refused(FOREIGN),)),
        Cause("restore-pending", f"its restore is refused: {FOREIGN} ({AGAIN})"),
    ),
    "somebody else's webhook refuses the target [26]": (
        a_clone("RestoreInProgress"),
        surroundings(restore=a_restore(sentence=FOREIGN)),
        Cause("restore-pending", f'its restore "{RESTORE}" is held up: {FOREIGN} ({AGAIN})'),
    ),
    "a quota forbids the claim [49, 58]": (
        a_clone("RestoreInProgress"),
        surroundings(restore=a_restore(sentence=QUOTA)),
        Cause(
            "restore-pending",
            f'its restore "{RESTORE}" is held up: {QUOTA} ({AGAIN})',
            "kubectl describe quota/claims -n default",
        ),
    ),
    "a patch that leaves no VM [62]": (
        a_clone("RestoreInProgress"),
        surroundings(restore=a_restore(sentence=NO_VM)),
        Cause(
            "restore-failing",
            f'its restore "{RESTORE}" fails: error patching VM t-type: cannot unmarshal modified'
            " marshalled vm: json: cannot unmarshal string into Go struct field",
            f"kubectl describe vmrestore.snapshot.kubevirt.io/{RESTORE} -n default",
            final=True,
        ),
    ),
    "a target that was renamed too late [39]": (
        renamed(a_clone("CreatingTargetVM"), "old"),
        surroundings(),
        Cause(
            "target-changed",
            'its target was changed from "old" to "vm-cirros-clone" after KubeVirt had begun',
            DELETE,
            final=True,
        ),
    ),
    "the restore of another clone is in progress": (
        unrestored(),
        surroundings(events=(refused(PASSING.replace(RESTORE, "tmp-restore-other")),)),
        Cause(
            "target-claimed",
            'another restore, "tmp-restore-other", is making the same target',
            "kubectl describe vmrestore.snapshot.kubevirt.io/tmp-restore-other -n default",
        ),
    ),
    "a target that exists [08]": (
        a_clone("RestoreInProgress"),
        surroundings(restore=a_restore(sentence=TAKEN), target=an_old_vm()),
        Cause(
            "target-exists",
            'the target "vm-cirros-clone" exists already; KubeVirt goes on only if it is deleted',
            DELETE,
            final=True,
        ),
    ),
    "a target that exists and may not be read": (
        a_clone("RestoreInProgress"),
        surroundings(restore=a_restore(sentence=TAKEN), target=FORBIDDEN),
        Cause(
            "target-exists",
            'the target "vm-cirros-clone" exists already; KubeVirt goes on only if it is deleted',
            DELETE,
            final=True,
        ),
    ),
    "a target that another clone made [08]": (
        a_clone("RestoreInProgress"),
        surroundings(
            restore=a_restore(sentence=TAKEN), target=marked(a_vm("vm-cirros-clone"), "other")
        ),
        Cause(
            "target-claimed", 'another clone made the target "vm-cirros-clone"', DELETE, final=True
        ),
    ),
    "a target that runs [21]": (
        a_clone("RestoreInProgress"),
        surroundings(restore=a_restore(sentence=RUNS), snapshot=a_snapshot(), target=an_old_vm()),
        Cause(
            "target-running",
            'the target "vm-cirros-clone" exists already and runs',
            DELETE,
            final=True,
        ),
    ),
    "the snapshot's own VM runs": (
        from_snapshot("RestoreInProgress", target="a"),
        surroundings(restore=a_restore(sentence=RUNS), snapshot=a_snapshot("snap")),
        Cause(
            "target-running",
            'the target "a" exists already and runs; KubeVirt overwrites it as soon as it stops',
            DELETE,
        ),
    ),
    "another VM than the snapshot's own runs": (
        from_snapshot("RestoreInProgress", target="b"),
        surroundings(restore=a_restore(sentence=RUNS), snapshot=a_snapshot("snap")),
        Cause("target-running", 'the target "b" exists already and runs', DELETE, final=True),
    ),
    "a VM runs, and whether it is the snapshot's own may not be known": (
        from_snapshot("RestoreInProgress", target="a"),
        surroundings(restore=a_restore(sentence=RUNS), snapshot=FORBIDDEN),
        Cause("target-running", 'the target "a" exists already and runs', DELETE),
    ),
    "a patch that does not apply [09]": (
        a_clone("RestoreInProgress"),
        surroundings(restore=a_restore(sentence=NO_PATH)),
        Cause(
            "restore-failing",
            f'its restore "{RESTORE}" fails: error patching VM p-nopath-t: failed to apply patch'
            " for VM: replace operation does not apply: doc is missing path: /spec/nosuch/x:"
            " missing value",
            f"kubectl describe vmrestore.snapshot.kubevirt.io/{RESTORE} -n default",
            final=True,
        ),
    ),
    "a list as a patch [09]": (
        a_clone("RestoreInProgress"),
        surroundings(restore=a_restore(sentence=NO_OBJECT)),
        Cause(
            "restore-failing",
            f'its restore "{RESTORE}" fails: error patching VM p-arr-t: cannot decode vm patches:'
            " json: cannot unmarshal array into Go value of type jsonpatch.Operation",
            f"kubectl describe vmrestore.snapshot.kubevirt.io/{RESTORE} -n default",
            final=True,
        ),
    ),
    "a target that admission refuses [09]": (
        a_clone("RestoreInProgress"),
        surroundings(restore=a_restore(sentence=MALFORMED_MAC)),
        Cause(
            "restore-failing",
            f'its restore "{RESTORE}" fails: {MALFORMED_MAC}',
            f"kubectl describe vmrestore.snapshot.kubevirt.io/{RESTORE} -n default",
            final=True,
        ),
    ),
    "an error that may pass": (
        a_clone("RestoreInProgress"),
        surroundings(restore=a_restore(sentence=NO_CLASS)),
        Cause("restore-pending", f'its restore "{RESTORE}" is held up: {NO_CLASS} ({AGAIN})'),
    ),
    "a claim that was there before [50]": (
        a_clone(spec={"volumeNamePolicy": "PrefixTargetName"}),
        replace(surroundings(target=with_claim(marked(a_vm("vm-cirros-clone")))), claims=OLD_CLAIM),
        Cause(
            "claim-not-cloned",
            'KubeVirt says Succeeded, but the claim "vm-cirros-clone-data" was there before,'
            " and not filled by this clone",
            "kubectl get pvc vm-cirros-clone-data -o yaml -n default",
            final=True,
        ),
    ),
    "a restore that failed": (
        a_clone("RestoreInProgress"),
        surroundings(
            restore={
                "status": {
                    "conditions": [
                        a_condition("Ready", "False", "Operation failed"),
                        a_condition("Failure", "True", "it took too long"),
                    ]
                }
            }
        ),
        Cause(
            "restore-failing",
            f'its restore "{RESTORE}" fails: it took too long',
            f"kubectl describe vmrestore.snapshot.kubevirt.io/{RESTORE} -n default",
            final=True,
        ),
    ),
    "a restore that was deleted": (
        a_clone("RestoreInProgress"),
        surroundings(target=an_old_vm()),
        Cause(
            "restore-deleted",
            f'its restore "{RESTORE}" was deleted, and KubeVirt makes no other',
            DELETE,
            final=True,
        ),
    ),
    "a volume that the restore waits for": (
        a_clone("RestoreInProgress"),
        around_claim("Pending", mode="Immediate"),
        Cause(
            "volume-unbound",
            'the volume "data" is not bound: it is Pending',
            "kubectl describe pvc/data -n default",
            passing=True,
        ),
    ),
    "a volume whose driver lost the snapshot [57]": (
        a_clone("RestoreInProgress"),
        around_claim(
            "Pending",
            mode="Immediate",
            claim_events={
                "data": Listing(
                    (
                        an_event("ProvisioningFailed", '"cold" not found', severity="Warning"),
                        an_event("ExternalProvisioning", "Waiting for a volume\nto be created"),
                    )
                )
            },
        ),
        Cause(
            "volume-unbound",
            'the volume "data" is not bound: it is Pending (ExternalProvisioning: Waiting for a'
            " volume to be created)",
            "kubectl describe pvc/data -n default",
            passing=True,
        ),
    ),
    "a volume that waits for its first consumer": (
        a_clone(),
        around_claim("Pending"),
        Cause(
            "first-consumer",
            'the volume "data" is bound only when the VM "vm-cirros-clone" starts',
            "virtctl start vm-cirros-clone -n default",
        ),
    ),
    "a volume without a phase": (
        a_clone(),
        around_claim("", mode="Immediate"),
        Cause(
            "volume-unbound",
            'the volume "data" is not bound: it is new',
            "kubectl describe pvc/data -n default",
            passing=True,
        ),
    ),
    "a false success [21]": (
        a_clone(),
        surroundings(target=an_old_vm()),
        Cause(
            "not-cloned",
            'KubeVirt says Succeeded, but the VM "vm-cirros-clone" was not made by this clone',
            "kubectl get vm/vm-cirros-clone -o yaml -n default",
            final=True,
        ),
    ),
    "nobody looks at it": (
        without(a_clone(), "status"),
        surroundings(),
        Cause(
            "controller-silent",
            "KubeVirt has not looked at it yet, there is no status and no event:"
            " virt-controller is busy, or does not run",
            "kubectl get pods -A -l kubevirt.io=virt-controller",
        ),
    ),
    "nobody looks at it, as far as one may know": (
        without(a_clone(), "status"),
        surroundings(events=Listing(unreadable="Forbidden")),
        Cause(
            "controller-silent",
            "KubeVirt has not looked at it yet, there is no status:"
            " virt-controller is busy, or does not run",
            "kubectl get pods -A -l kubevirt.io=virt-controller",
        ),
    ),
}


@pytest.mark.parametrize(("clone", "around", "cause"), CASES.values(), ids=CASES)
def test_a_cause_is_told_with_its_hint_and_whether_it_is_final(clone, around, cause):
    assert diagnosed(clone, around, NOW) == cause


def test_every_cause_has_a_case():
    told = {cause.id for _, _, cause in CASES.values()} | {deleted_cause("a goal").id}
    assert told == set(IDS)


def a_ready_restore():
    restore = a_restore(complete=True, sentence="Operation complete")
    restore["status"]["conditions"][1]["status"] = "True"
    return restore


@pytest.mark.parametrize(
    ("clone", "around"),
    [
        (a_clone(), surroundings()),
        (a_clone(), surroundings(target=marked(an_old_vm()))),
        (a_clone(), surroundings(target=FORBIDDEN)),
        (a_clone(), around_claim("Bound")),
        (a_clone("SnapshotInProgress"), Surroundings()),
        (a_clone("SnapshotInProgress"), surroundings(snapshot=FORBIDDEN)),
        (a_clone("SnapshotInProgress"), surroundings(snapshot=a_snapshot())),
        (from_snapshot("SnapshotInProgress"), surroundings()),
        (a_clone("RestoreInProgress"), Surroundings()),
        (a_clone("RestoreInProgress"), surroundings(restore=FORBIDDEN)),
        (a_clone("RestoreInProgress"), surroundings(restore=a_ready_restore())),
        (a_clone("RestoreInProgress"), around_claim("Pending")),
        (a_clone("CreatingTargetVM"), surroundings()),
        (unrestored(), surroundings()),
    ],
)
def test_a_clone_that_goes_well_or_may_not_be_known_has_no_cause(clone, around):
    assert diagnosed(clone, around, NOW) is None


@pytest.mark.parametrize(
    "sentence",
    [
        "Initializing VirtualMachineRestore",
        "Creating new PVCs",
        "Waiting for new PVCs",
        "Waiting for target update",
        CONFLICT,
        "VM restore is deleting",
        "",
    ],
)
def test_a_step_of_a_restore_is_no_cause(sentence):
    around = surroundings(restore=a_restore(sentence=sentence))
    assert diagnosed(a_clone("RestoreInProgress"), around, NOW) is None


@pytest.mark.parametrize("earlier", [(), (refused("an older refusal"),)])
def test_a_restore_refused_for_itself_is_a_passing_trouble_and_no_cause(earlier):
    around = surroundings(events=(*earlier, refused(PASSING, count=1)))
    assert diagnosed(unrestored(), around, NOW) is None


def test_a_refusal_is_found_before_other_events_and_told_from_its_beginning():
    refusal = "a webhook said: for clone clone-1: no"
    around = surroundings(events=(refused(refusal), an_event("SnapshotReady", "ready")))
    assert diagnosed(unrestored(), around, NOW) == Cause(
        "restore-pending", f"its restore is refused: {refusal} ({AGAIN})"
    )


def test_a_refusal_before_the_restore_was_made_is_no_cause_any_more():
    around = surroundings(
        events=(refused(COLONS),), restore=a_restore(sentence="Creating new PVCs")
    )
    assert diagnosed(a_clone("RestoreInProgress"), around, NOW) is None


def test_a_target_that_is_gone_no_longer_stands_in_the_way():
    around = surroundings(restore=a_restore(sentence=TAKEN), target=Lookup())
    assert diagnosed(a_clone("RestoreInProgress"), around, NOW) is None


@pytest.mark.parametrize("phase", ["SnapshotInProgress", "RestoreInProgress"])
def test_children_that_are_gone_once_the_target_is_made_were_deleted_by_kubevirt(phase):
    around = surroundings(target=marked(a_vm("vm-cirros-clone")))
    assert diagnosed(a_clone(phase), around, NOW) is None


@pytest.mark.parametrize(
    ("seconds", "events", "status", "silent"),
    [
        (4, (), None, False),
        (5, (), None, True),
        (5, (), {}, True),
        (5, (an_event("SourceDoesNotExist", NO_SOURCE),), None, False),
        (5, (), {"conditions": []}, False),
    ],
)
def test_a_controller_is_silent_after_some_seconds_without_status_and_event(
    seconds, events, status, silent
):
    clone = a_clone() | {"status": status}
    now = NOW - timedelta(seconds=60 - seconds)
    cause = diagnosed(clone, surroundings(events=events), now)
    assert (cause.id if cause else "") == ("controller-silent" if silent else "")
    assert diagnosed(clone, surroundings(events=events), None) is None


def test_the_clone_alone_tells_why_it_is_pending_and_that_it_failed():
    assert [
        clone_cause(a_clone("", sentence=NO_SOURCE)).id,
        clone_cause(a_clone("Failed")).sentence,
        clone_cause(a_clone("RestoreInProgress")),
    ] == ["source-missing", "KubeVirt gives no reason", None]


def test_the_sentence_in_the_conditions_counts_more_than_the_events():
    clone = a_clone("Failed", sentence=BACKEND)
    assert clone_cause(clone, [an_event("SnapshotDeleted", "other")]).sentence == BACKEND


def test_a_deleted_clone_will_not_reach_its_goal():
    assert deleted_cause("phase=Succeeded") == Cause(
        "clone-deleted", "it was deleted before it reached phase=Succeeded", final=True
    )


def test_a_missing_source_of_no_kind_that_can_be_cloned_is_told_without_a_command():
    clone = a_clone("", sentence=NO_SOURCE, spec={"source": {"kind": "Pod", "name": "a"}})
    assert diagnosed(clone, Surroundings(), NOW) == Cause("source-missing", NO_SOURCE)


def unbound(clone):
    return diagnosed(clone, around_claim("Pending"), NOW).sentence


def test_a_volume_waits_for_the_target_that_kubevirt_made_or_the_one_that_was_asked_for():
    renamed = a_clone()
    renamed["status"]["targetName"] = "made"
    renamed["spec"]["target"]["name"] = "asked"
    assert unbound(renamed) == 'the volume "data" is bound only when the VM "made" starts'
    asked = without(renamed, "status", "targetName")
    assert unbound(asked) == 'the volume "data" is bound only when the VM "asked" starts'


@pytest.mark.parametrize(
    ("events", "cloned"),
    [
        ((), True),
        ((an_event("Operation failed", "Operation failed", kind="VirtualMachineRestore"),), False),
    ],
)
def test_a_restore_that_failed_made_no_target_though_the_vm_is_younger(events, cloned):
    for event in events:
        event["involvedObject"]["name"] = RESTORE
    around = surroundings(target=a_vm("vm-cirros-clone"), events=events)
    cause = diagnosed(a_clone(), around, NOW)
    assert (cause.id if cause else "") == ("" if cloned else "not-cloned")


def test_a_snapshot_that_waits_is_told_by_the_first_thing_it_says_of_its_progress():
    snapshot = a_waiting_snapshot()
    snapshot["status"]["conditions"].append(a_condition("Progressing", "False", "later"))
    cause = diagnosed(a_clone("SnapshotInProgress"), surroundings(snapshot=snapshot), NOW)
    assert cause.sentence == (
        f'the snapshot "{SNAPSHOT}" is not ready, KubeVirt tries for 5m: Source locked and'
        " operation in progress"
    )


@pytest.mark.parametrize(
    ("deadline", "told"),
    [("0", ""), ("0s", ""), ("30s", ", KubeVirt tries for 30s"), (None, ", KubeVirt tries for 5m")],
)
def test_a_snapshot_is_tried_until_its_deadline(deadline, told):
    around = surroundings(snapshot=a_waiting_snapshot(error="busy", deadline=deadline))
    cause = diagnosed(a_clone("SnapshotInProgress"), around, NOW)
    assert cause.sentence == f'the snapshot "{SNAPSHOT}" is not ready{told}: busy'


@pytest.mark.parametrize(
    ("reason", "error", "why"),
    [
        ("deadline exceeded", "no\n space", "deadline exceeded: no space"),
        ("no space", "no space", "no space"),
        ("", "no space", "no space"),
        ("", "", "it doesn't say why"),
    ],
)
def test_a_snapshot_that_failed_is_told_by_its_condition_and_its_error(reason, error, why):
    snapshot = a_failed_snapshot()
    snapshot["status"]["conditions"][-1]["reason"] = reason
    snapshot["status"]["error"] = {"message": error}
    cause = diagnosed(a_clone("SnapshotInProgress"), surroundings(snapshot=snapshot), NOW)
    assert cause.sentence == f'the snapshot "snap-3" failed: {why}'


def test_a_snapshot_that_is_gone_was_deleted_where_the_target_was_not_asked_for():
    cause = diagnosed(a_clone("SnapshotInProgress"), Surroundings(snapshot=Lookup()), NOW)
    assert cause == Cause(
        "snapshot-deleted",
        f'its snapshot "{SNAPSHOT}" was deleted, and KubeVirt takes no other',
        DELETE,
        final=True,
    )


def behind(sentence, *, status="False", **around):
    """The cause of a clone whose restore says ``sentence``."""
    restore = a_restore(sentence=sentence)
    restore["status"]["conditions"][1]["status"] = status
    asked = Surroundings(restore=Lookup(restore), **around)
    return diagnosed(a_clone("RestoreInProgress"), asked, NOW)


def test_a_target_that_was_not_asked_for_stands_in_the_way_as_its_restore_says():
    told = Cause(
        "target-exists",
        'the target "vm-cirros-clone" exists already; KubeVirt goes on only if it is deleted',
        DELETE,
        final=True,
    )
    assert behind(TAKEN) == told
    assert behind(TAKEN, target=FORBIDDEN) == told
    assert behind(TAKEN, target=Lookup(marked(an_old_vm()))) == told


def test_a_running_target_is_told_where_no_snapshot_was_asked_for():
    assert behind(RUNS) == Cause(
        "target-running",
        'the target "vm-cirros-clone" exists already and runs',
        DELETE,
        final=True,
    )


def test_a_restore_that_is_ready_fails_by_nothing_that_it_still_says():
    assert behind(NO_CLASS, status="True") is None
    assert behind(NO_CLASS).id == "restore-pending"


def test_hints_are_quoted_for_a_shell():
    clone = a_clone(metadata={"namespace": "a b"})
    (cause,) = read([not_cloned(clone, "x; y")])
    assert cause.hint == "kubectl get 'vm/x; y' -o yaml -n 'a b'"


PLACES = {
    "clone": (a_clone("Failed", sentence=BACKEND), lambda clone: (clone, surroundings())),
    "new": (without(a_clone(), "status"), lambda clone: (clone, surroundings())),
    "source": (a_vm(), lambda vm: (a_clone(""), surroundings(source=vm))),
    "target": (marked(a_vm()), lambda vm: (a_clone(), surroundings(target=vm))),
    "snapshot": (
        a_waiting_snapshot(error="no", deadline="5s"),
        lambda snapshot: (a_clone("SnapshotInProgress"), surroundings(snapshot=snapshot)),
    ),
    "failed": (
        a_failed_snapshot(),
        lambda snapshot: (from_snapshot("SnapshotInProgress"), surroundings(snapshot=snapshot)),
    ),
    "restore": (
        a_restore(sentence=TAKEN),
        lambda restore: (
            a_clone("RestoreInProgress"),
            surroundings(restore=restore, target=an_old_vm()),
        ),
    ),
    "running": (
        a_restore(sentence=RUNS),
        lambda restore: (from_snapshot("RestoreInProgress"), surroundings(restore=restore)),
    ),
    "event": (refused(COLONS), lambda event: (unrestored(), surroundings(events=(event,)))),
    "claim": (
        {"spec": {"storageClassName": "later"}, "status": {"phase": "Pending"}},
        lambda claim: (a_clone(), Surroundings(claims={"data": Lookup(claim)})),
    ),
    "class": (
        {"metadata": {"name": "later"}, "volumeBindingMode": "Immediate"},
        lambda item: (
            a_clone(),
            Surroundings(
                claims={"data": Lookup({"spec": {"storageClassName": "later"}})},
                storage_classes=Listing((item,)),
            ),
        ),
    ),
}


@pytest.mark.parametrize(("whole", "place"), PLACES.values(), ids=PLACES)
def test_whatever_is_malformed_there_is_a_cause_or_none(whole, place):
    for broken in [*malformed(whole), *WRONG]:
        clone, around = place(broken)
        cause = diagnosed(clone, around, NOW)
        assert cause is None or (
            cause.id in IDS and type(cause.sentence + (cause.hint or "")) is str
        )
