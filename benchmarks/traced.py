"""The program under ``sys.setprofile``: which of its functions run, in all of its threads.

Started by ``travel`` in a process of its own: ``python -m benchmarks.traced FILE ARGUMENT...``.
"""

from __future__ import annotations

import json
import os
import runpy
import sys
import threading
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import Any

PACKAGE = "kubectl_virt_clone"


def traced(file: Path, arguments: list[str]) -> None:
    """Run the program, and write the (module's file, function) pairs that ran to ``file``."""
    spec = find_spec(PACKAGE)
    assert spec is not None
    assert spec.origin is not None
    root = str(Path(spec.origin).parent)
    ran: set[tuple[str, str]] = set()

    def see(frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(root) and code.co_name != "<module>":
            # Before Python 3.11 functions of one name in one module count once.
            ran.add((code.co_filename, getattr(code, "co_qualname", code.co_name)))

    os._exit = sys.exit  # type: ignore[assignment]  # else nothing would be written
    sys.argv = [PACKAGE, *arguments]
    threading.setprofile(see)
    sys.setprofile(see)
    try:
        runpy.run_module(PACKAGE, run_name="__main__", alter_sys=True)
    finally:
        sys.setprofile(None)
        file.write_text(json.dumps(sorted(ran)), encoding="utf-8")


if __name__ == "__main__":
    traced(Path(sys.argv[1]), sys.argv[2:])
