"""Cut a release with one command, or print what a release says about itself.

    python packaging/release.py cut v0.2.0
    python packaging/release.py notes v0.2.0

The tag that ``cut`` pushes starts the release workflow, which does the rest.
"""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path

TAG = re.compile(r"v(\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?)")
VERSION = re.compile(r'^__version__ = "(.*)"$', re.MULTILINE)
UNRELEASED = "## [Unreleased]\n"
PACKAGE = Path("kubectl_virt_clone/__init__.py")
CHANGELOG = Path("CHANGELOG.md")
BRANCH = "main"


def cut(version: str) -> None:
    """Write the version and its date, commit, tag, and push both at once."""
    tag = f"v{version}"
    if _git("status", "--porcelain"):
        raise SystemExit("error: there are changes that are not committed")
    if _git("branch", "--show-current") != BRANCH:
        raise SystemExit(f'error: a release is cut from the branch "{BRANCH}"')
    if _git("tag", "--list", tag):
        raise SystemExit(f"error: the tag {tag} is there already")
    changes = CHANGELOG.read_text(encoding="utf-8")
    if not _section(changes, UNRELEASED):
        raise SystemExit(f"error: {CHANGELOG} has nothing that is unreleased")
    heading = f"## [{version}] - {datetime.now(timezone.utc):%Y-%m-%d}\n"
    changes = changes.replace(UNRELEASED, f"{UNRELEASED}\n{heading}", 1)
    CHANGELOG.write_text(changes, encoding="utf-8")
    package = VERSION.sub(f'__version__ = "{version}"', PACKAGE.read_text(encoding="utf-8"))
    PACKAGE.write_text(package, encoding="utf-8")
    _git("commit", "--quiet", "--message", f"Release {tag}", str(CHANGELOG), str(PACKAGE))
    _git("tag", "--annotate", "--message", tag, tag)
    push = ("push", "--quiet", "--atomic", "origin", BRANCH, tag)
    try:
        _git(*push)
    except subprocess.CalledProcessError as error:
        raise SystemExit(
            f"error: nothing was pushed; to try again: git {' '.join(push)}"
        ) from error


def notes(version: str) -> str:
    """The changes of a version. Raises SystemExit where the package is of another one."""
    found = VERSION.search(PACKAGE.read_text(encoding="utf-8"))
    if not found or found[1] != version:
        raise SystemExit(f"error: {PACKAGE} is not of version {version}")
    changes = _section(CHANGELOG.read_text(encoding="utf-8"), f"## [{version}]")
    if not changes:
        raise SystemExit(f"error: {CHANGELOG} says nothing of {version}")
    return changes


def _section(changes: str, heading: str) -> str:
    """What stands between a heading and the next one of its level."""
    _, _, after = f"\n{changes}".partition(f"\n{heading}")
    after = after if heading.endswith("\n") else after.partition("\n")[2]
    return re.split(r"^## ", after, maxsplit=1, flags=re.MULTILINE)[0].strip()


def _git(*args: str) -> str:
    done = subprocess.run(["git", *args], check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603, S607
    return done.stdout.strip()


def main() -> None:
    """Read the command line; the current folder is the project's."""
    match sys.argv[1:]:
        case ["cut", tag] if version := TAG.fullmatch(tag):
            cut(version[1])
        case ["notes", tag] if version := TAG.fullmatch(tag):
            print(notes(version[1]))  # noqa: T201
        case [("cut" | "notes"), tag]:
            raise SystemExit(f'error: "{tag}" is no version; write VERSION=v0.1.0')
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main()
