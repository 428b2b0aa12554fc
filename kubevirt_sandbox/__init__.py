"""A control plane of our own, in one process, with a simulated KubeVirt.

Written from what real control planes answered. It knows nothing of the plugin: the two are readings
of KubeVirt of their own, and can be held against each other.
"""
