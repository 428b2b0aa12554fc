"""A cluster whose answers can be replaced; and what a long run tells at its end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.fuzz.commands import COMMANDS, PREPARED
from tests.fuzz.effort import RAN, TIMES
from tests.fuzz.replay import Replay
from tests.fuzz.terminals import ran
from tests.pacing import keep_pace
from tests.planes import Plane


class Cluster:
    """A replay with a kubeconfig, and what each command asks it for."""

    def __init__(self, replay: Replay, kubeconfig: Path) -> None:
        self.replay = replay
        self.kubeconfig = kubeconfig
        self.asks = {command: self._learn(command) for command in COMMANDS}

    def _learn(self, command: tuple[str, ...]) -> list[str]:
        for _ in range(50):
            self.replay.asked.clear()
            done = ran([*command])
            # A busy machine may need longer than the 30 ms that some commands give it.
            if not done.err.endswith("the server did not answer in time\n"):
                break
        assert done.code in (0, 3, 4), (command, done)
        return sorted(set(self.replay.asked))


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """What the sandbox answers to every command, kept."""
    folder = tmp_path_factory.mktemp("fuzz")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(folder))
        # What has no answer within this time has none.
        keep_pace(patch, first_look=0.3, aside=0.3, last_look=0.3)
        with Plane(speed=float("inf")) as plane:
            patch.setenv("KUBECONFIG", str(plane.kubeconfig))
            for command in PREPARED:
                assert ran(command).code in (0, 4), command
            replay = Replay(plane)
            kubeconfig = folder / "config"
            kubeconfig.write_text(yaml.safe_dump(_config(replay.url)))
            patch.setenv("KUBECONFIG", str(kubeconfig))
            kept = Cluster(replay, kubeconfig)
            replay.source = None
        yield kept
        replay.close()


def _config(url: str) -> dict[str, Any]:
    return {
        "clusters": [{"name": "a", "cluster": {"server": url}}],
        "users": [{"name": "a", "user": {"token": "t"}}],
        "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
        "current-context": "a",
    }


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """List the examples of each test, where many were asked for."""
    if TIMES:
        terminalreporter.section("examples")
        for name, count in sorted(RAN.items()):
            terminalreporter.write_line(f"{count:>9,}  {name}")
        terminalreporter.write_line(f"{sum(RAN.values()):>9,}  in all")
