"""Fifty clones of one VM until all have succeeded: from a shared snapshot, from one each, by peers.

Runs on a real cluster if one is given, in a namespace of its own. Otherwise it runs on the sandbox,
which holds many clones back as KubeVirt does (``sandbox --throttle``). Only KubeVirt itself has a
target: the sandbox is ten times as fast, so our start and its own work weigh ten times as much.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from shutil import which
from tempfile import TemporaryDirectory

import click

from .figures import Row
from .manifests import clone, shell, small_vm
from .plane import Plane
from .runs import OURS, Run, run
from .setting import Setting

COUNT = 50
SPEED = 10.0
"""Of the sandbox: ten times as fast as KubeVirt, so that a run takes half a minute, not five."""
PEER = "kubectl create + wait"
NOT_SHARED = "--no-shared-snapshot"
AT_MOST = 1 / 7
TIMEOUT = "15m"


def measure(setting: Setting) -> Iterator[Row]:
    """One row for each way in which a VM's clones are created at once and waited for."""
    if not which("kubectl"):
        return
    count = COUNT
    if setting.kubeconfig:
        environment = {**os.environ, "KUBECONFIG": str(setting.kubeconfig)}
        what = f"{count} clones of one VM (real cluster)"
        yield from _compared(environment, what, count, at_most=AT_MOST)
        return
    with Plane(speed=SPEED, throttled=True) as plane:
        what = f"{count} clones of one VM (sandbox, {SPEED:.0f} times as fast as KubeVirt)"
        yield from _compared(plane.environment, what, count)


def _compared(
    environment: Mapping[str, str], what: str, count: int, at_most: float | None = None
) -> Iterator[Row]:
    left: list[str] = []
    with _namespace(environment, left) as namespace:
        ours = run(_as_we_do(namespace, count), environment)
    with _namespace(environment, left) as namespace:
        each = run([*_as_we_do(namespace, count), NOT_SHARED], environment)
    with _namespace(environment, left) as namespace, TemporaryDirectory() as folder:
        theirs = _as_peers_do(environment, namespace, Path(folder), count)
    yield Row(what, ours.seconds, "s", PEER, theirs.seconds, at_most)
    yield Row("… CPU time of it", ours.cpu, "s", PEER, theirs.cpu)
    yield Row("… against one snapshot each", ours.seconds, "s", NOT_SHARED, each.seconds)
    if left:
        raise RuntimeError(f"not all was deleted: {'; '.join(left)}")


def _as_we_do(namespace: str, count: int) -> list[str]:
    series = ["--source=vm/source", "--target=ours-{}", "--count", str(count)]
    return [*OURS, "create", "-n", namespace, *series, "--wait", f"--timeout={TIMEOUT}"]


def _as_peers_do(environment: Mapping[str, str], namespace: str, folder: Path, count: int) -> Run:
    items = [clone(f"theirs-{number:02}", "source") for number in range(count)]
    file = folder / "clones.json"
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
    wait = "wait --for=jsonpath='{.status.phase}'=Succeeded"
    kubectl = f"kubectl -n {namespace}"
    script = f"{kubectl} create -f {file}; {kubectl} {wait} --timeout={TIMEOUT} -f {file}"
    return run(shell(script), environment)


@contextmanager
def _namespace(environment: Mapping[str, str], left: list[str]) -> Iterator[str]:
    """A namespace with a VM called ``source``, which is deleted with all that is in it.

    What can't be deleted is said at once, and kept in ``left``.
    """
    name = f"virt-clone-benchmark-{secrets.token_hex(3)}"
    manifest = json.dumps(small_vm("source"))
    delete = ["kubectl", "delete", "--ignore-not-found"]
    try:
        run(["kubectl", "create", "namespace", name], environment)
        run(shell(f"echo '{manifest}' | kubectl create -n {name} -f -"), environment)
        yield name
    finally:
        for resource in ("vmclone", "vmsnapshot", "vm"):
            _try([*delete, "-n", name, resource, "--all", "--wait=false"], environment, left)
        _try([*delete, "namespace", name, "--timeout=5m"], environment, left)


def _try(command: Sequence[str], environment: Mapping[str, str], left: list[str]) -> None:
    """One step of the clean-up: the next ones are taken even when it fails."""
    try:
        run(command, environment)
    except RuntimeError as error:
        click.echo(f"clean-up: {error}", err=True)
        left.append(str(error))
