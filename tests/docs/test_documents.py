"""The documents: every command in them runs and prints what they say; every link leads on."""

from __future__ import annotations

import re
import shlex
from contextlib import suppress
from pathlib import Path

import pytest

from kubevirt_sandbox.controlplane import ControlPlane
from kubevirt_sandbox.storage.status import ApiError
from tests.sandbox.world import CLONES, NAMESPACE, VMS
from tests.tools import needs

from .demo import PICTURE, record, rows_of
from .demo import text_of as text_of_picture
from .markdown import DOCUMENTS, LANGUAGES, ROOT, Block, anchors, blocks, links
from .pages import FOLDER, pages
from .shell import Shell, held, shell_of

ORIGINAL, TRANSLATED = Path("README.md"), Path("README.zh-CN.md")
COPY = "copy"
# What the examples of a help text take for granted: they name what they need.
GIVEN = {
    "docs/verbs/check.md": ["cp clone.yaml clones.yaml"],
    "docs/verbs/completion.md": ["mkdir -p ~/.local/bin"],
    "docs/verbs/create.md": [
        "kubectl get vmsnapshot snap-1 -o yaml > snap.yaml",
        "sed s/snap-1/before-upgrade/ snap.yaml | kubectl create -f -",
    ],
    "docs/verbs/delete.md": ["kubectl virt-clone create nightly --source vm-cirros --target t"],
    "docs/verbs/describe.md": [
        "kubectl virt-clone create nightly --source vm-cirros --target t",
        "kubectl create namespace vms",
        "kubectl virt-clone create nightly --source v --target t -n vms --skip-check all",
        "kubectl virt-clone create weekly --source v --target u -n vms --skip-check all",
    ],
    "docs/verbs/get.md": ["kubectl virt-clone create nightly --source vm-cirros --target t"],
    "docs/verbs/wait.md": [
        "kubectl virt-clone create nightly --source vm-cirros --target t",
        "kubectl label vmclone nightly batch=42",
    ],
}


def text_of(document: Path) -> str:
    return (ROOT / document).read_text(encoding="utf-8")


def to_run() -> list[Path]:
    """All with commands, but for the translation: it has those of the original."""
    found = (path for path in DOCUMENTS if any(block.commands for block in blocks(text_of(path))))
    return [path for path in found if path != TRANSLATED]


@pytest.mark.parametrize("document", to_run(), ids=str)
def test_every_command_of_a_document_runs_and_prints_what_it_says(
    document: Path, shell: Shell, plane: ControlPlane
) -> None:
    wrong = run_all(document, shell, plane, "bash")

    assert not wrong, f"{document}\n" + "\n\n".join(wrong)


def for_other_shells() -> list[tuple[Path, str]]:
    """The documents with commands that are typed into zsh or fish, once for each of these."""
    return [
        (document, name)
        for document in to_run()
        for name in ("zsh", "fish")
        for block in blocks(text_of(document))
        if name in {shell_of(command.text) for command in block.commands}
    ]


@pytest.mark.parametrize(
    ("document", "name"),
    [pytest.param(*pair, marks=needs(pair[1])) for pair in for_other_shells()],
    ids=str,
)
def test_a_command_for_another_shell_runs_in_that_shell(
    document: Path, name: str, shell: Shell, plane: ControlPlane
) -> None:
    wrong = run_all(document, shell, plane, name)

    assert not wrong, f"{document}\n" + "\n\n".join(wrong)


def test_documents_have_commands_for_each_shell() -> None:
    assert {name for _, name in for_other_shells()} == {"zsh", "fish"}


def run_all(document: Path, shell: Shell, plane: ControlPlane, name: str) -> list[str]:
    """Run a document's commands for one shell; what is not as it says."""
    given(document, shell)
    wrong = []
    for block in blocks(text_of(document)):
        if block.note[0] == "file":
            (shell.folder / block.note[1]).write_text(block.text, encoding="utf-8")
        of_a_verb = (ROOT / document).parent == FOLDER
        wrong += run(block, shell, plane if of_a_verb else None, name)
    return wrong


def given(document: Path, shell: Shell) -> None:
    """Make what examples name."""
    pipeline = shell.folder / "pipeline.sh"
    pipeline.write_text("#!/bin/sh\nkubectl get vm\n", encoding="utf-8")
    pipeline.chmod(0o755)
    manifest = "kubectl virt-clone create c --source vm-cirros --target c --dry-run=client -o yaml"
    (shell.folder / "clone.yaml").write_text(shell.run(manifest)[0], encoding="utf-8")
    machine = "kubectl get vm vm-cirros -o yaml | sed /resourceVersion/d > my-vms.yaml"
    for command in [machine, *GIVEN.get(document.as_posix(), [])]:
        printed, code = shell.run(command)
        assert code == 0, printed


def run(block: Block, shell: Shell, plane: ControlPlane | None, name: str) -> list[str]:
    """Run a block's commands for a shell one after the other; what is not as the document says.

    With a control plane each begins anew, for an example stands alone.
    """
    wrong = []
    last = 0
    for command in block.commands:
        if shell_of(command.text) != name:
            continue
        if plane:
            forget_the_copy(plane)
        if command.text == "echo $?":
            printed, code = f"{last}\n", 0
        else:
            printed, last = shell.run(command.text)
            code = last
        if reason := held(command, printed, code):
            wrong.append(f"line {block.line}: {reason}")
    return wrong


def forget_the_copy(plane: ControlPlane) -> None:
    """Remove the target of the example before, and its clone, while no controller makes either."""
    plane.kubevirt.stop()
    for clone in plane.registry.list(CLONES, NAMESPACE).items:
        if clone["spec"].get("target", {}).get("name") == COPY:
            plane.registry.delete(CLONES, NAMESPACE, clone["metadata"]["name"])
    with suppress(ApiError):
        plane.registry.delete(VMS, NAMESPACE, COPY)
    plane.kubevirt.start()


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_a_document_has_blocks_of_known_languages_only(document: Path) -> None:
    assert {block.language for block in blocks(text_of(document))} <= LANGUAGES


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_every_link_of_a_document_leads_somewhere(document: Path) -> None:
    text = text_of(document)
    lost = []
    for link in links(text):
        name, _, anchor = link.partition("#")
        target = (ROOT / document).parent / name if name else ROOT / document
        found = target.exists() and (
            not anchor or anchor in anchors(target.read_text(encoding="utf-8"))
        )
        lost += [] if found else [link]

    assert not lost


def test_the_pages_of_the_verbs_say_what_the_help_says() -> None:
    written = {path: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.md")}

    assert written == pages(), "`make docs` writes them anew"


def test_both_readmes_have_the_same_commands() -> None:
    original, translated = (
        [(block.language, block.note[0], *block.commands) for block in blocks(text_of(path))]
        for path in (ORIGINAL, TRANSLATED)
    )

    assert translated == original


def test_the_demo_runs_to_its_end(shell: Shell) -> None:
    printed, code = shell.run(f"sh {shlex.quote(str(ROOT / 'docs' / 'demo.sh'))}")

    assert code == 0, printed
    assert re.search("^kind: VirtualMachine$", printed, re.MULTILINE), printed


def rows_of_filters(document: Path) -> list[tuple[list[str], list[str]]]:
    """The table of what filters do: pairs of filters and of the labels that stay."""
    rows = re.findall(r"^\| (?:`(\'.*\')`|none|无) \| (.*) \|$", text_of(document), re.MULTILINE)
    return [
        (shlex.split(one), re.findall(r"`([^`]+)`", labels))
        for filters, labels in rows
        for one in re.split("` (?:or|或) `", filters)
    ]


def test_filters_do_what_the_table_in_the_readmes_says(shell: Shell, plane: ControlPlane) -> None:
    rows = rows_of_filters(ORIGINAL)
    assert rows == rows_of_filters(TRANSLATED)
    made = []
    for number, (filters, _) in enumerate(rows):
        flags = " ".join(f"--label-filter {shlex.quote(item)}" for item in filters)
        name = f"f-{number}"
        create = f"kubectl virt-clone create {name} --source vm-cirros --target {name} --wait"
        printed, code = shell.run(f"{create} {flags}")
        assert code == 0, printed
        vm = plane.registry.get(VMS, NAMESPACE, name)
        made.append((filters, sorted(vm["metadata"].get("labels") or {})))

    assert made == rows
    assert len(made) == 6


@pytest.mark.usefixtures("kubectl")
def test_the_picture_shows_what_a_terminal_shows() -> None:
    pytest.importorskip("termios", reason="there are no terminals here")
    assert plain(text_of_picture(PICTURE.read_text(encoding="utf-8"))) == plain(rows_of(record()))


def plain(rows: list[str]) -> list[str]:
    """Without times, and without what the times decide: how long a bar or a column is."""
    return [re.sub(r"[\d.]+s\b|█|  +", "", row) for row in rows]
