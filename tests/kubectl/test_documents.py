"""What we read and write as YAML means the same to a real kubectl, without any server."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kubectl_virt_clone.objects.documents import parse_documents
from kubectl_virt_clone.render.formats import formatted
from tests.unit.builders import a_clone
from tests.unit.test_documents import SCALARS
from tests.unit.test_formats import TEXTS

Read = Callable[[str], Any]
LONE_SURROGATE = "\ud800"  # YAML can't say it to kubectl


def _number(digits: str) -> int | float:
    """What 64 bits don't hold is a float, which kubectl writes in full: 18446744073709552000."""
    number = int(digits)
    return number if -(2**63) <= number < 2**63 else float(digits)


@pytest.fixture
def read_by_kubectl(kubectl_path: str, tmp_path: Path) -> Read:
    """The first of the objects in a text as kubectl reads it: ``label --local`` asks no server."""

    def call(text: str) -> Any:
        done = subprocess.run(
            [kubectl_path, "label", "--local", "-f", "-", "read=yes", "-o", "json"],
            input=text.encode(),
            env={**os.environ, "KUBECONFIG": str(tmp_path / "none"), "HOME": str(tmp_path)},
            capture_output=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout, parse_int=_number)

    return call


def test_kubectl_takes_each_plain_value_for_what_we_take_it_for(read_by_kubectl: Read) -> None:
    lines = [f"  k{number}: {text}" for number, (text, _) in enumerate(SCALARS)]
    head = "apiVersion: clone.kubevirt.io/v1beta1\nkind: VirtualMachineClone\nmetadata: {name: a}\n"
    text = "\n".join([f"{head}spec:", *lines])
    [ours] = parse_documents(text, "f.yaml")
    assert read_by_kubectl(text)["spec"] == ours["spec"]


@pytest.mark.parametrize("output", ["yaml", "json"])
def test_kubectl_reads_what_we_print_as_the_same(read_by_kubectl: Read, output: str) -> None:
    texts = [text for text in TEXTS if LONE_SURROGATE not in text]
    spec = {
        "x": {f"k{number}": text for number, text in enumerate(texts)},
        "y": dict.fromkeys(texts, 1),
    }
    clone = a_clone(spec=spec)
    assert read_by_kubectl(formatted([clone], output))["spec"] == clone["spec"]
