"""Clone with lightkube's generic resources, and wait for the condition."""

import sys

from lightkube import Client, KubeConfig
from lightkube.generic_resource import create_namespaced_resource

VM = {"apiGroup": "kubevirt.io", "kind": "VirtualMachine"}
Clone = create_namespaced_resource(
    "clone.kubevirt.io", "v1beta1", "VirtualMachineClone", "virtualmachineclones"
)

client = Client(config=KubeConfig.from_file(sys.argv[1]))
spec = {"source": {**VM, "name": "vm-cirros"}, "target": {**VM, "name": "copy"}}
made = client.create(Clone(metadata={"name": "theirs", "namespace": "default"}, spec=spec))
since = made.metadata.resourceVersion
for _, clone in client.watch(Clone, fields={"metadata.name": "theirs"}, resource_version=since):
    phase = (clone.status or {}).get("phase", "")
    print(phase)
    if phase == "Succeeded":
        break
