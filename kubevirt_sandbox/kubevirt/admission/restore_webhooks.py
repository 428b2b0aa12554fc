"""KubeVirt's webhooks for VirtualMachineSnapshots and VirtualMachineRestores.

Only the object and the answer: the feature gate and the dispatch are in ``dispatch``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from http import HTTPStatus

from kubevirt_sandbox.kubevirt.admission import older_webhooks
from kubevirt_sandbox.kubevirt.objects import Obj, section, text
from kubevirt_sandbox.kubevirt.resources import RESTORES, Resource
from kubevirt_sandbox.storage.status import Cause, cause, denied

SNAPSHOT_VALIDATOR = "virtualmachinesnapshot-validator.snapshot.kubevirt.io"
RESTORE_VALIDATOR = "virtualmachinerestore-validator.snapshot.kubevirt.io"
SNAPSHOT_FINALIZER = "snapshot.kubevirt.io/vmsnapshot-protection"
RESTORE_FINALIZER = "snapshot.kubevirt.io/vmrestore-protection"

Target = tuple[str, str, str, str]
"""(namespace, apiGroup, kind, name)."""


def with_finalizer(obj: Obj, finalizer: str) -> Obj:
    """The object under the protection that its controller gives it at first sight."""
    metadata = section(obj, "metadata")
    finalizers = metadata.get("finalizers") or []
    if finalizer in finalizers:
        return obj
    return {**obj, "metadata": {**metadata, "finalizers": [*finalizers, finalizer]}}


def refuse_invalid_snapshot(snapshot: Obj) -> None:
    """Refuses a snapshot whose source is no VirtualMachine (422)."""
    causes = list(_reference_causes(section(snapshot, "spec", "source"), "spec.source"))
    if causes:
        raise _invalid(SNAPSHOT_VALIDATOR, causes)


def refuse_changed_spec(webhook: str, new: Obj, old: Obj | None) -> None:
    """Refuses an update of a snapshot or a restore that changes what was asked for (422)."""
    if section(new, "spec") != section(old, "spec"):
        # "in" is KubeVirt's own spelling.
        raise _invalid(webhook, [_refusal("spec in immutable after creation", "spec")])


class RestoreValidator:
    """Refuses restores; remembers which were admitted, to find the other one of a target.

    ``find`` answers a stored object, or None; ``older`` is the webhook of KubeVirt 1.4.
    """

    def __init__(
        self, find: Callable[[Resource, str, str], Obj | None], *, older: bool = False
    ) -> None:
        self._find = find
        self._older = older
        self._admitted: dict[Target, set[str]] = {}

    def refuse_invalid(self, restore: Obj, namespace: str) -> None:
        """Refuses a restore with every cause in one Status (422)."""
        target = section(restore, "spec", "target")
        place = _place(restore, namespace)
        causes = list(_reference_causes(target, "spec.target"))
        if not causes:
            causes.extend(self._target_causes(restore, namespace))
        causes.extend(self._in_progress(place))
        if self._older:
            causes.extend(older_webhooks.snapshot_causes(self._find, namespace, restore))
        if causes:
            raise _invalid(RESTORE_VALIDATOR, causes)
        # Whether it is stored after all does not matter: names that are not there are dropped.
        self._admitted.setdefault(place, set()).add(text(restore, "metadata", "name"))

    def _target_causes(self, restore: Obj, namespace: str) -> Iterator[Cause]:
        yield from _patch_causes(section(restore, "spec").get("patches") or [])
        vm = older_webhooks.target_of(self._find, namespace, restore) if self._older else None
        if vm is not None:
            yield from older_webhooks.run_strategy_causes(vm)

    def _in_progress(self, place: Target) -> Iterator[Cause]:
        names = self._admitted.get(place, set())
        for name in sorted(names):
            restore = self._find(RESTORES, place[0], name)
            gone = restore is None or _place(restore, place[0]) != place
            if gone or section(restore, "status").get("complete"):
                names.discard(name)
                continue
            message = f'VirtualMachineRestore "{name}" in progress'
            yield _refusal(message, "spec.target")


def _refusal(message: str, field: str) -> Cause:
    return cause("FieldValueInvalid", message, field)


def _place(restore: Obj, namespace: str) -> Target:
    target = section(restore, "spec", "target")
    return (namespace, text(target, "apiGroup"), text(target, "kind"), text(target, "name"))


def _invalid(webhook: str, causes: list[Cause]) -> Exception:
    message = ", ".join(item["message"] for item in causes)
    return denied(
        webhook, message, code=HTTPStatus.UNPROCESSABLE_ENTITY, reason="Invalid", causes=causes
    )


def _reference_causes(reference: Obj, field: str) -> Iterator[Cause]:
    group = reference.get("apiGroup")
    if group is None:
        yield cause("FieldValueNotFound", "missing apiGroup", f"{field}.apiGroup")
    elif group != "kubevirt.io":
        yield cause("FieldValueInvalid", "invalid apiGroup", f"{field}.apiGroup")
    elif reference.get("kind") != "VirtualMachine":
        yield cause("FieldValueInvalid", "invalid kind", f"{field}.kind")


def _patch_causes(patches: list[str]) -> Iterator[Cause]:
    """Causes of patches that the webhook can't take apart.

    It does not read JSON: it cuts at each comma and wants one colon in each piece. A MAC with
    colons, a serial with a comma or a value that is an object never passes.
    """
    for patch in patches:
        for piece in patch.strip("{}").split(","):
            parts = piece.split(":")
            if len(parts) != len(("key", "value")):
                message = (
                    'patch format is not valid - one ":" expected in a single key-value json '
                    f"patch: {piece}"
                )
                yield cause("FieldValueInvalid", message, "spec.patches")
            elif not _is_patchable(*(part.strip() for part in parts)):
                message = f"patching is valid only for elements under /spec/ only: {piece}"
                yield cause("FieldValueInvalid", message, "spec.patches")


def _is_patchable(key: str, value: str) -> bool:
    allowed = ('"/metadata/labels/', '"/metadata/annotations/', '"/spec/')
    return key != '"path"' or value.startswith(allowed)
