"""TAB in real shells, on a terminal: asked by our own script, and by way of a real kubectl."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.terminal.conftest import PROMPT, Pane, Panes, Planes, a_clone
from tests.tools import needs

BASH_COMPLETION = Path("/usr/share/bash-completion/bash_completion")
START = {
    "bash": "exec bash --noprofile --norc",
    "zsh": "exec zsh -f",
    "fish": "exec fish --no-config --private",
}
READY = {
    "bash": f"bind 'set bell-style none'; PS1='{PROMPT}'; clear",
    "zsh": f"autoload -U compinit; compinit -D -u; setopt no_beep; PS1='{PROMPT}'; clear",
    "fish": f"set -g fish_autosuggestion_enabled 0; function fish_prompt; echo '{PROMPT}'; end;"
    " clear",
}
READ = {"bash": "source <({}); clear", "zsh": "source <({}); clear", "fish": "{} | source; clear"}
# What is typed before TAB, and what stands there when a dot is typed behind it.
MAC = "create --source vm-two-nics --new-mac-address"
CASES = [
    ("wa", "wait ."),
    ("get n", "get nightly-."),
    ("create --source vms", "create --source vmsnapshot/."),
    (f"{MAC} b", f"{MAC} backup=."),
    ("get --output=y", "get --output=yaml ."),
    ("create -f man", "create -f manifest.yaml ."),
]
# kubectl's own scripts for zsh and fish take the last = for the one behind the flag.
TWICE = ("wait --for=phase=Su", "wait --for=phase=Succeeded .")
Shells = Callable[[str], Pane]
each_shell = pytest.mark.parametrize(
    "name", [pytest.param(name, marks=needs(name)) for name in START]
)


@pytest.fixture
def opened(plane: Planes, pane: Panes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shells:
    """Opens a shell in a folder with a manifest, beside a control plane with two clones."""

    def open_shell(name: str) -> Pane:
        running = plane(speed=float("inf"))
        for clone in ("nightly-1", "nightly-2"):
            a_clone(running, clone)
        (tmp_path / "manifest.yaml").touch()
        monkeypatch.chdir(tmp_path)
        shell = pane(columns=100, lines=30)
        shell.press(START[name])
        shell.press("Enter")
        shell.until(lambda rows: len(rows) > 1 and rows[-1].endswith((">", "$", "#", "%")))
        enter(shell, READY[name])
        return shell

    return open_shell


def enter(shell: Pane, line: str) -> None:
    """Have a line read by the shell, which then is ready for the next."""
    shell.press(line)
    shell.press("Enter")
    shell.until(lambda rows: rows == [PROMPT.rstrip()])


def after_tab(shell: Pane, program: str, typed: str, expected: str) -> None:
    """Type a command line, TAB and a dot, and look at what it has become; then clear it."""
    shell.press(f"{program} {typed}")
    shell.press("Tab")
    shell.press(".")
    shell.until(lambda rows: rows[-1] == f"{PROMPT}{program} {expected}")
    shell.press("C-u")
    shell.until(lambda rows: rows[-1] == PROMPT.rstrip())


@each_shell
def test_our_own_script_completes_the_program(opened: Shells, name: str) -> None:
    shell = opened(name)
    enter(shell, READ[name].format(f"kubectl-virt_clone completion {name}"))

    for typed, expected in [*CASES, TWICE]:
        after_tab(shell, "kubectl-virt_clone", typed, expected)


@needs("kubectl")
@each_shell
def test_kubectl_completes_the_plugin(opened: Shells, name: str) -> None:
    if name == "bash" and not BASH_COMPLETION.exists():
        pytest.skip("kubectl's script for bash needs the package bash-completion")
    shell = opened(name)
    if name == "bash":
        enter(shell, f". {BASH_COMPLETION}; clear")
    enter(shell, READ[name].format(f"kubectl completion {name}"))

    for typed, expected in [*CASES, *([TWICE] if name == "bash" else [])]:
        after_tab(shell, "kubectl virt-clone", typed, expected)
