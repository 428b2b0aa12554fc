"""KubeVirt's webhooks together: which of them sees a request, and the gate in front of them.

The rules of each kind are in the ``*_webhooks`` modules; nothing is stored here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from kubevirt_sandbox.kubevirt.admission import clone_webhooks, older_webhooks, vm_webhooks
from kubevirt_sandbox.kubevirt.admission.restore_webhooks import (
    RESTORE_FINALIZER,
    RESTORE_VALIDATOR,
    SNAPSHOT_FINALIZER,
    SNAPSHOT_VALIDATOR,
    RestoreValidator,
    refuse_changed_spec,
    refuse_invalid_snapshot,
    with_finalizer,
)
from kubevirt_sandbox.kubevirt.admission.virt_api import refuse_unasked
from kubevirt_sandbox.kubevirt.controllers.controller import Client
from kubevirt_sandbox.kubevirt.objects import Obj, section
from kubevirt_sandbox.kubevirt.releases import NEWEST, Release
from kubevirt_sandbox.kubevirt.resources import (
    CLONES,
    KUBEVIRT_NAME,
    KUBEVIRT_NAMESPACE,
    KUBEVIRTS,
    RESTORES,
    SNAPSHOTS,
    VIRTUAL_MACHINES,
)
from kubevirt_sandbox.storage.schema import violations
from kubevirt_sandbox.storage.status import Cause, denied

if TYPE_CHECKING:
    from kubevirt_sandbox.kubevirt.api import Api
    from kubevirt_sandbox.storage.webhooks import AdmissionRequest

GATE = "Snapshot"


class Admission:
    """The admission plugin of the simulated KubeVirt."""

    def __init__(self, api: Api, release: Release = NEWEST) -> None:
        self.reachable: Callable[[], bool] = lambda: True
        """Whether virt-api answers; without it nothing that it guards can be written."""
        self._catalogue = api.catalogue
        self._read = Client(api).read
        self._release = release
        self._restores = RestoreValidator(self._read, older=not release.waits_for_source)

    def mutate(self, request: AdmissionRequest) -> Obj:
        """The object as the mutating webhooks return it; ApiError when one refuses."""
        if not self.reachable():
            refuse_unasked(request)
        if request.type_key == VIRTUAL_MACHINES.qualified and not request.subresource:
            return self._read_by_go(request)
        if request.operation != "CREATE" or request.subresource:
            return request.object
        if request.type_key == CLONES.qualified:
            return clone_webhooks.fill_in_target(request.object)
        # The controllers of these two add their finalizer at first sight. Here it is there from
        # the start, which nobody can tell apart and which saves a write per object.
        if request.type_key == SNAPSHOTS.qualified:
            return with_finalizer(request.object, SNAPSHOT_FINALIZER)
        if request.type_key == RESTORES.qualified:
            return with_finalizer(request.object, RESTORE_FINALIZER)
        return request.object

    def _read_by_go(self, request: AdmissionRequest) -> Obj:
        """A VM as its mutating webhook writes it; what Go could not read, the schema refuses."""
        vm = vm_webhooks.without_nulls(request.object)
        causes = violations(self._catalogue[request.type_key].schema, vm)
        mistyped = any(item["reason"] == "FieldValueTypeInvalid" for item in causes)
        if mistyped:
            return vm
        if request.operation == "CREATE":
            vm = vm_webhooks.with_defaults(vm, self._release)
        return vm_webhooks.with_null_timestamps(vm) if self._release.null_timestamps else vm

    def validate(self, request: AdmissionRequest) -> None:
        """Raises ApiError when a validating webhook refuses the request."""
        if request.operation == "DELETE" or request.subresource:
            return
        created = request.operation == "CREATE"
        if request.type_key == CLONES.qualified:
            if created:
                self._need_gate(clone_webhooks.VALIDATOR, "snapshot feature gate is not enabled")
            clone_webhooks.refuse_invalid(request.object, self._source_causes(request))
        elif request.type_key == VIRTUAL_MACHINES.qualified:
            if section(request.object, "metadata").get("deletionTimestamp"):
                return
            vm_webhooks.refuse_invalid(request.object, self._gates("featureGates"))
            request.warnings.extend(vm_webhooks.warnings_of(request.object))
        elif request.type_key == SNAPSHOTS.qualified:
            if not created:
                refuse_changed_spec(SNAPSHOT_VALIDATOR, request.object, request.old_object)
                return
            self._need_gate(SNAPSHOT_VALIDATOR, "snapshot feature gate not enabled")
            refuse_invalid_snapshot(request.object)
        elif request.type_key == RESTORES.qualified:
            if not created:
                refuse_changed_spec(RESTORE_VALIDATOR, request.object, request.old_object)
                return
            self._need_gate(RESTORE_VALIDATOR, "Snapshot/Restore feature gate not enabled")
            self._restores.refuse_invalid(request.object, request.namespace)

    def _source_causes(self, request: AdmissionRequest) -> Iterator[Cause]:
        """What the webhook of a release that does not wait for sources says of this one."""
        if not self._release.waits_for_source:
            source = section(request.object, "spec", "source")
            yield from older_webhooks.source_causes(self._read, request.namespace, source)

    def _need_gate(self, webhook: str, message: str) -> None:
        if not self.gate_is_on():
            raise denied(webhook, message)

    def gate_is_on(self) -> bool:
        """Whether the Snapshot gate is on: from 1.9 it is, unless it is listed as disabled."""
        if GATE in self._gates("featureGates"):
            return True
        return self._release.beta_gates_on and GATE not in self._gates("disabledFeatureGates")

    def _gates(self, field: str) -> list[str]:
        kubevirt = self._read(KUBEVIRTS, KUBEVIRT_NAMESPACE, KUBEVIRT_NAME) or {}
        developer = section(kubevirt, "spec", "configuration", "developerConfiguration")
        return developer.get(field) or []
