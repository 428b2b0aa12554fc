"""What the sentences of KubeVirt's controllers mean, as a live control plane wrote them.

The number behind a sentence is that of its recording; one without was read from KubeVirt's source.
"""

import pytest

from kubectl_virt_clone.clone.progress.sentences import Meaning, of_restore, of_snapshot

OURS = 'admission webhook "virtualmachine-validator.kubevirt.io" denied the request: '
WHILE = 'VirtualMachineRestore "a" in progress'
RESTORE = {
    Meaning.WORKING: (
        "Initializing VirtualMachineRestore",  # 01
        "Creating new PVCs",  # 57
        "Waiting for new PVCs",  # 57
        "Updating target spec",
        "Waiting for target update",  # 60, 61
        "Operation complete",  # 01
        "VM restore is deleting",
        'Operation cannot be fulfilled on virtualmachines.kubevirt.io "a": the object has been'
        " modified; please apply your changes to the latest version and try again",
    ),
    Meaning.PENDING: (
        'virtualmachines.kubevirt.io "t1" is forbidden: exceeded quota: vms, requested:'
        " count/virtualmachines.kubevirt.io=1",  # 29
        'persistentvolumeclaims "restore-1-data" is forbidden: exceeded quota: claims',  # 49, 58
        "virtualmachines.kubevirt.io \"t1\" is forbidden: ValidatingAdmissionPolicy 'freeze' with"
        " binding 'freeze' denied request: no new machines during the freeze",  # 26
        'admission webhook "vms.freeze.example.com" denied the request: too many machines',  # 26
        # Anybody may call a webhook so; KubeVirt does not.
        'admission webhook "freeze.kubevirt.io" denied the request: not on a Friday',
        'admission webhook "my-virtualmachine-validator.kubevirt.io" denied the request: no',
        'Internal error occurred: failed calling webhook "vms.freeze.example.com": failed to call'
        " webhook: connect: connection refused",  # 26
        f"{OURS}HostDisk feature gate is not enabled",  # 31
        'admission webhook "virtualmachinerestore-validator.snapshot.kubevirt.io" denied the'
        f" request: {WHILE}",  # 08
        "StorageClass cold does not exist",  # 57
        'PVC default/a in status "Lost"',
        "VMSnapshot default/a not ready",
        "Unable to find ControllerRevision default/a",
    ),
    Meaning.FINAL: (
        f"{OURS}Invalid RunStrategy (Sometimes)",  # 62
        'VirtualMachine.kubevirt.io "Upper_Case" is invalid: metadata.name: Invalid value',  # 08
        "restore source and restore target are different but restore target already exists",  # 08
        "error patching VM a: failed to apply patch for VM [\n{}\n]: missing value",  # 09
        "error patching VM t-type: cannot unmarshal modified marshalled vm {}: json",  # 62
        "VMSnapshot default/a failed and is invalid to use",
    ),
}
SNAPSHOT = {
    Meaning.WORKING: (
        "Source locked and operation in progress",  # 40
        "Source not locked",  # 28
        'Source not locked snapshot "tmp-snapshot-1" in progress',  # 60
        "Operation complete",
    ),
    Meaning.PENDING: (
        "Source not locked source is offline but 1 pods using PVCs [shop-data]",  # 55
        "Source not locked source rst/shop volume is being deleted: shop-data",  # 54
        "Source not locked source rst/shop volume not populated: shop-data",
        "Source not locked source rst/shop volume not bound: shop-data",
        "Source does not exist",
        "In error state",  # 47, 64
    ),
    Meaning.FINAL: ("Operation failed", "VM snapshot is deleting"),
}


def cases(table):
    return [(sentence, meaning) for meaning, said in table.items() for sentence in said]


@pytest.mark.parametrize(("sentence", "meaning"), cases(RESTORE))
def test_what_a_restore_says_is_a_step_or_pending_or_final(sentence, meaning):
    assert of_restore(sentence) is meaning


@pytest.mark.parametrize(("sentence", "meaning"), cases(SNAPSHOT))
def test_what_a_snapshot_says_is_a_step_or_pending_or_final(sentence, meaning):
    assert of_snapshot(sentence) is meaning
