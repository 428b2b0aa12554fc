"""The pace of a wait, for tests that run the whole program."""

from __future__ import annotations

from functools import partial

import pytest

from kubectl_virt_clone.actions.create import creating, snapshots
from kubectl_virt_clone.actions.wait import loop
from kubectl_virt_clone.actions.wait.cache import Pace

_wait_for, _until_ready = loop.wait_for, snapshots.until_ready


def keep_pace(monkeypatch: pytest.MonkeyPatch, **seconds: float) -> None:
    """Have every wait of the program keep this pace."""
    pace = Pace(**seconds)  # type: ignore[arg-type]
    for module in (loop, creating):
        monkeypatch.setattr(module, "wait_for", partial(_wait_for, pace=pace))
    monkeypatch.setattr(snapshots, "until_ready", partial(_until_ready, pace=pace))
