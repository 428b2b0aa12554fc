"""The archives: the same bytes from the same files, and a program that needs nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from tests.packaging import krew
from tests.packaging.conftest import EPOCH, Manifest, archive
from tests.tools import path_of

PATIENCE = 120
LARGEST = 30 * 1024 * 1024


@pytest.mark.parametrize("suffix", [".tar.gz", ".zip"])
def test_the_same_files_give_the_same_bytes_wherever_and_whenever_they_are_packed(
    suffix: str, tmp_path: Path
) -> None:
    packed = []
    for folder, names, time in (("one", "ab", 1), ("two", "ba", 2)):
        (tmp_path / folder).mkdir()
        files = {name: tmp_path / folder / name for name in names}
        for name, path in files.items():
            path.write_text(name)
            path.chmod(0o755 if name == "a" else 0o600 + time)
            os.utime(path, (time, time))
        archive.pack(files, tmp_path / f"{folder}{suffix}", EPOCH)
        packed.append((tmp_path / f"{folder}{suffix}").read_bytes())

    assert packed[0] == packed[1]


def test_an_archive_tells_nothing_of_who_packed_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("text")
    (tmp_path / "link").symlink_to("file")
    archive.pack({name: tmp_path / name for name in ("file", "link")}, tmp_path / "x.tar.gz", EPOCH)

    with tarfile.open(tmp_path / "x.tar.gz") as tar:
        assert [(e.name, e.type, e.mode, e.uid, e.gid, e.uname, e.gname, e.mtime) for e in tar] == [
            (name, tarfile.REGTYPE, 0o644, 0, 0, "", "", EPOCH) for name in ("file", "link")
        ]


@pytest.fixture
def bare(built: Path, manifest: Manifest, tmp_path: Path, kubectl_path: str) -> dict[str, str]:
    """An environment with kubectl, env and what krew has installed: no Python, no home."""
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "kubectl").symlink_to(kubectl_path)
    (tools / "env").symlink_to(path_of("env"))
    os_name, arch = archive.target().split("-")
    folder = krew.install(manifest(built.parent), built, tmp_path / "krew", (os_name, arch))
    return {"PATH": f"{tools}{os.pathsep}{folder}"}


def _run(environment: dict[str, str], *command: str) -> str:
    path = shutil.which(command[0], path=environment["PATH"])
    done = subprocess.run(
        [path or command[0], *command[1:]],
        env=environment,
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done
    return done.stdout


def test_the_archive_is_small_and_has_no_path_of_the_machine_that_built_it(built: Path) -> None:
    assert built.stat().st_size < LARGEST
    own = [str(archive.ROOT), *({sys.base_prefix} - {*archive.PUBLIC_PREFIXES})]
    telling = [
        name
        for name, _, data in krew.entries(built.read_bytes())
        if any(path.encode() in data for path in own)
    ]
    assert telling == []


def test_kubectl_runs_what_krew_installed_with_no_python_on_the_path(bare: dict[str, str]) -> None:
    in_sandbox = ("kubectl", "virt-clone", "sandbox", "--speed", "100", "--")
    create = ("kubectl", "virt-clone", "create", "c", "--source=vm-cirros", "--target=copy")

    assert "Client Version: v" in _run(bare, "kubectl", "virt-clone", "version", "--client")
    assert _run(bare, *in_sandbox, *create, "--wait") == (
        "virtualmachineclone.clone.kubevirt.io/c created\n"
        "virtualmachineclone.clone.kubevirt.io/c condition met\n"
    )


def test_a_command_that_the_program_starts_does_not_get_its_libraries(
    bare: dict[str, str],
) -> None:
    got = _run({**bare, "LD_LIBRARY_PATH": "/theirs"}, "kubectl", "virt-clone", "sandbox", "env")
    names = {line.partition("=")[0] for line in got.splitlines()}

    assert "LD_LIBRARY_PATH=/theirs" in got.splitlines()
    assert [name for name in names if "PYI" in name or "ORIG" in name] == []
    assert "LD_LIBRARY_PATH" not in _run(bare, "kubectl", "virt-clone", "sandbox", "env")
