"""What the checks say of a cluster: its clone API, the Snapshot gate, the user's rights."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_virt_clone.clone.api import FIELD_SINCE
from kubectl_virt_clone.clone.checks.cluster import (
    FLAGS,
    RIGHTS,
    ClusterFacts,
    cluster_findings,
    denied_finding,
    field_findings,
    gate_findings,
    right_findings,
    schema_matters,
    served_by,
)
from kubectl_virt_clone.clone.checks.facts import Facts, Finding, gate_is_on
from kubectl_virt_clone.clone.checks.findings import findings
from kubectl_virt_clone.clone.spec.target_patches import hostname_patch, label_patch
from kubectl_virt_clone.objects.resource import Listing, Lookup
from tests.unit.builders import read
from tests.unit.test_preflight import FIELDS, NEWEST, a_clone, a_kubevirt, a_vm

CLONES = "virtualmachineclones.clone.kubevirt.io"
GATE_OFF = Finding(
    "snapshot-gate",
    "error",
    "KubeVirt's feature gate Snapshot is off, and nothing can be cloned without it",
    "kubectl patch kubevirt/kubevirt --type=merge -p"
    ' \'{"spec":{"configuration":{"developerConfiguration":{"featureGates":["Snapshot"]}}}}\''
    " -n kubevirt",
)
ALL_OF_THEM = dict.fromkeys(RIGHTS, True)


def a_cluster(**changed: Any) -> ClusterFacts:
    known: dict[str, Any] = {
        "namespace": "ns",
        "versions": ("v1beta1",),
        "kubevirt": NEWEST,
        "rights": ALL_OF_THEM,
    }
    return ClusterFacts(**{**known, **changed})


def told(cluster: ClusterFacts) -> list[Finding]:
    return read(cluster_findings(cluster))


def test_a_cluster_that_clones_for_who_asks_has_no_findings() -> None:
    assert told(a_cluster()) == []


def test_without_a_clone_api_the_hint_installs_kubevirt_and_nothing_else_is_said() -> None:
    cluster = a_cluster(unserved="no such API", groups=("apps",), kubevirt=Listing(), rights={})

    assert told(cluster) == [
        Finding(
            "no-clone-api",
            "error",
            "no such API",
            "kubectl apply -f https://github.com/kubevirt/kubevirt/releases/latest/download/"
            "kubevirt-operator.yaml -f https://github.com/kubevirt/kubevirt/releases/latest/"
            "download/kubevirt-cr.yaml",
        )
    ]


@pytest.mark.parametrize(
    ("groups", "message", "hint"),
    [
        (
            ("apps", "kubevirt.io"),
            "v1.8.0 serves no clone.kubevirt.io: it is older than 0.55, or lacks the CRD of clones",
            "kubectl get kubevirts.kubevirt.io -A",
        ),
        (
            ("apps", "internal.virtualization.deckhouse.io"),
            "no such API; it may be there under internal.virtualization.deckhouse.io",
            "kubectl api-resources --api-group internal.virtualization.deckhouse.io",
        ),
        (
            ("hco.kubevirt.io",),
            "no such API; it may be there under hco.kubevirt.io",
            "kubectl api-resources --api-group hco.kubevirt.io",
        ),
        (None, "no such API", ()),
    ],
)
def test_where_there_is_a_trace_of_kubevirt_no_other_is_installed(groups, message, hint) -> None:
    cluster = a_cluster(
        unserved="no such API", groups=groups, kubevirt=a_kubevirt("v1.8.0"), rights={}
    )

    assert told(cluster) == [Finding("no-clone-api", "error", message, hint)]


def test_a_gate_that_is_off_stands_in_the_way_of_every_clone() -> None:
    assert told(a_cluster(kubevirt=a_kubevirt("v1.8.0"))) == [GATE_OFF]


@pytest.mark.parametrize(
    ("denied", "level"),
    [(("create", "get"), "error"), (("create",), "error"), (("watch", "delete"), "warning")],
)
def test_who_may_not_create_can_not_clone_and_who_may_not_follow_can(
    denied: tuple[str, ...], level: str
) -> None:
    rights = {**ALL_OF_THEM, **dict.fromkeys(denied, False)}

    assert told(a_cluster(rights=rights, user="jane")) == [
        Finding(
            "rbac",
            level,
            f"you may not {', '.join(denied)} {CLONES} in the namespace ns",
            "kubectl create rolebinding jane-may-clone --clusterrole=kubevirt.io:edit --user=jane"
            " -n ns",
        )
    ]


def test_rights_that_can_not_be_asked_are_told_beside_those_that_are_missing() -> None:
    rights = {"create": None, "get": None, "list": True, "watch": False, "delete": True}

    assert [
        (item.level, item.message, bool(item.hint)) for item in told(a_cluster(rights=rights))
    ] == [
        ("warning", f"you may not watch {CLONES} in the namespace ns", True),
        ("unknown", f"whether you may create, get {CLONES} can't be asked", False),
    ]


@pytest.mark.parametrize(
    ("user", "binding", "quoted"),
    [
        ("", "user-may-clone", "--user=USER"),
        ("jane", "jane-may-clone", "--user=jane"),
        ("Jane@example.com", "jane-example.com-may-clone", "--user=Jane@example.com"),
        (
            "system:serviceaccount:ns:ci",
            "system-serviceaccount-ns-ci-may-clone",
            "--user=system:serviceaccount:ns:ci",
        ),
        ("-.a b.-", "a-b-may-clone", "'--user=-.a b.-'"),
        (":::", "user-may-clone", "--user=:::"),
    ],
)
def test_the_hint_for_a_missing_right_binds_the_role_to_the_user_under_a_valid_name(
    user: str, binding: str, quoted: str
) -> None:
    hint = f"kubectl create rolebinding {binding} --clusterrole=kubevirt.io:edit {quoted} -n ns"
    message = f"you may not create {CLONES} in the namespace ns"

    assert read([denied_finding(["create"], "ns", user)])[0] == Finding(
        "rbac", "error", message, hint
    )


@pytest.mark.parametrize(("allowed", "count"), [(False, 1), (True, 0), (None, 0)])
def test_a_clone_that_may_not_be_created_is_told_so(allowed: bool | None, count: int) -> None:
    facts = Facts(namespace="ns", may_create=allowed, user="jane")

    assert list(right_findings({}, facts)) == [denied_finding(["create"], "ns", "jane")] * count


@pytest.mark.parametrize(
    ("gates", "expected"),
    [("Snapshot", None), ({"Snapshot": True}, None), ([None, 5, "Snapshot"], True), (None, None)],
)
def test_gates_that_are_no_list_of_names_are_not_known(gates: Any, expected: bool | None) -> None:
    developer = {"featureGates": gates}
    kubevirt = {"spec": {"configuration": {"developerConfiguration": developer}}}

    assert gate_is_on(Facts(kubevirt=Listing((kubevirt,)))) is expected


def test_the_first_kubevirt_that_is_found_decides_and_each_that_is_off_gets_its_hint() -> None:
    (off,), (on,) = a_kubevirt("v1.8.0").objects, a_kubevirt("v1.8.0", ("Snapshot",)).objects

    assert gate_is_on(Facts(kubevirt=Listing((on, off)))) is True
    assert list(gate_findings({}, Facts(kubevirt=Listing((on, off))))) == []
    assert read(gate_findings({}, Facts(kubevirt=Listing((off,))))) == [GATE_OFF]
    assert list(gate_findings({}, Facts())) == []


@pytest.mark.parametrize(
    ("spec", "missing", "release", "flags"),
    [
        (
            {"template": {}},
            "template",
            "1.2",
            "--template-label-filter and --template-annotation-filter",
        ),
        ({"volumeNamePolicy": "x"}, "volumeNamePolicy", "1.8", "--volume-name-policy"),
        ({"patches": []}, "patches", "1.6", "--patch"),
        ({"patches": "x"}, "patches", "1.6", "--patch"),
        ({"patches": [5]}, "patches", "1.6", "--patch"),
        (
            {"patches": [hostname_patch("web"), 5, label_patch("a=b")[1]]},
            "patches",
            "1.6",
            "--hostname web and --label a=b",
        ),
    ],
)
def test_a_field_that_the_server_lacks_is_named_with_its_flags_and_its_release(
    spec: dict[str, Any], missing: str, release: str, flags: str
) -> None:
    facts = Facts(fields=FIELDS - {missing})

    assert read(field_findings(a_clone(**spec), facts)) == [
        Finding(
            "field-unsupported",
            "error",
            f"the server's clone API has no spec.{missing}, which came with KubeVirt {release}",
            f"leave out {flags}, or update KubeVirt to {release}",
        )
    ]
    assert list(field_findings(a_clone(**spec), Facts(fields=FIELDS))) == []


def test_each_field_that_came_later_has_the_flags_that_set_it() -> None:
    assert FLAGS.keys() == FIELD_SINCE.keys()


@pytest.mark.parametrize("fields", [FIELDS, None])
@pytest.mark.parametrize(
    ("changed", "path", "meant"),
    [
        ({"specs": {}}, "specs", "spec"),
        ({"zzz": {}}, "zzz", ""),
        ({"spec": {"labelFilter": []}}, "spec.labelFilter", "spec.labelFilters"),
        ({"spec": {"zzz": []}}, "spec.zzz", ""),
        ({"spec": {"source": {"nme": "a"}}}, "spec.source.nme", "spec.source.name"),
        ({"spec": {"source": {"namespace": "a"}}}, "spec.source.namespace", "spec.source.name"),
        ({"spec": {"target": {"zzz": "a"}}}, "spec.target.zzz", ""),
        (
            {"spec": {"template": {"annotationFilter": []}}},
            "spec.template.annotationFilter",
            "spec.template.annotationFilters",
        ),
    ],
)
def test_a_field_of_no_release_is_named_with_the_one_that_it_looks_like(
    changed: dict[str, Any], path: str, meant: str, fields: frozenset[str] | None
) -> None:
    guess = f"; {meant} is meant?" if meant else ""

    assert read(field_findings(changed, Facts(fields=fields))) == [
        Finding(
            "unknown-field",
            "error",
            f"the server's clone API has no {path}{guess}",
            f"leave out {path}",
        )
    ]


def test_a_field_that_only_the_server_knows_is_its_own() -> None:
    clone = a_clone(future=1)

    assert list(field_findings(clone, Facts(fields=FIELDS | {"future"}))) == []
    assert [item.id for item in field_findings(clone, Facts())] == ["unknown-field"]


def test_a_whole_manifest_has_no_field_of_no_release() -> None:
    whole = {
        **a_clone(template={"labelFilters": [], "annotationFilters": []}, newSMBiosSerial="a"),
        "status": {},
    }

    assert list(field_findings(whole, Facts())) == []


@pytest.mark.parametrize(
    ("spec", "matters"),
    [({}, False), ({"labelFilters": []}, False), ({"patches": []}, True), ({"template": {}}, True)],
)
def test_the_schema_matters_for_fields_that_came_later(spec: dict[str, Any], matters: bool) -> None:
    assert schema_matters(a_clone(**spec)) is matters


def test_the_served_versions_are_told_and_so_is_that_there_is_none() -> None:
    assert served_by(ClusterFacts("ns", ("v1beta1", "v1alpha1"))) == "v1beta1, v1alpha1"
    assert served_by(ClusterFacts("ns")) == "no version of clone.kubevirt.io"


def test_the_rules_about_a_cluster_are_applied_to_a_clone_too() -> None:
    facts = Facts(
        namespace="ns",
        source=Lookup(a_vm()),
        kubevirt=a_kubevirt("v1.8.0"),
        fields=FIELDS - {"patches"},
        may_create=False,
    )

    assert [item.id for item in findings(a_clone(patches=[], zzz=1), facts)] == [
        "snapshot-gate",
        "rbac",
        "field-unsupported",
        "unknown-field",
    ]
