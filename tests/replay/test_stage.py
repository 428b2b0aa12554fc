"""The stage itself: what it has started ends with it, also where it can't begin."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from .stage import Stage


def test_a_stage_that_cannot_begin_leaves_no_control_plane(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = set(threading.enumerate())
    monkeypatch.setenv("PATH", "")  # no kubectl, so nothing that could watch
    stage = Stage(tmp_path)

    with pytest.raises(FileNotFoundError, match="kubectl"), stage:
        pass

    assert set(threading.enumerate()) - before == set()
