"""What the checks say of filters: what they keep and drop that nobody meant."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_virt_clone.clone.checks.facts import Facts, Finding
from kubectl_virt_clone.clone.checks.filters import filter_findings
from kubectl_virt_clone.clone.checks.findings import findings
from kubectl_virt_clone.objects.resource import Lookup
from tests.unit.builders import read
from tests.unit.test_preflight import FIELDS, NEWEST, a_clone, a_vm

LAST_RESTORE = "restore.kubevirt.io/lastRestoreUID"
# The four lists: where it is in the spec, its flag, and what its keys are called.
LISTS = [
    (("labelFilters",), "--label-filter", "label"),
    (("annotationFilters",), "--annotation-filter", "annotation"),
    (("template", "labelFilters"), "--template-label-filter", "template label"),
    (("template", "annotationFilters"), "--template-annotation-filter", "template annotation"),
]


def a_labelled_vm(*keys: str) -> dict[str, Any]:
    """A VM that has each key as label and annotation, also in its template."""
    vm = a_vm()
    pairs = dict.fromkeys(keys, "x")
    vm["metadata"].update(labels=pairs, annotations=pairs)
    vm["spec"]["template"]["metadata"] = {"labels": pairs, "annotations": pairs}
    return vm


def a_filtered_clone(path: tuple[str, ...], filters: Any, *, target: str = "t") -> dict[str, Any]:
    spec: Any = filters
    for key in reversed(path):
        spec = {key: spec}
    return a_clone(target=target, **spec)


def told(vm: dict[str, Any] | None, **spec: Any) -> list[Finding]:
    return read(filter_findings(a_clone(**spec), vm))


@pytest.mark.parametrize(("path", "flag", "noun"), LISTS)
def test_each_list_of_filters_is_called_by_its_field_its_flag_and_its_keys(
    path: tuple[str, ...], flag: str, noun: str
) -> None:
    field = ".".join(("spec", *path))
    vm = a_labelled_vm("app", "myapp")

    assert read(filter_findings(a_filtered_clone(path, ["zzz", "app"]), vm)) == [
        Finding(
            "filter-unused",
            "warning",
            f"{field}: zzz matches no {noun} of the source",
            f"leave out {flag} zzz",
        ),
        Finding(
            "filter-overreach",
            "warning",
            f"{field}: app matches anywhere in a key, so that it keeps myapp too",
            f"{flag} '^app$' instead of app",
        ),
    ]


@pytest.mark.parametrize(("path", "flag", "noun"), LISTS)
def test_negative_filters_alone_and_an_empty_list_drop_every_key(
    path: tuple[str, ...], flag: str, noun: str
) -> None:
    field = ".".join(("spec", *path))
    alone = a_filtered_clone(path, ["!app"])
    empty = a_filtered_clone(path, [])

    assert read(filter_findings(alone, None)) == [
        Finding(
            "filter-only-negative",
            "warning",
            f"{field}: without a filter that keeps, KubeVirt drops every {noun}",
            f"{flag} '*'",
        )
    ]
    assert read(filter_findings(empty, None)) == [
        Finding(
            "filter-only-negative",
            "warning",
            f"{field}: an empty list of filters drops every {noun}",
            f"{flag} '*'",
        )
    ]
    # With an unnamed target KubeVirt leaves an empty list out.
    assert list(filter_findings(a_filtered_clone(path, [], target=""), None)) == []


@pytest.mark.parametrize("given", [None, "app", {"a": 1}, 7])
def test_what_is_no_list_is_no_filter(given: Any) -> None:
    assert told(a_labelled_vm("app"), labelFilters=given) == []


def test_of_a_list_only_the_texts_count() -> None:
    assert told(a_labelled_vm("app"), labelFilters=[None, 7, "app", ["x"]]) == []


@pytest.mark.parametrize(
    ("pattern", "reason", "quoted"),
    [
        ("a!b", 'filter "a!b": ! can stand only at the beginning', "'a!b'"),
        ("a*b", 'filter "a*b": * can stand only at the end', "'a*b'"),
        ("", "a filter can't be empty", "''"),
        ("!", '"!" alone is not a filter; write !KEY to leave KEY out', "'!'"),
    ],
)
def test_a_filter_that_the_webhook_refuses_is_left_out(
    pattern: str, reason: str, quoted: str
) -> None:
    assert told(None, labelFilters=["*", pattern]) == [
        Finding(
            "filter-invalid",
            "error",
            f"spec.labelFilters: {reason}",
            f"leave out --label-filter {quoted}",
        )
    ]


@pytest.mark.parametrize(
    ("pattern", "reason", "instead"),
    [
        ("(app", "missing ): (app", r"'^\(app$'"),
        ("(a.b*", "missing ): (a.b*", r"'^\(a\.b'"),
        ("!(app", "missing ): (app", r"'!^\(app$'"),
        ("!*", "no argument for repetition operator: *", "'!.'"),
        ("[a+", "missing ]: [a+", r"'^\[a\+$'"),
    ],
)
def test_a_filter_that_does_not_compile_is_replaced_by_what_kubevirt_documents(
    pattern: str, reason: str, instead: str
) -> None:
    assert told(None, labelFilters=["*", pattern]) == [
        Finding(
            "filter-invalid",
            "error",
            f"spec.labelFilters: KubeVirt would ignore the filter {pattern}, which is not a regular"
            f" expression: {reason}",
            f"--label-filter {instead} instead of {pattern}",
        )
    ]


def test_every_filter_of_a_list_is_looked_at() -> None:
    assert [item.message for item in told(None, labelFilters=["a!b", "(", "", "app"])] == [
        'spec.labelFilters: filter "a!b": ! can stand only at the beginning',
        "spec.labelFilters: KubeVirt would ignore the filter (, which is not a regular expression:"
        " missing ): (",
        "spec.labelFilters: a filter can't be empty",
    ]


def test_a_filter_that_hits_nothing_is_a_warning_and_a_negative_one_is_not() -> None:
    assert told(a_labelled_vm("app"), labelFilters=["!zzz", "app", "yyy", "*", "("])[1:] == [
        Finding(
            "filter-unused",
            "info",
            "spec.labelFilters: !zzz matches no label of the source",
            "leave out --label-filter '!zzz'",
        ),
        Finding(
            "filter-unused",
            "warning",
            "spec.labelFilters: yyy matches no label of the source",
            "leave out --label-filter yyy",
        ),
    ]
    assert told(a_labelled_vm(), labelFilters=["*"]) == []


@pytest.mark.parametrize(
    ("filters", "message", "hint"),
    [
        (
            ["app"],
            "app matches anywhere in a key, so that it keeps my.app, my.app.x, myapp too",
            "--label-filter '^app$' instead of app",
        ),
        (
            ["app*"],
            "app* matches anywhere in a key, so that it keeps ap, my.app, my.app.x and 1 more too",
            "--label-filter '^app' instead of app*",
        ),
        (
            ["*", "!app"],
            "!app matches anywhere in a key, so that it drops my.app, my.app.x, myapp too",
            "--label-filter '!^app$' instead of !app",
        ),
    ],
)
def test_a_filter_hits_anywhere_in_a_key_and_the_first_few_are_named(
    filters: list[str], message: str, hint: str
) -> None:
    vm = a_labelled_vm("ap", "app", "myapp", "my.app", "my.app.x")

    assert told(vm, labelFilters=filters) == [
        Finding("filter-overreach", "warning", f"spec.labelFilters: {message}", hint)
    ]


@pytest.mark.parametrize(
    "filters",
    [
        ["^app$"],
        ["ap+"],
        ["ap.*"],
        ["*"],
        ["*", "!^app"],
        ["app", "myapp"],
        ["myapp*", "app"],
    ],
)
def test_what_is_meant_as_an_expression_or_kept_anyway_is_no_surprise(filters: list[str]) -> None:
    assert told(a_labelled_vm("app", "myapp"), labelFilters=filters) == []


def test_a_key_that_a_negative_filter_was_meant_to_drop_is_no_surprise() -> None:
    vm = a_labelled_vm("app", "myapp")

    assert told(vm, labelFilters=["*", "!app", "!myapp"]) == []


@pytest.mark.parametrize(
    ("filters", "message", "hint"),
    [
        (
            ["app"],
            "no filter keeps a.kubevirt.io/x, kubevirt.io/a, kubevirt.io/b and 1 more",
            "--annotation-filter '^a\\.kubevirt\\.io/x$' --annotation-filter '^kubevirt\\.io/a$'"
            " --annotation-filter '^kubevirt\\.io/b$' --annotation-filter '^kubevirt\\.io/c$'",
        ),
        (
            ["*", "!^kubevirt"],
            "!^kubevirt drops kubevirt.io/a, kubevirt.io/b, kubevirt.io/c and 1 more",
            "leave out --annotation-filter '!^kubevirt'",
        ),
    ],
)
def test_annotations_of_kubevirts_controllers_are_not_to_be_dropped(
    filters: list[str], message: str, hint: str
) -> None:
    own = ("kubevirt.io/a", "kubevirt.io/b", "kubevirt.io/c", "a.kubevirt.io/x")
    # Written anew by the controllers, spared by the restore, or of somebody else.
    fine = (
        *("kubevirt.io/latest-observed-api-version", LAST_RESTORE),
        *("notkubevirt.io/a", "kubevirt.io", "x/kubevirt.io", "kubevirt.io.example.com/a"),
    )
    vm = a_labelled_vm("app", *own, *fine)

    found = told(vm, annotationFilters=filters)

    assert [item for item in found if item.id == "filter-controller-keys"] == [
        Finding(
            "filter-controller-keys",
            "warning",
            f"spec.annotationFilters: {message}, which KubeVirt's controllers read",
            hint,
        )
    ]


def test_labels_are_the_users_own() -> None:
    vm = a_labelled_vm("app", "kubevirt.io/a")

    assert told(vm, labelFilters=["app"], template={"labelFilters": ["app"]}) == []
    assert [item.id for item in told(vm, template={"annotationFilters": ["app"]})] == [
        "filter-controller-keys"
    ]


def test_the_mark_of_the_last_restore_is_spared_on_the_vm_and_not_on_its_template() -> None:
    vm = a_labelled_vm("app", LAST_RESTORE)

    assert told(vm, annotationFilters=["app"]) == []
    assert told(vm, annotationFilters=["*", "!restore"]) == []
    assert told(vm, template={"annotationFilters": ["app"]}) == [
        Finding(
            "filter-controller-keys",
            "warning",
            f"spec.template.annotationFilters: no filter keeps {LAST_RESTORE}, which KubeVirt's"
            " controllers read",
            "--template-annotation-filter '^restore\\.kubevirt\\.io/lastRestoreUID$'",
        )
    ]


def test_the_rules_about_filters_are_applied_to_a_clone() -> None:
    facts = Facts(source=Lookup(a_labelled_vm("app")), kubevirt=NEWEST, fields=FIELDS)

    assert [item.id for item in findings(a_clone(labelFilters=["zzz"]), facts)] == ["filter-unused"]
