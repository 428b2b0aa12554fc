"""The door: the click group, signals, and the one place where an error becomes an exit code.

It imports a verb's module only to run that verb, and holds no verb's logic.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from io import TextIOWrapper
from typing import TextIO

import click

from kubectl_virt_clone import __version__
from kubectl_virt_clone.cli.flags import Verb, connection_declared
from kubectl_virt_clone.errors import ExitCode, VirtCloneError
from kubectl_virt_clone.render.escaping import escaped

PROGRAM = "kubectl virt-clone"

VERBS = {
    "create": "Clone a VM or a VM snapshot.",
    "check": "Say whether a clone can work, and what to do where it can't.",
    "wait": "Wait until clones are done, and say why where they can't be.",
    "preview": "Show what the target of a clone will be; nothing is created.",
    "get": "List clones, and follow them as they change.",
    "describe": "Show a clone with its source, target, children and events.",
    "delete": "Delete clone objects, and say what stays.",
    "sandbox": "Run a throw-away control plane with a simulated KubeVirt.",
    "version": "Print our version, the cluster's, KubeVirt's and the clone API's.",
    "completion": "Complete command lines in bash, zsh and fish.",
}
COMPLETE = "__complete"  # as in kubectl; a shell's words follow, not flags of ours

EXAMPLES = """
# Clone a VM and follow it to the end
kubectl virt-clone create --source vm-cirros --target copy --wait

# Say why a clone is not done
kubectl virt-clone describe clone-7qhzs

# Try it without a cluster
kubectl virt-clone sandbox -- kubectl virt-clone create --source vm-cirros --target copy --wait
"""


class LazyGroup(Verb, click.Group):
    """A group that knows its verbs by name, and imports one to run it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All verbs, in the order of a user's work."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import ``commands/<verb>.py`` and return its command."""
        if cmd_name not in VERBS:
            return None
        command: click.Command = import_module(f"kubectl_virt_clone.commands.{cmd_name}").command
        return command

    def ends_flags(self, ctx: click.Context, arg: str) -> bool:
        """Whether the verb begins here; it reads its flags itself."""
        return arg in VERBS

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
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name=PROGRAM)
@connection_declared
@click.pass_context
def virt_clone(ctx: click.Context) -> None:
    """Clone KubeVirt virtual machines.

    It tells you before it starts whether it can work, while it runs where it is, and when it stops
    why.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def main(argv: Sequence[str] | None = None) -> None:
    """Run the program, and end the process with one of ``errors.ExitCode``."""
    sys.stdout, sys.stderr = _writable(sys.stdout), _writable(sys.stderr)
    _heed_signals()
    gc.set_threshold(50_000)  # imports allocate much, but no garbage
    code = run(sys.argv[1:] if argv is None else argv)
    try:
        sys.stdout.flush()
    except OSError as error:
        code = _unwritten(error)
    _leave_signals()
    threads = sys.modules.get("threading")
    if threads and threads.active_count() > 1:
        # Daemons may still be reading from a server, and crash while Python tears itself down.
        with suppress(OSError):
            sys.stderr.flush()
        os._exit(code)
    gc.freeze()  # or Python searches all imported modules for 50 ms before it ends
    sys.exit(code)


# Ctrl-C and SIGTERM unwind our work, and the second of a kind ends us. ``render/progress/live`` (a
# wait) and ``kube/pool`` (requests) add a message.
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def _heed_signals() -> None:
    """Make them exceptions, unless our parent ignores them."""
    for number in _SIGNALS:
        if signal.getsignal(number) in (signal.default_int_handler, signal.SIG_DFL):
            signal.signal(number, _end)


def _leave_signals() -> None:
    """Let them end us at once: Python's own end has nothing to unwind."""
    for number in _SIGNALS:
        if signal.getsignal(number) is _end:
            signal.signal(number, signal.SIG_DFL)


def _end(number: int, _: object) -> None:
    signal.signal(number, signal.SIG_DFL)
    raise KeyboardInterrupt if number == signal.SIGINT else SystemExit(ExitCode.TERMINATED)


def run(argv: Sequence[str]) -> int:
    """Run the program, and return its exit code. It writes every message about an error."""
    try:
        if list(argv[:1]) == [COMPLETE]:
            return _complete(argv[1:])
        code = virt_clone.main(list(argv), prog_name=PROGRAM, standalone_mode=False)
        return code if isinstance(code, int) else ExitCode.DONE
    except click.UsageError as error:
        return _usage(error.format_message(), error.ctx)
    except VirtCloneError as error:
        _say(str(error))
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        return ExitCode.INTERRUPTED
    except RecursionError:
        _say("error: what was read is nested too deeply")
        return ExitCode.ERROR
    except OSError as error:
        return _unwritten(error)


def complete() -> None:
    """What kubectl runs as ``kubectl_complete-virt_clone``."""
    main([COMPLETE, *sys.argv[1:]])


def _complete(words: Sequence[str]) -> int:
    from kubectl_virt_clone.cli.completion import complete

    click.echo(complete(virt_clone, VERBS, words), nl=False)
    return ExitCode.DONE


def _writable(stream: TextIO | None) -> TextIO:
    """A stream that takes any text: it escapes unknown characters, and drops all if closed."""
    if stream is None:
        return open(os.devnull, "w", encoding="utf-8")
    if isinstance(stream, TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")
    return stream


def _unwritten(error: OSError) -> int:
    """Say that the output could not be written, unless its reader had enough."""
    # The rest of the buffer must not fail again at exit.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if not isinstance(error, BrokenPipeError):
        _say(f"error: {error}")
    return ExitCode.ERROR


def _usage(message: str, ctx: click.Context | None) -> int:
    path = ctx.command_path if ctx else PROGRAM
    # One line, whatever value it quotes.
    _say(f"error: {escaped(message)}\nSee '{path} -h' for help and examples")
    return ExitCode.USAGE


def _say(message: str) -> None:
    click.echo(escaped(message, keep_lines=True), err=True)
