"""When a VM runs: its run strategy, however the spec puts it.

Pure; ``controllers.virtualmachines`` writes what a VM's status says of it.
"""

from __future__ import annotations

from kubevirt_sandbox.kubevirt.objects import Obj, section, text

HALTED, MANUAL = "Halted", "Manual"
_STARTED = ("Always", "RerunOnFailure", "Once")
RUN_STRATEGIES = (HALTED, MANUAL, *_STARTED)


def run_strategy_of(vm: Obj) -> str:
    """The run strategy; ``running`` is its old spelling, and neither means halted."""
    if section(vm, "spec").get("running") is True:
        return "Always"
    return text(vm, "spec", "runStrategy") or HALTED


def is_started(vm: Obj) -> bool:
    """Whether KubeVirt keeps a VirtualMachineInstance for this VM.

    One with the strategy Manual is started by a request of its own; its status says whether.
    """
    strategy = run_strategy_of(vm)
    return strategy in _STARTED or (
        strategy == MANUAL and bool(section(vm, "status").get("created"))
    )


def halted(spec: Obj) -> Obj:
    """The spec of a VM that does not run, in the spelling it had."""
    if spec.get("running") is not None:
        return {**spec, "running": False}
    return {**spec, "runStrategy": HALTED}


def with_run_strategy_of(vm: Obj, spec: Obj) -> Obj:
    """The spec with the run strategy of a VM that is there already; ``running`` becomes false."""
    kept = {key: item for key, item in spec.items() if key not in ("running", "runStrategy")}
    if section(vm, "spec").get("running") is not None:
        return {**kept, "running": False}
    return {**kept, "runStrategy": run_strategy_of(vm)}
