"""The door: the click group with its verbs, and the one place where an error becomes an exit code.

No verb's logic belongs here; a verb's module is imported only when that verb is asked for.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module

import click

from kubectl_virt_clone import __version__
from kubectl_virt_clone.errors import ExitCode, VirtCloneError
from kubectl_virt_clone.options import Verb, connection_options
from kubectl_virt_clone.render.escaping import escaped

PROGRAM = "kubectl virt-clone"

VERBS = {
    "create": "Clone a VM or a VM snapshot.",
    "wait": "Wait until clones are done, and say why where they can't be.",
    "describe": "Show a clone with its source, target, children and events.",
    "sandbox": "Run a throw-away control plane with a simulated KubeVirt.",
}

EXAMPLES = """
# Clone a VM and follow it to the end
kubectl virt-clone create --source vm-cirros --target copy --wait

# Say why a clone is not done
kubectl virt-clone describe clone-7qhzs

# Try it without a cluster
kubectl virt-clone sandbox -- kubectl virt-clone create --source vm-cirros --target copy --wait
"""


class LazyGroup(Verb, click.Group):
    """A group that knows its verbs by name, and imports one when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All verbs, in the order in which a user meets them."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import ``commands/<verb>.py`` and return its command."""
        if cmd_name not in VERBS:
            return None
        command: click.Command = import_module(f"kubectl_virt_clone.commands.{cmd_name}").command
        return command

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the verbs, then the options."""
        self.format_commands(ctx, formatter)
        super().format_options(ctx, formatter)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the verbs with their one-line help, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))


@click.command(
    cls=LazyGroup,
    examples=EXAMPLES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name=PROGRAM)
@connection_options
def virt_clone() -> None:
    """Clone KubeVirt virtual machines.

    It tells you before it starts whether it can work, while it runs where it is, and when it stops
    why.
    """


def main(argv: Sequence[str] | None = None) -> None:
    """Run the program and end the process with the exit code that ``errors.ExitCode`` tells."""
    sys.exit(run(sys.argv[1:] if argv is None else argv))


def run(argv: Sequence[str]) -> int:
    """Run the program; returns its exit code. Every message about an error is written here."""
    try:
        code = virt_clone.main(list(argv), prog_name=PROGRAM, standalone_mode=False)
        return code if isinstance(code, int) else ExitCode.DONE
    except click.UsageError as error:
        return _usage(error.format_message(), error.ctx)
    except VirtCloneError as error:
        _say(str(error))
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has enough; what is left must not fail at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.ERROR


def _usage(message: str, ctx: click.Context | None) -> int:
    path = ctx.command_path if ctx else PROGRAM
    _say(f"error: {message}\nSee '{path} -h' for help and examples")
    return ExitCode.USAGE


def _say(message: str) -> None:
    click.echo(escaped(message, keep_lines=True), err=True)
