"""Clone with the dynamic client of the Kubernetes package, which reads discovery first."""

import sys

from kubernetes import config, dynamic

VM = {"apiGroup": "kubevirt.io", "kind": "VirtualMachine"}

client = dynamic.DynamicClient(config.new_client_from_config(sys.argv[1]))
clones = client.resources.get(api_version="clone.kubevirt.io/v1beta1", kind="VirtualMachineClone")
body = {
    "apiVersion": "clone.kubevirt.io/v1beta1",
    "kind": "VirtualMachineClone",
    "metadata": {"name": "theirs"},
    "spec": {"source": {**VM, "name": "vm-cirros"}, "target": {**VM, "name": "copy"}},
}
made = clones.create(body=body, namespace="default")
for event in clones.watch(namespace="default", name="theirs", timeout=30):
    phase = (event["raw_object"].get("status") or {}).get("phase", "")
    print(phase)
    if phase == "Succeeded":
        break
