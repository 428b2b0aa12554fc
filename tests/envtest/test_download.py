"""The script that downloads etcd and kube-apiserver, with a curl that brings something else."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.tools import needs

SCRIPT = Path(__file__).with_name("download.sh")
CURL = """#!/bin/sh
for url; do :; done
echo "not the archive" >"${url##*/}"
"""


@needs("sha512sum")
def test_what_has_another_checksum_is_not_unpacked(tmp_path: Path) -> None:
    folder = tmp_path / "assets"
    folder.mkdir()
    curl = tmp_path / "curl"
    curl.write_text(CURL)
    curl.chmod(0o755)

    run = subprocess.run(
        ["sh", SCRIPT, folder],
        env={"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )

    archive = "envtest-v1.36.2-linux-amd64.tar.gz"
    assert run.returncode == 1
    assert run.stdout == f"{archive}: FAILED\n"
    assert [path.name for path in folder.iterdir()] == [archive]
