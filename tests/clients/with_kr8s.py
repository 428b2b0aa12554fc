"""Clone with kr8s, and wait for the condition that a finished clone has."""

import sys

import kr8s
from kr8s.objects import new_class

VM = {"apiGroup": "kubevirt.io", "kind": "VirtualMachine"}
Clone = new_class(kind="VirtualMachineClone", version="clone.kubevirt.io/v1beta1", namespaced=True)

api = kr8s.api(kubeconfig=sys.argv[1])
body = {
    "metadata": {"name": "theirs", "namespace": "default"},
    "spec": {"source": {**VM, "name": "vm-cirros"}, "target": {**VM, "name": "copy"}},
}
clone = Clone(body, api=api)
clone.create()
while "status" not in clone.raw:  # wait() would raise: findings/kr8s-wait-needs-a-status.sh
    clone.refresh()
clone.wait("condition=Ready", timeout=30)
clone.refresh()
print(clone.status.phase)
