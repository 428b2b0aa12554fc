"""What a wait shows while it goes on bears whatever a server sends, on a terminal or elsewhere."""

from __future__ import annotations

import io
from itertools import count

import pytest
from hypothesis import given

from kubectl_virt_clone.clone.progress.progress import Result
from kubectl_virt_clone.objects.fields import key_of
from kubectl_virt_clone.render.progress.frames import Drawn
from kubectl_virt_clone.render.progress.live import Lines
from kubectl_virt_clone.render.progress.outcomes import Met
from tests.fuzz.effort import fuzzed
from tests.fuzz.hostile import dangerous
from tests.fuzz.terminals import Terminal
from tests.fuzz.worlds import WORLDS, World


@pytest.mark.filterwarnings("ignore:Generating overly large repr")
@pytest.mark.parametrize("display", [Lines, Drawn])
@fuzzed(4)
@given(world=WORLDS)
def test_a_display_bears_whatever_a_server_sends(
    display: type[Lines] | type[Drawn], world: World
) -> None:
    stream, clock = Terminal(display is Drawn), count()
    met = Met(world.chance.choice((None, "name", "json", "yaml")))
    clones = [world.one("clone") for _ in range(3)]
    said = io.StringIO()

    with display(stream, lambda result: said.write(met(result)), lambda: next(clock)) as shown:
        shown.began([*map(key_of, clones), *world.some(world.key)])
        for clone in clones:
            shown.changed(clone, world.cause())
            shown.tick()
            shown.notice(world.text())
        for clone in clones:
            result = world.result()
            shown.decided(Result(key_of(clone), result.verdict, clone, cause=result.cause))
        shown.decided(world.result())

    assert dangerous(stream.getvalue(), terminal=display is Drawn) == set()
    assert dangerous(said.getvalue()) == set()
