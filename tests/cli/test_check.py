"""``check`` as a user runs it: every finding where it belongs, and gone after its hint."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from typing import Any, NamedTuple

import jsonpatch
import pytest

from kubectl_virt_clone.clone.checks.facts import IDS, LEVELS
from kubevirt_sandbox.apiserver.access.authorization import Rule, User
from kubevirt_sandbox.controlplane import ControlPlane
from kubevirt_sandbox.kubevirt.api import LocalApi
from kubevirt_sandbox.kubevirt.seed.planting import load_seed, plant
from kubevirt_sandbox.storage.status import ApiError, denied, failure
from kubevirt_sandbox.storage.webhooks import AdmissionRequest
from tests.cli.conftest import Answer, Kvc, Planes
from tests.cli.test_wait import until
from tests.sandbox.test_revisions import change_guest, start
from tests.sandbox.world import World, a_snapshot

CLONES = "virtualmachineclones.clone.kubevirt.io"
VMS = "virtualmachines.kubevirt.io"
SNAPSHOTS = "virtualmachinesnapshots.snapshot.kubevirt.io"
CLAIMS = "persistentvolumeclaims"
KUBEVIRTS = "kubevirts.kubevirt.io"
TYPES = "virtualmachineinstancetypes.instancetype.kubevirt.io"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
INSTANCES = "virtualmachineinstances.kubevirt.io"
SNAPSHOT_CLASSES = "volumesnapshotclasses.snapshot.storage.k8s.io"
STORAGE_CLASSES = "storageclasses.storage.k8s.io"
RESOURCES = {"vm": VMS, "vmsnapshot": SNAPSHOTS, "kubevirt": KUBEVIRTS, "pvc": CLAIMS}
REPEATED = (
    "--label",
    "--annotation",
    "--label-filter",
    "--annotation-filter",
    "--template-annotation-filter",
    "--patch",
)

Arrange = Callable[[ControlPlane], None]


def settled(plane: ControlPlane) -> None:
    """Wait until KubeVirt has looked at every seed once."""

    def done() -> bool:
        get = plane.registry.get
        snapshots = {name: get(SNAPSHOTS, "default", name) for name in ("snap-1", "snap-3")}
        phases = [snapshot.get("status", {}).get("phase") for snapshot in snapshots.values()]
        vms = plane.registry.list(VMS, "default").items
        return phases == ["Succeeded", "Failed"] and all(vm.get("status") for vm in vms)

    until(done)


@pytest.fixture
def seeded(plane: ControlPlane) -> ControlPlane:
    """A control plane whose seeds have their status."""
    settled(plane)
    return plane


def nothing(_: ControlPlane) -> None:
    """No arrangement needed."""


def changed(type_key: str, name: str, change: Callable[[Any], None], where: str = "default") -> Any:
    """An arrangement that edits a stored object."""

    def arrange(plane: ControlPlane) -> None:
        def write(obj: Any) -> Any:
            change(obj)
            return obj

        plane.registry.patch(type_key, where, name, write)

    return arrange


def gate_off(plane: ControlPlane) -> None:
    def change(kubevirt: Any) -> None:
        developer = {"featureGates": ["LiveMigration"], "disabledFeatureGates": ["Snapshot"]}
        kubevirt["spec"]["configuration"]["developerConfiguration"] = developer

    changed(KUBEVIRTS, "kubevirt", change, "kubevirt")(plane)


def other_clone(plane: ControlPlane) -> None:
    """An unfinished clone that works on the target t."""
    source = {"apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": "nosuch"}
    plane.registry.create(
        CLONES,
        "default",
        {
            "apiVersion": "clone.kubevirt.io/v1beta1",
            "kind": "VirtualMachineClone",
            "metadata": {"name": "other"},
            "spec": {"source": source, "target": {**source, "name": "t"}},
        },
    )


def firmwareless(plane: ControlPlane) -> None:
    """A VM as releases before 1.5 stored them: the firmware section is made up at each start."""

    def change(vm: Any) -> None:
        del vm["spec"]["template"]["spec"]["domain"]["firmware"]

    changed(VMS, "vm-nofw", change)(plane)
    vm = plane.registry.get(VMS, "default", "vm-nofw")
    assert "firmware" not in vm["spec"]["template"]["spec"]["domain"]


def unbound(plane: ControlPlane) -> None:
    """A VM on storage that binds at the first start, which it never had."""
    claim = plane.registry.get(CLAIMS, "default", "disk-later")
    spec = {key: value for key, value in claim["spec"].items() if key != "volumeName"}
    plane.registry.create(
        CLAIMS,
        "default",
        {**claim, "metadata": {"name": "disk-new"}, "spec": spec, "status": {}},
    )
    vm = plane.registry.get(VMS, "default", "vm-later")
    vm["spec"]["template"]["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"] = "disk-new"
    body = {**vm, "metadata": {"name": "vm-new"}}
    plane.registry.create(VMS, "default", {k: v for k, v in body.items() if k != "status"})
    until(lambda: "status" in plane.registry.get(CLAIMS, "default", "disk-new"))
    until(lambda: "status" in plane.registry.get(VMS, "default", "vm-new"))


def a_vm_like(plane: ControlPlane, seed: str, name: str, change: Callable[[Any], None]) -> None:
    """A VM as a seed is, but for a change; ends once KubeVirt has looked at it."""
    vm = plane.registry.get(VMS, "default", seed)
    body = {key: value for key, value in vm.items() if key != "status"}
    change(body["spec"])
    plane.registry.create(VMS, "default", {**body, "metadata": {"name": name}})
    until(lambda: "status" in plane.registry.get(VMS, "default", name))


def with_running(plane: ControlPlane) -> None:
    """A VM that says by spec.running that it is off, as older ones do."""

    def change(spec: Any) -> None:
        del spec["runStrategy"]
        spec["running"] = False

    a_vm_like(plane, "vm-later", "vm-old", change)


def not_imported(plane: ControlPlane) -> None:
    """A VM whose DataVolume has no claim yet."""

    def change(spec: Any) -> None:
        spec["template"]["spec"]["volumes"] = [{"name": "data", "dataVolume": {"name": "disk-dv"}}]

    a_vm_like(plane, "vm-data", "vm-dv", change)


def controllers_stopped(plane: ControlPlane) -> None:
    """A VM that KubeVirt has not looked at yet."""
    vm = plane.registry.get(VMS, "default", "vm-data")
    plane.kubevirt.stop()
    body = {**vm, "metadata": {"name": "vm-fresh"}}
    plane.registry.create(VMS, "default", {k: v for k, v in body.items() if k != "status"})


def going(type_key: str, name: str) -> Arrange:
    """Have an object deleted that somebody holds, as recordings 28 and 54 do."""

    def arrange(plane: ControlPlane) -> None:
        def hold(obj: Any) -> None:
            obj["metadata"]["finalizers"] = ["example.com/hold"]

        changed(type_key, name, hold)(plane)
        plane.registry.delete(type_key, "default", name)

    return arrange


def with_status(type_key: str, name: str, **status: Any) -> Arrange:
    """Write into the status of an object what KubeVirt was seen to write."""

    def arrange(plane: ControlPlane) -> None:
        plane.kubevirt.stop()
        plane.registry.patch(
            *(type_key, "default", name),
            lambda obj: {**obj, "status": {**obj.get("status", {}), **status}},
            subresource="status",
        )

    return arrange


def locked(plane: ControlPlane) -> None:
    """Another snapshot of the VM, which is not ready (recording 28)."""
    plane.kubevirt.stop()
    plane.registry.create(SNAPSHOTS, "default", a_snapshot("nightly-1", "vm-cirros"))
    with_status(VMS, "vm-cirros", snapshotInProgress="nightly-1")(plane)


def changed_since_start(plane: ControlPlane) -> None:
    """A VM whose guest was changed while it runs (recording 24)."""
    world = World.of(plane)
    start(world, "vm-cirros")
    world.change(VMS, "vm-cirros", change_guest)
    world.until(lambda: world.get(VMS, "vm-cirros")["status"].get("desiredGeneration") == 3)


def typed(plane: ControlPlane) -> None:
    """A VM with an instance type of its namespace, whose revision KubeVirt has kept."""
    world = World.of(plane)
    world.seed("sources/instancetypes")
    world.until(lambda: "instancetypeRef" in world.get(VMS, "vm-typed").get("status", {}))


def without_type(plane: ControlPlane) -> None:
    """The instance type of a VM was removed (recording 27)."""
    typed(plane)
    plane.registry.delete(TYPES, "default", "small")


def with_another_type(plane: ControlPlane) -> None:
    """The instance type of a VM was made anew under the same name (recording 27)."""
    typed(plane)
    small = plane.registry.get(TYPES, "default", "small")
    plane.registry.delete(TYPES, "default", "small")
    head = {"apiVersion": small["apiVersion"], "kind": small["kind"]}
    spec = {**small["spec"], "cpu": {"guest": 4}}
    plane.registry.create(TYPES, "default", {**head, "metadata": {"name": "small"}, "spec": spec})


def without_revision(plane: ControlPlane) -> None:
    """A VM names a revision that is gone (recording 27)."""
    typed(plane)
    plane.kubevirt.stop()

    def change(vm: Any) -> None:
        vm["spec"]["instancetype"]["revisionName"] = "gone"

    changed(VMS, "vm-typed", change)(plane)


def seeded_with(name: str) -> Arrange:
    """A seed beside those that are there."""

    def arrange(plane: ControlPlane) -> None:
        plant(LocalApi(plane.registry), load_seed(name))
        settled(plane)

    return arrange


applied = changed(
    VMS, "vm-cirros", lambda vm: vm["metadata"]["annotations"].update({LAST_APPLIED: "{}"})
)
"""A VM that was made with kubectl apply."""


def plugged(name: str) -> Arrange:
    """A running VM whose instance alone has a volume (recording 36)."""

    def arrange(plane: ControlPlane) -> None:
        world = World.of(plane)
        start(world, name)

        def plug(instance: Any) -> None:
            volume = {"name": "extra", "persistentVolumeClaim": {"claimName": "disk-good"}}
            instance["spec"].setdefault("volumes", []).append(volume)

        changed(INSTANCES, name, plug)(plane)

    return arrange


def tracked(state: str) -> Arrange:
    """A VM whose blocks are tracked for incremental backups (recording 22)."""

    def arrange(plane: ControlPlane) -> None:
        labels = {"changedBlockTracking": "true"}

        def select(kubevirt: Any) -> None:
            selector = {"virtualMachineLabelSelector": {"matchLabels": labels}}
            kubevirt["spec"]["configuration"]["changedBlockTrackingLabelSelectors"] = selector

        changed(KUBEVIRTS, "kubevirt", select, "kubevirt")(plane)
        changed(VMS, "vm-cirros", lambda vm: vm["metadata"]["labels"].update(labels))(plane)
        with_status(VMS, "vm-cirros", changedBlockTracking={"state": state})(plane)

    return arrange


LONG = f"{'twenty-characters-ab-' * 3}y"


def long_name(plane: ControlPlane) -> None:
    """A VM with a claim whose name has 64 characters (recording 65)."""
    a_vm_like(plane, "vm-data", LONG, lambda spec: None)


def filling(plane: ControlPlane) -> None:
    """The claim of a DataVolume that CDI still fills (recording 4e)."""

    # Kubernetes would delete the claim of an owner that is not there.
    uid = plane.registry.get(VMS, "default", "vm-data")["metadata"]["uid"]

    def change(claim: Any) -> None:
        owner = {"apiVersion": "cdi.kubevirt.io/v1beta1", "kind": "DataVolume", "name": "disk-dv"}
        claim["metadata"]["ownerReferences"] = [{**owner, "uid": uid}]
        claim["metadata"]["annotations"] = {"cdi.kubevirt.io/storage.pod.phase": "Pending"}

    changed(CLAIMS, "disk-good", change)(plane)


def a_claim(name: str) -> Arrange:
    """A claim of somebody else (recordings 50, 51)."""

    def arrange(plane: ControlPlane) -> None:
        spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
        plane.registry.create(CLAIMS, "default", {"metadata": {"name": name}, "spec": spec})

    return arrange


def a_pod(plane: ControlPlane) -> None:
    """A pod on the claim of a stopped VM (recording 55)."""
    volume = {"name": "d", "persistentVolumeClaim": {"claimName": "disk-good"}}
    spec = {"containers": [{"name": "c", "image": "registry.invalid/x"}], "volumes": [volume]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "rescue"}, "spec": spec}
    plane.registry.create("pods", "default", pod)


LOST = {"message": "VolumeSnapshots (vmsnapshot-1-volume-data) missing"}


def without_a_volume(plane: ControlPlane) -> None:
    """A snapshot that left out a claim that could not be snapshotted (recording 41)."""
    plane.registry.create(SNAPSHOTS, "default", a_snapshot("part", "vm-pvc"))
    until(
        lambda: plane.registry.get(SNAPSHOTS, "default", "part").get("status", {}).get("readyToUse")
    )
    with_status(SNAPSHOTS, "part", snapshotVolumes={"excludedVolumes": ["data"]})(plane)


class Somebody:
    """Admission that refuses every VM, in these words."""

    def __init__(self, refusal: ApiError) -> None:
        self._refusal = refusal

    def mutate(self, request: AdmissionRequest) -> Any:
        return request.object

    def validate(self, request: AdmissionRequest) -> None:
        if request.type_key == VMS and request.operation == "CREATE":
            raise self._refusal


def refused(refusal: ApiError) -> Arrange:
    return lambda plane: plane.registry.admission.append(Somebody(refusal))


GATE_IS_OFF = denied("virtualmachine-validator.kubevirt.io", "HostDisk feature gate is not enabled")
FREEZE = denied("vms.freeze.example.com", "the change freeze lasts until Monday")
NO_ROOM = failure(
    403,
    'virtualmachines.kubevirt.io "t" is forbidden: exceeded quota: vms, requested:'
    " count/virtualmachines.kubevirt.io=1",
    "Forbidden",
)


class Case(NamedTuple):
    """A finding: the flags with which it appears (after an arrangement), and those without.

    One that is not ``curable`` has no hint.
    """

    id: str
    level: str
    appears: tuple[str, ...]
    absent: tuple[str, ...]
    arrange: Arrange = nothing
    stdin: str = ""
    curable: bool = True


CIRROS = ("--source=vm-cirros", "--target=t")
MARKED = (("--source=vm-marked",), CIRROS, seeded_with("sources/vm-marked"))
SHARED = (("--source=vm-shared",), CIRROS, seeded_with("sources/vm-shared"))
PLUGGED = (("--source=run-1",), CIRROS, plugged("run-1"))
DATA = ("--source=vm-data", "--target=t")
TYPED = ("--source=vm-typed", "--target=t")
TRACKED = ("Initializing", "Enabled")
AN_OBJECT = '{"op":"add","path":"/spec/template/spec/nodeSelector","value":{"zone":"a"}}'
A_COLON = '{"op":"add","path":"/metadata/annotations/url","value":"http://a,b"}'
A_GUEST = '{"op":"add","path":"/spec/template/spec/hostname","value":"web"}'
NO_PATH = '{"op":"replace","path":"/spec/nosuch/x","value":"a"}'
NO_FIELD = '{"op":"add","path":"/spec/nope","value":"a"}'
A_RENAME = '{"op":"replace","path":"/metadata/name","value":"other"}'
BAD_MAC = (
    '{"op":"replace","path":"/spec/template/spec/domain/devices/interfaces/0/macAddress",'
    '"value":"zz"}'
)
A_POLICY = ("--volume-name-policy=PrefixTargetName",)
MANIFEST = """\
apiVersion: clone.kubevirt.io/v1beta1
kind: VirtualMachineClone
metadata: {name: c}
spec:
  source: {apiGroup: kubevirt.io, kind: VirtualMachine, name: vm-cirros}
  target: {apiGroup: kubevirt.io, kind: VirtualMachine, name: t}
"""
OF_ANOTHER_GROUP = MANIFEST.replace("source: {apiGroup: ", "source: {apiGroup: snapshot.")
FROM_STDIN = ("-f", "-")

_UNREADABLE = (
    'Error from server: admission webhook "virtualmachineclones-mutator.kubevirt.io" denied the'
    " request: json: cannot unmarshal {} into Go struct field VirtualMachineCloneSpec.spec.{}\n"
)
_INVALID = 'The VirtualMachineClone "c" is invalid: spec.{}\n'
REFUSED = {
    "volumeNamePolicy: Nope": _INVALID.format(
        'volumeNamePolicy: Unsupported value: "Nope": supported values: "RandomizeNames",'
        ' "PrefixTargetName"'
    ),
    "newSMBiosSerial: 7": _UNREADABLE.format("number", "newSMBiosSerial of type string"),
    "labelFilters: a": _UNREADABLE.format("string", "labelFilters of type []string"),
    "patches: [5]": _UNREADABLE.format("number", "patches of type string"),
    "template: {annotationFilters: [null]}": _INVALID.format(
        'template.annotationFilters[0]: Invalid value: "null": spec.template.annotationFilters[0]'
        ' in body must be of type string: "null"'
    ),
    "newMacAddresses: {default: 5}": _UNREADABLE.format("number", "newMacAddresses of type string"),
}
"""Lines of a manifest's spec whose values the clone API refuses → what it says."""

CASES = (
    Case("snapshot-gate", "error", CIRROS, (), gate_off),
    Case("unknown-field", "error", FROM_STDIN, CIRROS, stdin=f"{MANIFEST}  labelFilter: [a]\n"),
    *(
        Case("unknown-field", "error", FROM_STDIN, CIRROS, stdin=f"{MANIFEST}  {refused}\n")
        for refused in REFUSED
    ),
    Case("invalid-name", "error", ("--source=vm-cirros", "--target=Upper_Case"), CIRROS),
    Case("invalid-name", "error", ("--source=vm-cirros", f"--target={'a' * 260}"), CIRROS),
    Case("invalid-name", "error", ("--name=My_Clone", *CIRROS), ("--name=mine", *CIRROS)),
    Case("source-missing", "error", ("--source=vm-ciros", "--target=t"), CIRROS),
    Case("source-missing", "error", ("--source=unheard-of", "--target=t"), CIRROS),
    Case("source-missing", "error", ("--source=vmsnapshot/no",), ("--source=vmsnapshot/snap-1",)),
    Case("snapshot-not-ready", "warning", ("--source=vmsnapshot/snap-2",), CIRROS),
    Case("snapshot-failed", "error", ("--source=vmsnapshot/snap-3",), CIRROS),
    Case("source-deleting", "error", CIRROS, CIRROS, going(VMS, "vm-cirros"), curable=False),
    Case("source-locked", "warning", CIRROS, CIRROS, locked),
    Case("source-changed-since-start", "info", CIRROS, CIRROS, changed_since_start),
    Case("instancetype-missing", "error", TYPED, CIRROS, without_type, curable=False),
    Case("instancetype-changed", "warning", TYPED, CIRROS, with_another_type, curable=False),
    Case("revision-missing", "error", TYPED, CIRROS, without_revision, curable=False),
    *(Case("tracking-state", "error", CIRROS, CIRROS, tracked(it)) for it in TRACKED),
    Case(
        "source-name-too-long",
        "error",
        (f"--source={LONG}", "--target=t"),
        ("--source=vm-data", "--target=t"),
        long_name,
        curable=False,
    ),
    Case(
        "snapshot-gone",
        "error",
        ("--source=vmsnapshot/snap-1", "--target=t"),
        ("--source=vmsnapshot/snap-1", "--target=t"),
        with_status(SNAPSHOTS, "snap-1", readyToUse=False, error=LOST),
    ),
    Case(
        "snapshot-partial",
        "warning",
        ("--source=vmsnapshot/part", "--target=t"),
        ("--source=vmsnapshot/snap-1", "--target=t"),
        without_a_volume,
    ),
    Case("claim-deleting", "error", DATA, DATA, going(CLAIMS, "disk-good"), curable=False),
    Case("claim-filling", "warning", DATA, DATA, filling),
    Case("claim-in-use", "warning", DATA, DATA, a_pod),
    Case("claim-exists", "error", (*DATA, *A_POLICY), (*DATA, *A_POLICY), a_claim("t-data")),
    Case(
        "claim-exists",
        "error",
        FROM_STDIN,
        DATA,
        stdin=f"{MANIFEST.replace('vm-cirros', 'vm-data')}  volumeNamePolicy: PrefixTargetName\n",
        arrange=a_claim("t-data"),
    ),
    Case("target-exists", "error", ("--source=vm-cirros", "--target=taken"), CIRROS),
    Case("target-exists", "error", ("--source=vmsnapshot/snap-1", "--target=taken"), CIRROS),
    Case("target-is-source", "error", ("--source=web-1", "--target=web-1"), CIRROS),
    Case(
        "target-overwritten",
        "error",
        ("--source=vmsnapshot/snap-1", "--target=vm-cirros"),
        ("--source=vmsnapshot/snap-1", "--target=t"),
    ),
    Case("target-claimed", "error", CIRROS, ("--source=vm-cirros", "--target=u"), other_clone),
    Case("volume-not-snapshottable", "error", ("--source=vm-pvc",), ("--source=vm-data",)),
    Case(
        "volume-not-snapshottable",
        "warning",
        ("--source=vm-dv",),
        ("--source=vm-data",),
        not_imported,
    ),
    Case(
        "volume-unknown",
        "warning",
        ("--source=vm-fresh",),
        ("--source=vm-data",),
        controllers_stopped,
    ),
    Case("volume-unbound", "error", ("--source=vm-new",), ("--source=vm-data",), unbound),
    Case("backend-storage", "error", ("--source=vm-tpm",), CIRROS),
    Case("backend-storage", "error", ("--source=vm-efi",), CIRROS),
    Case("first-consumer", "warning", ("--source=vm-later",), ("--source=vm-data",)),
    Case("first-consumer", "warning", ("--source=vm-old",), ("--source=vm-data",), with_running),
    Case("filter-invalid", "error", (*CIRROS, "--label-filter=["), (*CIRROS, "--label-filter=*")),
    Case("filter-invalid", "error", (*CIRROS, "--label-filter=!*"), (*CIRROS, "--label-filter=!a")),
    Case(
        "filter-only-negative",
        "warning",
        (*CIRROS, "--label-filter=!tier"),
        (*CIRROS, "--label-filter=*", "--label-filter=!tier"),
    ),
    Case(
        "filter-only-negative",
        "warning",
        FROM_STDIN,
        CIRROS,
        stdin=f"{MANIFEST}  labelFilters: []\n",
    ),
    Case(
        "filter-unused",
        "warning",
        (*CIRROS, "--label-filter=*", "--label-filter=zone"),
        (*CIRROS, "--label-filter=*", "--label-filter=tier"),
    ),
    Case(
        "filter-unused",
        "info",
        (*CIRROS, "--label-filter=*", "--label-filter=!zone"),
        (*CIRROS, "--label-filter=*", "--label-filter=!tier"),
    ),
    Case(
        "filter-overreach",
        "warning",
        (*CIRROS, "--label-filter=app"),
        (*CIRROS, "--label-filter=^app$"),
    ),
    Case(
        "filter-overreach",
        "warning",
        (*CIRROS, "--label-filter=*", "--label-filter=!app*"),
        (*CIRROS, "--label-filter=*", "--label-filter=!tier"),
    ),
    Case(
        "filter-controller-keys",
        "warning",
        (*CIRROS, "--annotation-filter=*", "--annotation-filter=!kubevirt.io/*"),
        (*CIRROS, "--annotation-filter=*"),
    ),
    Case(
        "filter-controller-keys",
        "warning",
        (*CIRROS, "--template-annotation-filter=^example"),
        (*CIRROS, "--annotation-filter=^example"),
    ),
    Case("network-annotations", "warning", ("--source=vm-ovn",), CIRROS),
    Case("network-annotations", "warning", *MARKED),
    Case("identity-copied", "warning", CIRROS, CIRROS, applied),
    Case("shared-by-name", "info", *SHARED, curable=False),
    Case("volume-not-persistent", "warning", *PLUGGED, curable=False),
    Case(
        "mac-invalid",
        "error",
        (*CIRROS, "--new-mac-address=default=03:00:00:00:00:01"),
        (*CIRROS, "--new-mac-address=default=02:00:00:00:00:99"),
    ),
    Case(
        "mac-unknown-interface",
        "error",
        (*CIRROS, "--new-mac-address=eth0=02:00:00:00:00:99"),
        (*CIRROS, "--new-mac-address=default=02:00:00:00:00:99"),
    ),
    Case(
        "mac-in-use",
        "warning",
        (*CIRROS, "--new-mac-address=default=0200.0000.0011"),
        (*CIRROS, "--new-mac-address=default=02:00:00:00:00:99"),
    ),
    Case(
        "serial-ignored",
        "warning",
        ("--source=vm-nofw", "--new-smbios-serial=S"),
        (*CIRROS, "--new-smbios-serial=S"),
        firmwareless,
    ),
    *(
        Case("serial-unsafe", "error", (*CIRROS, f"--new-smbios-serial={serial}"), CIRROS)
        for serial in ("SN:1", "SN,1")
    ),
    Case("patch-invalid", "error", (*CIRROS, f"--patch={NO_PATH}"), CIRROS),
    Case("patch-invalid", "error", (*CIRROS, f"--patch={BAD_MAC}"), CIRROS),
    *(
        Case("patch-invalid", "error", ("--source=vm-nofw", *flags), CIRROS)
        for flags in (
            ("--label=x=y",),
            ("--label=x=y", "--label=example.com/z=", "--hostname=web"),
        )
    ),
    *(
        Case("patch-invalid", "error", FROM_STDIN, CIRROS, stdin=f"{MANIFEST}  patches: ['{it}']\n")
        for it in ("5", '{"op":"frob","path":"/spec/x","value":"y"}', f"[{A_GUEST}]")
    ),
    *(
        Case("patch-unsafe", "error", (*CIRROS, f"--patch={it}"), (*CIRROS, f"--patch={A_GUEST}"))
        for it in (AN_OBJECT, A_COLON, A_RENAME)
    ),
    Case(
        "patch-unknown-field",
        "warning",
        (*CIRROS, f"--patch={A_GUEST}", f"--patch={NO_FIELD}"),
        (*CIRROS, f"--patch={A_GUEST}"),
    ),
    # As recordings 31, 26 and 29 have it.
    Case("not-admissible", "error", CIRROS, CIRROS, refused(GATE_IS_OFF), curable=False),
    Case("not-admissible", "warning", CIRROS, CIRROS, refused(FREEZE), curable=False),
    Case("quota", "warning", CIRROS, CIRROS, refused(NO_ROOM)),
    Case("cloud-init-reruns", "info", CIRROS, ("--source=web-1",)),
    Case("running-without-agent", "info", ("--source=run-1",), ("--source=taken",)),
    Case("source-group", "warning", FROM_STDIN, CIRROS, stdin=OF_ANOTHER_GROUP),
    Case(
        *("source-group", "error", FROM_STDIN, CIRROS),
        stdin=OF_ANOTHER_GROUP.replace("vm-cirros", "tomorrow"),
    ),
    *(
        Case("source-kind", "error", FROM_STDIN, CIRROS, stdin=MANIFEST.replace(before, after))
        for before, after in (
            ("target: {apiGroup: kubevirt.io", "target: {apiGroup: foo.example.com"),
            ("target: {apiGroup: kubevirt.io, ", "target: {"),
            ("kind: VirtualMachine, name: vm-cirros", "kind: Pod, name: vm-cirros"),
        )
    ),
)


def found_by(kvc: Kvc, args: tuple[str, ...], stdin: str = "") -> dict[str, dict[str, str]]:
    """The findings of one check by id; it ends with 1 exactly if one of them is an error."""
    answer = kvc("check", *args, "-o", "json", stdin=stdin, exit_code=code_of)
    assert answer.err == ""
    return {finding["id"]: finding for finding in findings_of(answer)}


def findings_of(answer: Answer) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(answer.out)["findings"]
    return found


def code_of(answer: Answer) -> int:
    """What a check has to end with that answers this."""
    assert answer.out, answer.err
    return int(any(finding["level"] == "error" for finding in findings_of(answer)))


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.id} {case.appears[-1][:40]}")
def test_a_finding_appears_where_it_belongs_and_goes_when_its_hint_is_followed(
    kvc: Kvc, seeded: ControlPlane, case: Case
) -> None:
    if case.absent:
        assert case.id not in found_by(kvc, case.absent)
    case.arrange(seeded)

    before = found_by(kvc, case.appears, case.stdin)
    finding = before[case.id]

    assert finding["level"] == case.level
    assert finding["message"]
    assert bool(finding.get("hint")) is case.curable
    if not case.curable:
        return
    args, stdin = Follower(seeded, case).followed(finding["hint"])
    after = found_by(kvc, args, stdin)
    assert case.id not in after
    assert errors_of(after) <= errors_of(before)


def errors_of(found: dict[str, dict[str, str]]) -> set[str]:
    """The ids of the findings that keep a clone from being created."""
    return {name for name, finding in found.items() if finding["level"] == "error"}


class Follower:
    """Does what a hint says: changes the flags of the command, or runs the command it gives."""

    def __init__(self, plane: ControlPlane, case: Case) -> None:
        self._plane = plane
        self._args = _split(case.appears)
        self._manifest = case.stdin

    def followed(self, hint: str) -> tuple[tuple[str, ...], str]:
        """The arguments and stdin of the same command once the hint was followed."""
        words = shlex.split(hint.partition(", and once the clone is done: ")[0])
        if words[0] == "virtctl":
            assert words[1] == "restart"
            self._plane.kubevirt.stop()
            self._write_status(VMS, "default", words[2], {"observedGeneration": 3})
        elif words[0] == "kubectl":
            self._run(words)
        elif words[:3] == ["leave", "it", "out"] or words[:2] == ["leave", "out"]:
            self._leave_out(words[2:])
        else:
            self._give(words)
        return self._arguments(), self._manifest

    def _arguments(self) -> tuple[str, ...]:
        if self._manifest:
            return FROM_STDIN
        return tuple(f"{flag}={value}" if value else flag for flag, value in self._args)

    def _leave_out(self, words: list[str]) -> None:
        flag = words[0].rstrip(":")
        if self._manifest:
            lines = self._manifest.splitlines(keepends=True)
            self._manifest = "".join(lines[:6])
        elif flag == "out":
            self._args = [pair for pair in self._args if pair[0] != "--patch"]
        elif flag == "--target":
            self._args = [pair for pair in self._args if pair[0] != flag]
        else:
            for name, value in zip(words[::2], words[1::2], strict=True):
                self._args = [
                    (other, given)
                    for other, given in self._args
                    if not (other == name and (given == value or _same_mac(given, value)))
                ]

    def _give(self, words: list[str]) -> None:
        pairs = []
        while words and words[0].startswith("--"):
            value = words[1] if len(words) > 1 and not words[1].startswith("--") else ""
            pairs.append((words[0], value))
            words = words[2:] if value else words[1:]
        if self._manifest:
            # A manifest has no flags: the request is made from flags instead.
            self._manifest = ""
            self._args = [("--source", "vm-cirros"), ("--target", "t")]
        if words[:2] == ["instead", "of"] or words == ["instead"]:
            self._replace(pairs, words[2:])
        for name, _ in pairs:
            if name not in REPEATED:
                self._args = [pair for pair in self._args if pair[0] != name]
        self._args += pairs

    def _replace(self, pairs: list[tuple[str, str]], old: list[str]) -> None:
        flags = {name for name, _ in pairs}
        if old and old[0].startswith("--"):
            self._args = [pair for pair in self._args if pair[0] != old[0]]
        elif old:
            self._args = [pair for pair in self._args if pair != (pairs[0][0], old[0])]
        else:
            self._args = [pair for pair in self._args if pair[0] not in flags]

    def _run(self, words: list[str]) -> None:
        verb, rest = words[1], words[2:]
        namespace = words[words.index("-n") + 1] if "-n" in words else "default"
        if verb == "patch":
            kind, name = rest[0].split("/")
            patch = json.loads(rest[rest.index("-p") + 1])
            self._plane.registry.patch(
                RESOURCES[kind], namespace, name, lambda obj: _patched(obj, patch)
            )
            settled(self._plane)
            until(lambda: self._claims_are_bound(namespace))
        elif verb == "describe":
            assert rest[0] == "quota/vms"
            self._plane.registry.admission.pop()  # whoever reads it raises it
        elif verb == "label":
            self._write_status(VMS, namespace, "vm-cirros", {"changedBlockTracking": None})
        elif verb == "wait":
            self._make_it_come_true(words, namespace)
        else:
            assert words[1:5] == ["create", "-f", "-", "<<<"]
            self._plane.registry.create(SNAPSHOT_CLASSES, "", json.loads(words[-1]))
            until(self._vm_pvc_can_be_snapshotted)

    def _vm_pvc_can_be_snapshotted(self) -> bool:
        (status,) = self._volume_statuses("vm-pvc")
        return status == {"name": "data", "enabled": True}

    def _volume_statuses(self, vm: str) -> list[Any]:
        stored = self._plane.registry.get(VMS, "default", vm)
        statuses: list[Any] = stored["status"]["volumeSnapshotStatuses"]
        return statuses

    def _claims_are_bound(self, namespace: str) -> bool:
        claims = self._plane.registry.list(CLAIMS, namespace).items
        return all(claim.get("status", {}).get("phase") == "Bound" for claim in claims)

    def _make_it_come_true(self, words: list[str], namespace: str) -> None:
        """What kubectl wait waits for: here nobody else would bring it about."""
        kind, name = next(word for word in words if "/" in word).split("/")
        kind = kind.partition(".")[0]  # without its group
        if kind == "pvc" and "--for=create" in words:
            self._import(namespace, name)
            return
        if kind == "pod":
            assert "--for=delete" in words
            self._plane.registry.delete("pods", namespace, name)
            return
        if kind == "datavolume":
            self._plane.registry.patch(CLAIMS, namespace, "disk-good", _filled)
            return
        if kind == "vmsnapshot":
            assert "--for=condition=Ready" in words
            if name == "nightly-1":
                self._write_status(VMS, namespace, "vm-cirros", {"snapshotInProgress": None})
                return
            self._repair_snapshotter("never")
            until(
                lambda: self._plane.registry.get(SNAPSHOTS, namespace, name)["status"]["readyToUse"]
            )
            return
        assert "--for=jsonpath={.status.volumeSnapshotStatuses}" in words
        status = {"volumeSnapshotStatuses": [{"name": "data", "enabled": True}]}
        self._write_status(RESOURCES[kind], namespace, name, status)

    def _repair_snapshotter(self, storage_class: str) -> None:
        well = {"metadata": {"annotations": {"virt-clone-sandbox/snapshotter": "prompt"}}}
        self._plane.registry.patch(
            STORAGE_CLASSES, "", storage_class, lambda obj: _merged(obj, well)
        )

    def _write_status(self, resource: str, namespace: str, name: str, status: Any) -> None:
        self._plane.registry.patch(
            *(resource, namespace, name),
            lambda obj: {**obj, "status": _merged(obj.get("status", {}), status)},
            subresource="status",
        )

    def _import(self, namespace: str, name: str) -> None:
        """What CDI does, which the sandbox lacks: the claim of a DataVolume."""
        wanted = {"requests": {"storage": "1Gi"}}
        modes = ["ReadWriteOnce"]
        spec = {"accessModes": modes, "resources": wanted, "storageClassName": "standard"}
        head = {"apiVersion": "v1", "kind": "PersistentVolumeClaim"}
        claim = {**head, "metadata": {"name": name}, "spec": spec}
        self._plane.registry.create(CLAIMS, namespace, claim)
        until(lambda: self._claims_are_bound(namespace))
        until(lambda: self._volume_statuses("vm-dv")[0]["enabled"])


def _filled(claim: Any) -> Any:
    claim["metadata"]["annotations"] = {"cdi.kubevirt.io/storage.pod.phase": "Succeeded"}
    return claim


def _split(args: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(flag, value) for flag, _, value in (arg.partition("=") for arg in args)]


def _same_mac(given: str, value: str) -> bool:
    return given.lower().replace(":", "-") == value


def _patched(obj: Any, patch: Any) -> Any:
    """A JSON Patch for a list, a merge patch for an object."""
    return jsonpatch.apply_patch(obj, patch) if isinstance(patch, list) else _merged(obj, patch)


def _merged(old: Any, new: Any) -> Any:
    if not isinstance(new, dict):
        return new
    kept = old if isinstance(old, dict) else {}
    merged = {**kept, **{key: _merged(kept.get(key), value) for key, value in new.items()}}
    return {key: value for key, value in merged.items() if value is not None}


def test_every_check_of_a_clone_is_tried() -> None:
    elsewhere = {"no-clone-api", "rbac", "field-unsupported", "clone-exists"}
    assert {case.id for case in CASES} == set(IDS) - elsewhere


def test_a_clone_that_can_work_has_no_findings(kvc: Kvc, seeded: ControlPlane) -> None:
    assert kvc("check", "--source=web-1", "--target=t") == ("no findings\n", "")


@pytest.mark.parametrize(("refused", "answer"), REFUSED.items())
def test_the_server_refuses_what_the_check_says_it_does(
    kvc: Kvc, seeded: ControlPlane, refused: str, answer: str
) -> None:
    manifest = f"{MANIFEST}  {refused}\n"

    command = ("create", "-f", "-", "--skip-check=all")

    assert kvc(*command, stdin=manifest, exit_code=1) == ("", answer)


@pytest.mark.parametrize(
    ("source", "flags", "hint"),
    [
        (
            "vm-nofw",
            ("--label=x=y", "--hostname=web", "--label=z=a"),
            "leave out --label x=y --label z=a, and once the clone is done:"
            " kubectl label vm/t x=y z=a -n default",
        ),
        ("vm-cirros", (f"--patch={NO_PATH}",), f"leave out --patch '{NO_PATH}'"),
    ],
)
def test_a_hint_names_the_flag_that_was_given(
    kvc: Kvc, seeded: ControlPlane, source: str, flags: tuple[str, ...], hint: str
) -> None:
    found = found_by(kvc, (f"--source={source}", "--target=t", *flags))

    assert found["patch-invalid"]["hint"] == hint


def test_the_address_for_an_interface_that_is_not_there_is_in_nobodys_way(
    kvc: Kvc, seeded: ControlPlane
) -> None:
    found = found_by(kvc, (*CIRROS, "--new-mac-address=nosuch=02:00:00:00:00:11"))

    assert sorted(found) == ["cloud-init-reruns", "mac-unknown-interface"]


def test_the_table_has_the_worst_findings_first(kvc: Kvc, seeded: ControlPlane) -> None:
    answer = kvc("check", "--source=vm-ovn", "--target=taken", "--label-filter=!a", exit_code=1)

    rows = [line.split(None, 2)[:2] for line in answer.out.splitlines()]
    assert rows == [
        ["ID", "LEVEL"],
        ["target-exists", "error"],
        ["filter-only-negative", "warning"],
        ["network-annotations", "warning"],
        ["filter-unused", "info"],
    ]
    levels = [LEVELS.index(level) for _, level in rows[1:]]
    assert levels == sorted(levels)


def test_a_row_is_aligned_as_kubectl_aligns_it(kvc: Kvc, seeded: ControlPlane) -> None:
    answer = kvc("check", "--source=web-1", "--target=web-1", exit_code=1)

    assert answer.out == (
        "ID                 LEVEL   MESSAGE                                   HINT\n"
        'target-is-source   error   the target "web-1" is the source itself'
        "   leave out --target: KubeVirt then names the VM\n"
    )


@pytest.fixture
def limited(make_plane: Planes) -> Callable[..., ControlPlane]:
    """Control planes asked as the user cloner, with the rights given."""

    def make(*rules: Rule, **options: Any) -> ControlPlane:
        plane = make_plane(users={"cloner-token": User("cloner", rules)}, **options)
        settled(plane)
        plane.kubeconfig.write_text(plane.kubeconfig_of("cloner-token"))
        return plane

    return make


def may(*verbs: str) -> Rule:
    return Rule(("clone.kubevirt.io",), ("virtualmachineclones",), verbs)


def test_what_may_not_be_read_is_unknown_and_told_in_one_line(
    kvc: Kvc, limited: Callable[..., ControlPlane]
) -> None:
    limited(may("create", "get"))

    answer = kvc("check", *CIRROS, "--new-mac-address=default=02:00:00:00:00:99")

    assert answer.out == (
        "not checked: source-missing, source-deleting, source-name-too-long, source-locked,"
        " source-changed-since-start, tracking-state,"
        " target-exists, target-claimed, claim-deleting, claim-filling, claim-in-use,"
        " volume-not-snapshottable,"
        " volume-unknown, volume-unbound, backend-storage, first-consumer, network-annotations,"
        " identity-copied, shared-by-name,"
        " mac-unknown-interface, mac-in-use, not-admissible, quota, cloud-init-reruns,"
        " running-without-agent"
        " (the VirtualMachine can't be read: Forbidden; the target can't be read: Forbidden;"
        " the other clones can't be read: Forbidden; the other VMs can't be read: Forbidden;"
        " resourcequotas can't be read: Forbidden)\n"
    )


def test_the_right_to_create_a_clone_is_asked_for(
    kvc: Kvc, limited: Callable[..., ControlPlane]
) -> None:
    limited(may("get", "list"))
    finding = found_by(kvc, CIRROS)["rbac"]
    limited(may("get", "list", "create"))

    assert finding == {
        "id": "rbac",
        "level": "error",
        "message": "you may not create virtualmachineclones.clone.kubevirt.io in the namespace"
        " default",
        "hint": "kubectl create rolebinding cloner-may-clone --clusterrole=kubevirt.io:edit"
        " --user=cloner -n default",
    }
    assert "rbac" not in found_by(kvc, CIRROS)


@pytest.mark.parametrize(
    ("kubevirt", "args", "flags", "field", "release"),
    [
        ("1.4", (f"--patch={NO_PATH}",), f"--patch '{NO_PATH}'", "patches", "1.6"),
        ("1.4", ("--start",), "--start or --run-strategy Always", "patches", "1.6"),
        (
            "1.4",
            ("--label=x=y", "--hostname=web"),
            "--hostname web and --label x=y",
            "patches",
            "1.6",
        ),
        ("1.4", A_POLICY, "--volume-name-policy", "volumeNamePolicy", "1.8"),
        ("1.6", A_POLICY, "--volume-name-policy", "volumeNamePolicy", "1.8"),
    ],
)
def test_a_field_that_the_server_lacks_is_named_with_its_release(
    kvc: Kvc,
    make_plane: Planes,
    kubevirt: str,
    args: tuple[str, ...],
    flags: str,
    field: str,
    release: str,
) -> None:
    make_plane(kubevirt=kubevirt)

    found = found_by(kvc, (*CIRROS, *args))["field-unsupported"]

    assert (found["level"], found["message"], found["hint"]) == (
        "error",
        f"the server's clone API has no spec.{field}, which came with KubeVirt {release}",
        f"leave out {flags}, or update KubeVirt to {release}",
    )
    assert "field-unsupported" not in found_by(kvc, CIRROS)
    make_plane(kubevirt="1.9")
    assert "field-unsupported" not in found_by(kvc, (*CIRROS, *args))


def test_before_1_5_nobody_can_wait_for_a_source(kvc: Kvc, make_plane: Planes) -> None:
    args = ("--source=unheard-of", "--target=t")
    make_plane(kubevirt="1.4")
    older = found_by(kvc, args)["source-missing"]
    refused = kvc("create", *args, "--skip-check=source-missing", exit_code=1)
    make_plane(kubevirt="1.6")
    newer = found_by(kvc, args)["source-missing"]
    waiting = kvc("create", "c", *args, "--skip-check=source-missing")

    assert (older["level"], older["hint"]) == ("error", "kubectl get vm -n default")
    assert refused == (
        "",
        "The request is invalid: spec.Source: VirtualMachine unheard-of does not exist in namespace"
        " default\n",
    )
    assert (newer["level"], newer["hint"]) == (
        "error",
        "--skip-check source-missing lets the clone wait for it",
    )
    assert waiting == ("virtualmachineclone.clone.kubevirt.io/c created\n", "")


def test_a_cluster_alone_is_judged_by_what_it_serves_and_what_one_may(
    kvc: Kvc, seeded: ControlPlane
) -> None:
    assert kvc("check").out == (
        "Clone API:      v1beta1, v1alpha1\n"
        "KubeVirt:       v1.9.0\n"
        "Snapshot gate:  on\n"
        "Rights:         create, get, list, watch, delete in the namespace default\n"
        "\n"
        "no findings\n"
    )
    assert json.loads(kvc("check", "-o", "json").out) == {
        "cluster": {
            "cloneAPIVersions": ["v1beta1", "v1alpha1"],
            "kubevirtVersion": "v1.9.0",
            "snapshotGate": True,
            "namespace": "default",
            "rights": dict.fromkeys(("create", "get", "list", "watch", "delete"), True),
        },
        "findings": [],
    }


def test_a_cluster_with_the_gate_off_and_few_rights_says_so(
    kvc: Kvc, limited: Callable[..., ControlPlane]
) -> None:
    gate_off(limited(may("get", "list")))

    answer = kvc("check", "-o", "json", exit_code=1)

    values = json.loads(answer.out)
    assert values["cluster"]["snapshotGate"] is False
    assert [finding["id"] for finding in values["findings"]] == ["snapshot-gate", "rbac"]
    assert values["findings"][1]["message"].startswith("you may not create, watch, delete ")


@pytest.mark.parametrize("args", [(), CIRROS])
def test_a_kubevirt_without_the_clone_api_is_no_reason_to_install_another(
    kvc: Kvc, plane: ControlPlane, args: tuple[str, ...]
) -> None:
    del plane.registry.catalogue.by_key[CLONES]

    answer = kvc("check", *args, "-o", "json", exit_code=1)

    (finding,) = json.loads(answer.out)["findings"]
    assert (finding["id"], finding["level"]) == ("no-clone-api", "error")
    assert finding["message"] == (
        "v1.9.0 serves no clone.kubevirt.io: it is older than 0.55, or lacks the CRD of clones"
    )
    assert finding["hint"] == "kubectl get kubevirts.kubevirt.io -A"


def test_several_documents_have_a_table_each_and_see_each_other(
    kvc: Kvc, seeded: ControlPlane
) -> None:
    second = MANIFEST.replace("name: c}", "name: d}")

    answer = kvc("check", *FROM_STDIN, stdin=f"{MANIFEST}---\n{second}", exit_code=1)

    lines = [line.split(None, 2)[:2] for line in answer.out.splitlines() if line]
    assert lines == [
        ["virtualmachineclone.clone.kubevirt.io/c"],
        ["ID", "LEVEL"],
        ["cloud-init-reruns", "info"],
        ["virtualmachineclone.clone.kubevirt.io/d"],
        ["ID", "LEVEL"],
        ["target-claimed", "error"],
        ["cloud-init-reruns", "info"],
    ]


def test_a_skipped_check_is_not_told(kvc: Kvc, seeded: ControlPlane) -> None:
    args = ("check", "--source=vm-cirros", "--target=taken")

    assert "target-exists" not in kvc(*args, "--skip-check=target-exists").out
    assert kvc(*args, "--skip-check=all").out == "no findings\n"


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--source=a", "--skip-check=nosuch"), "Invalid value for '--skip-check'"),
        (("--target=a",), "what to clone is missing: give --source or -f"),
        (("name",), "what to clone is missing: give --source or -f"),
        (("a", "--name=b", "--source=c"), "NAME can't be used together with --name"),
        (("--source=a", "-o", "yaml"), "Invalid value for '-o' / '--output'"),
    ],
)
def test_wrong_usage_ends_with_2(kvc: Kvc, args: tuple[str, ...], message: str) -> None:
    answer = kvc("check", "-s", "https://127.0.0.1:1", *args, exit_code=2)

    assert answer.out == ""
    assert answer.err.startswith(f"error: {message}")
