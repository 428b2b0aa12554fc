"""The scripts of packaging/, a small archive made with them, and the real one where it is built."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parent.parent.parent
EPOCH = 1_000_000_000


def _script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "packaging" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


archive = _script("archive")
Manifest = Callable[..., dict[str, Any]]
Small = Callable[..., Path]


@pytest.fixture
def small(tmp_path: Path) -> Small:
    """Makes an archive as ``make dist`` does, of a program of one line; returns its path."""

    def make(system: str, *, without: str = "", extra: str = "") -> Path:
        suffix, exe = (".zip", ".exe") if system.startswith("windows") else (".tar.gz", "")
        source = tmp_path / f"source-{system}"
        (source / "_internal").mkdir(parents=True)
        program = source / f"kubectl-virt_clone{exe}"
        program.write_text('#!/bin/sh\ncat "$(dirname "$(readlink -f "$0")")/_internal/words"\n')
        program.chmod(0o755)
        (source / "_internal" / "words").write_text("I am small\n")
        (source / "LICENSE").write_text("Apache License\n")
        files = {p.relative_to(source).as_posix(): p for p in source.rglob("*") if p.is_file()}
        if extra:
            files[extra] = source / "LICENSE"
        files.pop(without, None)
        made = tmp_path / "dist" / f"kubectl-virt_clone-{system}{suffix}"
        made.parent.mkdir(exist_ok=True)
        archive.pack(files, made, EPOCH)
        return made

    return make


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    """Writes the manifest for the archives of a folder, and reads it."""

    def write(archives: Path, version: str = "v1.2.3") -> dict[str, Any]:
        output = tmp_path / "plugin.yaml"
        subprocess.run(
            [
                *(sys.executable, ROOT / "packaging" / "manifest.py", version),
                *("--archives", archives, "--output", output),
            ],
            check=True,
            capture_output=True,
            text=True,
        )
        return dict(yaml.safe_load(output.read_text(encoding="utf-8")))

    return write


@pytest.fixture(scope="session")
def built() -> Path:
    """The archive of this platform that ``make dist`` has built; skips where it has not."""
    name = f"kubectl-virt_clone-{archive.target()}"
    found = sorted((ROOT / "dist").glob(f"{name}.*"))
    if not found:
        pytest.skip(f"dist/{name} is not built; make dist")
    return found[0]
