"""Sources and clones to predict the target of, and how a prediction is held to what came of it.

Only combinations that KubeVirt clones: what gets stuck is tested elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

Object = dict[str, Any]

DETERMINISTIC = settings(
    derandomize=True,
    database=None,
    deadline=None,
    # A smaller case would be found by cloning hundreds of VMs; the cases are small as they are.
    phases=[Phase.explicit, Phase.generate],
    # The control plane is the same for all examples; each of them uses names of its own.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

KEYS = ("app", "myapp", "tier", "app.kubernetes.io/name", "example.com/owner", "APP")
FILTERS = (
    *("*", "app", "app*", "^app$", "m.app", "example.com/*", "(?i)^app$", "app$|tier", r"\."),
    *("!app", "!example.com/*", "!nosuch", "!*", "[", "!^(app|tier)$", "kubevirt"),
)
STORAGE_FREE = ("cloudInitNoCloud", "emptyDisk")
CLAIMS = ("persistentVolumeClaim", "dataVolume", "template", "memoryDump")
KINDS = (*STORAGE_FREE, "containerDisk", *CLAIMS)
# A name so long that the claims named after it are shortened.
TARGETS = ("", "copy", "a-target-with-quite-a-long-name-of-its-own-that-leaves-no-room")


class Case(NamedTuple):
    """A VM without its name, the spec of a clone of it without source and target, the target."""

    vm: Object
    spec: Object
    target: str


def _some(values: Any) -> Any:
    return st.lists(st.sampled_from(values), unique=True, max_size=4)


def _map(keys: Any = KEYS) -> Any:
    return st.dictionaries(st.sampled_from(keys), st.sampled_from(("one", "two", "")), max_size=5)


@st.composite
def cases(draw: Any, *, storage: bool = True) -> Case:
    """A case; without ``storage`` its VM is never started and needs no claims."""
    vm = draw(_vms(storage))
    target = draw(st.sampled_from(TARGETS))
    filters = st.none() | _some(FILTERS)
    asked = {
        "labelFilters": draw(filters),
        "annotationFilters": draw(filters),
        "newMacAddresses": draw(st.none() | _addresses()),
        "newSMBiosSerial": draw(st.sampled_from((None, "SN-NEW", "sn_2.0+x"))),
        "patches": draw(_patches(vm)) or None,
        "volumeNamePolicy": draw(st.sampled_from((None, "RandomizeNames", "PrefixTargetName"))),
        "template": _given({"labelFilters": draw(filters), "annotationFilters": draw(filters)}),
    }
    return Case(vm, {key: value for key, value in asked.items() if value not in (None, {})}, target)


def _given(fields: Object) -> Object:
    return {key: value for key, value in fields.items() if value is not None}


def _addresses() -> Any:
    names = st.sampled_from(("default", "blue", "nosuch"))
    return st.dictionaries(
        names, st.sampled_from(("02-00-00-00-00-99", "02-00-00-00-00-9a", "")), max_size=2
    )


@st.composite
def _vms(draw: Any, storage: bool) -> Object:
    run = {"runStrategy": draw(st.sampled_from(("Halted", "Manual")))}
    if storage:
        started = ({"runStrategy": "Always"}, {"running": True}, {"running": False})
        run = draw(st.sampled_from((run, *started)))
    kinds = draw(st.lists(st.sampled_from(KINDS if storage else STORAGE_FREE), max_size=3))
    names = draw(_some(("default", "blue", "red")))
    devices = {
        "interfaces": [_interface(name, draw(st.booleans())) for name in names],
        "disks": [{"name": f"disk-{n}", "disk": {"bus": "virtio"}} for n in range(len(kinds))],
    }
    firmware = draw(
        st.sampled_from((None, {}, {"serial": "SN-1"}, {"serial": "SN-1", "uuid": _UUID}))
    )
    guest = {
        "domain": {
            "devices": {key: value for key, value in devices.items() if value},
            "resources": {"requests": {"memory": "64Mi"}},
            **_given({"firmware": firmware}),
        },
        "terminationGracePeriodSeconds": 0,
        **({"networks": [_network(name) for name in names]} if names else {}),
        **({"volumes": [_volume(n, kind) for n, kind in enumerate(kinds)]} if kinds else {}),
    }
    template = {**_given({"metadata": draw(st.none() | _metadata())}), "spec": guest}
    templates = [_template(n) for n, kind in enumerate(kinds) if kind == "template"]
    return {
        "metadata": draw(_metadata()),
        "spec": {
            **run,
            "template": template,
            **({"dataVolumeTemplates": templates} if templates else {}),
        },
    }


_UUID = "5d307ca9-b3ef-428c-8861-06e72d69f223"


def _metadata() -> Any:
    parts = {"labels": _map(), "annotations": _map()}
    return st.fixed_dictionaries({}, optional=parts).map(
        lambda drawn: {key: value for key, value in drawn.items() if value}
    )


def _interface(name: str, addressed: bool) -> Object:
    binding = {"masquerade": {}} if name == "default" else {"bridge": {}}
    mac = {"macAddress": f"02:00:00:00:01:{len(name):02d}"} if addressed else {}
    return {"name": name, **binding, **mac}


def _network(name: str) -> Object:
    kind = {"pod": {}} if name == "default" else {"multus": {"networkName": name}}
    return {"name": name, **kind}


def _volume(number: int, kind: str) -> Object:
    """A volume; the names of its claim and its DataVolume begin with the name of the VM."""
    sources = {
        "cloudInitNoCloud": {"cloudInitNoCloud": {"userData": "#!/bin/sh\n"}},
        "emptyDisk": {"emptyDisk": {"capacity": "1Gi"}},
        "containerDisk": {"containerDisk": {"image": "registry.invalid/disk:1"}},
        "persistentVolumeClaim": {"persistentVolumeClaim": {"claimName": f"VM-{number}"}},
        "dataVolume": {"dataVolume": {"name": f"VM-{number}"}},
        "template": {"dataVolume": {"name": f"VM-{number}"}},
        "memoryDump": {"memoryDump": {"claimName": f"VM-{number}"}},
    }
    return {"name": f"disk-{number}", **sources[kind]}


def _template(number: int) -> Object:
    storage = {"resources": {"requests": {"storage": "1Gi"}}}
    return {"metadata": {"name": f"VM-{number}"}, "spec": {"storage": storage, "source": {}}}


def _patches(vm: Object) -> Any:
    """Patches that apply to the target of that VM, whatever its filters leave."""
    interfaces = vm["spec"]["template"]["spec"]["domain"]["devices"].get("interfaces")
    seconds = "/spec/template/spec/terminationGracePeriodSeconds"
    paths = {
        '"add","path":"/metadata/annotations/extra","value":"yes"': True,
        '"add","path":"/metadata/labels/example.com~1extra","value":""': "labels" in vm["metadata"],
        '"add","path":"/spec/template/spec/hostname","value":"copy"': True,
        '"replace","path":"/spec/runStrategy","value":"Manual"': "runStrategy" in vm["spec"],
        # Go reads null as nothing, but as an empty text in a map of texts.
        '"add","path":"/metadata/labels/empty","value":null': "labels" in vm["metadata"],
        '"add","path":"/metadata/annotations/empty","value":null': True,
        '"add","path":"/spec/template/spec/subdomain","value":null': True,
        '"remove","path":"/spec/template/metadata"': True,
        '"remove","path":"/spec/template/spec/architecture"': True,
        f'"remove","path":"{_DOMAIN}/machine"': True,
        f'"add","path":"{_OBSERVED}","value":"x"': True,
        f'"replace","path":"{seconds}","value":30': True,
        f'"remove","path":"{seconds}"': True,
        f'"replace","path":"{_DOMAIN}/firmware/serial","value":"SN-PATCH"': True,
        f'"replace","path":"{_INTERFACE}/macAddress","value":"02-aa-00-00-00-01"': interfaces,
    }
    texts = [f'{{"op":{rest}}}' for rest, applies in paths.items() if applies]
    # Removed and then replaced or replaced and then removed: each order applies, as Go sees it.
    return st.lists(st.sampled_from(texts), unique=True, max_size=3)


_OBSERVED = "/metadata/annotations/kubevirt.io~1latest-observed-api-version"
_DOMAIN = "/spec/template/spec/domain"
_INTERFACE = f"{_DOMAIN}/devices/interfaces/0"


def a_source(case: Case, name: str, namespace: str) -> Object:
    """The case's VM under a name of its own, as does each claim that it needs."""
    return {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachine",
        "metadata": {**case.vm["metadata"], "name": name, "namespace": namespace},
        "spec": _named(case.vm["spec"], name),
    }


def _named(value: Any, name: str) -> Any:
    if isinstance(value, dict):
        return {key: _named(item, name) for key, item in value.items()}
    if isinstance(value, list):
        return [_named(item, name) for item in value]
    return value.replace("VM-", f"{name}-") if isinstance(value, str) else value


def claims_of(source: Object) -> list[str]:
    volumes = source["spec"]["template"]["spec"].get("volumes", [])
    names = [
        volume.get("persistentVolumeClaim", {}).get("claimName")
        or volume.get("dataVolume", {}).get("name")
        or volume.get("memoryDump", {}).get("claimName")
        for volume in volumes
    ]
    return [name for name in names if name]


def a_clone_of(case: Case, source: str, namespace: str) -> Object:
    """A clone named as its source; the target's name begins with it too, if it has one."""
    reference = {"apiGroup": "kubevirt.io", "kind": "VirtualMachine"}
    target = {"target": {**reference, "name": f"{source}-{case.target}"}} if case.target else {}
    return {
        "apiVersion": "clone.kubevirt.io/v1beta1",
        "kind": "VirtualMachineClone",
        "metadata": {"name": source, "namespace": namespace},
        "spec": {"source": {**reference, "name": source}, **target, **case.spec},
    }


def comparable(vm: Mapping[str, Any]) -> Object:
    """A VM without its status and without what the server keeps in its metadata."""
    kept = ("annotations", "labels", "name", "namespace")
    return {
        "apiVersion": vm["apiVersion"],
        "kind": vm["kind"],
        "metadata": {key: value for key, value in vm["metadata"].items() if key in kept},
        "spec": vm["spec"],
    }


def with_generated(predicted: Any, actual: Any) -> Any:
    """``predicted`` with ``<generated>`` filled in from ``actual``, where the rest of it fits."""
    if isinstance(predicted, dict) and isinstance(actual, dict):
        return {key: with_generated(item, actual.get(key)) for key, item in predicted.items()}
    if isinstance(predicted, list) and isinstance(actual, list):
        pairs = zip(predicted, [*actual, *predicted[len(actual) :]], strict=False)
        return [with_generated(item, other) for item, other in pairs]
    if isinstance(predicted, str) and isinstance(actual, str):
        pattern = ".+".join(map(re.escape, predicted.split("<generated>")))
        return actual if re.fullmatch(pattern, actual) else predicted
    return predicted
