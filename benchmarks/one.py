"""create + wait of one clone, against ``kubectl create`` and ``kubectl wait``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from shutil import which

from .figures import Row
from .manifests import clone, shell
from .plane import Plane
from .runs import OURS, in_turn
from .setting import Setting


def measure(setting: Setting) -> Iterator[Row]:
    """One row; the controllers take no time, so that what is left is that of the tools."""
    if not which("kubectl"):
        return
    peer = "kubectl create + wait"

    def theirs(number: int) -> list[str]:
        manifest = json.dumps(clone(f"theirs-{number}"))
        wait = "kubectl wait --for=jsonpath='{.status.phase}'=Succeeded --timeout=60s"
        return shell(f"echo '{manifest}' | kubectl create -f - && {wait} vmclone/theirs-{number}")

    def ours(number: int) -> list[str]:
        name = f"ours-{number}"
        return [*OURS, "create", name, "--source=vm/vm-cirros", f"--target={name}-t", "--wait"]

    with Plane(speed=float("inf")) as plane:
        runs = in_turn({"ours": ours, peer: theirs}, plane.environment, setting.rounds(11))
    took, peers = runs["ours"], runs[peer]
    yield Row("create + wait of one clone", took.seconds, "s", peer, peers.seconds, 1.0)
    yield Row("… CPU time of it", took.cpu, "s", peer, peers.cpu)
