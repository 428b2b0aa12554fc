"""State: objects, their versions, schemas, and the verbs on them with an API server's semantics.

Not here: HTTP, users and URLs (``apiserver``), and what KubeVirt makes of its objects (``kubevirt``).
"""
