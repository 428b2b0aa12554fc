"""plugin.yaml and the archives obey krew's rules, and krew's way to install finds the program."""

from __future__ import annotations

import copy
import hashlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.packaging import krew
from tests.packaging.conftest import ROOT, Manifest, Small

SYSTEMS = ("darwin-amd64", "darwin-arm64", "linux-amd64", "linux-arm64", "windows-amd64")
LINUX = ("linux", "amd64")


def test_krew_and_its_reviewers_have_nothing_against_the_manifest() -> None:
    plugin = yaml.safe_load((ROOT / "plugin.yaml").read_text(encoding="utf-8"))

    assert krew.refusals(plugin) == []
    assert plugin["metadata"]["name"] == "virt-clone"
    assert "KubeVirt" in plugin["spec"]["shortDescription"]
    assert "feature gate Snapshot" in plugin["spec"]["caveats"]
    assert "rights" in plugin["spec"]["caveats"]


def test_the_manifest_differs_from_the_template_by_version_home_and_platforms(
    small: Small, manifest: Manifest
) -> None:
    committed = yaml.safe_load((ROOT / "plugin.yaml").read_text(encoding="utf-8"))
    written = manifest(small("linux-amd64").parent)

    for plugin in (committed, written):
        for key in ("version", "homepage", "platforms"):
            del plugin["spec"][key]
    assert written == committed


def test_the_manifest_has_a_platform_for_each_archive_that_was_built(
    small: Small, manifest: Manifest
) -> None:
    archives = {system: small(system) for system in SYSTEMS}
    (archives["linux-amd64"].parent / "kubectl_virt_clone-1.2.3.tar.gz").write_bytes(b"the sdist")

    plugin = manifest(archives["linux-amd64"].parent)

    assert krew.refusals(plugin) == []
    assert [
        (*p["selector"]["matchLabels"].values(), p["uri"].rpartition("/")[2], p["sha256"], p["bin"])
        for p in plugin["spec"]["platforms"]
    ] == [
        (
            *system.split("-"),
            path.name,
            hashlib.sha256(path.read_bytes()).hexdigest(),
            f"kubectl-virt_clone{'.exe' if system.startswith('windows') else ''}",
        )
        for system, path in archives.items()
    ]
    assert plugin["spec"]["version"] == "v1.2.3"
    assert "/v1.2.3/" in plugin["spec"]["platforms"][0]["uri"]


@pytest.mark.parametrize("system", SYSTEMS)
def test_an_archive_is_installed_and_linked_as_krew_does(
    system: str, small: Small, manifest: Manifest, tmp_path: Path
) -> None:
    path = small(system)
    os_name, arch = system.split("-")

    folder = krew.install(manifest(path.parent), path, tmp_path / "root", (os_name, arch))

    (link,) = folder.iterdir()
    assert link.name == f"kubectl-virt_clone{'.exe' if os_name == 'windows' else ''}"
    assert sorted(p.name for p in link.resolve().parent.iterdir()) == [
        *("LICENSE", "_internal", link.name),
    ]
    if os_name == "linux":
        said = subprocess.run([link], capture_output=True, text=True, check=True).stdout
        assert said == "I am small\n"


@pytest.mark.parametrize(
    ("flaw", "refusal"),
    [
        ({"without": "LICENSE"}, "could not find license file"),
        ({"without": "kubectl-virt_clone"}, "source binary cannot be found in extracted archive"),
        ({"extra": "../outside"}, 'suspicious entry "../outside"'),
        ({"extra": "/etc/outside"}, 'suspicious entry "/etc/outside"'),
    ],
)
def test_krew_refuses_an_archive_with_a_flaw(
    flaw: dict[str, str], refusal: str, small: Small, manifest: Manifest, tmp_path: Path
) -> None:
    path = small("linux-amd64", **flaw)

    with pytest.raises(krew.Refused, match=f"^{refusal}$"):
        krew.install(manifest(path.parent), path, tmp_path / "root", LINUX)


def test_krew_refuses_an_archive_that_is_not_the_one_of_the_manifest(
    small: Small, manifest: Manifest, tmp_path: Path
) -> None:
    path = small("linux-amd64")
    plugin = manifest(path.parent)
    path.write_bytes(path.read_bytes() + b"\0")

    with pytest.raises(krew.Refused, match=r"^checksum does not match$"):
        krew.install(plugin, path, tmp_path / "root", LINUX)
    with pytest.raises(krew.Refused, match=r"^does not offer installation for this platform$"):
        krew.install(plugin, path, tmp_path / "root", ("linux", "ppc64le"))


Change = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        (lambda p: p["metadata"].update(name="virt clone"), ["name", "kebab-case"]),
        (lambda p: p["metadata"].update(name="con"), ["name"]),
        (lambda p: p["spec"].update(version="1.2.3"), ["version"]),
        (lambda p: p["spec"].update(version="v1.2"), ["version"]),
        (lambda p: p["spec"].update(shortDescription="x" * 51), ["shortDescription"]),
        (lambda p: p["spec"].update(description="x" * 81), ["description"]),
        (lambda p: p["spec"].update(platforms=[]), ["platforms"]),
        (lambda p: p["spec"]["platforms"].append(p["spec"]["platforms"][0]), ["overlap"]),
        (lambda p: p["spec"]["platforms"][0].update(sha256="0" * 63), ["platform 0: sha256"]),
        (lambda p: p["spec"]["platforms"][0].update(uri="x.tar"), ["platform 0: uri"]),
        (lambda p: p["spec"]["platforms"][0].update(files=[]), ["platform 0: files"]),
        (
            lambda p: p["spec"]["platforms"][0].update(files=[{"from": "*", "to": "./"}]),
            ["platform 0: clean"],
        ),
        (lambda p: p["spec"]["platforms"][0].update(bin="../sh"), ["platform 0: bin"]),
        (
            lambda p: p["spec"]["platforms"][0].update(selector={"matchLabels": {"os": "plan9"}}),
            ["platform 0: matches"],
        ),
    ],
)
def test_krew_refuses_a_manifest_with_a_flaw(
    change: Change, refusal: list[str], small: Small, manifest: Manifest
) -> None:
    plugin = copy.deepcopy(manifest(small("linux-amd64").parent))
    change(plugin)

    assert krew.refusals(plugin) == refusal


@pytest.mark.parametrize(
    ("version", "message"),
    [
        ("0.1.0", 'error: "0.1.0" is no version; write VERSION=v0.1.0\n'),
        ("", 'error: "" is no version; write VERSION=v0.1.0\n'),
        ("v0.1.0", "error: there is no archive in {}; hint: make dist\n"),
    ],
)
def test_no_manifest_is_written_that_krew_could_not_take(
    version: str, message: str, tmp_path: Path
) -> None:
    script, output = ROOT / "packaging" / "manifest.py", tmp_path / "plugin.yaml"

    done = subprocess.run(
        [sys.executable, script, version, "--archives", tmp_path, "--output", output],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (1, message.format(tmp_path))
    assert not output.exists()
