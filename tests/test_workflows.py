"""The workflows: pinned, with few rights, and with nothing in them that make can't do here."""

from __future__ import annotations

import configparser
import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.tools import needs

ROOT = Path(__file__).parent.parent
WORKFLOWS = {path.stem: path for path in sorted((ROOT / ".github/workflows").glob("*.yaml"))}
Json = dict[str, Any]

READ = {"contents": "read"}
# Every job, and all that it may do to the repository or in its name.
PERMISSIONS = {
    ("archives", "archive"): READ,
    ("ci", "archives"): READ,
    ("ci", "contract"): READ,
    ("ci", "lint"): READ,
    ("ci", "test"): READ,
    ("cluster", "e2e"): READ,
    ("release", "archives"): READ,
    ("release", "assemble"): READ,
    ("release", "krew"): {},
    ("release", "notes"): READ,
    ("release", "publish"): {"attestations": "write", "contents": "write", "id-token": "write"},
    ("release", "pypi"): {"id-token": "write"},
}
# What runners lack; everything else is a target of the Makefile.
INSTALLS = {
    "brew install tmux kubernetes-cli",
    "sudo apt-get update && sudo apt-get install --yes jq tmux zsh",
}
PLATFORMS = {"darwin-amd64", "darwin-arm64", "linux-amd64", "linux-arm64", "windows-amd64"}


def load(workflow: str) -> Json:
    return yaml.safe_load(WORKFLOWS[workflow].read_text("utf-8"))


def jobs() -> Iterator[tuple[str, str, Json]]:
    for workflow in WORKFLOWS:
        for name, job in load(workflow)["jobs"].items():
            yield workflow, name, job


def steps() -> Iterator[Json]:
    for _, _, job in jobs():
        yield from job.get("steps", [])


def targets() -> set[str]:
    text = (ROOT / "Makefile").read_text("utf-8")
    return set(re.findall(r"^([a-z0-9-]+):.*##", text, re.MULTILINE))


def test_every_action_is_pinned_to_a_commit_that_names_its_version() -> None:
    lines = [
        line.partition("uses:")[2].strip()
        for path in WORKFLOWS.values()
        for line in path.read_text("utf-8").splitlines()
        if re.match(r"\s*(- )?uses:", line)
    ]
    pin = re.compile(r"([\w.-]+/[\w./-]+@[0-9a-f]{40}) # v\d+\.\d+\.\d+")
    loose = {line for line in lines if not pin.fullmatch(line)}
    pinned = {line.split("@")[0]: set() for line in lines if line not in loose}
    for line in lines:
        pinned.get(line.split("@")[0], set()).add(line)

    assert loose == {"./.github/workflows/archives.yaml"}
    assert {action: len(pins) for action, pins in pinned.items()} == dict.fromkeys(pinned, 1)


def test_a_job_may_do_what_is_listed_and_a_workflow_nothing() -> None:
    assert {name: load(name)["permissions"] for name in WORKFLOWS} == {key: {} for key in WORKFLOWS}
    assert {(workflow, name): job["permissions"] for workflow, name, job in jobs()} == PERMISSIONS


def test_no_pull_request_gets_the_rights_of_the_repository() -> None:
    # YAML 1.1 reads the key "on" as true.
    events = {name: set(load(name)[True]) for name in WORKFLOWS}

    assert events == {
        "archives": {"workflow_call"},
        "ci": {"push", "pull_request"},
        "cluster": {"push", "pull_request", "schedule", "workflow_dispatch"},
        "release": {"push"},
    }
    assert load("release")[True]["push"] == {"tags": ["v*"]}


def test_whatever_a_workflow_runs_is_a_target_of_make_or_an_install_that_is_listed() -> None:
    runs = [step["run"] for step in steps() if "run" in step]
    made = {re.sub(r"^make (\S+).*", r"\1", run) for run in runs if run not in INSTALLS}

    assert {run for run in runs if run in INSTALLS} == INSTALLS
    assert made - targets() == set()


def calls_of_make() -> Iterator[tuple[str, dict[str, str]]]:
    """Every call of make, with the environment that its workflow, job and step give it."""
    for workflow, _, job in jobs():
        for step in job.get("steps", []):
            if step.get("run", "").startswith("make "):
                environment: dict[str, str] = {}
                for level in (load(workflow), job, step):
                    environment |= level.get("env", {})
                # What GitHub fills in may be anything but empty.
                yield (
                    step["run"],
                    {key: re.sub(r"\$\{\{.*?}}", "v1", item) for key, item in environment.items()},
                )


@needs("make")
@pytest.mark.skipif(os.name == "nt", reason="is about POSIX")
def test_make_takes_every_call_of_it_in_the_environment_of_its_job() -> None:
    refused = {}
    for run, environment in calls_of_make():
        # make runs a line with $(MAKE) in spite of -n, but not in a shell that does nothing.
        answer = subprocess.run(
            ["make", "-n", "SHELL=true", *shlex.split(run)[1:]],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        if answer.returncode or answer.stderr:
            refused[run] = answer.stderr

    assert refused == {}


def test_a_checkout_keeps_no_credentials() -> None:
    kept = [
        step
        for step in steps()
        if step.get("uses", "").startswith("actions/checkout@")
        and step["with"]["persist-credentials"] is not False
    ]

    assert kept == []


def test_every_job_ends_and_names_its_system() -> None:
    runners = {}
    for workflow, name, job in jobs():
        if "uses" not in job:
            assert isinstance(job["timeout-minutes"], int), (workflow, name)
            rows = job.get("strategy", {}).get("matrix", {}).get("include", [job])
            for row in rows:
                runners[workflow, name] = row.get("runner") or row["runs-on"]

    assert [name for name in runners.values() if name.endswith("-latest") or "$" in name] == []


def test_the_wheel_is_tested_on_every_python_that_the_package_promises() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    promised = re.findall(r"Python :: (3\.\d+)", setup["metadata"]["classifiers"])
    matrix = load("ci")["jobs"]["test"]["strategy"]["matrix"]

    assert matrix["python"] == promised
    assert f">={promised[0]}" == setup["options"]["python_requires"]
    assert [name.split("-")[0] for name in matrix["platform"]] == ["linux", "darwin", "windows"]
    assert [row["platform"] for row in matrix["include"]] == matrix["platform"]


def test_a_release_has_an_archive_for_each_platform() -> None:
    rows = load("archives")["jobs"]["archive"]["strategy"]["matrix"]["include"]
    template = (ROOT / "packaging" / "plugin.template.yaml").read_text("utf-8")

    assert {row["platform"] for row in rows} == PLATFORMS
    # The bot for krew-index gets the finished manifest; it would fill in what stands in braces.
    assert "{{" not in template


@pytest.mark.parametrize("path", sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("[!c]*.yaml")))
def test_an_issue_template_is_a_form_whose_answers_have_names(path: Path) -> None:
    form = yaml.safe_load(path.read_text("utf-8"))
    asked = [part for part in form["body"] if part["type"] != "markdown"]

    assert {"name", "description", "body"} <= set(form)
    assert len({part["id"] for part in asked}) == len(asked) > 0
    assert all(part["attributes"]["label"] for part in asked)
