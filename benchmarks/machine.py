"""What a run was measured on, without a word about whose machine it is."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from shutil import which

from .runs import OURS


def description() -> str:
    """Date, processor, versions, as one Markdown paragraph."""
    peers = [text for text in (_kubectl(), "virtctl" if which("virtctl") else "") if text]
    return (
        f"{datetime.now(timezone.utc):%Y-%m-%d}, {_processor()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}, click {version('click')}, "
        f"kubernetes {version('kubernetes')}, {', '.join(peers) or 'no kubectl'}."
    )


def cluster(kubeconfig: Path) -> str:
    """Versions and nodes of a cluster; without nodes it is KubeVirt's control plane alone."""
    environment = {**os.environ, "KUBECONFIG": str(kubeconfig)}

    def told(*command: str) -> str:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return done.stdout

    versions = json.loads(told(*OURS, "version", "-o", "json"))
    nodes = len(told("kubectl", "get", "nodes", "-o", "name").split())
    return (
        f"Kubernetes {versions['serverVersion']['gitVersion']}, "
        f"KubeVirt {versions['kubeVirtVersion']}, {nodes} nodes."
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _kubectl() -> str:
    if not which("kubectl"):
        return ""
    command = ["kubectl", "version", "--client"]
    told = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return f"kubectl {told.splitlines()[0].removeprefix('Client Version: ')}"
