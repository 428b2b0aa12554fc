"""The VM that a clone will make: KubeVirt's projection of a source and a spec.

Whether it can be made is judged in ``clone/checks``.
"""
