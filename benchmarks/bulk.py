"""Many clones created, against a shell loop of ``kubectl create``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from shutil import which

from .figures import Row
from .manifests import clone, shell
from .plane import Plane
from .runs import OURS, in_turn
from .setting import Setting

COUNT = 200


def measure(setting: Setting) -> Iterator[Row]:
    """One row; the controllers stand still, so that only the creation counts."""
    if not which("kubectl"):
        return
    count = setting.size(COUNT)
    virtctl = bool(which("virtctl"))
    peer = f"loop of {'virtctl | ' if virtctl else ''}kubectl create"

    def ours(number: int) -> list[str]:
        series = ["--target", f"ours-{number}-{{}}", "--count", str(count)]
        return [*OURS, "create", "--source=vm/vm-cirros", "--no-shared-snapshot", *series]

    def theirs(number: int) -> list[str]:
        name = f"theirs-{number}-$i"
        create = f"kubectl create -f - <<EOF\n{json.dumps(clone(name))}\nEOF\n"
        if virtctl:
            flags = f"--name {name} --source-name vm-cirros --target-name {name}-t"
            create = f"virtctl create clone {flags} | kubectl create -f -"
        return shell(f"for i in $(seq {count}); do {create}\ndone")

    with Plane(controllers=False) as plane:
        # The loop is long enough to be measured well in two rounds.
        runs = in_turn({"ours": ours, peer: theirs}, plane.environment, setting.rounds(2))
    took, peers = runs["ours"], runs[peer]
    yield Row(f"{count} clones created", took.seconds, "s", peer, peers.seconds, 1 / 20)
    yield Row("… CPU time of it", took.cpu, "s", peer, peers.cpu)
