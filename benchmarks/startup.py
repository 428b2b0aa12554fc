"""What the program does without a cluster, against ``import click`` in the same Python."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

from kubectl_virt_clone.cli.main import VERBS

from .figures import Row
from .runs import always, in_turn, ours
from .setting import Setting

PEER = "import click"
AT_MOST = 1.5
AT_MOST_WITH_YAML = 2.0
"""This one imports PyYAML, which the others do without."""
_DRY_RUN = ("create", "--source", "vm/vm-cirros", "--target", "copy", "--dry-run=client")
_YAML = "create --dry-run=client -o yaml"
_CASES = {
    "--help": ("--help",),
    "version --client": ("version", "--client"),
    "completion of flags": ("__complete", "create", "--"),
    _YAML: (*_DRY_RUN, "-o", "yaml"),
    "create --dry-run=client -o json": (*_DRY_RUN, "-o", "json"),
}


def measure(setting: Setting) -> Iterator[Row]:
    """One row for each command; skip verbs that do not exist."""
    there = {"--help", *VERBS, *(["__complete"] if "completion" in VERBS else [])}
    cases = {name: words for name, words in _CASES.items() if words[0] in there}
    commands = {name: ours(*words) for name, words in cases.items()}
    peer = {PEER: always(sys.executable, "-c", PEER)}
    runs = in_turn({**peer, **commands}, os.environ, setting.rounds(21))
    theirs = runs[PEER].seconds
    for name in cases:
        at_most = AT_MOST_WITH_YAML if name == _YAML else AT_MOST
        yield Row(name, runs[name].seconds, peer=PEER, theirs=theirs, at_most=at_most)
    commands = {"": always(sys.executable, "-c", "import kubernetes.client")}
    alone = in_turn(commands, os.environ, setting.rounds(5))[""]
    yield Row("for scale: import kubernetes.client", alone.seconds)
