"""What a real kubectl sees of the sandbox: what it sees of KubeVirt v1.9, where recorded."""

from __future__ import annotations

import json
import re
import subprocess
import threading

import pytest

from kubectl_virt_clone.render.formats import watch_events
from kubevirt_sandbox.controlplane import ControlPlane
from tests.kubectl.conftest import PATIENCE, Kubectl

OBJECT = "virtualmachineclone.clone.kubevirt.io"
CLONE = """\
apiVersion: clone.kubevirt.io/v1beta1
kind: VirtualMachineClone
metadata:
  name: clone-1
  namespace: default
spec:
  source: {apiGroup: kubevirt.io, kind: VirtualMachine, name: vm-cirros}
  target: {apiGroup: kubevirt.io, kind: VirtualMachine, name: vm-cirros-clone}
"""
PENDING = CLONE.replace("vm-cirros}", "nosuch}")
# A field that no controller writes.
CREATION_TIME = '{"status":{"creationTime":"2026-01-01T00:00:00Z"}}'
SUCCEEDED = ("wait", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=60s")


def normalised(text: str) -> str:
    """Replace uids, times, versions and ages, and the spaces that align them."""
    text = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "UID", text)
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "TIME", text)
    text = re.sub(r"(Resource Version: +)\d+", r"\1N", text)
    text = re.sub(r"\b\d+s( \(x\d+ over \d+s\))?(?=  )", "AGE", text)
    return "".join(re.sub(r"(?<=\S) {2,}", "  ", line) for line in text.splitlines(keepends=True))


def test_create_wait_and_get_answer_as_recorded(kubectl: Kubectl) -> None:
    assert kubectl("create", "-f", "-", stdin=CLONE).out == f"{OBJECT}/clone-1 created\n"
    assert kubectl(*SUCCEEDED, "vmclone/clone-1").out == f"{OBJECT}/clone-1 condition met\n"
    assert kubectl("get", "vmclone").out == (
        "NAME      PHASE       SOURCEVIRTUALMACHINE   TARGETVIRTUALMACHINE\n"
        "clone-1   Succeeded   vm-cirros              vm-cirros-clone\n"
    )
    assert kubectl("get", "vmsnapshot,vmsnapshotcontent,vmrestore", "-l", "none=here").err == (
        "No resources found in default namespace.\n"
    )


def test_wait_for_a_condition_is_met(kubectl: Kubectl) -> None:
    kubectl("create", "-f", "-", stdin=CLONE)

    answer = kubectl("wait", "--for=condition=Ready", "--timeout=60s", "vmclone/clone-1")

    assert answer.out == f"{OBJECT}/clone-1 condition met\n"


def test_wait_times_out_as_on_a_real_server(kubectl: Kubectl) -> None:
    kubectl("create", "-f", "-", stdin=PENDING)

    answer = kubectl(*SUCCEEDED[:2], "--timeout=1s", "vmclone/clone-1", exit_code=1)

    assert answer.err.splitlines()[-1] == (
        "error: timed out waiting for the condition on virtualmachineclones/clone-1"
    )


def test_describe_shows_the_object_and_its_events_as_recorded(kubectl: Kubectl) -> None:
    kubectl("create", "-f", "-", stdin=PENDING)
    kubectl("wait", "--for=jsonpath={.status.conditions}", "--timeout=30s", "vmclone/clone-1")

    assert normalised(kubectl("describe", "vmclone", "clone-1").out) == (
        "Name:  clone-1\n"
        "Namespace:  default\n"
        "Labels:  <none>\n"
        "Annotations:  <none>\n"
        "API Version:  clone.kubevirt.io/v1beta1\n"
        "Kind:  VirtualMachineClone\n"
        "Metadata:\n"
        "  Creation Timestamp:  TIME\n"
        "  Generation:  1\n"
        "  Resource Version:  N\n"
        "  UID:  UID\n"
        "Spec:\n"
        "  Source:\n"
        "    API Group:  kubevirt.io\n"
        "    Kind:  VirtualMachine\n"
        "    Name:  nosuch\n"
        "  Target:\n"
        "    API Group:  kubevirt.io\n"
        "    Kind:  VirtualMachine\n"
        "    Name:  vm-cirros-clone\n"
        "Status:\n"
        "  Conditions:\n"
        "    Last Probe Time:  <nil>\n"
        "    Last Transition Time:  TIME\n"
        "    Reason:  Pending\n"
        "    Status:  False\n"
        "    Type:  Progressing\n"
        "    Last Probe Time:  <nil>\n"
        "    Last Transition Time:  TIME\n"
        "    Reason:  Source doesnt exist: VirtualMachine default/nosuch\n"
        "    Status:  False\n"
        "    Type:  Ready\n"
        "Events:\n"
        "  Type  Reason  Age  From  Message\n"
        "  ----  ------  ----  ----  -------\n"
        "  Normal  SourceDoesNotExist  AGE  clone-controller"
        "  Source doesnt exist: VirtualMachine default/nosuch\n"
    )


def test_get_with_watch_sees_the_recorded_phases(
    kubectl: Kubectl, kubectl_path: str, environment: dict[str, str]
) -> None:
    watch = [kubectl_path, "get", "vmclone", "-w", "-o", "json", "--output-watch-events"]
    phases = []
    with subprocess.Popen(watch, env=environment, stdout=subprocess.PIPE, text=True) as process:
        end = threading.Timer(PATIENCE, process.kill)
        end.start()
        kubectl("create", "-f", "-", stdin=CLONE)
        for line in process.stdout or ():
            event = json.loads(line)
            assert list(watch_events([[event]], "json")) == [line]  # ours is written alike
            phases.append((event["type"], event["object"].get("status", {}).get("phase")))
            if phases[-1][1] == "Succeeded":
                break
        end.cancel()
        process.kill()

    steps = [("MODIFIED", p) for p in ("SnapshotInProgress", "RestoreInProgress", "Succeeded")]
    # kubectl lists first: what happened until then is one ADDED event.
    assert phases[0][0] == "ADDED"
    assert phases[1:] == steps[len(steps) - len(phases[1:]) :]
    assert phases[-1][1] == "Succeeded"


def test_apply_creates_then_configures_then_leaves_unchanged(kubectl: Kubectl) -> None:
    labelled = PENDING.replace("  namespace: default", "  namespace: default\n  labels: {a: b}")

    answers = [
        kubectl("apply", "-f", "-", stdin=text).out for text in (PENDING, labelled, labelled)
    ]

    assert answers == [
        f"{OBJECT}/clone-1 {done}\n" for done in ("created", "configured", "unchanged")
    ]
    assert json.loads(kubectl("get", "vmclone", "clone-1", "-o", "json").out)["metadata"][
        "labels"
    ] == {"a": "b"}


def test_the_status_is_patched_through_its_subresource_only(kubectl: Kubectl) -> None:
    kubectl("create", "-f", "-", stdin=PENDING)
    patch = ("patch", "vmclone", "clone-1", "--type=merge", "-p", CREATION_TIME)
    name = ("get", "vmclone", "clone-1", "-o", "jsonpath={.status.creationTime}")

    unchanged = kubectl(*patch).out
    before = kubectl(*name).out
    patched = kubectl(*patch, "--subresource=status").out

    assert (unchanged, before) == (f"{OBJECT}/clone-1 patched (no change)\n", "")
    assert (patched, kubectl(*name).out) == (f"{OBJECT}/clone-1 patched\n", "2026-01-01T00:00:00Z")


def test_delete_waits_until_the_object_is_gone(kubectl: Kubectl) -> None:
    kubectl("create", "-f", "-", stdin=PENDING)

    deleted = kubectl("delete", "vmclone", "clone-1").out
    gone = kubectl("get", "vmclone", "clone-1", exit_code=1)

    assert deleted.startswith(f'{OBJECT} "clone-1" deleted')
    assert gone.err == (
        'Error from server (NotFound): virtualmachineclones.clone.kubevirt.io "clone-1" not found\n'
    )


def test_deleting_the_target_of_a_succeeded_clone_deletes_the_clone(kubectl: Kubectl) -> None:
    kubectl("create", "-f", "-", stdin=CLONE)
    kubectl(*SUCCEEDED, "vmclone/clone-1")

    kubectl("delete", "vm", "vm-cirros-clone")

    kubectl("wait", "--for=delete", "--timeout=30s", "vmclone/clone-1")
    assert kubectl("get", "vmclone").err == "No resources found in default namespace.\n"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            ("name: vm-cirros-clone", "name: vm-cirros"),
            "The request is invalid: spec.target.name: Target name cannot be equal to source name"
            " when both are VirtualMachines\n",
        ),
        (
            ("spec:", "spec:\n  nosuchfield: 1"),
            'Error from server (BadRequest): error when creating "STDIN": VirtualMachineClone in'
            ' version "v1beta1" cannot be handled as a VirtualMachineClone: strict decoding error:'
            ' unknown field "spec.nosuchfield"\n',
        ),
        (
            ("namespace: default", "namespace: nosuchns"),
            'Error from server (NotFound): error when creating "STDIN": namespaces "nosuchns" not'
            " found\n",
        ),
        (
            ("spec:", "spec:\n  volumeNamePolicy: Nope"),
            'The VirtualMachineClone "clone-1" is invalid: spec.volumeNamePolicy: Unsupported'
            ' value: "Nope": supported values: "RandomizeNames", "PrefixTargetName"\n',
        ),
    ],
)
def test_what_is_refused_is_refused_in_the_recorded_words(
    kubectl: Kubectl, change: tuple[str, str], message: str
) -> None:
    answer = kubectl("create", "-f", "-", stdin=CLONE.replace(*change), exit_code=1)

    assert answer == ("", message)


def test_auth_can_i_answers_for_the_admin_and_for_another_user(kubectl: Kubectl) -> None:
    assert kubectl("auth", "can-i", "create", "vmclone").out == "yes\n"
    assert kubectl("auth", "can-i", "create", "vmclone", "--as=jane", exit_code=1).out == "no\n"


def test_explain_shows_the_spec_as_recorded(kubectl: Kubectl) -> None:
    text = kubectl("explain", "vmclone.spec").out

    assert text.startswith(
        "GROUP:      clone.kubevirt.io\nKIND:       VirtualMachineClone\nVERSION:    v1beta1\n\n"
        "FIELD: spec <Object>\n"
    )
    assert re.findall(r"^  (\w+)\t<(\S+)>", text, re.M) == [
        ("annotationFilters", "[]string"),
        ("labelFilters", "[]string"),
        ("newMacAddresses", "map[string]string"),
        ("newSMBiosSerial", "string"),
        ("patches", "[]string"),
        ("source", "Object"),
        ("target", "Object"),
        ("template", "Object"),
        ("volumeNamePolicy", "string"),
    ]
    assert "  enum: RandomizeNames, PrefixTargetName\n" in text


def test_api_resources_lists_the_clone_with_its_short_names(kubectl: Kubectl) -> None:
    text = kubectl("api-resources", "--api-group=clone.kubevirt.io", "--no-headers").out

    assert text.split() == [
        "virtualmachineclones",
        "vmclone,vmclones",
        "clone.kubevirt.io/v1beta1",
        "true",
        "VirtualMachineClone",
    ]


def test_the_plugin_is_found_on_the_path_and_its_exit_code_kept(
    kubectl: Kubectl, plane: ControlPlane
) -> None:
    created = kubectl("virt-clone", "create", "c", "--source=vm-cirros", "--target=t", "--wait").out
    failed = kubectl(
        *("virt-clone", "create", "d", "--source=vm-tpm", "--target=u", "--wait"),
        "--skip-check=backend-storage",
        exit_code=4,
    )

    assert created == f"{OBJECT}/c created\n{OBJECT}/c condition met\n"
    assert failed.err.splitlines()[-2].endswith(
        "Clone of source with backendstorage is not supported: VM default/vm-tpm"
    )
    assert "kubectl-virt_clone" in kubectl("plugin", "list").out


def test_kubectl_takes_the_manifest_that_a_client_dry_run_prints(kubectl: Kubectl) -> None:
    flags = (
        *("testclone", "--source", "vm-cirros", "--target", "vm-clone-target"),
        *("--label-filter", "*", "--label-filter", "!some-key/*"),
        *("--annotation-filter", "anotherKey/*"),
        *("--new-mac-address", "default=02:00:00:00:00:99", "--new-smbios-serial", "new-serial"),
    )
    manifest = kubectl("virt-clone", "create", *flags, "--dry-run=client", "-o", "yaml").out

    answer = kubectl("create", "-f", "-", stdin=manifest)
    kubectl(*SUCCEEDED, "vmclone/testclone")

    assert answer.out == f"{OBJECT}/testclone created\n"
    target = json.loads(kubectl("get", "vm", "vm-clone-target", "-o", "json").out)
    domain = target["spec"]["template"]["spec"]["domain"]
    assert domain["devices"]["interfaces"][0]["macAddress"] == "02-00-00-00-00-99"
