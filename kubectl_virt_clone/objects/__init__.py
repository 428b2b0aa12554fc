"""Kubernetes objects as plain dicts: reading them, names, JSONPath, YAML documents.

Pure, and total on malformed data; KubeVirt's rules belong in ``clone/``.
"""
