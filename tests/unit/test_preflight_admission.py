"""What the checks make of the server's answer to the target as a dry run.

The number of a recording is in brackets.
"""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_virt_clone.clone.checks.admission import (
    admission_findings,
    tried_target,
    unknown_fields,
)
from kubectl_virt_clone.clone.checks.facts import DryRun, Facts, Finding
from kubectl_virt_clone.objects.resource import Lookup
from tests.unit.builders import read
from tests.unit.test_preflight import a_clone, a_vm
from tests.unit.test_preflight_volumes import a_vm_with, claimed

GATE = (
    'admission webhook "virtualmachine-validator.kubevirt.io" denied the request: HostDisk feature'
    " gate is not enabled"
)  # [31]
FREEZE = 'admission webhook "vms.freeze.example.com" denied the request: not before Monday'  # [26]
QUOTA = (
    'virtualmachines.kubevirt.io "t" is forbidden: exceeded quota: vms, requested: count=1'  # [29]
)
RIGHT = (
    'virtualmachines.kubevirt.io is forbidden: User "few" cannot create resource "virtualmachines"'
    ' in API group "kubevirt.io" in the namespace "ns"'
)
DRY = 'admission webhook "w.example.com" does not support dry run'
QUANTITY = "quantities must match the regular expression '^([+-]?[0-9.]+)$'"  # [62]
UNTRIED = "the target can't be tried on the server"
PATCH = '{"op":"add","path":"/spec/template/spec/domain/memory/guest","value":"lots"}'
NOPE = '{"op":"add","path":"/spec/nope","value":"x"}'


def told(said: DryRun | None, *patches: str) -> list[Finding]:
    facts = Facts(namespace="ns", dry_run=said)
    return read(admission_findings(a_clone(patches=list(patches)), facts))


@pytest.mark.parametrize(
    ("said", "finding"),
    [
        (
            DryRun(GATE, 422),
            Finding("not-admissible", "error", f"KubeVirt would refuse the target: {GATE}"),
        ),
        (
            DryRun("spec: Invalid value", 422),
            Finding(
                "not-admissible", "error", "KubeVirt would refuse the target: spec: Invalid value"
            ),
        ),
        (
            DryRun(FREEZE, 400),
            Finding("not-admissible", "warning", f"the target would be refused now: {FREEZE}"),
        ),
        (
            DryRun(QUOTA, 403),
            Finding(
                "quota",
                "warning",
                f"the target exceeds a quota now: {QUOTA}",
                "kubectl describe quota/vms -n ns",
            ),
        ),
        *(
            (
                said,
                Finding(
                    "not-admissible", "unknown", f"the target can't be tried on the server: {why}"
                ),
            )
            for said, why in (
                (DryRun(RIGHT, 403), RIGHT),
                (DryRun(DRY, 400), DRY),
                (DryRun(unasked="no route"), "no route"),
            )
        ),
    ],
)
def test_a_refusal_is_told_by_who_refuses(said: DryRun, finding: Finding) -> None:
    assert told(said) == [finding]


def test_a_target_that_the_server_takes_or_was_not_asked_about_is_well() -> None:
    assert told(DryRun()) == told(None) == []


def test_what_go_can_not_read_is_the_fault_of_a_patch_where_there_is_one() -> None:  # [62]
    message = f"the clone would hang: {QUANTITY}"
    hint = f"leave out --patch '{PATCH}'"
    said = DryRun(QUANTITY, 422)
    assert told(said, PATCH) == [Finding("patch-invalid", "error", message, hint)]
    assert [item.id for item in told(said)] == ["not-admissible"]
    assert [item.id for item in told(DryRun(GATE, 422), PATCH)] == ["not-admissible"]


@pytest.mark.parametrize(
    ("path", "patch"),
    [
        ("spec.nope", NOPE),
        ("spec.nope", '{"op":"add","path":"/spec/nope/below","value":1}'),
        ("spec.nope.below[0].it", NOPE),
        ("spec.a[1].b", '{"op":"add","path":"/spec/a/1/b","value":1}'),
    ],
)
def test_an_unknown_field_is_told_with_the_patch_that_writes_it(path: str, patch: str) -> None:
    message = f'KubeVirt has no field "{path}": it drops what the clone puts there'
    finding = Finding("patch-unknown-field", "warning", message, f"leave out --patch '{patch}'")
    assert told(DryRun(dropped=(path,)), PATCH, "5", patch) == [finding]
    other = told(DryRun(dropped=(path,)), PATCH)
    assert other == [Finding("patch-unknown-field", "warning", message)]


def test_unknown_fields_are_read_from_what_a_strict_server_says() -> None:
    message = 'strict decoding error: unknown field "spec.nope", unknown field "spec.a[0].b"'
    assert unknown_fields(f'{message}, unknown field "spec.nope"') == ("spec.nope", "spec.a[0].b")
    assert unknown_fields(GATE) == ()


def test_the_target_is_tried_without_what_only_kubevirt_can_know() -> None:
    vm = a_vm_with(claimed("data", "disk"), {"name": "<generated>"})
    tried: Any = tried_target(a_clone(target="t"), Facts(source=Lookup(vm)))
    assert "<generated>" not in str(tried)
    assert tried["metadata"]["name"] == "t"
    volume = tried["spec"]["template"]["spec"]["volumes"][0]
    assert volume["persistentVolumeClaim"]["claimName"] == "restore-00000-data"
    named: Any = tried_target(a_clone(target=""), Facts(source=Lookup(a_vm())))
    assert named["metadata"]["name"] == "clone-s-00000"


def test_a_target_that_can_not_be_made_is_not_tried() -> None:
    facts = Facts(source=Lookup(a_vm()))
    assert tried_target(a_clone(target="t"), Facts()) is None
    assert tried_target(a_clone(target="Upper_Case"), facts) is None
    removal = '{"op":"remove","path":"/spec/nosuch"}'
    assert tried_target(a_clone(target="t", patches=[removal]), facts) is None
