"""What is said when a wait is interrupted."""

import pytest

from kubectl_virt_clone.clone.progress.progress import BOUND, SUCCESS, parse_goal
from kubectl_virt_clone.objects.resource import Access, ConnectionFlags, Selection
from kubectl_virt_clone.render.progress.outcomes import interrupted


def said(names="a", goal=SUCCESS, selection=None, **flags):
    keys = [("vms", name) for name in names]
    return interrupted(keys, [goal], ConnectionFlags(**flags).access, selection or Selection())


def test_the_command_names_the_clone():
    assert said(["nightly"]) == (
        "interrupted; the clone nightly goes on without us. To wait again:\n"
        "  kubectl virt-clone wait nightly -n vms"
    )


def test_all_names_are_there_however_many_they_are():
    assert said("abcdefg", namespace="vms") == (
        "interrupted; 7 clones go on without us. To wait again:\n"
        "  kubectl virt-clone wait a b c d e f g -n vms"
    )


def test_each_of_several_namespaces_has_a_command():
    keys = [("a", "one"), ("b", "two"), ("a", "three")]

    assert interrupted(keys, [SUCCESS], Access(user=("--user", "me")), Selection()) == (
        "interrupted; 3 clones go on without us. To wait again:\n"
        "  kubectl virt-clone wait one three -n a --user me\n"
        "  kubectl virt-clone wait two -n b --user me"
    )


@pytest.mark.parametrize(
    ("selection", "words"),
    [
        (Selection(label_selector="app in (a, b)"), "-l 'app in (a, b)'"),
        (Selection(field_selector="metadata.name=a"), "--field-selector metadata.name=a"),
        (Selection(everything=True), "--all"),
        (Selection(everything=True, all_namespaces=True), "--all -A"),
        (Selection(names=("a", "b")), "a -n vms"),
    ],
)
def test_what_was_selected_is_selected_again(selection, words):
    assert said(selection=selection).endswith(f"\n  kubectl virt-clone wait {words}")


@pytest.mark.parametrize(
    ("goal", "words"),
    [
        ("phase=succeeded", ""),
        ("phase=failed", " --for=phase=Failed"),
        ("condition=Ready", " --for=condition=Ready=true"),
        ("delete", " --for=delete"),
    ],
)
def test_the_goal_is_the_same(goal, words):
    assert said(goal=parse_goal(goal)).endswith(f"\n  kubectl virt-clone wait a -n vms{words}")


def test_the_connection_is_the_same_but_for_secrets():
    flags = {
        "kubeconfig": "my config",
        "context": "prod",
        "server": "https://user:secret@host",
        "token": "secret",
        "impersonate_user": "ann",
        "impersonate_groups": ("x", "y z"),
        "impersonate_uid": "7",
        "insecure_skip_tls_verify": True,
    }
    assert said(**flags).endswith(
        "\n  kubectl virt-clone wait a -n vms --kubeconfig 'my config' --context prod"
        " -s https://host --insecure-skip-tls-verify --as ann --as-uid 7 --as-group x"
        " --as-group 'y z'"
    )


def test_clones_that_are_not_known_yet_are_told_by_how_they_are_chosen():
    assert said([], selection=Selection(label_selector="a=b")) == (
        "interrupted; the clones go on without us. To wait again:\n  kubectl virt-clone wait -l a=b"
    )


def test_names_that_were_asked_for_are_said_before_anything_is_known_of_them():
    assert said([], selection=Selection(names=("a", "b"))) == (
        "interrupted; the clones go on without us. To wait again:\n  kubectl virt-clone wait a b"
    )


def test_what_ends_the_wait_early_is_asked_for_again():
    keys = [("vms", "a")]
    said = interrupted(keys, [SUCCESS], Access(), Selection(), fail_on_pending=True)
    assert said.endswith("\n  kubectl virt-clone wait a -n vms --fail-on-pending")


def test_goals_that_are_still_to_come_are_waited_for_again():
    keys = [("vms", "a")]
    said = interrupted(keys, [BOUND, SUCCESS], Access(), Selection())
    assert said.endswith(" wait a -n vms --for=volumes-bound --for=phase=Succeeded")
