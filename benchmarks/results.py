"""RESULTS.md: a section for each command that measures, which rewrites its own and no other.

What stands in a section is up to the command.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

RESULTS = Path(__file__).parent / "RESULTS.md"
TITLE = "# Benchmarks\n"


def written(section: str, file: Path) -> None:
    """Puts a section, which begins with its heading, in the place of the one with that heading."""
    heading = section.partition("\n")[0]
    text = file.read_text(encoding="utf-8") if file.exists() else TITLE
    first, *others = re.split(r"^(?=## )", text, flags=re.MULTILINE)
    sections = {each.partition("\n")[0]: each.strip() for each in others}
    sections[heading] = section.strip()
    parts = [first.strip(), *sections.values()]
    # Who ends it meanwhile still has the old sections.
    new = file.with_name(f"{file.name}.new")
    new.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    os.replace(new, file)
