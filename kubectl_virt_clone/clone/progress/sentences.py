"""What KubeVirt's controllers say of a snapshot or a restore, and what each sentence means.

They are what restore.go, snapshot.go and source.go of KubeVirt's pkg/storage/snapshot (v1.4.0 to
v1.9.0) put into conditions; ``diagnosis`` makes causes of them.
"""

from __future__ import annotations

import re
from enum import Enum


class Meaning(Enum):
    """What a sentence says of the clone behind it.

    WORKING: a step of every healthy clone. PENDING: it goes on by itself once somebody changes
    something else. FINAL: what is wrong is the clone's own, so that no later try can succeed.
    """

    WORKING = "working"
    PENDING = "pending"
    FINAL = "final"


# virt-api's webhooks that see a clone's snapshot, restore or target. Their names are exact, for
# anybody may call a webhook of theirs something.kubevirt.io.
# Source: pkg/virt-operator/resource/generate/components/webhooks.go, the same in 1.4, 1.6 and 1.9.
_OWN_WEBHOOKS = (
    "virtualmachine-validator.kubevirt.io",
    "virtualmachinerestore-validator.snapshot.kubevirt.io",
    "virtualmachines-mutator.kubevirt.io",
    "virtualmachinesnapshot-validator.snapshot.kubevirt.io",
    "vm-clone-validator.kubevirt.io",
)
_OWN_REFUSAL = re.compile(
    f'admission webhook "({"|".join(map(re.escape, _OWN_WEBHOOKS))})" denied the request'
)
# A gate can be opened, and an object made, while KubeVirt tries again.
_CURABLE = re.compile(r"feature gate|not found|does not exist|in progress")

_RESTORE = (
    (Meaning.WORKING, r"Initializing VirtualMachineRestore$"),
    (Meaning.WORKING, r"Creating new PVCs$"),
    (Meaning.WORKING, r"Waiting for new PVCs$"),
    (Meaning.WORKING, r"Updating target spec$"),
    (Meaning.WORKING, r"Waiting for target update$"),
    (Meaning.WORKING, r"Automatically stopping restore target for restore operation$"),
    (Meaning.WORKING, r"Operation complete$"),
    (Meaning.WORKING, r"VM restore is deleting$"),
    # Two writers met, and KubeVirt reads the object again at once.
    (Meaning.WORKING, r"Operation cannot be fulfilled on "),
    (Meaning.FINAL, r"error patching VM "),
    (Meaning.FINAL, r"restore source and restore target are different but restore target already"),
    (Meaning.FINAL, r"VMSnapshot \S+ failed and is invalid to use"),
    # The API server's own checks: of a name, or of a field.
    (Meaning.FINAL, r"\S+ \"[^\"]*\" is invalid: "),
)
_SNAPSHOT = (
    (Meaning.WORKING, r"Source locked and operation in progress$"),
    # Also of a source that is being deleted, or whose backend storage is missing: it doesn't say.
    (Meaning.WORKING, r"Source not locked$"),
    # One snapshot of a VM is taken after the other (recording 60).
    (Meaning.WORKING, r"Source not locked snapshot \"[^\"]*\" in progress$"),
    (Meaning.WORKING, r"Operation complete$"),
    (Meaning.FINAL, r"VM snapshot is deleting$"),
    (Meaning.FINAL, r"Operation failed$"),
)
"""The first pattern that a sentence begins with counts; any other sentence is PENDING."""


def of_restore(sentence: str) -> Meaning:
    """What a restore's condition means, or the refusal to create one."""
    if is_own_refusal(sentence):
        return Meaning.PENDING if _CURABLE.search(sentence) else Meaning.FINAL
    return _meaning(sentence, _RESTORE)


def is_own_refusal(sentence: str) -> bool:
    """Whether one of KubeVirt's own webhooks refused something."""
    return _OWN_REFUSAL.search(sentence) is not None


def of_snapshot(sentence: str) -> Meaning:
    """What the Progressing condition of a snapshot means."""
    return _meaning(sentence, _SNAPSHOT)


def _meaning(sentence: str, table: tuple[tuple[Meaning, str], ...]) -> Meaning:
    return next((mean for mean, text in table if re.match(text, sentence)), Meaning.PENDING)
