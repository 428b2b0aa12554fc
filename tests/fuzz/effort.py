"""How hard a property is tried: a few fixed examples in every run, many random ones on demand.

A run tries a third of the examples that a test names, FUZZ=N that number times N (``make fuzz``);
which ones is then left to chance.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from functools import wraps
from typing import Any

from hypothesis import HealthCheck, Phase, settings

TIMES = int(os.environ.get("FUZZ", "0"))

RAN: Counter[str] = Counter()
"""How many examples were tried, by the name of the test."""


def fuzzed(examples: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Try a third of so many examples, or that number times FUZZ.

    Stands between the test and its ``@given``.
    """
    long = settings(
        max_examples=examples * TIMES or -(-examples // 3),
        derandomize=not TIMES,
        database=None,
        deadline=None,
        print_blob=bool(TIMES),
        # In every run the same examples pass: a smaller one is looked for when one fails.
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )

    def decorated(test: Callable[..., Any]) -> Callable[..., Any]:
        # What hypothesis calls for each example stands below its own wrapper.
        inner = test.hypothesis.inner_test  # type: ignore[attr-defined]

        @wraps(inner)
        def counted(*args: Any, **kwargs: Any) -> Any:
            RAN[inner.__name__] += 1
            return inner(*args, **kwargs)

        test.hypothesis.inner_test = counted  # type: ignore[attr-defined]
        return long(test)

    return decorated
