"""``kubectl apply`` of built-in resources: it sends strategic merge patches."""

from __future__ import annotations

import json

import pytest

from tests.kubectl.conftest import Kubectl

NAMESPACE = "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: team-a\n"
CLAIM = """\
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: disk
  namespace: default
spec:
  accessModes: [ReadWriteOnce]
  resources: {requests: {storage: 1Gi}}
"""


@pytest.mark.parametrize(
    ("kind", "name", "manifest"),
    [("namespace", "team-a", NAMESPACE), ("persistentvolumeclaim", "disk", CLAIM)],
)
def test_a_changed_built_in_is_configured(
    kubectl: Kubectl, kind: str, name: str, manifest: str
) -> None:
    labelled = manifest.replace(f"  name: {name}\n", f"  name: {name}\n  labels: {{a: b, c: d}}\n")
    relabelled = labelled.replace("a: b, c: d", "c: e")

    texts = (manifest, labelled, relabelled, relabelled)
    answers = [kubectl("apply", "-f", "-", stdin=text).out for text in texts]

    done = ("created", "configured", "configured", "unchanged")
    assert answers == [f"{kind}/{name} {word}\n" for word in done]
    stored = json.loads(kubectl("get", kind, name, "-o", "json").out)
    labels = stored["metadata"]["labels"]
    labels.pop("kubernetes.io/metadata.name", None)
    assert labels == {"c": "e"}
