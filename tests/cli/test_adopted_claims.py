"""KubeVirt takes a claim that has the name already, and calls the clone Succeeded all the same.

As recordings 50 to 52 have it: the claim of an earlier clone, a stranger's, and one that two share.
"""

from __future__ import annotations

import pytest

from kubevirt_sandbox.controlplane import ControlPlane
from tests.cli.conftest import Kvc
from tests.sandbox.world import CLAIMS, CLONES, NAMESPACE, a_clone

POLICY = {"volumeNamePolicy": "PrefixTargetName"}
OLD = "was there before, and not filled by this clone"


def a_claim(plane: ControlPlane, name: str) -> None:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "200Mi"}}}
    metadata = {"name": name, "namespace": NAMESPACE}
    plane.registry.create(CLAIMS, NAMESPACE, {"metadata": metadata, "spec": spec})


def cloned(plane: ControlPlane, name: str, target: str, **spec: object) -> None:
    clone = a_clone(name, "vm-data", target, **{**POLICY, **spec})
    plane.registry.create(CLONES, NAMESPACE, clone)


def test_a_strangers_claim_makes_no_success(kvc: Kvc, plane: ControlPlane) -> None:
    a_claim(plane, "bill-data")
    cloned(plane, "third", "bill")

    answer = kvc("wait", "third", exit_code=4)

    assert answer.out == ""
    assert f'KubeVirt says Succeeded, but the claim "bill-data" {OLD}' in answer.err
    assert "hint: kubectl get pvc bill-data -o yaml -n default" in answer.err
    kvc("wait", "third", "--for=volumes-bound", exit_code=4)


def test_the_claim_of_an_earlier_clone_makes_no_success(kvc: Kvc, plane: ControlPlane) -> None:
    cloned(plane, "first", "web")
    kvc("wait", "first")
    plane.registry.delete("virtualmachines.kubevirt.io", NAMESPACE, "web")
    cloned(plane, "second", "web")

    answer = kvc("wait", "second", exit_code=4)

    assert f'the claim "web-data" {OLD}' in answer.err


def test_one_of_many_that_adopted_a_claim_is_found_out(kvc: Kvc, plane: ControlPlane) -> None:
    a_claim(plane, "t7-data")
    names = [f"c{number}" for number in range(22)]
    for number, name in enumerate(names):
        cloned(plane, name, f"t{number}")

    answer = kvc("wait", "--all", "--timeout=60s", exit_code=4)

    met = [line.split()[0].rpartition("/")[2] for line in answer.out.splitlines()]
    assert sorted(met) == sorted({*names} - {"c7"})
    assert f'the claim "t7-data" {OLD}' in answer.err


def test_describe_names_the_claim(kvc: Kvc, plane: ControlPlane) -> None:
    a_claim(plane, "bill-data")
    cloned(plane, "third", "bill")
    kvc("wait", "third", exit_code=4)

    out = kvc("describe", "third").out

    assert "bill-data was there before, and was NOT filled by this clone" in out
    assert f'the claim "bill-data" {OLD}' in " ".join(out.split())


@pytest.mark.parametrize("spec", [{}, {"volumeNamePolicy": "RandomizeNames"}])
def test_a_claim_of_its_own_is_well(kvc: Kvc, plane: ControlPlane, spec: dict[str, str]) -> None:
    a_claim(plane, "other-data")
    cloned(plane, "c", "t", **spec)

    kvc("wait", "c", "--for=volumes-bound")

    assert "none left to bind" in kvc("describe", "c").out
