"""Policies, webhooks of others and quotas: what they refuse, and that clones go on afterwards.

Sentences and times are those of recordings 26 and 29.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kubevirt_sandbox.kubevirt.pace import Pace
from kubevirt_sandbox.kubevirt.seed.planting import load_seed
from kubevirt_sandbox.storage.admission.policies import UnreadableError, holds
from kubevirt_sandbox.storage.status import ApiError
from kubevirt_sandbox.storage.webhooks import Write

from .world import CLONES, NAMESPACE, RESTORES, SNAPSHOTS, VMS, World, a_vm

WEBHOOKS = "validatingwebhookconfigurations.admissionregistration.k8s.io"
BINDINGS = "validatingadmissionpolicybindings.admissionregistration.k8s.io"
QUOTAS = "resourcequotas"
ANSWER = "virt-clone-sandbox/answer"
DENIED = 'admission webhook "vms.freeze.example.com" denied the request: '
FROZEN = f"{DENIED}the change freeze lasts until Monday, ask the change board"
POLICY = (
    "virtualmachines.kubevirt.io \"t\" is forbidden: ValidatingAdmissionPolicy 'change-freeze' "
    "with binding 'change-freeze' denied request: no new machines during the freeze"
)
UNREACHABLE = (
    'Internal error occurred: failed calling webhook "vms.freeze.example.com": failed to call '
    'webhook: Post "https://127.0.0.1:18543/validate?timeout=10s": dial tcp 127.0.0.1:18543: '
    "connect: connection refused"
)
EXCEEDED = (
    'virtualmachines.kubevirt.io "t" is forbidden: exceeded quota: vms, '
    "requested: count/virtualmachines.kubevirt.io=1, used: count/virtualmachines.kubevirt.io=1, "
    "limited: count/virtualmachines.kubevirt.io=1"
)


class Timed:
    """A world that stands still: its time passes when it is told to."""

    def __init__(self, *seeds: str) -> None:
        self.seconds = 0.0
        self.world = World(Pace(clock=lambda: self.seconds), ("vm-cirros", *seeds))
        self.wait(1)

    def wait(self, seconds: float) -> None:
        end = self.seconds + seconds
        while self.world.kubevirt.step() or self._jump(end):
            pass
        self.seconds = end

    def _jump(self, end: float) -> bool:
        due = self.seconds + self.world.kubevirt.idle_for()
        if due > end:
            return False
        self.seconds = due + 1e-6
        return True

    def until_done(self, name: str) -> float:
        """Seconds until a clone has succeeded."""
        began = self.seconds
        while self.world.phase(name) != "Succeeded":
            assert self.seconds < began + 200
            self.wait(1)
        return self.seconds - began

    def cluster_wide(self, type_key: str, name: str, edit: Callable[[Any], object]) -> None:
        obj = self.world.registry.get(type_key, "", name)
        edit(obj)
        self.world.registry.update(type_key, "", name, obj)


def end_freeze(configuration: dict[str, Any]) -> None:
    del configuration["metadata"]["annotations"][ANSWER]


def answer(text: str) -> Callable[[Any], object]:
    return lambda obj: obj["metadata"]["annotations"].update({ANSWER: text})


@pytest.fixture
def frozen() -> Timed:
    return Timed("sources/freeze-webhook")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("the change freeze lasts until Monday, ask the change board", FROZEN),
        ("unreachable", UNREACHABLE),
        (
            '{"message": "too many machines, try again", "code": 429}',
            f"{DENIED}too many machines, try again",
        ),
    ],
    ids=["sentence", "unreachable", "code"],
)
def test_a_foreign_webhook_holds_a_restore_up_and_nothing_more(
    frozen: Timed, text: str, sentence: str
) -> None:
    frozen.cluster_wide(WEBHOOKS, "change-board", answer(text))
    uid = frozen.world.clone("c", target="t")["metadata"]["uid"]
    frozen.wait(40)
    restore = f"tmp-restore-{uid}"
    assert frozen.world.phase("c") == "RestoreInProgress"
    assert frozen.world.reasons(CLONES, "c") == [
        "Progressing=True:Still processing",
        "Ready=False:Still processing",
    ]
    assert frozen.world.reasons(RESTORES, restore) == [
        f"Progressing=False:{sentence}",
        f"Ready=False:{sentence}",
    ]
    assert frozen.world.events(restore) == [
        (
            "Warning",
            "VirtualMachineRestoreError",
            13,
            f"VirtualMachineRestore encountered error {sentence}",
        )
    ]


@pytest.mark.parametrize(("held_up", "longest"), [(40, 2), (50, 35)])
def test_a_clone_goes_on_when_its_restore_is_tried_again(
    frozen: Timed, held_up: float, longest: float
) -> None:
    frozen.world.clone("c", target="t")
    frozen.wait(held_up)
    frozen.cluster_wide(WEBHOOKS, "change-board", end_freeze)
    seconds = frozen.until_done("c")
    assert longest - 3 <= seconds <= longest


def test_touching_the_restore_makes_it_try_at_once_and_touching_the_clone_does_not(
    frozen: Timed,
) -> None:
    uid = frozen.world.clone("c", target="t")["metadata"]["uid"]
    frozen.wait(45)
    frozen.cluster_wide(WEBHOOKS, "change-board", end_freeze)
    frozen.world.touch(CLONES, "c")
    frozen.wait(3)
    assert frozen.world.phase("c") == "RestoreInProgress"
    frozen.world.touch(RESTORES, f"tmp-restore-{uid}")
    frozen.wait(1)
    assert frozen.world.phase("c") == "Succeeded"


def refuse(type_key: str) -> Callable[[Any], object]:
    plural, _, group = type_key.partition(".")

    def edit(obj: Any) -> None:
        obj["webhooks"][0]["rules"][0].update(apiGroups=[group], resources=[plural])

    return edit


def test_a_refused_snapshot_is_told_nowhere(frozen: Timed) -> None:
    frozen.cluster_wide(WEBHOOKS, "change-board", refuse(SNAPSHOTS))
    frozen.world.clone("c", target="t")
    frozen.wait(5)
    assert (frozen.world.phase("c"), frozen.world.events("c")) == ("SnapshotInProgress", [])
    assert frozen.world.get(CLONES, "c")["status"].keys() == {"conditions", "phase"}
    frozen.cluster_wide(WEBHOOKS, "change-board", end_freeze)
    assert frozen.until_done("c") <= 21


def test_a_refused_restore_is_told_by_an_event_of_the_clone(frozen: Timed) -> None:
    frozen.cluster_wide(WEBHOOKS, "change-board", refuse(RESTORES))
    uid = frozen.world.clone("c", target="t")["metadata"]["uid"]
    frozen.wait(6)
    *_, (kind, reason, count, message) = frozen.world.events("c")
    assert (kind, reason, count) == ("Warning", "RestoreCreationFailed", 9)
    assert message == f"failed creating restore tmp-restore-{uid} for clone c: {FROZEN}"
    frozen.cluster_wide(WEBHOOKS, "change-board", end_freeze)
    assert frozen.until_done("c") <= 21


def test_a_policy_refuses_what_comes_from_a_restore_and_nothing_else() -> None:
    timed = Timed("sources/freeze-policy")
    timed.world.registry.create(VMS, NAMESPACE, a_vm("other"))
    uid = timed.world.clone("c", target="t")["metadata"]["uid"]
    timed.wait(5)
    assert timed.world.reasons(RESTORES, f"tmp-restore-{uid}")[1] == f"Ready=False:{POLICY}"
    timed.world.registry.delete(BINDINGS, "", "change-freeze")
    timed.until_done("c")


def test_a_policy_refuses_with_422_and_its_sentence_as_the_cause() -> None:
    world = World(seeds=("sources/freeze-policy",))
    vm = a_vm("t")
    vm["metadata"]["annotations"] = {"restore.kubevirt.io/lastRestoreUID": "x"}
    with pytest.raises(ApiError) as caught:
        world.registry.create(VMS, NAMESPACE, vm, dry_run=True)
    assert (caught.value.code, caught.value.reason) == (422, "Invalid")
    assert caught.value.status["message"] == POLICY
    sentence = POLICY.partition("is forbidden: ")[2]
    assert caught.value.status["details"] == {
        "name": "t",
        "group": "kubevirt.io",
        "kind": "virtualmachines",
        "causes": [{"message": sentence}],
    }


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("true && !false", True),
        ("has(object.spec.a) || has(object.spec.b)", True),
        ("!(has(object.spec.a) && true)", False),
        ("'x' in object.spec.a", True),
        ("'x' in object.spec.b", False),
        ("'y' in object.spec.a && has(object.spec.a)", False),
    ],
)
def test_simple_expressions_are_evaluated(expression: str, value: bool) -> None:
    assert holds(expression, {"spec": {"a": ["x"]}}) is value


@pytest.mark.parametrize("expression", ["object.spec.a == 1", "has(object.spec", "true true", "!"])
def test_other_expressions_are_refused_when_the_policy_is_written(expression: str) -> None:
    with pytest.raises(UnreadableError):
        holds(expression, {})
    policy, _ = load_seed("sources/freeze-policy")
    spec = {**policy["spec"], "validations": [{"expression": expression}]}
    key = "validatingadmissionpolicies.admissionregistration.k8s.io"
    with pytest.raises(ApiError) as caught:
        World().registry.create(key, "", {**policy, "spec": spec})
    assert caught.value.code == 422
    assert "can't evaluate it" in str(caught.value)


@pytest.mark.parametrize(
    ("change", "dry_run", "message"),
    [
        ({}, True, FROZEN),
        ({"sideEffects": "Unknown"}, True, "does not support dry run"),
        ({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "x"}}}, False, ""),
        (
            {"namespaceSelector": {"matchExpressions": [{"key": "a", "operator": "Exists"}]}},
            False,
            "",
        ),
        (
            {"objectSelector": {"matchExpressions": [{"key": "a", "operator": "DoesNotExist"}]}},
            False,
            FROZEN,
        ),
        (
            {
                "objectSelector": {
                    "matchExpressions": [{"key": "a", "operator": "In", "values": ["b"]}]
                }
            },
            False,
            "",
        ),
        (
            {
                "objectSelector": {
                    "matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["b"]}]
                }
            },
            False,
            FROZEN,
        ),
    ],
)
def test_a_webhook_is_asked_of_what_it_selects(
    change: dict[str, Any], dry_run: bool, message: str
) -> None:
    [configuration] = load_seed("sources/freeze-webhook")
    [webhook] = configuration["webhooks"]
    world = World(seeds=())
    world.registry.create(WEBHOOKS, "", {**configuration, "webhooks": [{**webhook, **change}]})
    if not message:
        world.registry.create(VMS, NAMESPACE, a_vm("t"), dry_run=dry_run)
        return
    with pytest.raises(ApiError, match=message):
        world.registry.create(VMS, NAMESPACE, a_vm("t"), dry_run=dry_run)


def test_a_webhook_that_may_be_missed_lets_pass_what_it_cant_be_asked() -> None:
    [configuration] = load_seed("sources/freeze-webhook")
    [webhook] = configuration["webhooks"]
    configuration = {
        **configuration,
        "metadata": {"name": "x", "annotations": {ANSWER: "unreachable"}},
        "webhooks": [{**webhook, "failurePolicy": "Ignore"}],
    }
    world = World(seeds=())
    world.registry.create(WEBHOOKS, "", configuration)
    world.registry.create(VMS, NAMESPACE, a_vm("t"))


def test_a_webhook_behind_a_service_that_is_gone_is_named_by_it() -> None:
    [configuration] = load_seed("sources/freeze-webhook")
    service = {"name": "board", "namespace": "ops", "path": "/v"}
    [webhook] = configuration["webhooks"]
    world = World(seeds=())
    world.registry.create(
        WEBHOOKS,
        "",
        {
            **configuration,
            "metadata": {"name": "x", "annotations": {ANSWER: "unreachable"}},
            "webhooks": [{**webhook, "clientConfig": {"service": service}}],
        },
    )
    with pytest.raises(ApiError) as caught:
        world.registry.create(VMS, NAMESPACE, a_vm("t"))
    assert str(caught.value).endswith(
        'Post "https://board.ops.svc:443/v?timeout=10s": service "board" not found'
    )


def test_a_quota_on_vms_holds_a_restore_up() -> None:
    timed = Timed("sources/quota-vms")
    uid = timed.world.clone("c", target="t")["metadata"]["uid"]
    timed.wait(30)
    restore = f"tmp-restore-{uid}"
    assert timed.world.reasons(RESTORES, restore)[1] == f"Ready=False:{EXCEEDED}"
    assert timed.world.events(restore)[0][2] == 13
    timed.world.change(QUOTAS, "vms", lambda obj: obj["spec"]["hard"].update({f"count/{VMS}": "2"}))
    assert timed.until_done("c") <= 14
    assert timed.world.get(QUOTAS, "vms")["status"] == {
        "hard": {f"count/{VMS}": "2"},
        "used": {f"count/{VMS}": "2"},
    }


def test_a_quota_on_snapshots_is_told_nowhere() -> None:
    timed = Timed("sources/quota-snapshots")
    timed.world.clone("c", target="t")
    timed.wait(5)
    assert (timed.world.phase("c"), timed.world.events("c")) == ("SnapshotInProgress", [])
    timed.world.delete(QUOTAS, "vm-snapshots")
    timed.until_done("c")


def a_quota(**hard: str) -> dict[str, Any]:
    return {"metadata": {"name": "q", "namespace": NAMESPACE}, "spec": {"hard": hard}}


def test_a_quota_on_clones_refuses_the_clone_itself(still_world: World) -> None:
    still_world.registry.create(QUOTAS, NAMESPACE, a_quota(**{f"count/{CLONES}": "0"}))
    with pytest.raises(ApiError) as caught:
        still_world.clone("c", target="t")
    assert (caught.value.code, caught.value.reason) == (403, "Forbidden")
    assert str(caught.value) == (
        f'{CLONES} "c" is forbidden: exceeded quota: q, requested: count/{CLONES}=1, '
        f"used: count/{CLONES}=0, limited: count/{CLONES}=0"
    )


@pytest.mark.parametrize(
    ("name", "limit", "used", "requested"),
    [
        ("persistentvolumeclaims", "1", "1", "1"),
        ("requests.storage", "1536Mi", "1Gi", "1Gi"),
        ("requests.cpu", "0", "0", ""),
    ],
)
def test_a_quota_counts_claims_and_their_storage(
    name: str, limit: str, used: str, requested: str
) -> None:
    world = World(seeds=("vm-data",))
    [claim] = [obj for obj in load_seed("vm-data") if obj["kind"] == "PersistentVolumeClaim"]
    claim["metadata"]["namespace"] = NAMESPACE
    world.registry.create(QUOTAS, NAMESPACE, a_quota(**{name: limit}))
    assert world.get(QUOTAS, "q")["status"] == {"hard": {name: limit}, "used": {name: used}}
    more = {**claim, "metadata": {**claim["metadata"], "name": "more"}}
    if not requested:
        world.registry.create("persistentvolumeclaims", NAMESPACE, more)
        return
    with pytest.raises(ApiError) as caught:
        world.registry.create("persistentvolumeclaims", NAMESPACE, more)
    assert str(caught.value) == (
        'persistentvolumeclaims "more" is forbidden: exceeded quota: q, '
        f"requested: {name}={requested}, used: {name}={used}, limited: {name}={limit}"
    )


def test_a_deletion_gives_room_again(still_world: World) -> None:
    still_world.registry.create(QUOTAS, NAMESPACE, a_quota(**{f"count/{CLONES}": "1"}))
    still_world.clone("c", target="t")
    still_world.delete(CLONES, "c")
    assert still_world.get(QUOTAS, "q")["status"]["used"] == {f"count/{CLONES}": "0"}
    still_world.clone("d", target="t")


def test_a_quota_is_not_asked_of_updates_nor_charged_for_a_dry_run(still_world: World) -> None:
    write = Write(dry_run=True)
    still_world.registry.create(QUOTAS, NAMESPACE, a_quota(**{f"count/{VMS}": "2"}))
    still_world.registry.create(VMS, NAMESPACE, a_vm("a"), write=write)
    still_world.registry.create(VMS, NAMESPACE, a_vm("b"))
    still_world.touch(VMS, "b")
    assert still_world.get(QUOTAS, "q")["status"]["used"] == {f"count/{VMS}": "2"}
