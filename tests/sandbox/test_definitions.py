"""CRDs that come and go while the sandbox serves: recordings 32 and 33."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from kubevirt_sandbox.controlplane import ControlPlane
from kubevirt_sandbox.storage.status import ApiError

from .client import Api
from .world import CLONES, KUBEVIRTS, NAMESPACE, VMS, World, a_vm

DEFINITIONS = "customresourcedefinitions.apiextensions.k8s.io"
PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
HARVEST = "virtualmachinerestores.harvest.example.com"


def a_definition(group: str = "harvest.example.com", **names: Any) -> dict[str, Any]:
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {
        "name": "v1beta1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
    }
    names = {"plural": "virtualmachinerestores", "kind": "VirtualMachineRestore", **names}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{names['plural']}.{group}"},
        "spec": {"group": group, "scope": "Namespaced", "names": names, "versions": [version]},
    }


@pytest.fixture
def api() -> Iterator[Api]:
    with ControlPlane(speed=float("inf"), seeds=["kubevirt"]) as plane:
        yield Api(plane.kubeconfig)


def test_a_definition_is_served_at_once(api: Api) -> None:
    created = api.post(PATH, a_definition(shortNames=["vmrestore"]))
    assert created.code == 201
    assert created.body["status"]["acceptedNames"] == {
        "plural": "virtualmachinerestores",
        "singular": "virtualmachinerestore",
        "kind": "VirtualMachineRestore",
        "listKind": "VirtualMachineRestoreList",
        "shortNames": ["vmrestore"],
    }
    path = "/apis/harvest.example.com/v1beta1/namespaces/default/virtualmachinerestores"
    body = {
        "apiVersion": "harvest.example.com/v1beta1",
        "kind": "VirtualMachineRestore",
        "metadata": {"name": "x"},
    }
    assert api.post(path, body).code == 201
    assert [item["metadata"]["name"] for item in api.get(path).body["items"]] == ["x"]

    assert api.delete(f"{PATH}/{HARVEST}").code == 200
    assert api.get(path).code == 404
    assert api.post(PATH, a_definition()).code == 201
    assert api.get(path).body["items"] == []


def test_a_definition_without_fields_is_in_the_schemas(api: Api) -> None:
    definition = a_definition()
    definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"] = {"type": "object"}
    assert api.post(PATH, definition).code == 201
    assert api.get("/openapi/v2").code == 200
    documents = api.get("/openapi/v3").body
    assert "apis/harvest.example.com/v1beta1" in documents


def test_kubectl_gets_a_document_in_the_only_form_that_it_reads(api: Api) -> None:
    accept = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
    answer = api.get("/openapi/v2", accept)
    assert (answer.code, answer.body) == (200, "\n\x032.0")
    assert answer.headers["Content-Type"] == accept.replace("@", ".")


def test_groups_of_definitions_have_two_orders(api: Api) -> None:
    api.post(PATH, a_definition())
    listed = [group["name"] for group in api.get("/apis").body["groups"]]
    found = api.get("/apis", AGGREGATED).body["items"]
    together = [item["metadata"]["name"] for item in found]
    # Once by the names of the APIServices, which begin with the oldest version; once by their own.
    assert listed[-5:] == [
        "kubevirt.io",
        "clone.kubevirt.io",
        "snapshot.kubevirt.io",
        "harvest.example.com",
        "instancetype.kubevirt.io",
    ]
    assert together[-5:] == sorted(listed[-5:])


@pytest.mark.parametrize("missing", ["group", "scope", "versions"])
def test_a_definition_that_lacks_a_part_is_refused(still_world: World, missing: str) -> None:
    definition = a_definition()
    del definition["spec"][missing]
    with pytest.raises(ApiError) as caught:
        still_world.registry.create(DEFINITIONS, "", definition)
    assert caught.value.code == 422
    assert str(caught.value).endswith(f"is invalid: spec.{missing}: Required value")


def test_a_definition_can_be_changed(still_world: World) -> None:
    created = still_world.registry.create(DEFINITIONS, "", a_definition())
    created["spec"]["names"]["shortNames"] = ["vr"]
    still_world.registry.update(DEFINITIONS, "", HARVEST, created)
    assert still_world.registry.catalogue[HARVEST].short_names == ("vr",)


def test_the_clone_api_may_be_absent_where_the_rest_of_kubevirt_is_served(api: Api) -> None:
    assert api.delete(f"{PATH}/{CLONES}").code == 200
    for path in ("", "/v1beta1", "/v1beta1/namespaces/default/virtualmachineclones"):
        answer = api.get(f"/apis/clone.kubevirt.io{path}")
        assert answer.code == 404
    names = [group["name"] for group in api.get("/apis").body["groups"]]
    assert "clone.kubevirt.io" not in names
    assert {"kubevirt.io", "snapshot.kubevirt.io"} <= set(names)
    vms = "/apis/kubevirt.io/v1/namespaces/default/virtualmachines"
    assert api.post(vms, a_vm("x")).code == 201
    assert api.get(f"{vms}/x").code == 200


def test_controllers_outlive_the_definitions_of_what_they_watch(world: World) -> None:
    served = world.registry.catalogue
    for name in [crd["metadata"]["name"] for crd in served.crds]:
        if name not in (VMS, KUBEVIRTS):
            served.remove(name)
    world.registry.store.compact()
    world.registry.create(VMS, NAMESPACE, a_vm("x"))
    world.until(lambda: world.get(VMS, "x").get("status"))
