"""The objects that a sandbox starts with, one family per YAML file, and what reads and plants them.

Not here: namespaces and CRDs, which every cluster has.
"""
