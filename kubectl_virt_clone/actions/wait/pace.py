"""How long a wait waits for each thing: one value, so that nobody has to change a module.

Seconds, but for counts. The timeout is the user's, and not here.
"""

from __future__ import annotations

from dataclasses import dataclass

from kubectl_virt_clone.clone.progress.diagnosis import SILENT_SECONDS


@dataclass(frozen=True)
class Pace:
    """The intervals of a wait.

    ``first_look``: the first look is taken however short the timeout is; a silent server gets this
    long. ``aside``: for an answer that would only make a sentence better. ``last_look``: for all
    that is asked when the time is up, of at most ``at_last`` clones.

    ``stall``: without a change for this long a clone in progress stalls, and its children may know
    why; ``silent`` is for a clone without a status. ``again``: until a need that was not answered
    is tried again; ``closely``: between two close looks at a clone, and ``turn``: at any clone.

    ``burst``: the longest time for which changes are taken with nothing else done. More targets
    than ``few``, and one in ``one_in`` of the clones, are read in a list.
    """

    first_look: float = 10.0
    aside: float = 5.0
    last_look: float = 2.0
    at_last: int = 20
    stall: float = 1.0
    silent: float = SILENT_SECONDS
    again: float = 1.0
    closely: float = 5.0
    turn: float = 0.25
    burst: float = 0.5
    few: int = 20
    one_in: int = 20
