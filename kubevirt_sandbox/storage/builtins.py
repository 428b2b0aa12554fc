"""Schemas and names of the resources that the API server itself defines, as far as clones need.

KubeVirt's own resources are not here: they come from the CRD files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Schema = Mapping[str, Any]

STRING: Schema = {"type": "string"}
INTEGER: Schema = {"type": "integer", "format": "int32"}
BOOLEAN: Schema = {"type": "boolean"}
TIME: Schema = {"type": "string", "format": "date-time"}
STRINGS: Schema = {"type": "array", "items": STRING}
ANYTHING: Schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
STRING_MAP: Schema = {"type": "object", "additionalProperties": STRING}
QUANTITIES: Schema = {
    "type": "object",
    "additionalProperties": {"x-kubernetes-int-or-string": True},
}


def _object(**properties: Schema) -> Schema:
    return {"type": "object", "properties": properties}


def _requiring(names: tuple[str, ...], **properties: Schema) -> Schema:
    return {**_object(**properties), "required": list(names)}


def _top(**properties: Schema) -> Schema:
    meta = {"apiVersion": STRING, "kind": STRING, "metadata": {"type": "object"}}
    return _object(**meta, **properties)


def _array(items: Schema) -> Schema:
    return {"type": "array", "items": items}


_REFERENCE = _object(
    apiVersion=STRING,
    fieldPath=STRING,
    kind=STRING,
    name=STRING,
    namespace=STRING,
    resourceVersion=STRING,
    uid=STRING,
)
_LOCAL_REFERENCE = _requiring(
    ("kind", "name"), apiGroup=STRING, kind=STRING, name=STRING, namespace=STRING
)
_CONDITION = _requiring(
    ("type", "status"),
    type=STRING,
    status=STRING,
    reason=STRING,
    message=STRING,
    lastProbeTime={**TIME, "nullable": True},
    lastTransitionTime=TIME,
)

NAMESPACE = _top(
    spec=_object(finalizers=STRINGS),
    status=_object(phase=STRING, conditions=_array(_CONDITION)),
)
EVENT = _top(
    involvedObject=_REFERENCE,
    related=_REFERENCE,
    type=STRING,
    reason=STRING,
    message=STRING,
    count=INTEGER,
    firstTimestamp={**TIME, "nullable": True},
    lastTimestamp={**TIME, "nullable": True},
    eventTime={**TIME, "nullable": True},
    action=STRING,
    reportingComponent=STRING,
    reportingInstance=STRING,
    series=_object(count=INTEGER, lastObservedTime=TIME),
    source=_object(component=STRING, host=STRING),
)
PERSISTENT_VOLUME_CLAIM = _top(
    spec=_object(
        accessModes=STRINGS,
        dataSource=_LOCAL_REFERENCE,
        dataSourceRef=_LOCAL_REFERENCE,
        resources=_object(requests=QUANTITIES, limits=QUANTITIES),
        selector=_object(matchLabels=STRING_MAP, matchExpressions=_array(ANYTHING)),
        storageClassName=STRING,
        volumeAttributesClassName=STRING,
        volumeMode=STRING,
        volumeName=STRING,
    ),
    status=_object(
        accessModes=STRINGS,
        capacity=QUANTITIES,
        phase=STRING,
        conditions=_array(_CONDITION),
    ),
)
POD = _top(spec=ANYTHING, status=ANYTHING)
RESOURCE_QUOTA = _top(
    spec=_object(hard=QUANTITIES, scopes=STRINGS, scopeSelector=ANYTHING),
    status=_object(hard=QUANTITIES, used=QUANTITIES),
)
_ACCESS_STATUS = _object(allowed=BOOLEAN, denied=BOOLEAN, reason=STRING, evaluationError=STRING)
SELF_SUBJECT_ACCESS_REVIEW = _top(
    spec=_object(
        resourceAttributes=_object(
            group=STRING,
            version=STRING,
            resource=STRING,
            subresource=STRING,
            namespace=STRING,
            name=STRING,
            verb=STRING,
            fieldSelector=ANYTHING,
            labelSelector=ANYTHING,
        ),
        nonResourceAttributes=_object(path=STRING, verb=STRING),
    ),
    status=_ACCESS_STATUS,
)
SELF_SUBJECT_RULES_REVIEW = _top(
    spec=_object(namespace=STRING),
    status=ANYTHING,
)
SELF_SUBJECT_REVIEW = _top(
    status=ANYTHING,
)
STORAGE_CLASS = _top(
    provisioner=STRING,
    parameters=STRING_MAP,
    reclaimPolicy=STRING,
    mountOptions=STRINGS,
    allowVolumeExpansion=BOOLEAN,
    volumeBindingMode=STRING,
    allowedTopologies=_array(ANYTHING),
)
CSI_DRIVER = _top(
    spec=_object(
        attachRequired=BOOLEAN,
        podInfoOnMount=BOOLEAN,
        volumeLifecycleModes=STRINGS,
        fsGroupPolicy=STRING,
    )
)
VOLUME_SNAPSHOT_CLASS = {
    **_top(driver=STRING, deletionPolicy=STRING, parameters=STRING_MAP),
    "required": ["deletionPolicy", "driver"],
}
_VOLUME_SNAPSHOT_ERROR = _object(message=STRING, time=TIME)
VOLUME_SNAPSHOT = {
    **_top(
        spec=_requiring(
            ("source",),
            source=_object(persistentVolumeClaimName=STRING, volumeSnapshotContentName=STRING),
            volumeSnapshotClassName=STRING,
        ),
        status=_object(
            boundVolumeSnapshotContentName=STRING,
            creationTime=TIME,
            error=_VOLUME_SNAPSHOT_ERROR,
            readyToUse=BOOLEAN,
            restoreSize={"x-kubernetes-int-or-string": True},
        ),
    ),
    "required": ["spec"],
}
CONFIG_MAP = _top(
    data=STRING_MAP,
    binaryData=STRING_MAP,
    immutable=BOOLEAN,
)
SECRET = _top(
    data=STRING_MAP,
    stringData=STRING_MAP,
    type=STRING,
    immutable=BOOLEAN,
)
# Policies and webhooks: what is read of them is read as it stands.
ADMISSION_POLICY = _top(
    spec=ANYTHING,
    status=ANYTHING,
)
WEBHOOK_CONFIGURATION = _top(
    webhooks=_array(ANYTHING),
)
CONTROLLER_REVISION = _top(
    data=ANYTHING,
    revision=INTEGER,
)
CUSTOM_RESOURCE_DEFINITION = _top(
    spec=ANYTHING,
    status=ANYTHING,
)


@dataclass(frozen=True)
class Builtin:
    """One resource in version v1; columns as (name, type, JSONPath, text, priority).

    ``custom``: a CRD defines it on a real cluster, and the server treats it accordingly.
    """

    group: str
    plural: str
    kind: str
    schema: Schema
    verbs: tuple[str, ...]
    namespaced: bool = True
    has_status: bool = False
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    columns: tuple[tuple[str, str, str, str, int], ...] = ()
    custom: bool = False


_AGE = ("Age", "date", ".metadata.creationTimestamp", "", 0)
_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")

BUILTINS = (
    Builtin(
        "",
        "events",
        "Event",
        EVENT,
        _VERBS,
        short_names=("ev",),
        columns=(
            ("Last Seen", "date", ".lastTimestamp", "", 0),
            ("Type", "string", ".type", "", 0),
            ("Reason", "string", ".reason", "", 0),
            # The object's cell is "kind/name", which no JSONPath says: the table writes it.
            ("Object", "string", ".involvedObject", "", 0),
            ("Subobject", "string", ".involvedObject.fieldPath", "", 1),
            ("Source", "string", ".source.component", "", 1),
            ("Message", "string", ".message", "", 0),
            ("First Seen", "date", ".firstTimestamp", "", 1),
            ("Count", "string", ".count", "", 1),
            ("Name", "string", ".metadata.name", "", 1),
        ),
    ),
    Builtin(
        "",
        "namespaces",
        "Namespace",
        NAMESPACE,
        ("create", "delete", "get", "list", "patch", "update", "watch"),
        namespaced=False,
        has_status=True,
        short_names=("ns",),
        columns=(("Status", "string", ".status.phase", "", 0), _AGE),
    ),
    Builtin(
        "",
        "persistentvolumeclaims",
        "PersistentVolumeClaim",
        PERSISTENT_VOLUME_CLAIM,
        _VERBS,
        has_status=True,
        short_names=("pvc",),
        columns=(
            ("Status", "string", ".status.phase", "", 0),
            ("Volume", "string", ".spec.volumeName", "", 0),
            ("Capacity", "string", ".status.capacity.storage", "", 0),
            ("Access Modes", "string", ".status.accessModes", "", 0),
            ("StorageClass", "string", ".spec.storageClassName", "", 0),
            ("VolumeAttributesClass", "string", ".spec.volumeAttributesClassName", "", 0),
            _AGE,
            ("VolumeMode", "string", ".spec.volumeMode", "", 1),
        ),
    ),
    # Pods are stored and no more: there are no nodes. The columns that say otherwise are computed.
    Builtin(
        "",
        "pods",
        "Pod",
        POD,
        _VERBS,
        has_status=True,
        short_names=("po",),
        categories=("all",),
        columns=(
            ("Ready", "string", ".spec.containers", "", 0),
            ("Status", "string", ".status.phase", "", 0),
            ("Restarts", "string", ".status.restarts", "", 0),
            _AGE,
        ),
    ),
    Builtin(
        "",
        "resourcequotas",
        "ResourceQuota",
        RESOURCE_QUOTA,
        _VERBS,
        has_status=True,
        short_names=("quota",),
        columns=(
            ("Request", "string", ".status", "", 0),
            ("Limit", "string", ".status", "", 0),
            _AGE,
        ),
    ),
    Builtin(
        "",
        "configmaps",
        "ConfigMap",
        CONFIG_MAP,
        _VERBS,
        short_names=("cm",),
        # How many keys there are is no JSONPath's to say: the table counts them.
        columns=(("Data", "string", ".data", "", 0), _AGE),
    ),
    Builtin(
        "",
        "secrets",
        "Secret",
        SECRET,
        _VERBS,
        columns=(
            ("Type", "string", ".type", "", 0),
            ("Data", "string", ".data", "", 0),
            _AGE,
        ),
    ),
    Builtin(
        "admissionregistration.k8s.io",
        "validatingadmissionpolicies",
        "ValidatingAdmissionPolicy",
        ADMISSION_POLICY,
        _VERBS,
        namespaced=False,
        categories=("api-extensions",),
        columns=(_AGE,),
    ),
    Builtin(
        "admissionregistration.k8s.io",
        "validatingadmissionpolicybindings",
        "ValidatingAdmissionPolicyBinding",
        ADMISSION_POLICY,
        _VERBS,
        namespaced=False,
        categories=("api-extensions",),
        columns=(("PolicyName", "string", ".spec.policyName", "", 0), _AGE),
    ),
    Builtin(
        "admissionregistration.k8s.io",
        "validatingwebhookconfigurations",
        "ValidatingWebhookConfiguration",
        WEBHOOK_CONFIGURATION,
        _VERBS,
        namespaced=False,
        categories=("api-extensions",),
        columns=(_AGE,),
    ),
    Builtin(
        "apps",
        "controllerrevisions",
        "ControllerRevision",
        CONTROLLER_REVISION,
        _VERBS,
        columns=(
            ("Controller", "string", ".metadata.ownerReferences[0]", "", 0),
            ("Revision", "string", ".revision", "", 0),
            _AGE,
        ),
    ),
    Builtin(
        "authentication.k8s.io",
        "selfsubjectreviews",
        "SelfSubjectReview",
        SELF_SUBJECT_REVIEW,
        ("create",),
        namespaced=False,
    ),
    Builtin(
        "authorization.k8s.io",
        "selfsubjectaccessreviews",
        "SelfSubjectAccessReview",
        SELF_SUBJECT_ACCESS_REVIEW,
        ("create",),
        namespaced=False,
    ),
    Builtin(
        "authorization.k8s.io",
        "selfsubjectrulesreviews",
        "SelfSubjectRulesReview",
        SELF_SUBJECT_RULES_REVIEW,
        ("create",),
        namespaced=False,
    ),
    Builtin(
        "storage.k8s.io",
        "storageclasses",
        "StorageClass",
        STORAGE_CLASS,
        _VERBS,
        namespaced=False,
        short_names=("sc",),
        columns=(
            ("Provisioner", "string", ".provisioner", "", 0),
            ("ReclaimPolicy", "string", ".reclaimPolicy", "", 0),
            ("VolumeBindingMode", "string", ".volumeBindingMode", "", 0),
            ("AllowVolumeExpansion", "boolean", ".allowVolumeExpansion", "", 0),
            _AGE,
        ),
    ),
    Builtin(
        "storage.k8s.io",
        "csidrivers",
        "CSIDriver",
        CSI_DRIVER,
        _VERBS,
        namespaced=False,
        columns=(
            ("AttachRequired", "boolean", ".spec.attachRequired", "", 0),
            ("PodInfoOnMount", "boolean", ".spec.podInfoOnMount", "", 0),
            ("Modes", "string", ".spec.volumeLifecycleModes", "", 0),
            _AGE,
        ),
    ),
    # On a cluster a CRD of the CSI snapshotter; only what KubeVirt asks for is here.
    Builtin(
        "snapshot.storage.k8s.io",
        "volumesnapshotclasses",
        "VolumeSnapshotClass",
        VOLUME_SNAPSHOT_CLASS,
        _VERBS,
        namespaced=False,
        short_names=("vsclass", "vsclasses"),
        columns=(
            ("Driver", "string", ".driver", "", 0),
            ("DeletionPolicy", "string", ".deletionPolicy", "", 0),
            _AGE,
        ),
    ),
    Builtin(
        "snapshot.storage.k8s.io",
        "volumesnapshots",
        "VolumeSnapshot",
        VOLUME_SNAPSHOT,
        _VERBS,
        has_status=True,
        short_names=("vs",),
        columns=(
            ("ReadyToUse", "boolean", ".status.readyToUse", "", 0),
            ("SourcePVC", "string", ".spec.source.persistentVolumeClaimName", "", 0),
            ("SourceSnapshotContent", "string", ".spec.source.volumeSnapshotContentName", "", 0),
            ("RestoreSize", "string", ".status.restoreSize", "", 0),
            ("SnapshotClass", "string", ".spec.volumeSnapshotClassName", "", 0),
            ("SnapshotContent", "string", ".status.boundVolumeSnapshotContentName", "", 0),
            ("CreationTime", "date", ".status.creationTime", "", 0),
            _AGE,
        ),
        custom=True,
    ),
    Builtin(
        "apiextensions.k8s.io",
        "customresourcedefinitions",
        "CustomResourceDefinition",
        CUSTOM_RESOURCE_DEFINITION,
        ("create", "delete", "get", "list", "patch", "update", "watch"),
        namespaced=False,
        short_names=("crd", "crds"),
        categories=("api-extensions",),
        columns=(("Created At", "string", ".metadata.creationTimestamp", "", 0),),
    ),
)
