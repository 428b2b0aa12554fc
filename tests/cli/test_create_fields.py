"""Every field of a clone's spec by flag, as virtctl takes them and beyond."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from kubectl_virt_clone.actions.versions import served_clones
from kubectl_virt_clone.clone.api import CLONES, FIELD_SINCE
from kubectl_virt_clone.kube.resource import served_fields
from kubectl_virt_clone.kube.transport import Session
from kubectl_virt_clone.objects.resource import ConnectionFlags
from kubevirt_sandbox.controlplane import ControlPlane
from tests.cli.conftest import Kvc

OBJECT = "virtualmachineclone.clone.kubevirt.io"
VMS = "virtualmachines.kubevirt.io"
VM = {"apiGroup": "kubevirt.io", "kind": "VirtualMachine"}
SNAPSHOT = {"apiGroup": "snapshot.kubevirt.io", "kind": "VirtualMachineSnapshot", "name": "snap-1"}
SOURCE, TARGET = {**VM, "name": "vm-cirros"}, {**VM, "name": "t"}

# What virtctl 1.9 printed for these flags. It writes "template: {}" and a target without a name
# where there are none; a manifest of ours leaves both out.
VIRTCTL: list[tuple[str, dict[str, Any]]] = [
    ("--source-name vm-cirros", {"source": SOURCE}),
    (
        "--name my-clone --source-name vm-cirros --target-name t",
        {"source": SOURCE, "target": TARGET},
    ),
    (
        "--name my-clone --source-name vm-cirros --target-name t -n other",
        {"source": SOURCE, "target": TARGET},
    ),
    (
        "--name my-clone --source-name snap-1 --source-type snapshot --target-name t",
        {"source": SNAPSHOT, "target": TARGET},
    ),
    ("--name my-clone --source-name snap-1 --source-type vmsnapshot", {"source": SNAPSHOT}),
    (
        "--name c --source-name vm-cirros --label-filter * --label-filter !some/key"
        " --annotation-filter a* --template-label-filter x --template-annotation-filter !y",
        {
            "source": SOURCE,
            "labelFilters": ["*", "!some/key"],
            "annotationFilters": ["a*"],
            "template": {"labelFilters": ["x"], "annotationFilters": ["!y"]},
        },
    ),
    (
        "--name c --source-name vm-cirros --label-filter a,b",
        {"source": SOURCE, "labelFilters": ["a,b"]},
    ),
    (
        "--name c --source-name vm-cirros --target-name vm-cirros",
        {"source": SOURCE, "target": SOURCE},
    ),
    (
        "--name c --source-name vm-cirros --new-smbios-serial S1",
        {"source": SOURCE, "newSMBiosSerial": "S1"},
    ),
    (
        "--name c --source-name vm-cirros --new-mac-address eth0:00-11-22-33-44-55"
        " --new-mac-address eth1:00-11-22-33-44-56",
        {
            "source": SOURCE,
            "newMacAddresses": {"eth0": "00-11-22-33-44-55", "eth1": "00-11-22-33-44-56"},
        },
    ),
    ("--name Bad_Name --source-name vm-cirros", {"source": SOURCE}),
    ("--source-name x extra", {"source": {**VM, "name": "x"}}),
    ("--name v-1 --source-name vm-cirros --target-name t", {"source": SOURCE, "target": TARGET}),
    ("--name c --source-name x --kubeconfig /nonexistent", {"source": {**VM, "name": "x"}}),
]


def manifest(kvc: Kvc, *args: str) -> dict[str, Any]:
    return dict(json.loads(kvc("create", *args, "--dry-run=client", "-o", "json").out))


@pytest.mark.parametrize(("flags", "spec"), VIRTCTL)
def test_virtctls_flags_give_virtctls_spec(kvc: Kvc, flags: str, spec: dict[str, Any]) -> None:
    assert manifest(kvc, *flags.split())["spec"] == spec


@pytest.mark.parametrize(
    ("flags", "metadata"),
    [
        ("--name my-clone --source-name a", {"name": "my-clone"}),
        ("--name my-clone --source-name a -n other", {"name": "my-clone", "namespace": "other"}),
    ],
)
def test_virtctls_flags_give_virtctls_name(kvc: Kvc, flags: str, metadata: dict[str, str]) -> None:
    assert manifest(kvc, *flags.split())["metadata"] == metadata


@pytest.mark.parametrize(
    ("alias", "source"),
    [
        *((alias, SOURCE) for alias in ("vm", "VM", "VirtualMachine", "virtualmachine")),
        *(
            (alias, {**SNAPSHOT, "name": "vm-cirros"})
            for alias in ("snapshot", "vmsnapshot", "VMSnapshot", "VirtualMachineSnapshot")
        ),
    ],
)
def test_virtctls_aliases_name_the_same_types(kvc: Kvc, alias: str, source: dict[str, Any]) -> None:
    assert manifest(kvc, "--source-name=vm-cirros", "--source-type", alias)["spec"] == {
        "source": source
    }


def test_a_mac_address_with_colons_is_right_where_virtctl_refuses_it(kvc: Kvc) -> None:
    spec = manifest(kvc, "--source-name=vm-cirros", "--new-mac-address=eth0:00:11:22:33:44:55")

    assert spec["spec"]["newMacAddresses"] == {"eth0": "00-11-22-33-44-55"}


@pytest.mark.parametrize(
    ("flag", "reason"),
    [
        # These two virtctl prints, and the server refuses them.
        ("--label-filter=a*b", 'filter "a*b": * can stand only at the end'),
        (
            "--new-mac-address=eth0:00-11-22",
            '"00-11-22" is not a MAC address; write one like 02-00-00-00-00-01',
        ),
        (
            "--new-mac-address=eth0",
            '"eth0" names no interface; write IFACE=02-00-00-00-00-01',
        ),
        (
            "--new-mac-address=:00-11",
            '":00-11" names no interface; write IFACE=02-00-00-00-00-01',
        ),
        (
            "--new-mac-address=eth0:",
            '"" is not a MAC address; write one like 02-00-00-00-00-01',
        ),
        ("--source-type=pod", '"pod" can\'t be cloned; a source is one of vm, vmsnapshot'),
        ("--target-type=pod", '"pod" can\'t be cloned; a source is one of vm, vmsnapshot'),
        ("--label=a=b:c", 'the value "b:c" is not valid; '),
        ("--patch={", "the patch { is not JSON: "),
    ],
)
def test_what_cannot_work_is_wrong_usage_before_any_request(
    kvc: Kvc, flag: str, reason: str
) -> None:
    answer = kvc("create", "--source-name=x", flag, "--kubeconfig=/nonexistent", exit_code=2)

    assert answer.out == ""
    assert f"Invalid value for '{flag.partition('=')[0]}': {reason}" in answer.err


SUGAR = (
    *("--start", "--hostname=web-1", "--label=app=web", "--annotation=example.com/note=a = b"),
    *('--patch={"op":"add","path":"/metadata/labels/extra","value":"x"}',),
)


def test_an_annotation_may_hold_what_the_restore_counts_in_a_patch(
    kvc: Kvc, plane: ControlPlane
) -> None:
    url = "https://example.com:8443/a,b?c={d}"

    kvc("create", "c", "--source=vm-cirros", "--target=t", f"--annotation=url={url}", "--wait")

    target = plane.registry.get("virtualmachines.kubevirt.io", "default", "t")
    assert target["metadata"]["annotations"]["url"] == url


def test_short_flags_become_patches_after_those_given(kvc: Kvc) -> None:
    assert manifest(kvc, "c", "--source=vm-cirros", *SUGAR)["spec"] == {
        "source": SOURCE,
        "patches": [
            '{"op":"add","path":"/metadata/labels/extra","value":"x"}',
            '{"op":"replace","path":"/spec/runStrategy","value":"Always"}',
            '{"op":"add","path":"/spec/template/spec/hostname","value":"web-1"}',
            '{"op":"add","path":"/metadata/labels/app","value":"web"}',
            '{"op":"add","path":"/metadata/annotations/example.com~1note","value":"a = b"}',
        ],
    }


def test_the_target_is_what_the_short_flags_say(kvc: Kvc, plane: ControlPlane) -> None:
    kvc("create", "c", "--source=vm-cirros", "--target=t", *SUGAR, "--wait")

    source = plane.registry.get(VMS, "default", "vm-cirros")
    target = plane.registry.get(VMS, "default", "t")
    assert target["metadata"]["labels"] == {
        **source["metadata"]["labels"],
        "app": "web",
        "extra": "x",
    }
    assert target["metadata"]["annotations"]["example.com/note"] == "a = b"
    assert target["spec"]["runStrategy"] == "Always"
    assert target["spec"]["template"]["spec"]["hostname"] == "web-1"


def test_volumes_are_named_after_the_target_if_asked_for(kvc: Kvc, plane: ControlPlane) -> None:
    policy = "--volume-name-policy=PrefixTargetName"
    kvc("create", "c", "--source=vm-data", "--target=t", policy, "--wait")

    stored = plane.registry.get(CLONES.qualified, "default", "c")
    volumes = [
        {volume["name"]: volume["persistentVolumeClaim"]["claimName"]}
        for volume in plane.registry.get(VMS, "default", "t")["spec"]["template"]["spec"]["volumes"]
        if "persistentVolumeClaim" in volume
    ]
    assert stored["spec"]["volumeNamePolicy"] == "PrefixTargetName"
    assert volumes == [{"data": "t-data"}]


def session() -> Session:
    return Session(ConnectionFlags(), log=lambda _line: None, warn=lambda _line: None)


@pytest.mark.parametrize("version", ["v1beta1", "v1alpha1"])
def test_the_served_fields_are_those_of_the_servers_schema(
    plane: ControlPlane, version: str
) -> None:
    resource = replace(CLONES, version=version)

    assert served_fields(session(), resource) == {
        *("source", "target", "labelFilters", "annotationFilters"),
        *("newMacAddresses", "newSMBiosSerial"),
        *FIELD_SINCE,
    }


def test_the_served_fields_are_unknown_where_the_server_publishes_none(
    plane: ControlPlane,
) -> None:
    unserved = replace(CLONES, version="v9")
    unknown = replace(CLONES, kind="Other")

    connection = session()
    assert served_clones(connection) == CLONES
    assert [served_fields(connection, resource) for resource in (unserved, unknown)] == [None, None]
