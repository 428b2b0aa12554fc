"""Server-side tables: columns, rows and what a row carries of its object."""

from __future__ import annotations

import pytest

from tests.sandbox.client import SNAPSHOTS, TABLE, Api, Obj

from .conftest import SERVED, SOURCE


def _names(table: Obj) -> list[str]:
    return [column["name"] for column in table["columnDefinitions"]]


def test_a_table_of_clones_has_the_columns_of_kubevirt(api: Api, clones: str, settled: Obj) -> None:
    name = settled["metadata"]["name"]
    answer = api.get(clones, TABLE, fieldSelector=f"metadata.name={name}")
    assert (answer.body["kind"], answer.body["apiVersion"]) == ("Table", "meta.k8s.io/v1")
    assert _names(answer.body) == ["Name", "Phase", "SourceVirtualMachine", "TargetVirtualMachine"]
    (row,) = answer.body["rows"]
    assert row["cells"] == [name, SERVED.settled_phase, SOURCE, f"{name}-t"]


def test_the_answer_names_its_form(api: Api, clones: str) -> None:
    content_type = api.get(clones, TABLE).headers["Content-Type"]
    assert content_type.replace(" ", "").startswith("application/json")


def test_a_table_of_one_object(api: Api, clones: str, settled: Obj) -> None:
    name = settled["metadata"]["name"]
    table = api.get(f"{clones}/{name}", TABLE).body
    assert [row["cells"][0] for row in table["rows"]] == [name]


@pytest.mark.parametrize(
    ("include", "kind"),
    [
        ("Metadata", "PartialObjectMetadata"),
        ("Object", "VirtualMachineClone"),
        ("None", None),
    ],
)
def test_a_row_carries_what_was_asked_for(
    api: Api, clones: str, settled: Obj, include: str, kind: str | None
) -> None:
    name = settled["metadata"]["name"]
    (row,) = api.get(f"{clones}/{name}", TABLE, includeObject=include).body["rows"]
    carried = row.get("object") or {}
    assert carried.get("kind") == kind


def test_snapshots_and_restores_have_their_columns(api: Api, namespace: str) -> None:
    paths = [
        f"{SNAPSHOTS}/namespaces/{namespace}/{plural}"
        for plural in ("virtualmachinesnapshots", "virtualmachinerestores")
    ]
    snapshots, restores = (_names(api.get(path, TABLE).body) for path in paths)
    assert snapshots == [
        "Name",
        "SourceKind",
        "SourceName",
        "Phase",
        "ReadyToUse",
        "CreationTime",
        "Error",
    ]
    assert restores[:5] == ["Name", "TargetKind", "TargetName", "Complete", "RestoreTime"]
    assert restores[5:] in ([], ["Error"])  # KubeVirt 1.4 has it


def test_the_metadata_alone_can_be_had(api: Api, clones: str, settled: Obj) -> None:
    accept = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"
    found = api.get(f"{clones}/{settled['metadata']['name']}", accept).body
    assert found["kind"] == "PartialObjectMetadata"
    assert found["metadata"]["uid"] == settled["metadata"]["uid"]
    assert "spec" not in found


def test_the_first_form_that_can_be_written_is_taken(api: Api, clones: str) -> None:
    accept = "application/x-nobody-writes-this,application/json"
    assert api.get(clones, accept).body["kind"] == "VirtualMachineCloneList"


def test_a_form_that_nobody_writes_is_not_acceptable(api: Api, clones: str) -> None:
    answer = api.get(clones, "application/x-nobody-writes-this")
    assert answer.code == 406
