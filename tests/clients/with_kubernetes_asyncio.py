"""Clone with kubernetes_asyncio, and watch the clone to its end."""

import asyncio
import sys

from kubernetes_asyncio import client, config, watch

WHERE = ("clone.kubevirt.io", "v1beta1", "default", "virtualmachineclones")
VM = {"apiGroup": "kubevirt.io", "kind": "VirtualMachine"}


async def main() -> None:
    await config.load_kube_config(sys.argv[1])
    async with client.ApiClient() as connection:
        api = client.CustomObjectsApi(connection)
        body = {
            "apiVersion": "clone.kubevirt.io/v1beta1",
            "kind": "VirtualMachineClone",
            "metadata": {"name": "theirs"},
            "spec": {"source": {**VM, "name": "vm-cirros"}, "target": {**VM, "name": "copy"}},
        }
        made = await api.create_namespaced_custom_object(*WHERE, body)
        since = made["metadata"]["resourceVersion"]
        async with watch.Watch().stream(
            *(api.list_namespaced_custom_object, *WHERE),
            field_selector="metadata.name=theirs",
            resource_version=since,
            timeout_seconds=30,
        ) as events:
            async for event in events:
                phase = event["object"].get("status", {}).get("phase", "")
                print(phase)
                if phase == "Succeeded":
                    break


asyncio.run(main())
