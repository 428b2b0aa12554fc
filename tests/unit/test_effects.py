"""What a clone's filters do to its source; the cases are those of recording 06."""

import pytest

from kubectl_virt_clone.clone.progress.progress import Surroundings
from kubectl_virt_clone.clone.target.preview import Effect, filter_effects
from kubectl_virt_clone.objects.resource import Lookup
from tests.unit.builders import WRONG, a_clone, a_vm, malformed, surroundings

SOURCE = a_vm()
SOURCE["metadata"] |= {
    "labels": {"app": "a", "myapp": "a", "app.kubernetes.io/name": "a", "tier": "t"},
    "annotations": {"note": "n", "restore.kubevirt.io/lastRestoreUID": "x"},
}
SOURCE["spec"]["template"] = {"metadata": {"labels": {"os": "l"}, "annotations": {"tag": "x"}}}
FROM_SNAPSHOT = {"kind": "VirtualMachineSnapshot", "name": "snap"}


def effects(vm=SOURCE, **spec):
    return filter_effects(a_clone(spec=spec), surroundings(source=vm))


@pytest.mark.parametrize(
    ("filters", "kept", "dropped"),
    [
        (["*"], ("app", "app.kubernetes.io/name", "myapp", "tier"), ()),
        (["app"], ("app", "app.kubernetes.io/name", "myapp"), ("tier",)),
        (["^app$"], ("app",), ("app.kubernetes.io/name", "myapp", "tier")),
        (["*", "!app"], ("tier",), ("app", "app.kubernetes.io/name", "myapp")),
        (["!foo"], (), ("app", "app.kubernetes.io/name", "myapp", "tier")),
        ([], (), ("app", "app.kubernetes.io/name", "myapp", "tier")),
    ],
)
def test_the_effect_of_a_filter_is_what_it_keeps_and_what_it_drops(filters, kept, dropped):
    assert effects(labelFilters=filters) == {"labels": Effect(kept, dropped)}


def test_each_list_of_filters_has_its_own_effect():
    assert effects(
        annotationFilters=["!note"],
        template={"labelFilters": ["x"], "annotationFilters": ["tag"]},
    ) == {
        "annotations": Effect(("restore.kubevirt.io/lastRestoreUID",), ("note",)),
        "template_labels": Effect((), ("os",)),
        "template_annotations": Effect(("tag",), ()),
    }


def test_a_key_that_a_patch_sets_is_no_work_of_the_filter():
    patch = '{"op":"add","path":"/metadata/labels/new","value":"x"}'
    assert effects(labelFilters=["tier"], patches=[patch])["labels"] == Effect(
        ("tier",), ("app", "app.kubernetes.io/name", "myapp"), ("new",)
    )


@pytest.mark.parametrize("source", [None, Lookup(unreadable="Forbidden")])
def test_without_the_source_the_effect_is_not_known(source):
    assert effects(source, labelFilters=["*"]) == {"labels": None}


@pytest.mark.parametrize("filters", [None, "text", {}])
def test_without_filters_there_is_no_effect(filters):
    assert effects(labelFilters=filters) == {}


def test_of_a_snapshot_the_vm_in_its_content_counts():
    clone = a_clone(spec={"source": FROM_SNAPSHOT, "labelFilters": ["tier"]})
    kept = {"metadata": {"labels": {"tier": "t", "old": "x"}}, "spec": {}}
    content = Lookup({"spec": {"source": {"virtualMachine": kept}}})
    around = Surroundings(source=Lookup({"metadata": {"labels": {"tier": "s"}}}), content=content)
    assert filter_effects(clone, around) == {"labels": Effect(("tier",), ("old",))}


def test_of_a_snapshot_without_content_nothing_is_known():
    clone = a_clone(spec={"source": FROM_SNAPSHOT, "labelFilters": ["tier"]})
    assert filter_effects(clone, surroundings(source=SOURCE)) == {"labels": None}


def test_whatever_is_malformed_there_is_an_effect():
    clone = a_clone(
        spec={
            "labelFilters": ["tier"],
            "template": {"annotationFilters": ["*"]},
            "newMacAddresses": {"default": "02-00-00-00-00-99"},
            "patches": ["{}"],
        }
    )
    cases = [
        *((broken, SOURCE) for broken in [*malformed(clone), *WRONG]),
        *((clone, broken) for broken in [*malformed(SOURCE), *WRONG]),
    ]
    assert {type(filter_effects(c, Surroundings(source=Lookup(vm)))) for c, vm in cases} == {dict}
