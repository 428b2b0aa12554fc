"""The fixtures for other people's tests, as pytest finds and runs them there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PLUGIN = "kubevirt_sandbox.pytest_plugin"
CLONE = """
from kubernetes.client import CustomObjectsApi

WHERE = ("clone.kubevirt.io", "v1beta1", "default", "virtualmachineclones")
VM = {"apiGroup": "kubevirt.io", "kind": "VirtualMachine"}


def make(client, name):
    api = CustomObjectsApi(client)
    body = {
        "apiVersion": "clone.kubevirt.io/v1beta1",
        "kind": "VirtualMachineClone",
        "metadata": {"name": name},
        "spec": {"source": {**VM, "name": "vm-cirros"}, "target": {**VM, "name": name}},
    }
    api.create_namespaced_custom_object(*WHERE, body)
    phase = ""
    while phase != "Succeeded":
        phase = api.get_namespaced_custom_object(*WHERE, name).get("status", {}).get("phase")
"""


def ran(folder: Path, tests: str, *args: str, ini: str = "") -> tuple[int, str]:
    """Run pytest on some tests in a folder of their own; the exit code and what it printed."""
    (folder / "clones.py").write_text(CLONE, encoding="utf-8")
    (folder / "test_ours.py").write_text(tests, encoding="utf-8")
    (folder / "pytest.ini").write_text(f"[pytest]\npythonpath = .\n{ini}", encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-p", PLUGIN, "--strict-markers", "-q", *args]
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root), "COLUMNS": "200"}
    done = subprocess.run(
        [*command, str(folder)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return done.returncode, done.stdout + done.stderr


def test_each_test_has_a_sandbox_of_its_own_kind(tmp_path: Path) -> None:
    tests = """
import pytest
from clones import make

def test_once(kubevirt_client):
    make(kubevirt_client, "copy")

def test_twice(kubevirt_client, kubeconfig, kubevirt_sandbox):
    make(kubevirt_client, "copy")
    assert kubeconfig == kubevirt_sandbox.kubeconfig

@pytest.mark.kubevirt_sandbox(release="1.4", seeds=["vm-cirros"])
def test_older(kubevirt_sandbox):
    assert kubevirt_sandbox.kubevirt.release.name == "1.4"

def test_as_the_ini_file_says(kubevirt_sandbox):
    assert kubevirt_sandbox.kubevirt.release.name == "1.6"
"""
    code, out = ran(tmp_path, tests, ini="kubevirt_sandbox_release = 1.6\n")

    assert (code, out.splitlines()[-1].partition(" in ")[0]) == (0, "4 passed"), out


def test_a_run_may_share_one_also_in_several_workers(tmp_path: Path) -> None:
    tests = """
from clones import make

def test_first(kubevirt_client):
    make(kubevirt_client, "copy")

def test_second(kubevirt_sandbox):
    names = [vm["metadata"]["name"] for vm in
             kubevirt_sandbox.registry.list("virtualmachines.kubevirt.io").items]
    assert "copy" in names
"""
    shared = "kubevirt_sandbox_scope = session\n"

    code, out = ran(tmp_path, tests, "-n2", "--dist=loadfile", ini=shared)

    assert (code, out.splitlines()[-1].partition(" in ")[0]) == (0, "2 passed"), out


def test_what_is_not_known_is_an_error_that_says_so(tmp_path: Path) -> None:
    tests = """
import pytest

@pytest.mark.kubevirt_sandbox(nodes="1.6")
def test_it(kubevirt_sandbox):
    pass
"""
    code, out = ran(tmp_path, tests)
    assert code == 1
    assert "kubevirt_sandbox has no option nodes" in out

    code, out = ran(tmp_path, tests, ini="kubevirt_sandbox_scope = class\n")
    assert code != 0
    assert "kubevirt_sandbox_scope: 'class' is not function or session" in out


def test_a_project_that_asks_for_none_loads_no_control_plane(tmp_path: Path) -> None:
    tests = """
import sys

def test_it():
    loaded = {"kubevirt_sandbox.controlplane", "kubernetes", "kubectl_virt_clone"}
    assert not loaded & sys.modules.keys()
"""
    assert ran(tmp_path, tests)[0] == 0
