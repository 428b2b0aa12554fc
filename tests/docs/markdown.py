"""What a document says: its blocks of commands, its links and its headings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path(__file__).parents[2]
LANGUAGES = {"sh", "console", "python", "yaml", "text", "diff"}
DOCUMENTS = sorted(
    path.relative_to(ROOT)
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
    if path.name != "failures.md"  # written from a run, and held to it, by tests/failures
)

_FENCE = re.compile(r"( *)```(\w*)$")
_IN_A_TABLE = re.compile(r"`(kubectl virt-clone [^`]+)`")
_NOTE = re.compile(r" *<!-- (?P<kind>not run|file): (?P<text>.+) -->$")
_CODE = re.compile(r"\s+# exits with (\d+)$")


@dataclass(frozen=True)
class Command:
    """A command, the exit code it must have, and in a console block what it prints.

    None: whatever the code is, for an error is printed, or ``echo $?`` shows it next.
    """

    text: str
    code: int | None = 0
    output: str | None = None


@dataclass(frozen=True)
class Block:
    """What stands between two fences. ``note``: ``not run`` and why, or ``file`` and a name."""

    language: str
    lines: tuple[str, ...]
    line: int
    note: tuple[str, str] = ("", "")

    @property
    def text(self) -> str:
        """The whole block."""
        return "".join(f"{line}\n" for line in self.lines)

    @property
    def commands(self) -> list[Command]:
        """The commands of a block that is to be run."""
        if self.note[0]:
            return []
        if self.language == "python":
            return [Command(f"python3 - <<'EOF'\n{self.text}EOF")]
        return {"sh": _of_sh, "console": _of_console}.get(self.language, lambda _: [])(self.lines)


def blocks(text: str) -> list[Block]:
    """All fenced blocks of a document, and the calls of the program in its tables."""
    found, begun, note = [], None, ("", "")
    for number, line in enumerate(text.splitlines(), 1):
        fence = _FENCE.match(line)
        if begun is None and fence:
            begun = (fence[2], number, len(fence[1]), note, list[str]())
        elif begun is not None and fence:
            language, start, indent, its_note, lines = begun
            dedented = tuple(item[indent:] for item in lines)
            found.append(Block(language, dedented, start, its_note))
            begun = None
        elif begun is not None:
            begun[-1].append(line)
        elif line.startswith("|"):
            found.append(Block("sh", tuple(_IN_A_TABLE.findall(line)), number))
        else:
            marked = _NOTE.match(line)
            note = (marked["kind"], marked["text"]) if marked else ("", "")
    assert begun is None, f"the block of line {begun[1]} has no end"
    return found


def _of_sh(lines: tuple[str, ...]) -> list[Command]:
    found = []
    for line in _joined(lines):
        if not line or line.startswith("#"):
            continue
        code = _CODE.search(line)
        found.append(Command(_CODE.sub("", line), int(code[1]) if code else 0))
    return found


def _of_console(lines: tuple[str, ...]) -> list[Command]:
    found: list[Command] = []
    for line in _joined(lines):
        if line.startswith("$ "):
            found.append(Command(line[2:], 0, ""))
        else:
            last = found.pop()
            found.append(replace(last, output=f"{last.output}{line}\n"))
        if found[1:] and found[-1].text == "echo $?":
            found[-2] = replace(found[-2], code=None)
    return [
        replace(item, code=None) if re.search("^error:", item.output or "", re.MULTILINE) else item
        for item in found
    ]


def _joined(lines: tuple[str, ...]) -> Iterator[str]:
    """Lines of a shell, with those that go on on the next line put together."""
    begun = ""
    for line in lines:
        if line.endswith("\\"):
            begun += line[:-1].rstrip() + " "
        else:
            yield begun + (line.strip() if begun else line)
            begun = ""
    assert not begun, begun


def links(text: str) -> list[str]:
    """The targets of all links and pictures, but for those to other sites."""
    prose = re.sub(r"```.*?```|`[^`]*`", "", text, flags=re.DOTALL)
    found = re.findall(r"\]\(([^)\s]+)\)|(?:src|href|srcset)=\"([^\"]+)\"", prose)
    return [one or other for one, other in found if "://" not in (one or other)]


def anchors(text: str) -> set[str]:
    """The anchors that GitHub makes of the headings."""
    prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", prose, flags=re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings
    }
