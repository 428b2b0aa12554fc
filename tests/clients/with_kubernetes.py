"""Clone with the API classes of the Kubernetes package, and watch the clone to its end."""

import sys

from kubernetes import client, config, watch

WHERE = ("clone.kubevirt.io", "v1beta1", "default", "virtualmachineclones")
VM = {"apiGroup": "kubevirt.io", "kind": "VirtualMachine"}

config.load_kube_config(sys.argv[1])
api = client.CustomObjectsApi()
body = {
    "apiVersion": "clone.kubevirt.io/v1beta1",
    "kind": "VirtualMachineClone",
    "metadata": {"name": "theirs"},
    "spec": {"source": {**VM, "name": "vm-cirros"}, "target": {**VM, "name": "copy"}},
}
made = api.create_namespaced_custom_object(*WHERE, body)
since = made["metadata"]["resourceVersion"]
events = watch.Watch().stream(
    *(api.list_namespaced_custom_object, *WHERE),
    field_selector="metadata.name=theirs",
    resource_version=since,
    timeout_seconds=30,
)
for event in events:
    print(event["object"].get("status", {}).get("phase", ""))
    if event["object"].get("status", {}).get("phase") == "Succeeded":
        break
