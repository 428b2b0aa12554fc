"""The storage of a cluster: classes, and the drivers that provision and snapshot claims.

Not here: what KubeVirt makes of it. The drivers work without virt-controller.
"""
