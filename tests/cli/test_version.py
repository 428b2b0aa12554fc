"""``version``: what is printed, and how much of it where the server says little or nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from http.server import BaseHTTPRequestHandler

import pytest
import yaml

from kubectl_virt_clone import __version__
from tests.cli.conftest import Kvc, Planes
from tests.cli.stub import Answer, Serve, answering, failing
from tests.cli.test_startup import HEAVY

MAJOR, MINOR, _ = __version__.split(".")
OURS = {"major": MAJOR, "minor": MINOR, "gitVersion": f"v{__version__}"}
NOTHING = answering(200, {"items": None})
REFUSED = "The connection to the server 127.0.0.1:1 was refused"


def by_path(**answers: Answer) -> Answer:
    """An answer for each last part of a path; all else is not found."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        last = handler.path.rpartition("/")[2]
        name = "virt_api" if "subresources" in handler.path else last
        answers.get(name, failing(404, "NotFound"))(handler)

    return answer


def test_versions_of_all_who_take_part_are_printed(kvc: Kvc, make_plane: Planes) -> None:
    make_plane(kubevirt="1.4")

    assert kvc("version").out == (
        f"Client Version: v{__version__}\n"
        "Server Version: v1.36.2\n"
        "KubeVirt Version: v1.4.0\n"
        "Clone API Versions: v1alpha1\n"
    )


@pytest.mark.parametrize(("output", "load"), [("json", json.loads), ("yaml", yaml.safe_load)])
def test_a_script_gets_them_under_the_keys_of_kubectl(
    kvc: Kvc, make_plane: Planes, output: str, load: object
) -> None:
    make_plane()

    versions = load(kvc("version", "-o", output).out)  # type: ignore[operator]

    assert versions.pop("serverVersion")["gitVersion"] == "v1.36.2"
    assert versions == {
        "clientVersion": OURS,
        "kubeVirtVersion": "v1.9.0",
        "cloneAPIVersions": ["v1beta1", "v1alpha1"],
    }


def test_our_own_version_needs_no_server(kvc: Kvc) -> None:
    nowhere = ("--kubeconfig=/nowhere", "--server=http://127.0.0.1:1")

    assert kvc("version", "--client", *nowhere).out == f"Client Version: v{__version__}\n"
    assert json.loads(kvc("version", "--client", "-o=json", *nowhere).out) == {
        "clientVersion": OURS
    }


def test_our_own_version_imports_no_client() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "kubectl_virt_clone", "version", "--client"],
        capture_output=True,
        text=True,
        check=True,
    )

    modules = {line.split("|")[-1].strip().split(".")[0] for line in done.stderr.splitlines()}
    assert "click" in modules
    assert modules.isdisjoint({*HEAVY, "yaml"})


def test_without_a_server_our_own_version_is_printed_before_the_error(
    kvc: Kvc, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", "")
    monkeypatch.setenv("HOME", "/nowhere")

    answer = kvc("version", "-s", "http://127.0.0.1:1", exit_code=1)

    assert answer.out == f"Client Version: v{__version__}\n"
    assert answer.err.startswith(REFUSED)
    answer = kvc("version", "-s", "http://127.0.0.1:1", "-o", "json", exit_code=1)
    assert json.loads(answer.out) == {"clientVersion": OURS}


def test_a_wrong_context_is_an_error_after_our_own_version(kvc: Kvc, make_plane: Planes) -> None:
    make_plane()

    answer = kvc("version", "--context=nosuch", exit_code=1)

    assert answer.out == f"Client Version: v{__version__}\n"
    assert answer.err.startswith("Error in configuration: context was not found")


def test_virt_api_tells_kubevirts_version_to_those_who_may_not_read_kubevirt(
    kvc: Kvc, serve: Serve
) -> None:
    url = serve(
        by_path(
            kubevirts=failing(403, "Forbidden"),
            virt_api=answering(200, {"gitVersion": "v1.6.2"}),
        )
    )

    assert kvc("version", "-s", url).out == (
        f"Client Version: v{__version__}\n"
        "Server Version: <unknown>\n"
        "KubeVirt Version: v1.6.2\n"
        "Clone API Versions: v1beta1\n"
    )


def test_what_a_server_says_can_do_nothing_to_the_terminal(kvc: Kvc, serve: Serve) -> None:
    url = serve(by_path(version=answering(200, {"gitVersion": "v1\x1b[2J"}), kubevirts=NOTHING))

    assert kvc("version", "-s", url).out.splitlines()[1:3] == [
        "Server Version: v1^[[2J",
        "KubeVirt Version: <unknown>",
    ]


def test_one_who_may_read_nothing_is_told_why(kvc: Kvc, make_plane: Planes) -> None:
    make_plane()

    answer = kvc("version", "--token=wrong", exit_code=1)

    assert answer.out == f"Client Version: v{__version__}\n"
    assert answer.err.startswith("error: You must be logged in to the server")


def test_a_cluster_without_kubevirt_has_no_clone_api(kvc: Kvc, serve: Serve) -> None:
    url = serve(by_path(version=answering(200, {"gitVersion": "v1.36.2"})))

    assert kvc("version", "-s", f"{url}/bare").out == (
        f"Client Version: v{__version__}\n"
        "Server Version: v1.36.2\n"
        "KubeVirt Version: <unknown>\n"
        "Clone API Versions: <none>\n"
    )
