"""Other people's clients drive the sandbox: each makes a clone and sees it succeed.

Each is installed from PyPI into an environment of its own, which takes a while and a network.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.planes import Plane

FOLDER = Path(__file__).parent
CLIENTS = [
    ("with_kubernetes.py", ["kubernetes==36.0.3"]),
    ("with_kubernetes.py", ["kubernetes==37.0.2"]),
    ("with_kubernetes_dynamic.py", ["kubernetes==36.0.3"]),
    ("with_kubernetes_dynamic.py", ["kubernetes==37.0.2"]),
    ("with_kubernetes_asyncio.py", ["kubernetes_asyncio==36.1.0"]),
    # Newer ones of httpx2 break it: findings/lightkube-fails-with-newer-httpx2.sh
    ("with_lightkube.py", ["lightkube==1.0.0", "httpx2<2.13"]),
    ("with_kr8s.py", ["kr8s==0.20.15"]),
]


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("script", "packages"), CLIENTS, ids=[f"{s[5:-3]}-{p[0]}" for s, p in CLIENTS]
)
def test_a_client_makes_a_clone_and_sees_it_succeed(
    script: str, packages: list[str], tmp_path: Path
) -> None:
    environment = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    python = environment / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
    with Plane(speed=5.0) as plane:
        done = subprocess.run(
            [python, FOLDER / script, plane.kubeconfig],
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        vm = plane.registry.get("virtualmachines.kubevirt.io", "default", "copy")
    assert done.stdout.splitlines()[-1] == "Succeeded"
    assert vm["metadata"]["name"] == "copy"


@pytest.mark.nightly
def test_the_extra_for_pytest_is_all_that_a_test_needs(tmp_path: Path) -> None:
    environment = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    python = environment / "bin" / "python"
    package = f"{Path(__file__).parents[2]}[pytest]"
    subprocess.run([python, "-m", "pip", "install", "--quiet", package], check=True)
    (tmp_path / "test_ours.py").write_text(
        "from kubectl_virt_clone import api\n"
        "def test_a_copy(kubevirt_client):\n"
        "    assert api.clone(kubevirt_client, source='vm-cirros', target='copy').created\n",
        encoding="utf-8",
    )
    done = subprocess.run(
        [python, "-m", "pytest", "-q", "test_ours.py"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (done.returncode, "1 passed" in done.stdout) == (0, True), done.stdout + done.stderr
