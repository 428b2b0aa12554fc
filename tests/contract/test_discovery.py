"""Discovery, OpenAPI, health, and paths that lead nowhere."""

from __future__ import annotations

import pytest

from tests.sandbox.client import MERGE_PATCH, Api, Obj

from .conftest import SERVED, clone_schema, needs_field

CRD = (
    "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/virtualmachineclones.clone.kubevirt.io"
)
AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"


def test_the_clone_group_is_served_in_its_versions_the_newest_preferred(api: Api) -> None:
    group = api.get("/apis/clone.kubevirt.io").body
    crd = api.get(CRD).body
    served = sorted(
        (item["name"] for item in crd["spec"]["versions"] if item["served"]), reverse=True
    )
    listed = [{"groupVersion": f"clone.kubevirt.io/{item}", "version": item} for item in served]
    assert set(served) <= {"v1beta1", "v1alpha1"}
    assert group == {
        "kind": "APIGroup",
        "apiVersion": "v1",
        "name": "clone.kubevirt.io",
        "versions": listed,
        "preferredVersion": listed[0],
    }


def test_all_groups_are_listed(api: Api) -> None:
    names = {group["name"] for group in api.get("/apis").body["groups"]}
    assert {"clone.kubevirt.io", "kubevirt.io", "snapshot.kubevirt.io"} <= names


def test_the_core_version_is_listed(api: Api) -> None:
    assert api.get("/api").body["versions"] == ["v1"]


def test_a_resource_has_names_verbs_and_its_status(api: Api) -> None:
    resources = {item["name"]: item for item in api.get(SERVED.group).body["resources"]}
    clones = resources["virtualmachineclones"]
    assert clones["shortNames"] == ["vmclone", "vmclones"]
    assert clones["categories"] == ["all"]
    assert (clones["namespaced"], clones["kind"]) == (True, "VirtualMachineClone")
    assert sorted(clones["verbs"]) == [
        "create",
        "delete",
        "deletecollection",
        "get",
        "list",
        "patch",
        "update",
        "watch",
    ]
    assert sorted(resources["virtualmachineclones/status"]["verbs"]) == ["get", "patch", "update"]


def test_discovery_comes_in_one_document_when_asked(api: Api) -> None:
    found = api.get("/apis", AGGREGATED).body
    groups = {item["metadata"]["name"]: item for item in found["items"]}
    versions = groups["clone.kubevirt.io"]["versions"]
    (clones,) = versions[0]["resources"]
    assert found["kind"] == "APIGroupDiscoveryList"
    assert [item["version"] for item in versions] == SERVED.versions
    assert (clones["resource"], clones["scope"]) == ("virtualmachineclones", "Namespaced")


def test_the_schema_is_published(api: Api) -> None:
    spec = clone_schema(api, SERVED.version)["properties"]["spec"]
    assert spec["required"] == ["source"]
    assert spec["properties"].keys() >= {"labelFilters", "newMacAddresses", "source", "target"}


def test_the_schema_tells_the_policies_for_the_names_of_volumes(api: Api) -> None:
    assert api
    needs_field("volumeNamePolicy")
    enum = SERVED.fields["volumeNamePolicy"]["enum"]
    assert enum == ["RandomizeNames", "PrefixTargetName"]


def test_the_crd_can_be_read(api: Api) -> None:
    crd = api.get(CRD).body
    assert crd["spec"]["names"]["shortNames"] == ["vmclone", "vmclones"]
    stored = [item["name"] for item in crd["spec"]["versions"] if item["storage"]]
    assert stored == [SERVED.version]


def test_the_server_has_a_version_and_is_healthy(api: Api) -> None:
    assert api.get("/version").body["gitVersion"].startswith("v1.")
    assert [api.get(path).body for path in ("/readyz", "/livez", "/healthz")] == ["ok"] * 3


@pytest.mark.parametrize("path", ["{group}/nosuchthings", "/apis/nosuch.example.com/v1", "/nosuch"])
def test_a_path_that_nobody_serves_is_not_found(api: Api, path: str) -> None:
    answer = api.get(path.format(group=SERVED.group))
    assert (answer.code, answer.body) == (404, "404 page not found\n")


def test_an_unknown_core_resource_is_not_found_in_other_words(api: Api) -> None:
    answer = api.get("/api/v1/nosuchthings")
    assert (answer.code, answer.body["reason"]) == (404, "NotFound")
    assert answer.body["message"] == "the server could not find the requested resource"


def test_an_unserved_version_is_not_found(api: Api, namespace: str) -> None:
    path = f"/apis/clone.kubevirt.io/v1/namespaces/{namespace}/virtualmachineclones"
    assert api.get(path).code == 404


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_a_change_needs_a_name(api: Api, clones: str, method: str) -> None:
    answer = api.request(method, clones, {}, {"Content-Type": MERGE_PATCH})
    assert (answer.code, answer.body["reason"]) == (400, "BadRequest")
    assert answer.body["message"] == "name must be provided"


@pytest.mark.parametrize(("method", "verb"), [("POST", "create"), ("DELETE", "delete")])
def test_a_status_is_neither_created_nor_deleted(
    api: Api, clones: str, settled: Obj, method: str, verb: str
) -> None:
    answer = api.request(method, f"{clones}/{settled['metadata']['name']}/status", {})
    assert (answer.code, answer.body["reason"]) == (405, "MethodNotAllowed")
    assert answer.body["message"] == (
        f'{verb} is not supported on resources of kind "virtualmachineclones.clone.kubevirt.io"'
    )


def test_a_built_in_collection_is_not_replaced(api: Api, namespace: str) -> None:
    answer = api.put(f"/api/v1/namespaces/{namespace}/persistentvolumeclaims", {})
    assert (answer.code, answer.body["reason"]) == (405, "MethodNotAllowed")
    assert answer.body["message"] == (
        "the server does not allow this method on the requested resource"
    )


def test_a_subresource_that_is_not_there_is_not_found(api: Api, clones: str, settled: Obj) -> None:
    name = settled["metadata"]["name"]
    answer = api.get(f"{clones}/{name}/scale")
    assert (answer.code, answer.body["message"]) == (
        404,
        f'virtualmachineclones.clone.kubevirt.io "{name}" not found',
    )


def test_storage_classes_are_served_by_their_own_group(api: Api) -> None:
    answer = api.get("/apis/storage.k8s.io/v1/storageclasses")
    assert (answer.code, answer.body["kind"]) == (200, "StorageClassList")
    assert all(item["provisioner"] for item in answer.body["items"])
