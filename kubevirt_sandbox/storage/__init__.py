"""State: objects, their versions, schemas, and the verbs on them with an API server's semantics.

Not here: HTTP, users and URLs (``apiserver``), nor what KubeVirt does with objects (``kubevirt``).
"""
