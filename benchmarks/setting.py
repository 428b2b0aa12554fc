"""What the user asked of a run: how thorough, and on which cluster."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Setting:
    """``quick`` is for a look: few rounds and few objects; ``kubeconfig`` is a real cluster's."""

    quick: bool = False
    kubeconfig: Path | None = None

    def rounds(self, times: int) -> int:
        """How often to run what is worth ``times`` rounds."""
        return min(times, 2) if self.quick else times

    def size(self, count: int) -> int:
        """How many objects to take where ``count`` tell the whole story."""
        return max(count // 20, 5) if self.quick else count
