"""Changed block tracking: which VMs are set up for incremental backups, and how far that is.

Pure; the VM's controller writes what is decided here.
"""

from __future__ import annotations

from kubevirt_sandbox.kubevirt.objects import Obj, section, text
from kubevirt_sandbox.storage.admission.matching import selects

GATE = "IncrementalBackup"
INITIALIZING, ENABLED, DISABLED = "Initializing", "Enabled", "Disabled"
PENDING_RESTART = "PendingRestart"


def is_selected(vm: Obj, kubevirt: Obj | None) -> bool:
    """Whether the administrator's selectors take a VM; without the gate they take none."""
    configuration = section(kubevirt, "spec", "configuration")
    gates = section(configuration, "developerConfiguration").get("featureGates") or []
    selectors = section(configuration, "changedBlockTrackingLabelSelectors")
    selector = selectors.get("virtualMachineLabelSelector")
    labels = section(vm, "metadata", "labels")
    return GATE in gates and isinstance(selector, dict) and selects(selector, labels)


def state_of(obj: Obj | None) -> str:
    """The state that the status of a VM or of its instance has; empty where there is none."""
    return text(obj, "status", "changedBlockTracking", "state")


def next_state(vm: Obj, instance: Obj | None, *, selected: bool) -> str:
    """The state of a VM, as recorded: it goes by whether its instance was started with tracking."""
    before, inside = state_of(vm), state_of(instance)
    if not selected:
        return DISABLED if before else ""
    if instance is None:
        return before if before == ENABLED else INITIALIZING
    return inside or PENDING_RESTART


def keeps_state(vm: Obj) -> bool:
    """Whether KubeVirt counts a VM among those that have a volume for their state."""
    return state_of(vm) in (INITIALIZING, ENABLED)
