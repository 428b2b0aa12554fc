"""A release is cut in a small repository with a remote of its own."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent.parent / "packaging" / "release.py"
PACKAGE = Path("kubectl_virt_clone/__init__.py")
CHANGES = """# Changelog

## [Unreleased]

### Added

- `new`: a verb.

## [0.1.0] - 2026-01-02

- The first.
"""


def git(folder: Path, *args: str) -> str:
    done = subprocess.run(["git", *args], cwd=folder, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout.strip()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of version 0.1.0 with changes since, and its remote ../remote."""
    for name, value in (("NAME", "A"), ("EMAIL", "a@example.com")):
        monkeypatch.setenv(f"GIT_AUTHOR_{name}", value)
        monkeypatch.setenv(f"GIT_COMMITTER_{name}", value)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "none"))
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", str(tmp_path / "none"))
    git(tmp_path, "init", "--quiet", "--bare", "remote")
    git(tmp_path, "init", "--quiet", "--initial-branch=main", "project")
    folder = tmp_path / "project"
    (folder / PACKAGE).parent.mkdir()
    (folder / PACKAGE).write_text('"""A."""\n\n__version__ = "0.1.0"\n', encoding="utf-8")
    (folder / "CHANGELOG.md").write_text(CHANGES, encoding="utf-8")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "All")
    git(folder, "remote", "add", "origin", "../remote")
    return folder


def release(folder: Path, *args: str, code: int = 0) -> tuple[str, str]:
    done = subprocess.run(
        [sys.executable, SCRIPT, *args], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done
    return done.stdout, done.stderr


def test_one_command_writes_the_version_commits_tags_and_pushes(project: Path) -> None:
    release(project, "cut", "v0.2.0")

    today = f"{datetime.now(timezone.utc):%Y-%m-%d}"
    headings = re.findall(r"^## .*", (project / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    remote = project.parent / "remote"
    assert (project / PACKAGE).read_text("utf-8") == '"""A."""\n\n__version__ = "0.2.0"\n'
    assert headings == ["## [Unreleased]", f"## [0.2.0] - {today}", "## [0.1.0] - 2026-01-02"]
    assert git(project, "status", "--porcelain") == ""
    assert git(project, "log", "-1", "--format=%s") == "Release v0.2.0"
    assert git(remote, "rev-parse", "v0.2.0^{}", "main") == "\n".join(
        [git(project, "rev-parse", "HEAD")] * 2
    )


def test_the_notes_of_a_release_are_its_part_of_the_changelog(project: Path) -> None:
    release(project, "cut", "v0.2.0-rc.1")

    assert release(project, "notes", "v0.2.0-rc.1") == ("### Added\n\n- `new`: a verb.\n", "")


def test_a_tag_of_another_version_than_the_package_has_no_notes(project: Path) -> None:
    _, err = release(project, "notes", "v0.2.0", code=1)

    assert err == f"error: {PACKAGE} is not of version 0.2.0\n"


def test_a_version_that_was_not_cut_has_no_notes(project: Path) -> None:
    path = project / "CHANGELOG.md"
    path.write_text(CHANGES.replace("[0.1.0]", "[0.1.0-rc.1]"), encoding="utf-8")

    _, err = release(project, "notes", "v0.1.0", code=1)

    assert err == "error: CHANGELOG.md says nothing of 0.1.0\n"


@pytest.mark.parametrize("tag", ["0.2.0", "v0.2", "v0.2.0 ", "v0.2.0;ls", ""])
def test_what_is_no_version_is_told(project: Path, tag: str) -> None:
    _, err = release(project, "cut", tag, code=1)

    assert err == f'error: "{tag}" is no version; write VERSION=v0.1.0\n'


@pytest.mark.parametrize(
    ("obstacle", "error"),
    [
        (("rm", "--quiet", "CHANGELOG.md"), "there are changes that are not committed"),
        (("switch", "--quiet", "--create", "b"), 'a release is cut from the branch "main"'),
        (("tag", "v0.2.0"), "the tag v0.2.0 is there already"),
    ],
)
def test_what_is_in_the_way_is_told_before_anything_changes(
    project: Path, obstacle: tuple[str, ...], error: str
) -> None:
    git(project, *obstacle)

    assert release(project, "cut", "v0.2.0", code=1) == ("", f"error: {error}\n")
    assert git(project, "log", "--format=%s") == "All"


def test_a_release_without_changes_is_refused(project: Path) -> None:
    path = project / "CHANGELOG.md"
    path.write_text(CHANGES.replace("### Added\n\n- `new`: a verb.\n\n", ""), encoding="utf-8")
    git(project, "commit", "--quiet", "--all", "--message", "None")

    _, err = release(project, "cut", "v0.2.0", code=1)

    assert err == "error: CHANGELOG.md has nothing that is unreleased\n"


def test_what_the_remote_refuses_leaves_no_half_release_there(project: Path) -> None:
    remote = project.parent / "remote"
    git(project, "push", "--quiet", "origin", "main")
    git(project, "commit", "--quiet", "--amend", "--message", "Other")

    _, err = release(project, "cut", "v0.2.0", code=1)

    again = (
        "error: nothing was pushed; to try again: git push --quiet --atomic origin main v0.2.0\n"
    )
    assert "rejected" in err
    assert err.endswith(again)
    assert git(remote, "tag") == ""
