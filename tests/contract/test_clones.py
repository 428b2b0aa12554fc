"""What KubeVirt does with a clone: phases, conditions and events, whoever KubeVirt is."""

from __future__ import annotations

import pytest

from tests.sandbox.client import SNAPSHOTS, Api, Obj

from .conftest import SERVED, SOURCE, a_clone, needs_field, until, until_gone

READY = [("Progressing", "False", "Ready"), ("Ready", "True", "Ready")]


class Place:
    """A namespace of a test's own with what it clones."""

    def __init__(self, api: Api, name: str) -> None:
        self.api = api
        self.name = name
        self.clones = f"{SERVED.group}/namespaces/{name}/virtualmachineclones"
        self.vms = f"/apis/kubevirt.io/v1/namespaces/{name}/virtualmachines"
        self.snapshots = f"{SNAPSHOTS}/namespaces/{name}/virtualmachinesnapshots"

    def vm(self, name: str, **devices: Obj) -> None:
        """A halted VM without volumes, of which KubeVirt has taken note."""
        guest = {"domain": {"devices": devices, "memory": {"guest": "64Mi"}}}
        body = {
            "apiVersion": "kubevirt.io/v1",
            "kind": "VirtualMachine",
            "metadata": {"name": name, "labels": {"app": "x"}},
            "spec": {"runStrategy": "Halted", "template": {"spec": guest}},
        }
        answer = self.api.post(self.vms, body)
        if not SERVED.waits_for_source and answer.code == 422 and "tpm" in devices:
            # 1.4 has a feature gate for it, which was on when it was recorded.
            pytest.skip(answer.body["message"])
        assert answer.code == 201, answer.body
        until(lambda: "status" in self.api.get(f"{self.vms}/{name}").body)

    def clone(self, name: str, source: str, kind: str = "VirtualMachine") -> None:
        """A clone of a source onto NAME-t."""
        answer = self.api.post(self.clones, self.a_clone_of(name, source, kind))
        assert answer.code == 201, answer.body

    @staticmethod
    def a_clone_of(name: str, source: str, kind: str = "VirtualMachine") -> Obj:
        """Its body, with nothing that holds it up."""
        body = a_clone(name)
        group = "kubevirt.io" if kind == "VirtualMachine" else "snapshot.kubevirt.io"
        body["spec"]["source"] = {"apiGroup": group, "kind": kind, "name": source}
        return {**body, "spec": {key: body["spec"][key] for key in ("source", "target")}}

    def until_phase(self, name: str, phase: str) -> Obj:
        """The clone once it is in this phase."""
        path = f"{self.clones}/{name}"
        until(lambda: self.api.get(path).body.get("status", {}).get("phase") == phase)
        found: Obj = self.api.get(path).body
        return found

    def reasons(self, name: str) -> set[str]:
        """The reasons of all events about an object."""
        path = f"/api/v1/namespaces/{self.name}/events"
        events = self.api.get(path, fieldSelector=f"involvedObject.name={name}").body["items"]
        return {item["reason"] for item in events}


@pytest.fixture
def place(api: Api, empty_namespace: str) -> Place:
    """Somewhere to clone."""
    return Place(api, empty_namespace)


def _conditions(clone: Obj) -> list[tuple[str, str, str]]:
    found = clone["status"]["conditions"]
    return sorted((item["type"], item["status"], item["reason"]) for item in found)


def test_a_clone_succeeds(place: Place) -> None:
    place.vm("source")
    place.clone("c", "source")
    place.until_phase("c", "Succeeded")
    path = f"{place.clones}/c"
    until(lambda: "restoreName" not in place.api.get(path).body["status"])
    clone = place.api.get(path).body
    assert _conditions(clone) == READY
    assert clone["status"].keys() == {"conditions", "phase", "targetName"}
    assert clone["status"]["targetName"] == "c-t"
    target = place.api.get(f"{place.vms}/c-t").body
    assert (target["spec"]["runStrategy"], target["metadata"]["labels"]) == ("Halted", {"app": "x"})
    uid = clone["metadata"]["uid"]
    last = target["metadata"]["annotations"]["restore.kubevirt.io/lastRestoreUID"]
    assert last.startswith(f"tmp-restore-{uid}-")
    until(lambda: place.api.get(place.snapshots).body["items"] == [])


def test_the_steps_of_a_clone_are_events(place: Place) -> None:
    place.vm("source")
    place.clone("c", "source")
    steps = {"SnapshotCreated", "SnapshotReady", "RestoreCreated", "RestoreReady"}
    ends = {"TargetVMCreated", "PVCBound"}
    until(lambda: place.reasons("c") >= steps | ends)


def test_a_clone_waits_for_its_source(place: Place) -> None:
    if not SERVED.waits_for_source:
        pytest.skip("its webhook refuses a clone without a source")
    place.clone("c", "late")
    path = f"{place.clones}/c"
    until(lambda: "conditions" in place.api.get(path).body.get("status", {}))
    sentence = f"Source doesnt exist: VirtualMachine {place.name}/late"
    assert _conditions(place.api.get(path).body) == [
        ("Progressing", "False", "Pending"),
        ("Ready", "False", sentence),
    ]
    assert place.reasons("c") == {"SourceDoesNotExist"}
    place.vm("late")
    place.until_phase("c", "Succeeded")


def test_a_persistent_tpm_fails_the_clone(place: Place) -> None:
    place.vm("tpm", tpm={"persistent": True})
    if not SERVED.waits_for_source:
        answer = place.api.post(place.clones, place.a_clone_of("c", "tpm"))
        sentence = "Virtual Machine requires backend storage, operation not supported"
        assert (answer.code, sentence in answer.body["message"]) == (422, True)
        return
    place.clone("c", "tpm")
    place.until_phase("c", "Failed")
    until(lambda: "SourceVMWithBackendStorageInvalid" in place.reasons("c"))


def test_a_snapshot_is_cloned_and_stays(place: Place) -> None:
    place.vm("source")
    source = {"apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": "source"}
    snapshot = {
        "apiVersion": "snapshot.kubevirt.io/v1beta1",
        "kind": "VirtualMachineSnapshot",
        "metadata": {"name": "s"},
        "spec": {"source": source},
    }
    assert place.api.post(place.snapshots, snapshot).code == 201
    path = f"{place.snapshots}/s"
    until(lambda: place.api.get(path).body.get("status", {}).get("readyToUse"))
    place.clone("c", "s", "VirtualMachineSnapshot")
    place.until_phase("c", "Succeeded")
    assert place.api.get(path).code == 200


def test_a_clone_goes_with_its_target(place: Place) -> None:
    place.vm("source")
    place.clone("c", "source")
    place.until_phase("c", "Succeeded")
    assert place.api.delete(f"{place.vms}/c-t").code == 200
    until_gone(place.api, f"{place.clones}/c")


def test_a_target_stays_without_its_clone(place: Place) -> None:
    place.vm("source")
    place.clone("c", "source")
    place.until_phase("c", "Succeeded")
    assert place.api.delete(f"{place.clones}/c").code == 200
    until_gone(place.api, f"{place.clones}/c")
    assert place.api.get(f"{place.vms}/c-t").code == 200


def test_a_target_is_named_for_its_source(place: Place) -> None:
    body = a_clone("c")
    del body["spec"]["target"]
    target = place.api.post(place.clones, body).body["spec"]["target"]
    assert target["name"].startswith(f"clone-{SOURCE}-")
    assert (target["apiGroup"], target["kind"]) == ("kubevirt.io", "VirtualMachine")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            {"labelFilters": ["a*b"]},
            "spec.labels filter a*b is invalid: cannot contain a wildcard character (*); "
            "FilterRules: WildcardChar can be only at the end of the filter",
        ),
        (
            {"newMacAddresses": {"default": "nonsense"}},
            "interface default has malformed MAC address (nonsense).",
        ),
        ({"patches": ["nonsense"]}, "patch is not valid JSON (nonsense)"),
    ],
)
def test_what_the_webhook_refuses_is_told_word_for_word(
    place: Place, spec: Obj, message: str
) -> None:
    needs_field(next(iter(spec)))
    body = a_clone("c")
    body["spec"].update(spec)
    answer = place.api.post(place.clones, body)
    assert (answer.code, answer.body["message"]) == (
        422,
        'admission webhook "vm-clone-validator.kubevirt.io" denied the request: ' + message,
    )


def test_a_webhook_that_crashes_is_an_internal_error(place: Place) -> None:
    body = a_clone("c")
    body["spec"]["labelFilters"] = [""]
    answer = place.api.post(place.clones, body)
    assert (answer.code, answer.body["reason"]) == (500, "InternalError")
    assert answer.body["message"].startswith(
        'Internal error occurred: failed calling webhook "vm-clone-validator.kubevirt.io": '
        'failed to call webhook: Post "https://'
    )
