"""What a copy has of its source: addresses, names, other tools' marks, and what both share."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kubectl_virt_clone.clone.checks.facts import Facts, Finding
from kubectl_virt_clone.clone.checks.identity import (
    holds_address,
    identity_findings,
    shared_findings,
    unplugged_findings,
)
from kubectl_virt_clone.clone.target.restore_rules import named_by, unrestored
from kubectl_virt_clone.objects.resource import Lookup
from tests.unit.builders import a_clone, malformed, read

UDN = '{"default":["10.60.0.60/24"]}'
MULTUS = '[{"name":"d","namespace":"ovn","ips":["10.20.0.7/24"],"mac":"02:03:04:05:06:07"}]'


def a_vm(
    labels: dict[str, str] | None = None,
    annotations: dict[str, str] | None = None,
    template: dict[str, dict[str, str]] | None = None,
    **guest: Any,
) -> dict[str, Any]:
    metadata = {"name": "web", "uid": "u-1"}
    metadata |= {"labels": labels or {}, "annotations": annotations or {}}
    return {"metadata": metadata, "spec": {"template": {"metadata": template or {}, "spec": guest}}}


def told(vm: dict[str, Any], **spec: Any) -> list[Finding]:
    return read(identity_findings(a_clone("", spec=spec), vm, "web"))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("network.kubevirt.io/addresses", UDN),
        ("v1.multus-cni.io/default-network", MULTUS),
        ("k8s.v1.cni.cncf.io/networks", '[{"mac": "02:03:04:05:06:07"}]'),
        ("ovn.kubernetes.io/ip_address", "10.16.0.15"),
        ("ovn.kubernetes.io/mac_address", "00:00:00:53:6B:B6"),
        ("net.default.kubernetes.io/ip_pool", "pool-1"),
        ("cni.projectcalico.org/ipAddrs", '["fd00::1"]'),
        ("example.com/any", "10.0.0.1, 10.0.0.2"),
        ("example.com/any", "ip=192.168.1.7/24"),
    ],
)
def test_an_address_is_known_by_what_a_value_holds(key: str, value: str) -> None:
    assert holds_address(key, value)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("version", "1.2.3.4"),
        ("k8s.v1.cni.cncf.io/networks", "default/bridge"),
        ("k8s.v1.cni.cncf.io/networks", '[{"name": "bridge"}]'),
        ("ovn.kubernetes.io/ip_address", ""),
        ("app", "web"),
        ("bind", "127.0.0.1"),
        ("bind", "0.0.0.0"),
        ("sidecar.example.com/inject", "true"),
        ("description", "made at 10:20"),
        ("any", 7),
    ],
)
def test_another_value_is_no_address(key: str, value: object) -> None:
    assert not holds_address(key, value)


@pytest.mark.parametrize(
    ("place", "flag", "what"),
    [
        ("metadata", "--annotation-filter", "the target"),
        ("template", "--template-annotation-filter", "the target's template"),
    ],
)
@pytest.mark.parametrize("given", [None, ["*"]])
def test_the_hint_drops_the_very_keys_that_hold_addresses(
    place: str, flag: str, what: str, given: list[str] | None
) -> None:
    held = {"network.kubevirt.io/addresses": UDN, "note": "hello"}
    vm = a_vm(annotations=held) if place == "metadata" else a_vm(template={"annotations": held})
    spec: dict[str, Any] = {"annotationFilters": given} if given else {}
    spec = spec if place == "metadata" else {"template": spec}
    filters = [*([] if given else ["*"]), "!^network\\.kubevirt\\.io/addresses$"]

    assert told(vm, **spec) == [
        Finding(
            "network-annotations",
            "warning",
            f"{what} gets the source's addresses: network.kubevirt.io/addresses",
            " ".join(f"{flag} '{text}'" for text in filters),
        )
    ]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("argocd.argoproj.io/tracking-id", "vms:kubevirt.io/VirtualMachine:default/other"),
        ("kubectl.kubernetes.io/last-applied-configuration", "{}"),
        ("app.kubernetes.io/managed-by", "Helm"),
        ("app.kubernetes.io/instance", "prod"),
        ("meta.helm.sh/release-name", "prod"),
        ("velero.io/backup-name", "nightly"),
        ("example.com/vm", "web"),
        ("example.com/path", "default/web"),
    ],
)
def test_another_tools_mark_and_the_sources_name_are_told(key: str, value: str) -> None:
    escaped = key.replace(".", "\\.")

    assert told(a_vm(annotations={key: value})) == [
        Finding(
            "identity-copied",
            "warning",
            f"the target gets what names the source, or another tool's hold on it: {key}",
            f"--annotation-filter '*' --annotation-filter '!^{escaped}$'",
        )
    ]


@pytest.mark.parametrize(
    "vm",
    [
        a_vm(labels={"app": "shop", "tier": "web-1"}, annotations={"example.com/owner": "team-a"}),
        a_vm(annotations={"vm.kubevirt.io/os": "web", "kubevirt.io/any": "web"}),
        # Most VMs have one of these, and their Services go by it.
        a_vm(template={"labels": {"kubevirt.io/vm": "web", "kubevirt.io/domain": "web"}}),
    ],
)
def test_what_most_vms_have_is_not_told(vm: dict[str, Any]) -> None:
    assert told(vm) == []


@pytest.mark.parametrize(
    ("guest", "message", "pointer"),
    [
        ({"hostname": "web"}, "the guest gets the source's host name: web", "hostname"),
        (
            {"nodeSelector": {"kubernetes.io/hostname": "n1", "zone": "a"}},
            "the target runs on the source's host alone: n1",
            "nodeSelector/kubernetes.io~1hostname",
        ),
    ],
)
def test_a_host_is_removed_by_a_patch(guest: dict[str, Any], message: str, pointer: str) -> None:
    removal = {"op": "remove", "path": f"/spec/template/spec/{pointer}"}
    patch = json.dumps(removal, separators=(",", ":"))

    (found,) = told(a_vm(**guest))

    assert (found.id, found.message) == ("identity-copied", message)
    assert found.hint == f"--patch '{patch}'"


VOLUMES = [
    {"name": "root", "persistentVolumeClaim": {"claimName": "disk"}},
    {"name": "scratch", "ephemeral": {"persistentVolumeClaim": {"claimName": "base"}}},
    {"name": "ci", "cloudInitNoCloud": {"secretRef": {"name": "ci"}}},
    {"name": "answer", "sysprep": {"configMap": {"name": "unattend"}}},
    {"name": "local", "hostDisk": {"path": "/data/a.img"}},
    {"name": "image", "containerDisk": {"image": "x/y"}},
    {"name": "tmp", "emptyDisk": {"capacity": "1Gi"}},
    {"name": "meta", "downwardMetrics": {}},
]
KEYS = [{"sshPublicKey": {"source": {"secret": {"secretName": "keys"}}}}]
SHARING = a_vm(volumes=VOLUMES, accessCredentials=KEYS)


def shared(vm: dict[str, Any] = SHARING, **named: Lookup) -> list[tuple[str, str]]:
    facts = Facts(source=Lookup(vm), named={key.replace("_", "/"): v for key, v in named.items()})
    return [(item.level, item.message) for item in shared_findings(a_clone(""), facts)]


def test_every_volume_has_a_fate() -> None:
    assert dict(unrestored(SHARING)) == {
        "scratch": "pvc/base, shared",
        "ci": "secret/ci, shared",
        "answer": "configmap/unattend, shared",
        "local": "the host's file /data/a.img, shared",
        "image": "x/y, the same image",
        "tmp": "emptyDisk, empty",
        "meta": "downwardMetrics, the same",
    }
    assert [*named_by(SHARING)] == [
        *("pvc/base", "secret/ci", "configmap/unattend", "the host's file /data/a.img"),
        "secret/keys",
    ]


def test_what_is_shared_is_told_and_what_can_break_warned_of() -> None:
    summary = (
        "info",
        "the target shares with its source, by name: pvc/base, secret/ci, configmap/unattend and 2"
        " more",
    )
    file = (
        "warning",
        "the host's file /data/a.img is the same for both where they run on one host",
    )
    owned = Lookup({"metadata": {"ownerReferences": [{"uid": "u-1"}]}})
    others = Lookup({"metadata": {"ownerReferences": [{"uid": "u-2"}]}})

    assert shared(secret_ci=Lookup({}), secret_keys=others) == [summary, file]
    assert shared(secret_ci=owned, secret_keys=Lookup()) == [
        summary,
        file,
        ("warning", "secret/ci belongs to the source, and goes when that is deleted"),
        ("warning", "secret/keys, which the target needs, does not exist"),
    ]
    assert shared(a_vm(volumes=VOLUMES[:1])) == []


def test_a_volume_that_only_the_instance_has_is_told() -> None:
    plugged = {"name": "extra", "persistentVolumeClaim": {"claimName": "more"}}
    instance = Lookup({"spec": {"volumes": [*VOLUMES, plugged]}})
    facts = Facts(source=Lookup(SHARING), instance=instance)

    (found,) = unplugged_findings(a_clone(""), facts)

    assert (found.id, found.level) == ("volume-not-persistent", "warning")
    assert found.message == "only the running instance of web has extra: the target will not"
    usual = Facts(source=Lookup(SHARING), instance=Lookup({"spec": {"volumes": VOLUMES}}))
    assert list(unplugged_findings(a_clone(""), usual)) == []
    assert list(unplugged_findings(a_clone(""), Facts(source=Lookup(SHARING)))) == []


def test_whatever_is_malformed_is_judged() -> None:
    whole = a_vm({"a": "web"}, {"b": UDN}, {"annotations": {"c": UDN}}, volumes=VOLUMES)
    for broken in malformed(whole):
        told(broken)
        shared(broken)
        unrestored(broken)
        list(unplugged_findings(a_clone(""), Facts(source=Lookup(whole), instance=Lookup(broken))))
