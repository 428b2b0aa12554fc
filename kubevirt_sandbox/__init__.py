"""A control plane in one process: a Kubernetes API server with a simulated KubeVirt, on 127.0.0.1.

Written from what real control planes answered. It knows nothing of the plugin: the two are readings
of KubeVirt of their own, and can be held against each other.

    from kubevirt_sandbox import ControlPlane

    with ControlPlane(speed=float("inf")) as plane:
        ...  # any client, with the kubeconfig file at ``plane.kubeconfig``

``ControlPlane`` is loaded when it is asked for, so that what needs one part pays for no other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kubevirt_sandbox.controlplane import ControlPlane

__all__ = ["ControlPlane"]


def __getattr__(name: str) -> Any:
    """``ControlPlane``, and AttributeError for everything else."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from kubevirt_sandbox import controlplane

    return getattr(controlplane, name)
