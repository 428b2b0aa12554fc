"""Commands in hints act on the cluster that the flags of the command before meant."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from kubevirt_sandbox.controlplane import CONTEXT, ControlPlane
from tests.cli.conftest import Kvc

GET_VM = "kubectl HERE get vm"
PATCH_TPM = "kubectl HERE patch vm/vm-tpm"
Hinted = Callable[..., str]


@pytest.fixture
def hinted(kvc: Kvc, plane: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> Hinted:
    """Runs the program with flags for the cluster and the user: what it said, HERE for them."""
    monkeypatch.delenv("KUBECONFIG")
    given = ("--kubeconfig", str(plane.kubeconfig), "--context", CONTEXT)
    given = (*given, "--as", "ann@home", "--as-group", "system:masters")

    def run(*args: str, exit_code: int = 0) -> str:
        said = "".join(kvc(*args, *given, exit_code=exit_code))
        return said.replace(" ".join(given), "HERE")

    return run


def commands(said: str) -> list[str]:
    """The beginnings of the commands in a text, up to what they are about."""
    return re.findall(r"(?:kubectl|virtctl) (?:HERE )?\S+ [\w/-]+", said)


@pytest.mark.parametrize("output", [(), ("-o", "json")])
@pytest.mark.parametrize("verb", ["check", "preview"])
def test_a_finding_is_mended_on_the_cluster_that_was_asked(
    hinted: Hinted, verb: str, output: tuple[str, ...]
) -> None:
    said = hinted(verb, "--source=vm-tpm", *output, exit_code=int(verb == "check"))

    assert commands(said) == [PATCH_TPM]


def test_what_stops_a_creation_is_mended_there(hinted: Hinted) -> None:
    assert commands(hinted("create", "--source=vm-tpm", exit_code=1)) == [PATCH_TPM]


def test_what_holds_up_a_clone_is_looked_at_there(hinted: Hinted) -> None:
    create = ("create", "c", "--source=nosuch", "--target=t", "--skip-check=source-missing")

    created = hinted(*create, "--wait", "--timeout=1ms", exit_code=3)
    waited = hinted("wait", "c", "--timeout=1ms", exit_code=3)
    described = hinted("describe", "c")

    # On the line of progress, if there was time for one, and in the message.
    assert set(commands(created)) == set(commands(waited)) == {GET_VM}
    assert commands(described) == [GET_VM]


def test_what_stays_after_a_deletion_is_shown_there(hinted: Hinted) -> None:
    hinted("create", "c", "--source=vm-cirros", "--target=t", "--wait")

    assert commands(hinted("delete", "c")) == [GET_VM]


def test_a_webhook_that_does_not_answer_is_looked_at_there(
    hinted: Hinted, plane: ControlPlane
) -> None:
    plane.faults.add("no-webhook")

    said = hinted("create", "c", "--source=vm-cirros", "--target=t", exit_code=1)

    assert commands(said) == ["kubectl HERE get pods"]


def test_rights_are_not_given_by_the_user_who_lacks_them(kvc: Kvc, plane: ControlPlane) -> None:
    said = kvc("check", "--context", CONTEXT, "--as", "ann", exit_code=1).out

    (hint,) = re.findall("kubectl .*", said)
    assert hint == (
        f"kubectl --context {CONTEXT} create rolebinding ann-may-clone"
        " --clusterrole=kubevirt.io:edit --user=ann -n default"
    )


def test_rights_that_could_not_be_asked_are_unknown(kvc: Kvc, plane: ControlPlane) -> None:
    plane.faults.add("forbid:verb=create,resource=selfsubjectaccessreviews")

    assert "\nRights:         <unknown> in the namespace default\n" in kvc("check").out
