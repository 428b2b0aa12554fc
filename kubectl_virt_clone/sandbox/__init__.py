"""A control plane of our own, in one process, with a simulated KubeVirt.

Written from what real control planes answered, not from ``model/``: of that package it may know
the constants in ``model.api`` and nothing else, so that the two can be held against each other.
"""
