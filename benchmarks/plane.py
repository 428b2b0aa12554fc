"""A control plane for one measurement, started outside the measured and the measuring process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from types import TracebackType
from typing import Any


class Plane:
    """A sandbox with the options of ControlPlane; a context manager.

    ``environment`` is that of a command that is to use it.
    """

    def __init__(self, **options: Any) -> None:
        # JSON has no infinity but what Python writes and reads for it.
        command = [sys.executable, "-m", "benchmarks.served", json.dumps(options)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.pid = self._process.pid
        self.environment: dict[str, str] = {}

    def __enter__(self) -> Plane:
        self.environment = {**os.environ, "KUBECONFIG": self.answer()}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.communicate()

    def ask(self, what: str, *arguments: Any) -> Any:
        """What ``served.Served`` answers to one of its methods."""
        self.tell(what, *arguments)
        return self.answer()

    def tell(self, what: str, *arguments: Any) -> None:
        """The same without waiting; ``answer`` has to be called before the next question."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{json.dumps([what, *arguments])}\n")
        self._process.stdin.flush()

    def answer(self) -> Any:
        """The answer to what was told."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the sandbox has ended")
        return json.loads(line)
