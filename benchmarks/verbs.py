"""get, describe and create against a bare script that sends the same requests."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from .figures import Row
from .plane import Plane
from .runs import OURS, Command, in_turn, run
from .setting import Setting

PEER = "bare script"
AT_MOST = 1.15
_CLONE = {"apiVersion": "clone.kubevirt.io/v1beta1", "kind": "VirtualMachineClone"}
_REVIEW = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview"}


def measure(setting: Setting) -> Iterator[Row]:
    """One row for each verb; the controllers stand still, so that nothing else runs."""
    cases: dict[str, Callable[[str], tuple[str, ...]]] = {
        "get": lambda _: ("get",),
        "get NAME": lambda _: ("get", "old-00000"),
        "describe NAME": lambda _: ("describe", "old-00000"),
        "create": lambda name: ("create", name, "--source=vm/vm-cirros", f"--target={name}-t"),
    }
    with Plane(controllers=False) as plane, TemporaryDirectory() as folder:
        plane.ask("plant", 20, "old", "Succeeded")
        for verb, words in cases.items():
            yield _row(verb, words, plane, Path(folder), setting.rounds(9))


def _row(
    verb: str, words: Callable[[str], tuple[str, ...]], plane: Plane, folder: Path, rounds: int
) -> Row:
    plane.ask("requests")
    run([*OURS, *words("sample")], plane.environment)
    seen = plane.ask("requests")

    def bare(number: int) -> Command:
        name = f"bare-{number}"
        asked = [
            (method, path.replace("sample", name), _body(method, path, name))
            for method, path, _ in seen
        ]
        file = folder / f"{number}.json"
        file.write_text(json.dumps(asked), encoding="utf-8")
        return [sys.executable, "-m", "benchmarks.bare", str(file)]

    commands = {"ours": lambda number: [*OURS, *words(f"ours-{number}")], PEER: bare}
    runs = in_turn(commands, plane.environment, rounds)
    what = f"{verb} ({len(seen)} requests)"
    return Row(what, runs["ours"].seconds, "s", PEER, runs[PEER].seconds, AT_MOST)


def _body(method: str, path: str, name: str) -> dict[str, Any] | None:
    """What a request of ``create`` carries: the clone, or the question whether that is allowed."""
    if method != "POST":
        return None
    if "accessreviews" in path:
        attributes = {"verb": "create", "group": "clone.kubevirt.io", "namespace": "default"}
        spec = {"resourceAttributes": {**attributes, "resource": "virtualmachineclones"}}
        return {**_REVIEW, "spec": spec}
    vm = {"apiGroup": "kubevirt.io", "kind": "VirtualMachine"}
    spec = {"source": {**vm, "name": "vm-cirros"}, "target": {**vm, "name": f"{name}-t"}}
    return {**_CLONE, "metadata": {"name": name}, "spec": spec}
