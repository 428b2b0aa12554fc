"""``create`` and its checks: what is refused before anything is written, and what is let through.

The cases that get stuck are those of recordings 08 (target names) and 09 (what the clone changes).
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import pytest

from kubevirt_sandbox.apiserver.access.authorization import Rule, User
from kubevirt_sandbox.controlplane import ControlPlane
from tests.cli.conftest import Kvc, Planes
from tests.cli.test_wait import until

CLONES = "virtualmachineclones.clone.kubevirt.io"
VMS = "virtualmachines.kubevirt.io"
SNAPSHOTS = "virtualmachinesnapshots.snapshot.kubevirt.io"
RESTORES = "virtualmachinerestores.snapshot.kubevirt.io"
OBJECT = "virtualmachineclone.clone.kubevirt.io"
REFUSED = (
    "error: no VirtualMachineClone was created; --skip-check ID (or all) goes on without a check\n"
)

MANIFEST = """\
apiVersion: clone.kubevirt.io/v1beta1
kind: VirtualMachineClone
metadata: {name: c}
spec:
  source: {apiGroup: kubevirt.io, kind: VirtualMachine, name: vm-cirros}
  target: {apiGroup: kubevirt.io, kind: VirtualMachine, name: t}
"""
CREATE = ("create", "c", "--source=vm-cirros", "--target=t")


@pytest.fixture
def writes() -> list[str]:
    """The requests that wrote something, as ``recording_plane`` heard them."""
    return []


@pytest.fixture
def requests() -> list[str]:
    """All requests, as ``recording_plane`` heard them."""
    return []


@pytest.fixture
def recording_plane(make_plane: Planes, writes: list[str], requests: list[str]) -> ControlPlane:
    """A control plane that tells which requests came, with its first snapshot ready."""

    def heard(method: str, path: str, code: int) -> None:
        requests.append(f"{method} {path}")
        if method != "GET" and "&dryRun=All" not in path:
            writes.append(f"{method} {path}")

    plane = make_plane(on_request=heard)
    until(lambda: phase(plane, SNAPSHOTS, "snap-1") == "Succeeded")
    until(lambda: all("status" in vm for vm in plane.registry.list(VMS, "default").items))
    return plane


def phase(plane: ControlPlane, resource: str, name: str) -> str:
    obj = plane.registry.get(resource, "default", name)
    return str(obj.get("status", {}).get("phase", ""))


def reasons(obj: Any) -> list[str]:
    return [condition["reason"] for condition in obj.get("status", {}).get("conditions", [])]


class Stuck(NamedTuple):
    """A clone that hangs in RestoreInProgress; ``why`` is on the restore or in an event."""

    finding: str
    why: str
    args: tuple[str, ...] = ()
    manifest: str = ""


def patched(patch: str) -> str:
    return f"{MANIFEST}  patches: ['{patch}']\n"


INTERFACE = "/spec/template/spec/domain/devices/interfaces/0"
UNSAFE = 'patch format is not valid - one ":" expected in a single key-value json patch: '
STUCK = {
    "t-taken": Stuck(
        "target-exists",
        "restore source and restore target are different but restore target already exists",
        ("--source=vm-cirros", "--target=taken"),
    ),
    "t-inv": Stuck("invalid-name", "Upper_Case", ("--source=vm-cirros", "--target=Upper_Case")),
    "t-vlong": Stuck("invalid-name", "a" * 250, ("--source=vm-cirros", f"--target={'a' * 260}")),
    "t-ag": Stuck(
        "source-kind",
        "invalid apiGroup",
        manifest=MANIFEST.replace("target: {apiGroup: kubevirt.io", "target: {apiGroup: a.b.c"),
    ),
    "t-ag2": Stuck(
        "source-kind",
        "missing apiGroup",
        manifest=MANIFEST.replace("target: {apiGroup: kubevirt.io, ", "target: {"),
    ),
    "p-serc": Stuck("serial-unsafe", f'{UNSAFE}"value":"SN:1"', ("--new-smbios-serial=SN:1",)),
    "p-serk": Stuck("serial-unsafe", f"{UNSAFE}1", ("--new-smbios-serial=SN,1",)),
    "p-obj": Stuck(
        "patch-unsafe",
        f'{UNSAFE}"value":{{"zone":"a"',
        ('--patch={"op":"add","path":"/spec/template/spec/nodeSelector","value":{"zone":"a"}}',),
    ),
    "p-name": Stuck(
        "patch-unsafe",
        'patching is valid only for elements under /spec/ only: "path":"/metadata/name"',
        ('--patch={"op":"replace","path":"/metadata/name","value":"other"}',),
    ),
    "p-nopath": Stuck(
        "patch-invalid",
        "replace operation does not apply: doc is missing path: /spec/nosuch/x: missing value",
        ('--patch={"op":"replace","path":"/spec/nosuch/x","value":"a"}',),
    ),
    "p-inval": Stuck(
        "patch-invalid",
        "has malformed MAC address (zz).",
        (f'--patch={{"op":"replace","path":"{INTERFACE}/macAddress","value":"zz"}}',),
    ),
    "p-num": Stuck("patch-invalid", f"{UNSAFE}5", manifest=patched("5")),
    "p-arr": Stuck(
        "patch-invalid",
        "json: cannot unmarshal array into Go value of type jsonpatch.Operation",
        manifest=patched('[{"op":"replace","path":"/spec/runStrategy","value":"Always"}]'),
    ),
    "p-op": Stuck(
        "patch-invalid",
        "Unexpected kind: frob",
        manifest=patched('{"op":"frob","path":"/spec/runStrategy","value":"Always"}'),
    ),
}


def arguments(case: Stuck) -> tuple[str, ...]:
    if case.manifest:
        return ("create", "-f", "-")
    named = any(arg.startswith("--source") for arg in case.args)
    return ("create", "c", *case.args) if named else (*CREATE, *case.args)


@pytest.mark.parametrize("case", STUCK.values(), ids=STUCK)
def test_a_clone_that_would_hang_is_refused_before_anything_is_written(
    kvc: Kvc, recording_plane: ControlPlane, writes: list[str], case: Stuck
) -> None:
    answer = kvc(*arguments(case), stdin=case.manifest, exit_code=1)

    assert answer.out == ""
    assert re.fullmatch(
        rf"error: \[{case.finding}\] [^\n]+\nhint: [^\n]+\n{re.escape(REFUSED)}", answer.err
    )
    assert writes == []


@pytest.mark.parametrize("case", STUCK.values(), ids=STUCK)
def test_a_clone_that_would_hang_is_created_where_checks_are_skipped_and_hangs(
    kvc: Kvc, recording_plane: ControlPlane, case: Stuck
) -> None:
    answer = kvc(*arguments(case), "--skip-check=all", stdin=case.manifest)

    assert answer == (f"{OBJECT}/c created\n", "")
    until(lambda: phase(recording_plane, CLONES, "c") == "RestoreInProgress")
    until(lambda: case.why in told(recording_plane))
    clone = recording_plane.registry.get(CLONES, "default", "c")
    assert clone["status"]["phase"] == "RestoreInProgress"
    assert reasons(clone) == ["Still processing", "Still processing"]


def told(plane: ControlPlane) -> str:
    """What the conditions of the restores and the events say."""
    restores = plane.registry.list(RESTORES, "default").items
    sentences = [reason for restore in restores for reason in reasons(restore)]
    events = plane.registry.list("events", "default").items
    return "\n".join([*sentences, *(str(event["message"]) for event in events)])


def test_two_clones_of_one_manifest_with_the_same_target_are_both_refused(
    kvc: Kvc, recording_plane: ControlPlane, writes: list[str]
) -> None:
    second = MANIFEST.replace("name: c}", "name: d}")

    answer = kvc("create", "-f", "-", stdin=f"{MANIFEST}---\n{second}", exit_code=1)

    assert answer == (
        "",
        f'error: {OBJECT}/d: [target-claimed] the unfinished clone "c" has the target "t" too\n'
        f"hint: leave out spec.target: KubeVirt then names the VM\n{REFUSED}",
    )
    assert writes == []


def test_a_mac_with_colons_which_hangs_in_recording_09_works(
    kvc: Kvc, recording_plane: ControlPlane
) -> None:
    kvc(*CREATE, "--new-mac-address=default=02:00:00:00:00:99", "--wait")

    target = recording_plane.registry.get(VMS, "default", "t")
    (interface,) = target["spec"]["template"]["spec"]["domain"]["devices"]["interfaces"]
    assert interface["macAddress"] == "02-00-00-00-00-99"


@pytest.mark.parametrize(
    ("flags", "path", "value"),
    [
        (
            (
                '--patch={"op":"replace","path":"/spec/template/spec/domain/firmware/serial",'
                '"value":"SN\\u003a1\\u002c2"}',
            ),
            ("spec", "template", "spec", "domain", "firmware", "serial"),
            "SN:1,2",
        ),
        (
            (
                '--patch={"op":"add","path":"/metadata/annotations/url",'
                '"value":"http\\u003a//a\\u002cb"}',
            ),
            ("metadata", "annotations", "url"),
            "http://a,b",
        ),
    ],
)
def test_what_the_hint_for_an_unsafe_value_gives_reaches_the_target(
    kvc: Kvc,
    recording_plane: ControlPlane,
    flags: tuple[str, ...],
    path: tuple[str, ...],
    value: str,
) -> None:
    kvc(*CREATE, *flags, "--wait")

    found: Any = recording_plane.registry.get(VMS, "default", "t")
    for key in path:
        found = found[key]
    assert found == value


def test_a_snapshot_is_not_cloned_onto_the_vm_it_was_taken_from(
    kvc: Kvc, recording_plane: ControlPlane, writes: list[str]
) -> None:
    before = recording_plane.registry.get(VMS, "default", "vm-cirros")

    answer = kvc("create", "--source=vmsnapshot/snap-1", "--target=vm-cirros", exit_code=1)

    assert answer == (
        "",
        'error: [target-overwritten] the snapshot "snap-1" was taken from the VM "vm-cirros":'
        " KubeVirt would put that VM back to the snapshot, and what changed since would be lost\n"
        f"hint: leave out --target: KubeVirt then names the VM\n{REFUSED}",
    )
    assert writes == []
    assert recording_plane.registry.get(VMS, "default", "vm-cirros") == before
    assert recording_plane.registry.list(CLONES, "default").items == []


def test_one_bad_document_keeps_the_others_from_being_created(
    kvc: Kvc, recording_plane: ControlPlane, writes: list[str]
) -> None:
    bad = MANIFEST.replace("name: c}", "name: d}").replace("name: t}", "name: taken}")

    answer = kvc("create", "-f", "-", stdin=f"{MANIFEST}---\n{bad}", exit_code=1)

    assert answer.err == (
        f'error: {OBJECT}/d: [target-exists] there is a VM "taken" already;'
        " KubeVirt clones only to a new one\n"
        "hint: leave out spec.target: KubeVirt then names the VM"
        f"\n{REFUSED}"
    )
    assert writes == []


def test_warnings_are_told_and_the_clone_is_created(
    kvc: Kvc, recording_plane: ControlPlane
) -> None:
    answer = kvc("create", "c", "--source=vm-ovn", "--target=t")

    assert answer == (
        f"{OBJECT}/c created\n",
        "Warning: [network-annotations] the target's template gets the source's addresses:"
        " ovn.kubernetes.io/ip_address, ovn.kubernetes.io/mac_address;"
        " hint: --template-annotation-filter '*'"
        " --template-annotation-filter '!^ovn\\.kubernetes\\.io/ip_address$'"
        " --template-annotation-filter '!^ovn\\.kubernetes\\.io/mac_address$'\n",
    )


def test_what_is_only_good_to_know_is_not_told(kvc: Kvc, recording_plane: ControlPlane) -> None:
    assert kvc(*CREATE) == (f"{OBJECT}/c created\n", "")


def test_one_check_can_be_skipped_alone(
    kvc: Kvc, recording_plane: ControlPlane, writes: list[str]
) -> None:
    args = ("create", "c", "--source=later", "--target=taken", "--skip-check=source-missing")

    refused = kvc(*args, exit_code=1)
    created = kvc(*args, "--skip-check=target-exists")

    assert re.findall(r"\[([a-z-]+)\]", refused.err) == ["target-exists"]
    assert created == (f"{OBJECT}/c created\n", "")
    assert len(writes) == 1


def test_skipping_all_checks_sends_no_request_for_them(
    kvc: Kvc, recording_plane: ControlPlane, requests: list[str]
) -> None:
    kvc(*CREATE, "--skip-check=all")

    assert [request.split("?")[0] for request in requests] == [
        "GET /apis/clone.kubevirt.io",
        "POST /apis/clone.kubevirt.io/v1beta1/namespaces/default/virtualmachineclones",
    ]


def test_an_unknown_check_is_wrong_usage(kvc: Kvc) -> None:
    answer = kvc(*CREATE, "--skip-check=nosuch", "-s", "https://127.0.0.1:1", exit_code=2)

    assert answer.err.startswith("error: Invalid value for '--skip-check': 'nosuch' is not one of")


def test_a_server_dry_run_is_checked_too(
    kvc: Kvc, recording_plane: ControlPlane, writes: list[str]
) -> None:
    answer = kvc("create", "--source=vm-tpm", "--target=t", "--dry-run=server", exit_code=1)

    assert answer.err.startswith("error: [backend-storage] the source keeps its TPM state")
    assert writes == []


@pytest.mark.parametrize(("source", "count"), [("vm-data", 11), ("vmsnapshot/of-data", 11)])
def test_a_clone_of_claims_takes_eleven_requests_at_most_besides_discovery(
    kvc: Kvc, recording_plane: ControlPlane, requests: list[str], source: str, count: int
) -> None:
    snapshot(recording_plane, "of-data", "vm-data")
    requests.clear()

    kvc(
        *("create", "c", f"--source={source}", "--target=t", "--label-filter=*", "--start"),
        *("--new-mac-address=default=02:00:00:00:00:99", "--new-smbios-serial=S"),
        *("--volume-name-policy=PrefixTargetName", "--hostname=web"),
    )

    discovery = ("GET /apis/clone.kubevirt.io", "GET /openapi/v3/apis/clone.kubevirt.io/v1beta1")
    others = [request for request in requests if request not in discovery]
    assert len(requests) - len(others) == 2
    assert len(others) == len(set(others)) == count, others
    # The target as a dry run, and the clone.
    assert [request.split()[0] for request in others].count("POST") == 2


def snapshot(plane: ControlPlane, name: str, vm: str) -> None:
    source = {"apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": vm}
    body = {
        "apiVersion": "snapshot.kubevirt.io/v1beta1",
        "kind": "VirtualMachineSnapshot",
        "metadata": {"name": name},
        "spec": {"source": source},
    }
    plane.registry.create(SNAPSHOTS, "default", body)
    until(lambda: phase(plane, SNAPSHOTS, name) == "Succeeded")


def test_what_several_clones_need_is_read_once(
    kvc: Kvc, recording_plane: ControlPlane, requests: list[str]
) -> None:
    documents = [
        MANIFEST.replace("name: c}", f"name: c{number}}}").replace("name: t}", f"name: t{number}}}")
        for number in range(10)
    ]

    kvc("create", "-f", "-", stdin="---\n".join(documents))

    reads = [request for request in requests if request.startswith("GET")]
    # Discovery twice, KubeVirt, quotas, the source, the clones, and the VMs, for the ten targets.
    # First it looks for clones and targets that an earlier run made: those are not checked.
    assert (len(reads), len(set(reads))) == (9, 7)


def test_a_clone_needs_no_more_requests_than_its_checks(
    kvc: Kvc, recording_plane: ControlPlane, requests: list[str]
) -> None:
    kvc("create", "c", "--source=web-1")

    assert sorted(request.split("?")[0] for request in requests) == [
        "GET /api/v1/namespaces/default/resourcequotas",
        "GET /apis/clone.kubevirt.io",
        "GET /apis/kubevirt.io/v1/kubevirts",
        "GET /apis/kubevirt.io/v1/namespaces/default/virtualmachines/web-1",
        "GET /openapi/v3/apis/clone.kubevirt.io/v1beta1",
        "POST /apis/clone.kubevirt.io/v1beta1/namespaces/default/virtualmachineclones",
        "POST /apis/kubevirt.io/v1/namespaces/default/virtualmachines",
    ]


def cloner(make_plane: Planes, *verbs: str) -> ControlPlane:
    """A control plane asked as the user of recording 17, who may do this with clones alone."""
    rule = Rule(("clone.kubevirt.io",), ("virtualmachineclones",), verbs, ("default",))
    plane = make_plane(users={"cloner-token": User("cloner", (rule,))})
    plane.kubeconfig.write_text(plane.kubeconfig_of("cloner-token"))
    return plane


def test_who_may_only_create_and_read_clones_can_create_one(kvc: Kvc, make_plane: Planes) -> None:
    plane = cloner(make_plane, "create", "get", "list", "watch")

    answer = kvc(*CREATE, "--wait")

    assert answer.out == f"{OBJECT}/c created\n{OBJECT}/c condition met\n"
    assert answer.err.splitlines()[0] == (
        "Warning: not checked: source-missing, source-deleting, source-name-too-long,"
        " source-locked, source-changed-since-start, tracking-state, target-exists,"
        " claim-deleting, claim-filling, claim-in-use,"
        " volume-not-snapshottable, volume-unknown, volume-unbound, backend-storage,"
        " first-consumer, network-annotations, identity-copied,"
        " shared-by-name, not-admissible, quota, cloud-init-reruns,"
        " running-without-agent (the VirtualMachine can't be read: Forbidden;"
        " the target can't be read: Forbidden; resourcequotas can't be read: Forbidden)"
    )
    assert answer.err.count("Warning:") == 1
    assert plane.registry.get(VMS, "default", "t")["spec"]["runStrategy"] == "Halted"


def test_who_may_not_create_clones_is_told_by_the_server(kvc: Kvc, make_plane: Planes) -> None:
    cloner(make_plane, "get", "list")

    answer = kvc(*CREATE, exit_code=1)

    assert answer.out == ""
    assert answer.err.splitlines()[1:] == [
        "Error from server (Forbidden): virtualmachineclones.clone.kubevirt.io is forbidden: User"
        ' "cloner" cannot create resource "virtualmachineclones" in API group "clone.kubevirt.io"'
        ' in the namespace "default"'
    ]


def test_an_unreadable_snapshot_leaves_the_target_that_is_there(
    kvc: Kvc, make_plane: Planes
) -> None:
    rules = (
        Rule(("clone.kubevirt.io",), ("virtualmachineclones",), ("*",)),
        Rule(("kubevirt.io",), ("virtualmachines",), ("get",)),
    )
    plane = make_plane(users={"token": User("vms-only", rules)})
    plane.kubeconfig.write_text(plane.kubeconfig_of("token"))

    answer = kvc("create", "--source=vmsnapshot/snap-1", "--target=vm-cirros", exit_code=1)

    lines = answer.err.splitlines()
    assert lines[0].startswith(
        "Warning: not checked: source-missing, source-deleting, source-name-too-long,"
        " snapshot-gone, snapshot-not-ready, snapshot-failed, snapshot-partial,"
        " target-overwritten, "
    )
    assert lines[1].startswith('error: [target-exists] there is a VM "vm-cirros" already')
    assert plane.registry.list(CLONES, "default").items == []


def test_a_list_that_two_checks_need_is_read_once(
    kvc: Kvc, recording_plane: ControlPlane, requests: list[str]
) -> None:
    mac = "--new-mac-address=default=02:00:00:00:00:99"

    answer = kvc("create", "--source=vm-ciros", mac, exit_code=1)

    assert "hint: --source vm/vm-cirros\n" in answer.err
    assert len(requests) == len(set(requests)) == 6, requests
