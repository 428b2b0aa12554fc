"""What the checks say of what a clone changes: MAC addresses, the serial, patches, types."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_virt_clone.clone.checks.facts import Facts, Finding
from kubectl_virt_clone.clone.checks.findings import findings
from kubectl_virt_clone.clone.checks.values import (
    feasible,
    mac_findings,
    new_macs,
    patch_findings,
    patches_of,
    problem_finding,
    serial_findings,
    type_findings,
)
from kubectl_virt_clone.clone.hint import flag, leave_out
from kubectl_virt_clone.clone.spec.target_patches import hostname_patch, label_patch
from kubectl_virt_clone.objects.resource import Listing, Lookup
from tests.unit.builders import read
from tests.unit.test_preflight import FIELDS, NEWEST, a_clone, a_kubevirt, a_snapshot, a_vm


def a_networked_vm(name: str = "s", **macs: str) -> dict[str, Any]:
    """A VM with an interface of each name, and its address where there is one."""
    interfaces = [
        {"name": interface, **({"macAddress": mac} if mac else {})}
        for interface, mac in macs.items()
    ]
    return a_vm(name, devices={"interfaces": interfaces})


def told(macs: Any, vm: dict[str, Any] | None = None, *vms: dict[str, Any]) -> list[Finding]:
    return read(mac_findings(a_clone(newMacAddresses=macs), vm, Listing(vms)))


@pytest.mark.parametrize(
    ("given", "known"),
    [
        ({"a": "02-00-00-00-00-01", "b": "", "c": None, "d": 7}, {"a": "02-00-00-00-00-01"}),
        (["a"], {}),
        (None, {}),
    ],
)
def test_addresses_that_are_empty_or_no_text_are_none(given: Any, known: dict[str, str]) -> None:
    assert new_macs(a_clone(newMacAddresses=given)) == known


@pytest.mark.parametrize(
    ("given", "known"), [(["a", 7, None, "b"], ["a", "b"]), ("ab", []), (None, [])]
)
def test_patches_that_are_no_text_are_none(given: Any, known: list[str]) -> None:
    assert patches_of(a_clone(patches=given)) == known


@pytest.mark.parametrize(
    ("mac", "reason"),
    [
        ("nope", '"nope" is not a MAC address; write one like 02-00-00-00-00-01'),
        ("01-00-00-00-00-01", "it is a multicast address, which libvirt refuses"),
        ("ff:00:00:00:00:01", "it is a multicast address, which libvirt refuses"),
        ("13-00-00-00-00-01", "it is a multicast address, which libvirt refuses"),
    ],
)
def test_an_address_that_no_guest_can_have_gets_a_free_one(mac: str, reason: str) -> None:
    vms = [a_networked_vm("x", a="02:00:00:00:00:02")]

    assert told({"eth": mac}, None, *vms) == [
        Finding(
            "mac-invalid",
            "error",
            f"the interface eth can't have the MAC address {mac}: {reason}",
            "--new-mac-address eth=02-00-00-00-00-03",
        )
    ]


def test_the_addresses_after_an_invalid_one_are_looked_at_too() -> None:
    vm = a_networked_vm(a="", b="")

    assert [item.id for item in told({"a": "x", "zzz": "y", "b": "z"}, vm)] == [
        "mac-invalid",
        "mac-invalid",
        "mac-invalid",
        "mac-unknown-interface",
    ]


@pytest.mark.parametrize("mac", ["12-00-00-00-00-01", "0200.0000.0001", "fe:ff:ff:ff:ff:ff"])
def test_an_address_that_nobody_has_is_fine(mac: str) -> None:
    assert told({"a": mac}, a_networked_vm(a=""), a_networked_vm("x", a="02-00-00-00-00-02")) == []
    assert list(mac_findings(a_clone(newMacAddresses={"a": mac}), None, None)) == []


@pytest.mark.parametrize(
    ("mac", "free"),
    [
        ("02-00-00-00-00-01", "02-00-00-00-00-03"),
        ("02:00:00:0F:FF:FF", "02-00-00-10-00-00"),
        ("02-00-00-ff-ff-ff", "02-00-00-00-00-00"),
    ],
)
def test_an_address_that_a_vm_has_is_replaced_by_the_next_one(mac: str, free: str) -> None:
    others = [
        a_networked_vm("bad", a="nope", b=""),
        a_networked_vm("x", a="02:00:00:00:00:01"),
        a_networked_vm("y", a="02:00:00:00:00:01", b="02-00-00-00-00-02"),
        a_networked_vm("z", a="02-00-00-0f-ff-ff", b="0200.00ff.ffff"),
    ]
    user = "x" if mac.endswith("01") else "z"

    assert told({"a": mac}, None, *others) == [
        Finding(
            "mac-in-use",
            "warning",
            f'the MAC address {mac} is in use by the VM "{user}"',
            f"--new-mac-address a={free}",
        )
    ]


def test_the_next_free_address_is_not_one_that_the_clone_itself_gives() -> None:
    macs = {"a": "02-00-00-00-00-02", "b": "02-00-00-00-00-01", "c": "02-00-00-00-00-01"}

    assert [item.hint for item in told(macs, None, a_networked_vm("x", a="02-00-00-00-00-01"))] == [
        "--new-mac-address b=02-00-00-00-00-03",
        "--new-mac-address c=02-00-00-00-00-03",
    ]


@pytest.mark.parametrize(
    ("vm", "macs", "known", "hints"),
    [
        (
            a_networked_vm(),
            {"zzz": "02-00-00-00-00-01"},
            "it has none",
            ["leave out --new-mac-address zzz=02-00-00-00-00-01"],
        ),
        (
            a_networked_vm(a="", b=""),
            {"zzz": "02-00-00-00-00-01", "a": "02-00-00-00-00-02"},
            "its interfaces are a, b",
            ["--new-mac-address b=02-00-00-00-00-01 instead of zzz"],
        ),
        (
            a_networked_vm(a=""),
            {"zzz": "02-00-00-00-00-01", "a": "02-00-00-00-00-02", "yyy": "02-00-00-00-00-03"},
            "its interfaces are a",
            [
                "leave out --new-mac-address yyy=02-00-00-00-00-03",
                "leave out --new-mac-address zzz=02-00-00-00-00-01",
            ],
        ),
    ],
)
def test_an_interface_that_the_source_lacks_is_told_with_those_it_has(
    vm: dict[str, Any], macs: dict[str, str], known: str, hints: list[str]
) -> None:
    unknown = sorted(macs.keys() - {"a", "b"})

    assert told(macs, vm) == [
        Finding(
            "mac-unknown-interface",
            "error",
            f"the source has no interface {interface}, and KubeVirt would ignore the MAC address:"
            f" {known}",
            hint,
        )
        for interface, hint in zip(unknown, hints, strict=True)
    ]


def test_an_address_given_to_two_interfaces_is_used_by_the_first() -> None:
    macs = {"a": "02-00-00-00-00-01", "b": "02:00:00:00:00:01"}

    assert told(macs) == [
        Finding(
            "mac-in-use",
            "warning",
            "the MAC address 02:00:00:00:00:01 is in use by the interface a of this clone",
            "--new-mac-address b=02-00-00-00-00-02",
        )
    ]


def test_an_address_for_an_interface_that_is_ignored_does_not_hide_who_has_the_next() -> None:
    macs = {"zzz": "02-00-00-00-00-01", "a": "02-00-00-00-00-01"}

    vm, user = a_networked_vm(a="", b=""), a_networked_vm("x", a="02-00-00-00-00-01")

    assert [item.id for item in told(macs, vm)] == ["mac-unknown-interface"]
    assert [item.id for item in told(macs, vm, user)] == ["mac-in-use", "mac-unknown-interface"]


def test_a_serial_for_a_source_without_firmware_is_ignored() -> None:
    vm = a_vm()
    del vm["spec"]["template"]["spec"]["domain"]["firmware"]
    clone = a_clone(newSMBiosSerial="a:b c")

    assert read(serial_findings(clone, vm, judged=True)) == [
        Finding(
            "serial-ignored",
            "warning",
            "the source has no firmware section, and KubeVirt would ignore the serial",
            "leave out --new-smbios-serial 'a:b c'",
        )
    ]
    assert [item.id for item in serial_findings(clone, None, judged=True)] == ["serial-unsafe"]


@pytest.mark.parametrize(
    ("serial", "quoted", "piece", "escaped"),
    [
        ("a:b", "a:b", '"value":"a:b"', "a\\u003ab"),
        ("a,b", "a,b", 'b"', "a\\u002cb"),
        ("é:b", "'é:b'", '"value":"é:b"', "é\\u003ab"),
    ],
)
def test_a_serial_that_the_restore_refuses_is_given_as_a_patch(
    serial: str, quoted: str, piece: str, escaped: str
) -> None:
    path = "/spec/template/spec/domain/firmware/serial"

    assert read(serial_findings(a_clone(newSMBiosSerial=serial), a_vm(), judged=True)) == [
        Finding(
            "serial-unsafe",
            "error",
            f"the clone would hang, for KubeVirt's restore refuses the serial {serial}: patch"
            ' format is not valid - one ":" expected in a single key-value json patch: ' + piece,
            f"""--patch '{{"op":"replace","path":"{path}","value":"{escaped}"}}' instead of"""
            f" --new-smbios-serial {quoted}",
        )
    ]
    assert list(serial_findings(a_clone(newSMBiosSerial=serial), a_vm(), judged=False)) == []


@pytest.mark.parametrize("serial", ["", None, 7, "abc-1"])
def test_a_serial_that_is_plain_or_none_has_no_findings(serial: Any) -> None:
    assert list(serial_findings(a_clone(newSMBiosSerial=serial), a_vm(), judged=True)) == []


REMOVAL = '{"op":"remove","path":"/spec/template/spec/hostname"}'
COLON = '{"op":"add","path":"/metadata/labels/a","value":"b:c"}'


@pytest.mark.parametrize(
    ("patch", "message", "hint"),
    [
        ("{", "is not JSON", "leave out --patch '{'"),
        ('"x"', "is not a JSON object", """leave out --patch '"x"'"""),
        ("[]", "is a list", "leave out --patch '[]'"),
        ("[7]", "is a list", "leave out --patch '[7]'"),
        (
            f"[{REMOVAL}, {COLON}]",
            "is a list",
            f"--patch '{REMOVAL}' --patch '{COLON}'",
        ),
        ('{"op":"nope"}', 'needs an "op"', """leave out --patch '{"op":"nope"}'"""),
        ("[" * 100_000, "is not JSON", "leave out --patch '" + "[" * 100_000 + "'"),
    ],
    ids=["cut", "text", "empty", "number", "list", "op", "deep"],
)
def test_a_patch_that_is_none_is_left_out_or_given_one_by_one(
    patch: str, message: str, hint: str
) -> None:
    (finding,) = read(patch_findings(a_clone(patches=[patch]), Facts("ns")))

    assert (finding.id, finding.level, finding.hint) == ("patch-invalid", "error", hint)
    assert finding.message.startswith(f"the patch {patch} {message}")


@pytest.mark.parametrize(
    ("patch", "target", "hint"),
    [
        (
            COLON,
            "t",
            """--patch '{"op":"add","path":"/metadata/labels/a","value":"b\\u003ac"}' instead""",
        ),
        (
            '{"op":"add","path":"/spec/a:b","value":"é,"}',
            "t",
            """--patch '{"op":"add","path":"/spec/a\\u003ab","value":"é\\u002c"}' instead""",
        ),
        (
            '{"op":"add","path":"/spec/x","value":{"a":1,"b":2}}',
            "t",
            "leave it out, and once the clone is done: kubectl patch vm/t --type=json -p"
            """ '[{"op":"add","path":"/spec/x","value":{"a":1,"b":2}}]' -n ns""",
        ),
        (
            '{"op":"add","path":"/metadata/x","value":{"a":1,"b":2}}',
            "",
            "leave it out, and once the clone is done: kubectl patch vm/TARGET --type=json -p"
            """ '[{"op":"add","path":"/metadata/x","value":{"a":1,"b":2}}]' -n ns""",
        ),
        (
            '{"op":"replace","path":"/status/x","value":1}',
            "t",
            """leave out --patch '{"op":"replace","path":"/status/x","value":1}'""",
        ),
        (
            '{"op":"replace","path":"/metadata/name","value":"a"}',
            "t",
            """leave out --patch '{"op":"replace","path":"/metadata/name","value":"a"}'""",
        ),
        (
            '{"op":"replace","path":"/metadata/namespace","value":"a"}',
            "t",
            """leave out --patch '{"op":"replace","path":"/metadata/namespace","value":"a"}'""",
        ),
    ],
)
def test_a_patch_that_the_restore_refuses_gets_a_form_that_it_takes_or_is_done_later(
    patch: str, target: str, hint: str
) -> None:
    (finding,) = read(patch_findings(a_clone(target=target, patches=[patch]), Facts("ns")))

    assert (finding.id, finding.level, finding.hint) == ("patch-unsafe", "error", hint)
    assert finding.message.startswith(
        f"the clone would hang, for KubeVirt's restore refuses {patch}: pat"
    )


def test_a_patch_that_the_restore_takes_has_no_finding_and_each_is_looked_at() -> None:
    patches = [REMOVAL, "{", hostname_patch("web"), COLON]

    assert [item.id for item in patch_findings(a_clone(patches=patches), Facts("ns"))] == [
        "patch-invalid",
        "patch-unsafe",
    ]


def no_place(clone: Any) -> list[str]:
    """The problem of a target that has no labels, for each patch that sets one."""
    labels = [text for text in clone["spec"]["patches"] if "/labels/" in text]
    return ["there is no /metadata/labels"] if labels else []


def test_a_problem_is_the_first_patchs_without_which_it_is_gone() -> None:
    patches = [hostname_patch("web"), label_patch("a=b")[1]]
    problem = "there is no /metadata/labels"

    (found,) = read([problem_finding(a_clone(patches=patches), "ns", problem, no_place)])

    assert found == Finding(
        "patch-invalid",
        "error",
        "the clone would hang: there is no /metadata/labels",
        "leave out --label a=b, and once the clone is done: kubectl label vm/t a=b -n ns",
    )


def test_a_problem_that_no_single_patch_makes_is_told_for_all() -> None:
    patches = [label_patch("a=b")[1], label_patch("c=d")[1]]

    found = problem_finding(
        a_clone(patches=patches), "ns", "there is no /metadata/labels", no_place
    )

    assert found.hint == leave_out(flag("--patch"))


def test_the_first_of_two_patches_that_each_are_at_fault_is_named() -> None:
    asked: list[list[str]] = []

    def gone_with_any(clone: Any) -> list[str]:
        asked.append(clone["spec"]["patches"])
        assert clone["spec"]["source"]["name"] == "s"
        return []

    clone = a_clone(patches=[hostname_patch("a"), hostname_patch("b"), REMOVAL])

    assert problem_finding(clone, "ns", "x", gone_with_any).hint == leave_out(
        flag("--hostname", "a")
    )
    assert asked == [[hostname_patch("b"), REMOVAL]]


def test_a_target_with_both_run_fields_loses_one_by_a_patch() -> None:
    problem = "spec.running and spec.runStrategy are mutually exclusive"

    assert problem_finding(a_clone(), "ns", problem, lambda clone: []).hint == (
        flag("--patch", '{"op":"remove","path":"/spec/running"}'),
    )


def test_what_is_feasible_of_a_clone_is_what_the_restore_gets_to_apply() -> None:
    good = hostname_patch("web")
    clone = a_clone(
        newMacAddresses={"a": "0200.0000.0001", "b": "nope", "c": "01-00-00-00-00-01"},
        patches=["{", COLON, good],
        newSMBiosSerial="a:b",
        labelFilters=["x"],
    )

    assert feasible(clone) == a_clone(
        newMacAddresses={"a": "02-00-00-00-00-01"}, patches=[good], labelFilters=["x"]
    )
    assert feasible(a_clone()) == a_clone(newMacAddresses={}, patches=[])
    assert feasible(a_clone(newSMBiosSerial="abc"))["spec"]["newSMBiosSerial"] == "abc"


@pytest.mark.parametrize(
    ("spec", "field", "wanted"),
    [
        ({"source": "vm/a"}, "source", "an object of strings"),
        ({"source": {"name": 7}}, "source", "an object of strings"),
        ({"target": ["a"]}, "target", "an object of strings"),
        ({"annotationFilters": {}}, "annotationFilters", "a list of strings"),
        ({"patches": [{"op": "add"}]}, "patches", "a list of strings"),
        (
            {"template": {"annotationFilters": [None]}},
            "template.annotationFilters",
            "a list of strings",
        ),
        ({"newMacAddresses": {"a": 7}}, "newMacAddresses", "an object of strings"),
        ({"newSMBiosSerial": False}, "newSMBiosSerial", "a string"),
    ],
)
def test_each_field_of_another_type_is_refused(
    spec: dict[str, Any], field: str, wanted: str
) -> None:
    assert read(type_findings({"spec": spec}, Facts())) == [
        Finding(
            "unknown-field",
            "error",
            f"spec.{field} has to be {wanted}, and the server refuses anything else",
            f"leave out spec.{field}",
        )
    ]


def test_fields_of_the_right_types_are_taken_and_a_null_in_an_object_too() -> None:
    whole = a_clone(
        labelFilters=["a"],
        annotationFilters=[],
        template={"labelFilters": ["a"], "annotationFilters": ["b"]},
        newMacAddresses={"a": None, "b": "x"},
        newSMBiosSerial="",
        patches=["x"],
        volumeNamePolicy="PrefixTargetName",
    )

    assert list(type_findings(whole, Facts())) == []


LATER = '{"op":"add","path":"/spec/x","value":{"a":1,"b":2}}'


def test_the_rules_about_values_are_applied_to_a_clone() -> None:
    clone = a_clone(
        newMacAddresses={"a": "x"},
        newSMBiosSerial="a:b",
        patches=[LATER, label_patch("a=b")[1]],
        template=7,
    )
    facts: dict[str, Any] = {"source": Lookup(a_networked_vm(a="")), "fields": FIELDS}
    everything = [
        *("unknown-field", "mac-invalid", "serial-unsafe", "patch-invalid", "patch-unsafe"),
    ]

    now = read(findings(clone, Facts(namespace="ns", kubevirt=NEWEST, **facts)))

    assert [item.id for item in now] == everything
    assert [item.hint for item in now if item.id.startswith("patch-")] == [
        "leave out --label a=b, and once the clone is done: kubectl label vm/t a=b -n ns",
        "leave it out, and once the clone is done: kubectl patch vm/t --type=json -p"
        f" '[{LATER}]' -n ns",
    ]
    for version, serial in (("v1.4.9", False), ("v1.5.0", True)):
        kubevirt = a_kubevirt(version, ("Snapshot",))
        found = [item.id for item in findings(clone, Facts(kubevirt=kubevirt, **facts))]
        assert found == [id_ for id_ in everything if serial or id_ != "serial-unsafe"]


def test_the_source_and_the_other_vms_are_what_the_rules_about_values_look_at() -> None:
    vm = a_networked_vm(a="")
    del vm["spec"]["template"]["spec"]["domain"]["firmware"]
    content = Lookup({"spec": {"source": {"virtualMachine": vm}}})
    facts: dict[str, Any] = {
        "kubevirt": NEWEST,
        "fields": FIELDS,
        "vms": Listing((a_networked_vm("x", a="02-00-00-00-00-01"),)),
    }
    spec: dict[str, Any] = {
        "newMacAddresses": {"a": "02-00-00-00-00-01", "b": "02-00-00-00-00-02"},
        "newSMBiosSerial": "abc",
        "labelFilters": ["zzz"],
    }
    expected = ["mac-unknown-interface", "filter-unused", "mac-in-use", "serial-ignored"]

    of_vm = findings(a_clone(**spec), Facts(source=Lookup(vm), **facts))
    of_snapshot = findings(
        a_clone(kind="VirtualMachineSnapshot", **spec),
        Facts(source=Lookup(a_snapshot()), content=content, **facts),
    )

    assert [item.id for item in of_vm] == expected
    assert [item.id for item in of_snapshot] == expected


def test_the_vm_in_a_snapshot_is_judged_and_not_the_snapshot() -> None:
    vm = a_networked_vm(a="")
    vm["metadata"]["labels"] = {"app": "web"}
    vm["spec"]["template"]["spec"]["domain"]["firmware"] = {"uuid": "u-1"}
    vm["spec"]["template"]["metadata"] = {
        "annotations": {"ovn.kubernetes.io/ip_address": "10.0.0.1"}
    }
    clone = a_clone(kind="VirtualMachineSnapshot", labelFilters=["^app$"], newSMBiosSerial="abc")
    content = Lookup({"spec": {"source": {"virtualMachine": vm}}})
    facts = Facts(source=Lookup(a_snapshot()), content=content, kubevirt=NEWEST, fields=FIELDS)

    assert [item.id for item in findings(clone, facts)] == ["network-annotations"]


def test_of_several_patches_the_one_that_has_no_place_on_the_source_is_told() -> None:
    clone = a_clone(patches=[hostname_patch("web"), label_patch("a=b")[1]])
    facts = Facts("ns", source=Lookup(a_vm()), kubevirt=NEWEST, fields=FIELDS)

    assert [(item.id, item.hint) for item in read(findings(clone, facts))] == [
        (
            "patch-invalid",
            "leave out --label a=b, and once the clone is done: kubectl label vm/t a=b -n ns",
        )
    ]
