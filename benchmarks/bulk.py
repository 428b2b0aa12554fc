"""Many clones created, against a shell loop of ``kubectl create``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from shutil import which

from .figures import Row
from .manifests import clone, shell
from .plane import Plane
from .runs import OURS, Run, run
from .setting import Setting

COUNT = 200


def measure(setting: Setting) -> Iterator[Row]:
    """One row; the controllers stand still, so that only the creation counts."""
    if not which("kubectl"):
        return
    count = setting.size(COUNT)
    rounds = setting.rounds(3)
    manifest = json.dumps(clone("theirs-$round-$i"))
    loop = f"for i in $(seq {count}); do kubectl create -f - <<EOF\n{manifest}\nEOF\ndone"
    peer = "loop of kubectl create"
    if which("virtctl"):
        peer = "loop of virtctl | kubectl create"
        flags = "--name theirs-$round-$i --source-name vm-cirros --target-name theirs-$round-$i-t"
        loop = (
            f"for i in $(seq {count}); do virtctl create clone {flags} | kubectl create -f -; done"
        )
    ours: list[Run] = []
    theirs: list[Run] = []
    with Plane(controllers=False) as plane:
        for number in range(rounds):
            series = ["--target", f"ours-{number}-{{}}", "--count", str(count)]
            create = [*OURS, "create", "--source=vm/vm-cirros", "--no-shared-snapshot", *series]
            ours.append(run(create, plane.environment))
            # The loop is slow enough to be measured once, and slowly enough to be measured well.
            if not theirs:
                script = f"round={number}\n{loop}"
                theirs.append(run(shell(script), plane.environment))
    best = min(ours, key=lambda each: each.seconds)
    what = f"{count} clones created"
    yield Row(what, best.seconds, "s", peer, theirs[0].seconds, 1 / 20)
    yield Row("… CPU time of it", best.cpu, "s", peer, theirs[0].cpu)
