"""The sandbox's faults as a real kubectl words them: it knows them for the API server's own."""

from __future__ import annotations

import pytest

from kubevirt_sandbox.controlplane import ControlPlane
from tests.kubectl.conftest import Kubectl

CLONE = """\
apiVersion: clone.kubevirt.io/v1beta1
kind: VirtualMachineClone
metadata: {name: c, namespace: default}
spec:
  source: {apiGroup: kubevirt.io, kind: VirtualMachine, name: vm-cirros}
  target: {apiGroup: kubevirt.io, kind: VirtualMachine, name: t}
"""


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("401", "error: You must be logged in to the server (Unauthorized)\n"),
        ("500", "Error from server: etcdserver: request timed out\n"),
        (
            "503",
            "Error from server (ServiceUnavailable): the server is currently unable to handle the "
            "request\n",
        ),
        (
            "forbid",
            'Error from server (Forbidden): virtualmachines.kubevirt.io "vm-cirros" is forbidden: '
            'User "admin" cannot get resource "virtualmachines" in API group "kubevirt.io" in the '
            'namespace "default"\n',
        ),
    ],
)
def test_a_refusal_is_told(
    kubectl: Kubectl, plane: ControlPlane, fault: str, sentence: str
) -> None:
    plane.faults.add(f"{fault}:resource=virtualmachines")
    assert kubectl("get", "vm", "vm-cirros", exit_code=1).err == sentence


@pytest.mark.parametrize("fault", ["429", "503:retry-after=1", "drop"])
def test_what_passes_is_tried_again(kubectl: Kubectl, plane: ControlPlane, fault: str) -> None:
    name, _, options = fault.partition(":")
    plane.faults.add(f"{name}:resource=virtualmachines,{options}")
    answer = kubectl("get", "vm", "vm-cirros", "-o", "name")
    assert answer == ("virtualmachine.kubevirt.io/vm-cirros\n", "")


@pytest.mark.parametrize("fault", ["close:after=1", "drop:verb=watch,after=1", "410:event=true"])
def test_a_wait_outlives_its_watch(kubectl: Kubectl, plane: ControlPlane, fault: str) -> None:
    plane.faults.add(f"{fault},resource=virtualmachineclones")
    kubectl("create", "-f", "-", stdin=CLONE)
    answer = kubectl("wait", "--for=jsonpath={.status.phase}=Succeeded", "vmclone/c")
    assert answer == ("virtualmachineclone.clone.kubevirt.io/c condition met\n", "")


def test_virt_api_that_is_not_there_is_told(kubectl: Kubectl, plane: ControlPlane) -> None:
    plane.faults.add("no-webhook")
    assert kubectl("create", "-f", "-", stdin=CLONE, exit_code=1).err == (
        'Error from server (InternalError): error when creating "STDIN": Internal error occurred: '
        'failed calling webhook "virtualmachineclones-mutator.kubevirt.io": failed to call '
        'webhook: Post "https://virt-api.kubevirt.svc:443/vm-clone-mutate-create?timeout=10s": no '
        'endpoints available for service "virt-api"\n'
    )
