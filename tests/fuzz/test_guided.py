"""What guides the fuzzing by coverage holds for what it begins with."""

from __future__ import annotations

import pytest

from tests.fuzz.targets import TARGETS


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_holds_for_what_it_begins_with(name: str) -> None:
    for seed in TARGETS[name].seeds[:3]:
        TARGETS[name].check(seed)
