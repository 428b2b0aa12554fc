"""A hint, pasted into a shell, does to the cluster of the command before what it says."""

from __future__ import annotations

import re
import subprocess

from kubevirt_sandbox.controlplane import CONTEXT, ControlPlane
from tests.kubectl.conftest import PATIENCE, Kubectl

CHECK = ("virt-clone", "check", "--source", "vm-tpm")


def test_a_pasted_hint_mends_what_was_checked_with_the_same_flags(
    kubectl: Kubectl, kubectl_path: str, plane: ControlPlane, environment: dict[str, str]
) -> None:
    flags = ("--kubeconfig", environment.pop("KUBECONFIG"), "--context", CONTEXT)
    flags = (*flags, "--as", "it's me", "--as-group", "system:masters", "-s", plane.url)
    before = kubectl(*CHECK, *flags, exit_code=1)

    (hint,) = re.findall("kubectl .*", before.out)
    mended = subprocess.run(
        ["sh", "-c", hint],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )

    assert (mended.stdout, mended.stderr) == ("virtualmachine.kubevirt.io/vm-tpm patched\n", "")
    assert "backend-storage" not in kubectl(*CHECK, *flags).out
