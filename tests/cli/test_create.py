"""``create`` as a user runs it."""

from __future__ import annotations

import json
import re
import time

import pytest
import yaml

from kubevirt_sandbox.controlplane import ControlPlane
from tests.cli.conftest import Kvc, Planes
from tests.sandbox.world import SNAPSHOTS, VMS

CLONES = "virtualmachineclones.clone.kubevirt.io"
OBJECT = "virtualmachineclone.clone.kubevirt.io"

MANIFEST = """\
apiVersion: clone.kubevirt.io/v1beta1
kind: VirtualMachineClone
metadata:
  name: testclone
spec:
  source:
    apiGroup: kubevirt.io
    kind: VirtualMachine
    name: vm-cirros
  target:
    apiGroup: kubevirt.io
    kind: VirtualMachine
    name: vm-clone-target
  labelFilters:
  - '*'
  - '!some-key/*'
  annotationFilters:
  - anotherKey/*
  newMacAddresses:
    default: 02-00-00-00-00-99
  newSMBiosSerial: new-serial
"""
FLAGS = (
    *("testclone", "--source", "vm-cirros", "--target", "vm-clone-target"),
    *("--label-filter", "*", "--label-filter", "!some-key/*"),
    *("--annotation-filter", "anotherKey/*"),
    *("--new-mac-address", "default=02:00:00:00:00:99", "--new-smbios-serial", "new-serial"),
)

UNUSED = (
    "Warning: [filter-unused] spec.annotationFilters: anotherKey/* matches no annotation of the"
    " source; hint: leave out --annotation-filter 'anotherKey/*'\n"
)
"""What create says about MANIFEST with vm-cirros."""


def test_a_client_dry_run_prints_the_manifest_that_one_writes_by_hand(kvc: Kvc) -> None:
    answer = kvc("create", *FLAGS, "--dry-run=client", "-o", "yaml")

    assert answer == (MANIFEST, "")


def test_a_client_dry_run_needs_no_cluster_and_says_so_in_its_answer(kvc: Kvc) -> None:
    answer = kvc("create", *FLAGS, "--dry-run=client", "--kubeconfig", "/nonexistent")

    assert answer == (f"{OBJECT}/testclone created (dry run)\n", "")


def test_a_namespace_is_written_into_the_manifest_only_if_it_was_asked_for(kvc: Kvc) -> None:
    manifest = yaml.safe_load(
        kvc("create", *FLAGS, "--dry-run=client", "-o", "yaml", "-n", "vms").out
    )

    assert manifest["metadata"] == {"name": "testclone", "namespace": "vms"}


@pytest.mark.parametrize("version", ["v1beta1", "v1alpha1"])
def test_create_takes_a_manifest_of_either_version(
    kvc: Kvc, plane: ControlPlane, version: str
) -> None:
    manifest = MANIFEST.replace("v1beta1", version)

    answer = kvc("create", "-f", "-", "--wait", stdin=manifest)

    assert answer.out == f"{OBJECT}/testclone created\n{OBJECT}/testclone condition met\n"
    target = plane.registry.get(VMS, "default", "vm-clone-target")
    template = target["spec"]["template"]["spec"]["domain"]
    assert target["metadata"]["labels"] == {
        "app": "cirros",
        "app.kubernetes.io/name": "cirros",
        "myapp": "one",
        "tier": "test",
    }
    assert template["devices"]["interfaces"][0]["macAddress"] == "02-00-00-00-00-99"
    assert template["firmware"]["serial"] == "new-serial"


def test_create_reads_every_document_of_every_file_of_a_folder(
    kvc: Kvc, plane: ControlPlane, tmp_path
) -> None:
    second = MANIFEST.replace("testclone", "second").replace("vm-clone-target", "target-2")
    third = MANIFEST.replace("testclone", "third").replace("vm-clone-target", "target-3")
    (tmp_path / "b.yaml").write_text(f"---\n{MANIFEST}---\n{second}")
    (tmp_path / "c.json").write_text(json.dumps(yaml.safe_load(third)))
    (tmp_path / "README").write_text("not a manifest")

    answer = kvc("create", "-f", tmp_path, "-o", "name")

    assert answer.out == "".join(f"{OBJECT}/{n}\n" for n in ("testclone", "second", "third"))


def test_a_mac_with_colons_in_a_manifest_is_sent_with_dashes(kvc: Kvc, plane: ControlPlane) -> None:
    # 52:54:00:12:34:56 without quotes is a number to the base 60 in YAML 1.1, not in kubectl's.
    kvc("create", "-f", "-", stdin=MANIFEST.replace("02-00-00-00-00-99", "52:54:00:12:34:56"))

    stored = plane.registry.get(CLONES, "default", "testclone")
    assert stored["spec"]["newMacAddresses"] == {"default": "52-54-00-12-34-56"}


def test_the_stored_spec_equals_the_manifest(kvc: Kvc, plane: ControlPlane) -> None:
    kvc("create", *FLAGS)

    stored = plane.registry.get(CLONES, "default", "testclone")
    assert stored["spec"] == yaml.safe_load(MANIFEST)["spec"]


@pytest.mark.parametrize(
    "source",
    [
        ("--source", "vmsnapshot/snap-1"),
        ("--source", "VirtualMachineSnapshot/snap-1"),
        ("--source-name", "snap-1", "--source-type", "snapshot"),
        ("--source", "snap-1", "--source-type", "VMSnapshot"),
    ],
)
def test_a_snapshot_can_be_named_in_kubectls_way_and_in_virtctls(
    kvc: Kvc, plane: ControlPlane, source: tuple[str, ...]
) -> None:
    manifest = json.loads(kvc("create", *source, "--dry-run=client", "-o", "json").out)

    assert manifest["spec"]["source"] == {
        "apiGroup": "snapshot.kubevirt.io",
        "kind": "VirtualMachineSnapshot",
        "name": "snap-1",
    }


def test_template_filters_go_into_the_template(kvc: Kvc) -> None:
    flags = ("--template-label-filter", "*", "--template-annotation-filter", "!x")

    manifest = json.loads(kvc("create", "--source=a", *flags, "--dry-run", "-o", "json").out)

    assert manifest["spec"]["template"] == {"labelFilters": ["*"], "annotationFilters": ["!x"]}


def test_the_answer_names_the_target_that_kubevirt_chose(kvc: Kvc, plane: ControlPlane) -> None:
    answer = kvc("create", "unnamed", "--source", "vm-cirros")

    target = plane.registry.get(CLONES, "default", "unnamed")["spec"]["target"]["name"]
    assert re.fullmatch(r"clone-vm-cirros-[a-z0-9]{5}", target)
    assert answer == (f"{OBJECT}/unnamed created, target {target}\n", "")


def test_a_clone_without_a_name_gets_one_like_virtctls(kvc: Kvc, plane: ControlPlane) -> None:
    answer = kvc("create", "--source", "vm-cirros", "-o", "name")

    assert re.fullmatch(rf"{OBJECT}/clone-[bcdfghjklmnpqrstvwxz2456789]{{5}}\n", answer.out)


def test_a_server_dry_run_is_checked_by_admission_and_stores_nothing(
    kvc: Kvc, plane: ControlPlane
) -> None:
    answer = kvc("create", *FLAGS, "--dry-run=server")
    refused = kvc(
        *("create", "--source=vm-cirros", "--target=vm-cirros", "--dry-run=server"),
        "--skip-check=target-is-source",
        exit_code=1,
    )

    assert answer == (f"{OBJECT}/testclone created (server dry run)\n", UNUSED)
    assert refused == (
        "",
        "The request is invalid: spec.target.name: Target name cannot be equal to source name"
        " when both are VirtualMachines\n",
    )
    assert plane.registry.list(CLONES, "default").items == []


def _until_free(plane: ControlPlane, vm: str) -> None:
    """Wait until the snapshot of the seeds lets go of its VM: create would warn of it."""
    deadline = time.monotonic() + 30
    while "snapshotInProgress" in str(plane.registry.get(VMS, "default", vm)) or (
        "'readyToUse': True" not in str(plane.registry.get(SNAPSHOTS, "default", "snap-1"))
    ):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_create_with_wait_shows_the_phases_on_stderr_and_the_result_on_stdout(
    kvc: Kvc, make_plane: Planes
) -> None:
    plane = make_plane(speed=2)  # slow enough for each phase to be seen
    _until_free(plane, "vm-cirros")

    answer = kvc("create", *FLAGS, "--wait")

    assert answer.out == f"{OBJECT}/testclone created\n{OBJECT}/testclone condition met\n"
    assert answer.err.startswith(UNUSED)
    progress = answer.err.removeprefix(UNUSED)
    phases = re.findall(r"^testclone: (\w+ \d/4) after \d+\.\ds$", progress, re.M)
    assert len(phases) == len(progress.splitlines())
    assert [phase for phase in phases if not phase.startswith("Pending")] == [
        "SnapshotInProgress 1/4",
        "RestoreInProgress 2/4",
        "Succeeded 4/4",
    ]


def test_create_with_wait_and_a_format_prints_the_finished_object_only(
    kvc: Kvc, plane: ControlPlane
) -> None:
    answer = kvc("create", *FLAGS, "--wait", "-o", "json")

    clone = json.loads(answer.out)
    assert clone["status"]["phase"] == "Succeeded"
    assert clone["status"]["targetName"] == "vm-clone-target"
    assert "managedFields" not in clone["metadata"]


def test_create_with_wait_ends_with_4_when_the_clone_fails(kvc: Kvc, plane: ControlPlane) -> None:
    args = ("create", "c", "--source=vm-tpm", "--target=t", "--skip-check=backend-storage")

    answer = kvc(*args, "--wait", exit_code=4)

    assert answer.out == f"{OBJECT}/c created\n"
    assert answer.err.splitlines()[-2:] == [
        f"error: {OBJECT}/c will not reach phase=Succeeded:"
        " Clone of source with backendstorage is not supported: VM default/vm-tpm",
        "hint: kubectl delete vmclone.clone.kubevirt.io/c -n default",
    ]


def test_one_refused_document_does_not_stop_the_others(kvc: Kvc, plane: ControlPlane) -> None:
    second = MANIFEST.replace("testclone", "second").replace("vm-clone-target", "target-2")
    kvc("create", "-f", "-", stdin=MANIFEST.replace("vm-clone-target", "target-3"))

    args = ("create", "-f", "-", "--skip-check=all")
    answer = kvc(*args, stdin=f"{MANIFEST}---\n{second}", exit_code=1)

    assert answer == (
        f"{OBJECT}/second created\n",
        f"error: {OBJECT}/testclone exists already, and is another clone\n",
    )


def test_an_unknown_field_is_refused_and_never_dropped(kvc: Kvc, plane: ControlPlane) -> None:
    args = ("create", "-f", "-", "--skip-check=all")

    answer = kvc(*args, stdin=f"{MANIFEST}  nosuchfield: 1\n", exit_code=1)

    assert answer == (
        "",
        "Error from server (BadRequest): VirtualMachineClone in version"
        ' "v1beta1" cannot be handled as a VirtualMachineClone: strict decoding error:'
        ' unknown field "spec.nosuchfield"\n',
    )


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        ("", "error: no objects passed"),
        ("a: b: c", "error: error parsing STDIN: mapping values are not allowed here"),
        ("- 1", "error: the document is not a Kubernetes object"),
        (
            "{apiVersion: v1, kind: Pod}",
            'error: expected kind "VirtualMachineClone" in clone.kubevirt.io/v1beta1 or'
            ' clone.kubevirt.io/v1alpha1, found kind "Pod" in "v1"',
        ),
        (
            MANIFEST.replace("name: testclone", "labels: {}"),
            "error: VirtualMachineClone has no metadata.name and no metadata.generateName",
        ),
        (
            MANIFEST.replace("anotherKey/*", "''"),
            f"error: {OBJECT}/testclone: spec.annotationFilters: a filter can't be empty",
        ),
        (
            MANIFEST.replace("02-00-00-00-00-99", "zz"),
            f'error: {OBJECT}/testclone: spec.newMacAddresses.default: "zz" is not a MAC address;'
            " write one like 02-00-00-00-00-01",
        ),
    ],
)
def test_a_manifest_that_cannot_work_is_refused_before_a_request(
    kvc: Kvc, manifest: str, message: str
) -> None:
    answer = kvc("create", "-f", "-", "-s", "https://127.0.0.1:1", stdin=manifest, exit_code=1)

    assert answer.out == ""
    assert answer.err.startswith(message)
    assert answer.err.count("\n") == 1


def test_the_namespace_of_a_file_must_be_the_one_asked_for(kvc: Kvc) -> None:
    manifest = MANIFEST.replace("name: testclone", "name: testclone\n  namespace: a")

    answer = kvc("create", "-n", "b", "-f", "-", stdin=manifest, exit_code=1)

    assert answer.err == (
        'error: the namespace from the provided object "a" does not match the namespace "b".'
        " You must pass '--namespace=a' to perform this operation.\n"
    )


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ((), "what to clone is missing: give --source or -f"),
        (("--source=a", "--source-name=b"), "--source can't be used together with --source-name"),
        (("-f", "x", "--source=a"), "-f can't be used together with --source"),
        (("name", "-f", "x"), "-f can't be used together with NAME"),
        (("a", "--name=b", "--source=c"), "NAME can't be used together with --name"),
        (("--source=a", "--wait", "--dry-run=server"), "--wait can't be used together with"),
        (("--source=pod/a",), '"pod" can\'t be cloned; a source is one of vm, vmsnapshot'),
        (("--source=a", "--source-type=pod"), "Invalid value for '--source-type': \"pod\""),
        (("--source=vm/",), "the name is empty"),
        (("--source=vm/a", "--source-type=snapshot"), '"vm/a" is a VirtualMachine, but the type'),
        (("--source=a", "--target=vmsnapshot/x"), "--target: a clone's target is a vm, not a"),
        (("--source=a", "--target-type=snapshot"), "--target-type: a clone's target is a vm"),
        (("--source=a", "--label-filter=a*b"), "Invalid value for '--label-filter': filter"),
        (("--source=a", "--label-filter="), "Invalid value for '--label-filter': a filter can't"),
        (("--source=a", "--annotation-filter=!"), "Invalid value for '--annotation-filter': \"!\""),
        (("--source=a", "--new-mac-address=eth0"), "Invalid value for '--new-mac-address'"),
        (("--source=a", "--new-mac-address=eth0=zz"), "Invalid value for '--new-mac-address'"),
        (
            ("--source=a", *("--new-mac-address=a=020000000001",)),
            "Invalid value for '--new-mac-address'",
        ),
        (
            (
                "--source=a",
                "--new-mac-address=a=02:00:00:00:00:01",
                "--new-mac-address=a:02-00-00-00-00-02",
            ),
            "--new-mac-address names the interface a twice",
        ),
        (("--source=a", "--dry-run=maybe"), "Invalid value for '--dry-run'"),
        (("--source=a", "-o", "wide"), "Invalid value for '-o' / '--output'"),
        (("--source=a", "--timeout=5"), "Invalid value for '--timeout': time: missing unit"),
        (("--source=a", "b", "c"), "Got unexpected extra argument (c)"),
        (("--sauce=a",), "No such option"),
    ],
)
def test_wrong_usage_ends_with_2_and_sends_nothing(
    kvc: Kvc, args: tuple[str, ...], message: str
) -> None:
    answer = kvc("create", "-s", "https://127.0.0.1:1", *args, exit_code=2)

    assert answer.out == ""
    assert answer.err.startswith(f"error: {message}")
    assert answer.err.endswith("See 'kubectl virt-clone create -h' for help and examples\n")
