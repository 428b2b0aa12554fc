"""Which keys survive which filters; as recorded on KubeVirt v1.9."""

from __future__ import annotations

from typing import Any

import pytest

from kubevirt_sandbox.kubevirt.controllers.targets import restore_patches
from kubevirt_sandbox.kubevirt.filters import compiled, kept, matches

from .world import VMS, World

LABELS = {"app", "app.kubernetes.io/name", "myapp", "tier"}
OBSERVED = {
    "kubevirt.io/latest-observed-api-version",
    "kubevirt.io/storage-observed-api-version",
}


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (["!foo"], set()),
        (["*", "!app"], {"tier"}),
        (["!app", "*"], {"tier"}),
        (["app"], {"app", "app.kubernetes.io/name", "myapp"}),
        (["app*"], {"app", "app.kubernetes.io/name", "myapp"}),
        (["^app$"], {"app"}),
        ([], set()),
        (["*"], LABELS),
        (["["], set()),
        (["m.app"], {"myapp"}),
        (["m.pp"], set()),
        (["m[xy]?.pp"], {"myapp"}),
        (["pp"], {"app", "app.kubernetes.io/name", "myapp"}),
        (["*", "!pp"], {"tier"}),
        (["*", "!["], LABELS),
        (["*", "!*"], LABELS),
        (["!*"], set()),
    ],
)
def test_kept_labels(filters: list[str], expected: set[str]) -> None:
    assert kept(LABELS, filters) == expected


@pytest.mark.parametrize(
    ("spec", "labels", "annotations", "template_labels", "template_annotations"),
    [
        pytest.param({}, 4, 3, 4, 3, id="no filters at all"),
        pytest.param({"labelFilters": ["!foo"]}, 0, 3, 4, 3, id="negative only"),
        pytest.param({"labelFilters": []}, 0, 3, 4, 3, id="empty list"),
        pytest.param({"annotationFilters": ["example.com/*"]}, 4, 2, 4, 3, id="annotations"),
        pytest.param({"annotationFilters": ["*", "!example.com/*"]}, 4, 1, 4, 3, id="all but"),
        pytest.param(
            {"template": {"labelFilters": ["*", "!myapp"], "annotationFilters": ["!x"]}},
            4,
            3,
            3,
            1,
            id="template filters only",
        ),
    ],
)
def test_filters_count_what_the_target_keeps(
    world: World,
    spec: dict[str, Any],
    labels: int,
    annotations: int,
    template_labels: int,
    template_annotations: int,
) -> None:
    world.clone("f", target="f-t", **spec)
    world.until_phase("f", "Succeeded")
    target = world.get(VMS, "f-t")
    template = target["spec"]["template"]["metadata"]
    own = target["metadata"]["annotations"].keys()
    # What KubeVirt writes itself comes back, whatever the filters say.
    assert own >= OBSERVED | {"restore.kubevirt.io/lastRestoreUID"}
    assert len(own) - 3 == annotations
    assert len(target["metadata"].get("labels", {})) == labels
    assert len(template["labels"]) == template_labels
    assert len(template["annotations"]) == template_annotations
    assert "kubevirt.io/pci-topology-version" in template["annotations"]


def test_removals_come_between_serial_and_uuid_and_the_users_patches_last() -> None:
    source = {
        "metadata": {
            "labels": {"b/c": "1", "a~x": "2"},
            "annotations": {"restore.kubevirt.io/lastRestoreUID": "x", "note": "y"},
        },
        "spec": {
            "template": {
                "metadata": {"labels": {"t": "1"}, "annotations": {"u": "1"}},
                "spec": {"domain": {"firmware": {"uuid": "u"}}},
            }
        },
    }
    spec = {
        "labelFilters": [],
        "annotationFilters": [],
        "template": {"labelFilters": [], "annotationFilters": []},
        "newSMBiosSerial": "<&>",
        "patches": ["mine"],
    }
    firmware = "/spec/template/spec/domain/firmware"
    assert restore_patches(source, spec) == [
        f'{{"op":"replace","path":"{firmware}/serial","value":"\\u003c\\u0026\\u003e"}}',
        '{"op":"remove","path":"/metadata/labels/a~0x"}',
        '{"op":"remove","path":"/metadata/labels/b~1c"}',
        '{"op":"remove","path":"/metadata/annotations/note"}',
        '{"op":"remove","path":"/spec/template/metadata/labels/t"}',
        '{"op":"remove","path":"/spec/template/metadata/annotations/u"}',
        f'{{"op":"replace","path":"{firmware}/uuid","value":""}}',
        "mine",
    ]


@pytest.mark.parametrize(
    "rule",
    [
        "(?=a)",
        "(?!a)",
        "(?<=a)b",
        "(?<!a)b",
        r"(a)\1",
        "(?P<n>a)(?P=n)",
        "(?#note)a",
        "(?>a)",
        "(a)?(?(1)b|c)",
        "a++",
        "a*+",
        "a?+",
        "a{2}+",
        r"a\Z",
        "a**",
        "(",
        "a{1001}",
    ],
)
def test_what_go_does_not_compile_hits_nothing(rule: str) -> None:
    assert compiled(rule) is None
    assert not matches(rule, "a")


@pytest.mark.parametrize(
    ("rule", "key"),
    [
        (r"^app\z", "app"),
        ("[[:alpha:]]pp", "app"),
        ("[+*?]+", "a+b"),
        ("(?i)APP", "app"),
        ("(?P<x>a)pp", "app"),
        ("a{2}?", "aa"),
        (r"\\\d", "\\1"),
        ("", "anything"),
    ],
)
def test_what_go_compiles_is_understood(rule: str, key: str) -> None:
    assert matches(rule, key)


def test_word_characters_are_ascii_as_in_go() -> None:
    assert not matches(r"^\w$", "é")
