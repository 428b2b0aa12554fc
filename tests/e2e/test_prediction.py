"""What ``preview`` foretells is what a real KubeVirt then makes, for VMs that need no storage."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from itertools import count
from pathlib import Path

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from kubectl_virt_clone.clone.api import VIRTUAL_MACHINES
from kubectl_virt_clone.kube.resource import get, path_of
from kubectl_virt_clone.kube.transport import Session
from kubectl_virt_clone.objects.resource import Resource
from tests.e2e.conftest import Kvc
from tests.predictions import (
    DETERMINISTIC,
    Case,
    a_clone_of,
    a_source,
    cases,
    comparable,
    with_generated,
)

BATCHES, BATCH = 2, 10
OBSERVED = "kubevirt.io/latest-observed-api-version"
PATIENCE = 60.0


def until_observed(session: Session, namespace: str, name: str) -> None:
    """Waits until virt-controller has written its annotations: a clone copies these, too."""
    deadline = time.monotonic() + PATIENCE
    while OBSERVED not in get(session, VIRTUAL_MACHINES, namespace, name)["metadata"].get(
        "annotations", {}
    ):
        assert time.monotonic() < deadline, f"virt-controller has not looked at {name}"
        time.sleep(0.1)


def _served(case: Case, fields: frozenset[str]) -> Case:
    """The case with nothing that the cluster's clones don't have."""
    return case._replace(spec={key: item for key, item in case.spec.items() if key in fields})


def test_the_preview_is_the_target_that_kubevirt_makes(
    kvc: Kvc,
    session: Session,
    namespace: str,
    tmp_path: Path,
    clone_resource: Resource,
    clone_fields: frozenset[str],
) -> None:
    numbers = count()
    manifest = tmp_path / "clones.json"

    @settings(DETERMINISTIC, max_examples=BATCHES)
    @given(st.lists(cases(storage=False), min_size=BATCH, max_size=BATCH))
    def foretold(batch: Sequence[Case]) -> None:
        named = [(_served(case, clone_fields), f"vm-{next(numbers)}") for case in batch]
        for case, name in named:
            source = a_source(case, name, namespace)
            session.request("POST", path_of(VIRTUAL_MACHINES, namespace), body=source)
        for _, name in named:
            until_observed(session, namespace, name)
        clones = [a_clone_of(case, name, namespace) for case, name in named]
        manifest.write_text(json.dumps({"kind": "List", "items": clones}))

        previewed = yaml.safe_load(kvc("preview", "-f", str(manifest), "-o", "yaml").out)
        kvc("create", "-f", str(manifest), "--skip-check=all", "--wait")
        stored = [get(session, clone_resource, namespace, name) for _, name in named]
        targets = [
            comparable(get(session, VIRTUAL_MACHINES, namespace, clone["spec"]["target"]["name"]))
            for clone in stored
        ]

        for predicted, target in zip(previewed["items"], targets, strict=True):
            assert yaml.safe_dump(with_generated(predicted, target)) == yaml.safe_dump(target)

    foretold()
