"""What is said when a wait is interrupted."""

import pytest

from kubectl_virt_clone.model.connection import ConnectionFlags
from kubectl_virt_clone.model.progress import SUCCESS, parse_goal
from kubectl_virt_clone.model.selection import Selection
from kubectl_virt_clone.render.interruption import interrupted


def said(names="a", goal=SUCCESS, selection=None, **flags):
    keys = [("vms", name) for name in names]
    return interrupted(keys, goal, ConnectionFlags(**flags), selection or Selection())


def test_the_command_names_the_clone():
    assert said(["nightly"]) == (
        "interrupted; the clone nightly goes on without us. To wait again:\n"
        "  kubectl virt-clone wait nightly"
    )


def test_more_than_five_are_counted():
    assert said("abcde").endswith("\n  kubectl virt-clone wait a b c d e")
    assert said("abcdefg", namespace="vms") == (
        "interrupted; 7 clones go on without us. To wait again:\n"
        "  kubectl virt-clone wait a b c d e … and 2 more -n vms"
    )


@pytest.mark.parametrize(
    ("selection", "words"),
    [
        (Selection(label_selector="app in (a, b)"), "-l 'app in (a, b)'"),
        (Selection(field_selector="metadata.name=a"), "--field-selector metadata.name=a"),
        (Selection(everything=True), "--all"),
        (Selection(everything=True, all_namespaces=True), "--all -A"),
        (Selection(names=("a", "b")), "a"),
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
    assert said(goal=parse_goal(goal)).endswith(f"\n  kubectl virt-clone wait a{words}")


def test_the_connection_is_the_same_but_for_secrets():
    flags = {
        "kubeconfig": "my config",
        "context": "prod",
        "server": "https://user:secret@host",
        "token": "secret",
        "impersonate_user": "ann",
    }
    assert said(**flags).endswith(
        "\n  kubectl virt-clone wait a --kubeconfig 'my config' --context prod --as ann"
    )


def test_clones_that_are_not_known_yet_are_told_by_how_they_are_chosen():
    assert said([], selection=Selection(label_selector="a=b")) == (
        "interrupted; the clones go on without us. To wait again:\n  kubectl virt-clone wait -l a=b"
    )
