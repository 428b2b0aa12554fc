"""The Python API against the sandbox, over clients of the Kubernetes package."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from kubernetes.client import ApiClient, CoreV1Api, CustomObjectsApi

from kubectl_virt_clone import api
from tests.planes import Plane

Disturbed = Callable[..., tuple[Plane, ApiClient]]


def stored(client: ApiClient, name: str) -> dict[str, object]:
    where = ("clone.kubevirt.io", "v1beta1", "default", "virtualmachineclones")
    obj: dict[str, object] = CustomObjectsApi(client).get_namespaced_custom_object(*where, name)
    return obj


def test_a_clone_is_made_and_followed_to_its_end(client: ApiClient) -> None:
    heard: list[api.Progress] = []

    made = api.clone(
        *(client,),
        source="vm-cirros",
        target="whole",
        name="nightly",
        label={"made-by": "us"},
        label_filter=["*", "!tier"],
        on_progress=heard.append,
    )

    assert (made.namespace, made.name, made.target, made.created) == (
        *("default", "nightly", "whole"),
        True,
    )
    assert made.uid == stored(client, "nightly")["metadata"]["uid"]
    assert made.object["status"]["phase"] == "Succeeded"
    assert made.object["spec"]["labelFilters"] == ["*", "!tier"]
    assert [finding.id for finding in made.findings] == ["cloud-init-reruns"]
    assert heard[-1] == api.Progress("default", "nightly", "Succeeded", None)


def test_a_preview_is_what_becomes_of_it(client: ApiClient) -> None:
    foretold = api.preview(client, source="vm-cirros", target="seen", hostname="db")

    assert foretold.target["metadata"]["name"] == "seen"
    assert foretold.target["spec"]["template"]["spec"]["hostname"] == "db"
    assert foretold.problems == ()


def test_what_cannot_work_is_refused_with_its_findings(client: ApiClient) -> None:
    request = {"source": "vm-pvc", "target": "hung"}
    found = api.check(client, **request)

    with pytest.raises(api.CloneRefused, match=r"^\[volume-not-snapshottable\] ") as refused:
        api.create(client, name="hung", **request)

    errors = [finding for finding in refused.value.findings if finding.level == "error"]
    assert [finding.id for finding in errors] == ["volume-not-snapshottable"]
    assert errors == [finding for finding in found if finding.level == "error"]
    with pytest.raises(api.CloneTimedOut) as waited:
        api.wait(client, "nosuch", goal="create", timeout=0)
    assert waited.value.cause is None


def test_a_clone_that_hangs_tells_its_cause_when_the_time_is_up(client: ApiClient) -> None:
    api.create(client, source="nosuch", target="t", name="early", skip_check=["all"])

    with pytest.raises(api.CloneTimedOut) as timed_out:
        api.wait(client, ["early"], timeout=0)
    with pytest.raises(api.CloneFailed) as failed:
        api.wait(client, ["early"], fail_on_pending=True)

    assert not isinstance(failed.value, api.CloneTimedOut)
    for error in (timed_out.value, failed.value):
        assert error.cause
        assert error.cause.id == "source-missing"
        assert [result.name for result in error.results] == ["early"]
        assert str(error).endswith("Source doesnt exist: VirtualMachine default/nosuch")


def test_a_clone_that_is_not_there_is_no_success(client: ApiClient) -> None:
    with pytest.raises(
        api.CloneFailed, match=r"default/nosuch will not .*: there is no such clone"
    ):
        api.wait(client, "nosuch")


@pytest.mark.parametrize(
    ("wrong", "error", "words"),
    [
        ({"source": "pod/a"}, api.InvalidValue, "pod"),
        ({"label_filter": ["a**"]}, api.ManifestError, "labelFilters"),
        ({"new_mac_address": {"default": "zz"}}, api.ManifestError, "newMacAddresses.default"),
        ({"hostname": "Web"}, api.InvalidValue, "host name"),
        ({"targets": ["a"]}, TypeError, "targets: no such option"),
    ],
)
def test_what_cannot_be_sent_is_an_error_that_names_it(
    client: ApiClient, wrong: dict[str, object], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        api.check(client, **{"source": "vm-cirros", **wrong})


def test_a_series_shares_a_snapshot_and_a_second_run_changes_nothing(client: ApiClient) -> None:
    series = api.Series(client, "vm-cirros", ["row-1", "row-2"], options={"label": {"a": "b"}})

    first, second = series.clone(), series.create()

    assert [(made.name, made.target, made.created) for made in first] == [
        ("clone-row-1", "row-1", True),
        ("clone-row-2", "row-2", True),
    ]
    assert len({made.object["spec"]["source"]["name"] for made in first}) == 1
    assert [made.created for made in second] == [False, False]
    with pytest.raises(api.InvalidValue, match="a name of its own"):
        api.Series(client, "vm-cirros", ["a", "a"]).create()


def test_the_token_of_the_caller_is_asked_for_anew_at_each_request(
    shared: Plane, client: ApiClient
) -> None:
    asked: list[None] = []
    client.configuration.api_key = {"authorization": "expired"}
    client.configuration.api_key_prefix = {"authorization": "Bearer"}

    def renew(configuration: object) -> None:
        asked.append(None)
        client.configuration.api_key["authorization"] = shared.token

    client.configuration.refresh_api_key_hook = renew

    assert api.check(client, source="vm-data", target="renewed") == []
    assert len(asked) > 1


def test_the_headers_of_the_caller_are_sent(client: ApiClient) -> None:
    client.set_default_header("Impersonate-User", "nobody")

    with pytest.raises(api.StatusError, match='User "nobody" cannot create'):
        api.create(
            client, source="vm-cirros", target="not-ours", name="forbidden", skip_check=["all"]
        )


def test_nothing_is_printed_and_warnings_are_logged(
    disturbed: Disturbed, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    _, client = disturbed(faults=["503:verb=watch,resource=virtualmachineclones,count=1"])

    with caplog.at_level(logging.INFO, "kubectl_virt_clone"):
        api.Series(client, "vm-cirros", ["a", "b"]).clone()

    assert capfd.readouterr() == ("", "")
    assert "waiting until virtualmachinesnapshot" in caplog.text


@pytest.mark.parametrize(
    "fault",
    [
        "drop:verb=watch,resource=virtualmachineclones,after=2",
        "410:verb=watch,resource=virtualmachineclones",
        "429:verb=list,resource=virtualmachineclones,retry-after=0",
        "503:verb=list,resource=virtualmachineclones,count=2",
        "forbid:verb=watch,resource=virtualmachineclones",
    ],
)
def test_a_wait_outlives_what_servers_and_networks_do(disturbed: Disturbed, fault: str) -> None:
    plane, client = disturbed(speed=10.0)
    api.create(client, source="vm-cirros", target="copy", name="c")
    plane.faults.add(fault)

    (result,) = api.wait(client, "c", timeout=60)

    assert result.met
    assert result.clone
    assert result.clone["status"]["targetName"] == "copy"


def test_threads_share_a_client_and_no_signal_handler_is_set(client: ApiClient) -> None:
    def work(number: int) -> str:
        return api.clone(client, source="vm-cirros", target=f"side-{number}").target

    with ThreadPoolExecutor(4) as pool:  # signals are the main thread's: these would fail
        assert [*pool.map(work, range(4))] == [f"side-{number}" for number in range(4)]
    assert CoreV1Api(client).list_namespace().items  # the client is as it was


def test_ctrl_c_is_left_to_the_caller(client: ApiClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("kubectl_virt_clone.actions.create.creating.create", interrupted)

    with pytest.raises(KeyboardInterrupt):
        api.create(client, source="vm-cirros", target="cut-off", name="interrupted")
