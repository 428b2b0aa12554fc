"""``preview`` against the sandbox: what it shows, and that nothing is created."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubevirt_sandbox.controlplane import ControlPlane
from tests.cli.conftest import Kvc
from tests.cli.test_wait import until

CLONES = "virtualmachineclones.clone.kubevirt.io"
VMS = "virtualmachines.kubevirt.io"
RESTORES = "virtualmachinerestores.snapshot.kubevirt.io"
LABEL_RULE = "it needs letters, digits, -, _ and ., and begins and ends with a letter or digit"
REFUSAL = re.compile(r"denied the request|is invalid|cannot be handled|unmarshal")
EXIT_FINDINGS = 1


def ids_of(preview: dict[str, Any]) -> list[str]:
    return [finding["id"] for finding in preview["findings"]]


def test_a_vm_is_previewed_and_nothing_is_created(plane: ControlPlane, kvc: Kvc) -> None:
    vms = len(plane.registry.list(VMS, "default").items)
    flags = (
        "--label-filter=*",
        "--label-filter=!^app$",
        "--new-mac-address=default=02:00:00:00:00:99",
    )
    lines = kvc("preview", "--source=vm-cirros", "--target=copy", *flags).out.splitlines()
    assert lines[:8] == [
        "Source:  vm/vm-cirros",
        "Target:  vm/copy",
        "Labels:",
        "  Key                     Target   Filter",
        "  ---                     ------   ------",
        "  app                     dropped  !^app$",
        "  app.kubernetes.io/name  kept     *",
        "  myapp                   kept     *",
    ]
    assert "  default:  02:00:00:00:00:01 -> 02-00-00-00-00-99" in lines
    assert plane.registry.list(CLONES, "default").items == []
    assert len(plane.registry.list(VMS, "default").items) == vms


def test_a_snapshot_is_previewed_as_the_vm_was(plane: ControlPlane, kvc: Kvc) -> None:
    snapshot = ("virtualmachinesnapshots.snapshot.kubevirt.io", "default", "snap-1")
    until(lambda: bool(plane.registry.get(*snapshot).get("status", {}).get("readyToUse")))
    vm = plane.registry.get(VMS, "default", "vm-cirros")
    vm["metadata"]["labels"] = {"edited": "yes"}
    plane.registry.update(VMS, "default", "vm-cirros", vm)
    target = yaml.safe_load(kvc("preview", "--source=vmsnapshot/snap-1", "-o", "yaml").out)
    assert target["metadata"]["name"] == "clone-snap-1-<generated>"
    assert target["metadata"]["labels"] == {
        "app": "cirros",
        "app.kubernetes.io/name": "cirros",
        "myapp": "one",
        "tier": "test",
    }


def test_the_diff_has_only_what_the_clone_changes(plane: ControlPlane, kvc: Kvc) -> None:
    diff = kvc("preview", "--source=vm-data", "--target=copy", "-o", "diff").out
    changed = [line for line in diff.splitlines() if line[:1] in "+-"]
    assert changed == [
        "--- vm/vm-data",
        "+++ vm/copy",
        "-  name: vm-data",
        "+    restore.kubevirt.io/lastRestoreUID: <generated>",
        "+  name: copy",
        "-          serial: SN-vm-data",
        "-          uuid: 8a8d7f4d-86a8-4d3e-8a05-8b7b8d9b0c11",
        "+          serial: <generated>",
        "+          uuid: <generated>",
        "-          claimName: disk-good",
        "+          claimName: restore-<generated>-data",
    ]


def test_json_has_the_findings_too(plane: ControlPlane, kvc: Kvc) -> None:
    preview = json.loads(kvc("preview", "--source=vm-cirros", "--target=taken", "-o", "json").out)
    assert preview["target"]["metadata"]["name"] == "taken"
    assert preview["macAddresses"] == [
        {"interface": "default", "before": "02:00:00:00:00:01", "after": ""}
    ]
    assert "target-exists" in ids_of(preview)


def test_manifests_are_previewed_one_after_the_other(
    plane: ControlPlane, kvc: Kvc, tmp_path: Path
) -> None:
    manifest = tmp_path / "clones.yaml"
    clones = [
        kvc(
            "create", "--source=vm-cirros", f"--target={name}", "--dry-run=client", "-o", "yaml"
        ).out
        for name in ("one", "two")
    ]
    manifest.write_text("---\n".join(clones))
    targets = yaml.safe_load(kvc("preview", "-f", manifest, "-o", "yaml").out)["items"]
    assert [target["metadata"]["name"] for target in targets] == ["one", "two"]


def test_a_target_that_will_not_be_made_has_no_yaml_but_a_table(
    plane: ControlPlane, kvc: Kvc
) -> None:
    flags = ("preview", "c", "--source=vm-cirros", "--target=copy", "--new-smbios-serial=SN:1")
    reason = (
        'patch format is not valid - one ":" expected in a single key-value json patch:'
        ' "value":"SN:1"'
    )
    refused = kvc(*flags, "-o", "yaml", exit_code=1)
    assert refused.err == (
        f"error: virtualmachineclone.clone.kubevirt.io/c will have no target: {reason}\n"
    )
    assert f"Problems:\n  {reason}\n" in kvc(*flags).out


@pytest.mark.parametrize(
    ("patch", "fault"),
    [
        ('{"op":"remove","path":"/spec/template"}', "there is no spec.template"),
        (
            '{"op":"replace","path":"/spec/runStrategy","value":"Bogus"}',
            'spec.runStrategy "Bogus" is none of Always, Halted, Manual, Once, RerunOnFailure,'
            " WaitAsReceiver",
        ),
        (
            '{"op":"add","path":"/metadata/labels/k","value":7}',
            'metadata.labels: the value of "k" is not a string',
        ),
        (
            '{"op":"add","path":"/metadata/labels/k","value":"bad value!"}',
            f'metadata.labels: the value "bad value!" is not valid; {LABEL_RULE}',
        ),
        (
            '{"op":"add","path":"/metadata/labels/bad key","value":"v"}',
            f'metadata.labels: the key "bad key" is not valid; {LABEL_RULE}',
        ),
        (
            '{"op":"add","path":"/metadata/annotations/a b","value":"v"}',
            f'metadata.annotations: the key "a b" is not valid; {LABEL_RULE}',
        ),
        (
            '{"op":"add","path":"/spec/dataVolumeTemplates","value":"y"}',
            "spec.dataVolumeTemplates is not a list",
        ),
        (
            '{"op":"add","path":"/spec/template/spec/hostname","value":5}',
            "spec.template.spec.hostname is not a string",
        ),
        (
            '{"op":"replace","path":"/spec/template/spec/domain","value":"x"}',
            "spec.template.spec.domain is not an object",
        ),
    ],
)
def test_a_target_that_the_sandbox_refuses_is_foretold(
    plane: ControlPlane, kvc: Kvc, patch: str, fault: str
) -> None:
    flags = ("c", "--source=vm-cirros", "--target=copy", f"--patch={patch}")
    problem = f"{fault}, so KubeVirt refuses the target"
    preview = json.loads(kvc("preview", *flags, "-o", "json").out)
    assert preview["problems"] == [problem]
    assert f"the clone would hang: {problem}" in kvc("check", *flags, exit_code=EXIT_FINDINGS).out
    kvc("create", *flags, "--skip-check=all")
    until(lambda: any(map(_refused, plane.registry.list(RESTORES, "default").items)))
    assert not any(
        vm["metadata"]["name"] == "copy" for vm in plane.registry.list(VMS, "default").items
    )


def _refused(restore: dict[str, Any]) -> bool:
    """Whether a restore could not make its VM: another reason than of one that goes on."""
    conditions = restore.get("status", {}).get("conditions", [])
    return any(REFUSAL.search(condition["reason"]) for condition in conditions)


def test_the_table_shows_what_patches_make_of_the_keys(plane: ControlPlane, kvc: Kvc) -> None:
    removal = '{"op":"remove","path":"/metadata/labels/app"}'
    flags = ("--label=new=1", f"--patch={removal}", "--hostname=h")
    lines = kvc("preview", "--source=vm-cirros", "--target=copy", *flags).out.splitlines()
    assert lines[2:10] == [
        "Labels:",
        "  Key                     Target   Filter",
        "  ---                     ------   ------",
        "  app                     dropped  <patch>",
        "  app.kubernetes.io/name  kept     <none>",
        "  myapp                   kept     <none>",
        "  new                     set      <patch>",
        "  tier                    kept     <none>",
    ]
    start = lines.index("Patches:")
    assert sorted(lines[start + 1 : start + 4]) == [
        '  {"op":"add","path":"/metadata/labels/new","value":"1"}',
        '  {"op":"add","path":"/spec/template/spec/hostname","value":"h"}',
        f"  {removal}",
    ]


def test_a_label_that_a_flag_sets_is_there_though_a_filter_drops_it(
    plane: ControlPlane, kvc: Kvc
) -> None:
    flags = ("--source=vm-cirros", "--target=copy", "--label=app=x", "--label-filter=tier")
    preview = json.loads(kvc("preview", *flags, "-o", "json").out)
    assert preview["target"]["metadata"]["labels"] == {"app": "x", "tier": "test"}
    assert preview["labels"] == [
        {"key": "app", "kept": True, "filter": "<patch>"},
        {"key": "app.kubernetes.io/name", "kept": False, "filter": ""},
        {"key": "myapp", "kept": False, "filter": ""},
        {"key": "tier", "kept": True, "filter": "tier"},
    ]
    assert preview["patches"] == ['{"op":"add","path":"/metadata/labels/app","value":"x"}']


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("c", "--name=d", "--source=a"), "error: NAME can't be used together with --name"),
        (("-o", "name", "--source=a"), "error: Invalid value for '-o' / '--output': 'name' is not"),
        ((), "error: what to clone is missing: give --source or -f"),
    ],
)
def test_wrong_usage_is_refused(kvc: Kvc, flags: tuple[str, ...], message: str) -> None:
    answer = kvc("preview", *flags, exit_code=2)
    assert answer.out == ""
    assert answer.err.startswith(message)


def test_a_source_that_is_missing_ends_the_preview(plane: ControlPlane, kvc: Kvc) -> None:
    answer = kvc("preview", "c", "--source=ghost", exit_code=1)
    assert answer.err == (
        "error: virtualmachineclone.clone.kubevirt.io/c can't be previewed:"
        " vm/ghost does not exist\n"
    )
