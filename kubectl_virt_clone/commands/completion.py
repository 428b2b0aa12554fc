"""``completion``: what a shell needs in order to complete our command lines, and kubectl for it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import click

from kubectl_virt_clone.cli.flags import Verb, takes
from kubectl_virt_clone.cli.shells import MARK, PLUGIN, PLUGIN_SCRIPT, SHELLS, script
from kubectl_virt_clone.errors import VirtCloneError, said_of

EXAMPLES = """
# Complete 'kubectl virt-clone', if kubectl itself is completed already
kubectl virt-clone completion --install ~/.local/bin

# Complete 'kubectl-virt_clone', in bash, zsh or fish
source <(kubectl virt-clone completion bash)
source <(kubectl virt-clone completion zsh)
kubectl virt-clone completion fish | source
"""


class CompletionFlags(NamedTuple):
    """The shell to print for, or the folder to install into."""

    shell: str | None
    folder: Path | None


@click.command(cls=Verb, name="completion", examples=EXAMPLES)
@click.argument("shell", type=click.Choice(SHELLS), required=False, metavar="[bash|zsh|fish]")
@click.option(
    "--install",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help=f"Write {PLUGIN}, which kubectl asks, into a folder of the PATH.",
)
@takes(CompletionFlags)
def command(flags: CompletionFlags) -> None:
    """Print what a shell needs to complete 'kubectl-virt_clone', or install what kubectl needs.

    kubectl 1.26 and newer complete 'kubectl virt-clone' by asking kubectl_complete-virt_clone, if
    it is on the PATH. pip has put it there; krew has not.
    """
    shell, folder = flags.shell, flags.folder
    if (shell is None) == (folder is None):
        raise click.UsageError("name one of bash, zsh and fish, or a folder with --install")
    if folder is None:
        click.echo(script(shell or ""), nl=False)
        return
    path = Path(os.path.abspath(folder), PLUGIN)
    _install(path)
    click.echo(f"{path} installed")
    on_path = map(os.path.abspath, filter(None, os.environ.get("PATH", "").split(os.pathsep)))
    if str(path.parent) not in on_path:
        click.echo(
            f"hint: kubectl does not find it there before you put the folder on the PATH:\n"
            f'  export PATH="$PATH:{path.parent}"',
            err=True,
        )


def _install(path: Path) -> None:
    """Write the program, but not over one that isn't ours."""
    try:
        if os.path.lexists(path) and MARK.encode() not in path.read_bytes():
            raise VirtCloneError(
                f"{path} is there already, and not ours; delete it, or choose another folder"
            )
        path.write_text(PLUGIN_SCRIPT, encoding="utf-8")
        path.chmod(0o755)
    except OSError as error:
        raise VirtCloneError(f"unable to write {path}: {said_of(error)}") from error
