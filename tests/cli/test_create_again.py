"""``create`` where there is such a clone already, and hints that fit how clones were asked for."""

from __future__ import annotations

import pytest

from kubevirt_sandbox.controlplane import ControlPlane
from tests.cli.conftest import Kvc
from tests.cli.test_create_checks import CLONES, CREATE, MANIFEST, OBJECT, REFUSED
from tests.sandbox.world import World

EXISTS = f'Error from server (AlreadyExists): {CLONES} "c" already exists\n'


@pytest.mark.parametrize("again", [CREATE, ("create", "c", "--source=nosuch", "--target=u")])
@pytest.mark.parametrize("state", ["", "Succeeded"])
def test_a_clone_that_exists_is_told_as_kubectl_tells_it_whatever_its_target(
    kvc: Kvc, plane: ControlPlane, again: tuple[str, ...], state: str
) -> None:
    kvc(*CREATE)
    if state:
        World.of(plane).until_phase("c", state)

    assert kvc(*again, exit_code=1) == ("", EXISTS)
    assert kvc(*again, "--dry-run=server", exit_code=1) == ("", EXISTS)


def test_check_and_preview_say_that_there_is_such_a_clone(kvc: Kvc, plane: ControlPlane) -> None:
    kvc(*CREATE)
    World.of(plane).until_phase("c", "Succeeded")
    args = ("c", "--source=vm-cirros", "--target=t")
    row = 'clone-exists   error   there is a clone "c" already   --name c-2\n'

    assert kvc("check", *args, exit_code=1).out.endswith(f"HINT\n{row}")
    assert kvc("preview", *args).out.endswith(f"{row}")
    assert (
        kvc("check", "--name=c-2", *args[1:], exit_code=1)
        .out.splitlines()[1]
        .startswith("target-exists")
    )


def test_a_manifest_that_exists_is_told_as_kubectl_tells_it(kvc: Kvc, plane: ControlPlane) -> None:
    kvc("create", "-f", "-", stdin=MANIFEST)

    assert kvc("create", "-f", "-", stdin=MANIFEST, exit_code=1) == ("", EXISTS)


def test_the_hints_about_a_manifest_speak_of_its_fields(kvc: Kvc, plane: ControlPlane) -> None:
    manifest = MANIFEST.replace("name: t}", "name: taken}")
    manifest += "  newMacAddresses: {nosuch: 02-00-00-00-00-01}\n"

    assert kvc("create", "-f", "-", stdin=manifest, exit_code=1) == (
        "",
        'error: [target-exists] there is a VM "taken" already; KubeVirt clones only to a new one\n'
        "hint: leave out spec.target: KubeVirt then names the VM\n"
        "error: [mac-unknown-interface] the source has no interface nosuch, and KubeVirt would"
        " ignore the MAC address: its interfaces are default\n"
        'hint: spec.newMacAddresses: {"default": "02-00-00-00-00-01"} instead of nosuch\n'
        f"{REFUSED}",
    )


def test_a_namespace_that_is_missing_is_named(kvc: Kvc, plane: ControlPlane) -> None:
    assert kvc("create", "--source=vm-cirros", "-n", "nosuch", exit_code=1) == (
        "",
        'error: [source-missing] there is no namespace "nosuch"\n'
        f"hint: kubectl get namespaces\n{REFUSED}",
    )


def test_a_warning_about_all_of_a_series_is_told_once(kvc: Kvc, plane: ControlPlane) -> None:
    args = ("--source=later", "--target=w-{}", "--count=4", "--label-filter=!x")

    answer = kvc("create", *args, "--skip-check=source-missing", "--no-shared-snapshot")

    assert answer == (
        "".join(f"{OBJECT}/clone-w-{number} created\n" for number in range(1, 5)),
        "Warning: 4 clones (clone-w-1, clone-w-2, clone-w-3, ...): [filter-only-negative]"
        " spec.labelFilters: without a filter that keeps, KubeVirt drops every label; hint:"
        " --label-filter '*'\n",
    )
