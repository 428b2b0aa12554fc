"""Options and parameter types that verbs share, spelled and read as in kubectl.

Text becomes values here, and wrong text a usage error. No verb's logic belongs here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial, wraps
from typing import TYPE_CHECKING, Any, TypeVar

import click

from kubectl_virt_clone.clone.api import check_name, parse_clone
from kubectl_virt_clone.errors import InvalidValue

if TYPE_CHECKING:
    from kubectl_virt_clone.clone.progress.progress import Goal
    from kubectl_virt_clone.objects.resource import ConnectionFlags

    ParamType = click.ParamType[Any]
else:
    ParamType = click.ParamType  # generic at run time only since click 8.4

Command = Callable[..., Any]
Flags = TypeVar("Flags")

_CONNECTION = f"{__name__}.connection"
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
_UNITS |= dict.fromkeys(("µs", "\u03bcs"), 1e-6)  # the micro sign, and the Greek letter
# Only one way to match each digit, so that thousands of them are refused at once.
_DURATION = r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|µs|\u03bcs|ms|s|m|h)"
A_WEEK = 7 * 24 * 3600.0
_LONGEST = 2**63 / 1e9  # seconds that a Go duration can hold


class Typed(ParamType):
    """A value read by a pure function, whose InvalidValue becomes a usage error."""

    def __init__(self, name: str, read: Callable[[str], Any]) -> None:
        self.name = name
        self._read = read

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return what the function makes of the text."""
        if not isinstance(value, str):
            return value
        try:
            return self._read(value)
        except InvalidValue as error:
            self.fail(error.reason, param, ctx)


def parse_duration(text: str) -> float:
    """Seconds of a Go duration: ``10m``, ``1h30m``, ``-1s``, ``0``. Raises InvalidValue."""
    sign = -1.0 if text.startswith("-") else 1.0
    digits = text[1:] if text[:1] in ("+", "-") else text
    if digits == "0":
        return 0.0
    if not re.fullmatch(f"(?:{_DURATION})+", digits):
        hint = "missing unit in" if re.fullmatch(r"[0-9]+(\.[0-9]*)?", digits) else "invalid"
        raise InvalidValue(f'time: {hint} duration "{text}"; write 30s, 5m or 1h30m')
    parts = re.findall(_DURATION, digits)
    seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
    if seconds >= _LONGEST:
        raise InvalidValue(f'time: invalid duration "{text}"; it is longer than 290 years')
    return sign * seconds


def parse_request_timeout(text: str) -> float:
    """Seconds of a Go duration or a bare number. Raises InvalidValue, also below zero."""
    seconds = parse_duration(f"{text}s" if re.fullmatch(r"[0-9]+", text) else text)
    if seconds < 0:
        raise InvalidValue(f'"{text}" is negative; 0 means no limit')
    return seconds


FORMATS = ("json", "name", "yaml")
"""Of ``-o``: whole objects, or their names."""


def parse_timeout(text: str) -> float:
    """Seconds to wait, as kubectl means them: 0 looks once, a negative duration waits a week."""
    seconds = parse_duration(text)
    return seconds if seconds >= 0 else A_WEEK


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not (key and equals):
        raise InvalidValue(f'"{text}" has no key or no value; write KEY=VALUE')
    return key, value


def _goal(text: str) -> Goal:
    from kubectl_virt_clone.clone.progress.progress import parse_goal  # only a wait needs it

    return parse_goal(text)


DURATION = Typed("duration", parse_duration)
GOAL = Typed("goal", _goal)
NAME = Typed("name", check_name)
CLONE_NAME = Typed("name", parse_clone)


class Verb(click.Command):
    """A command that takes flags in every form that kubectl takes, and shows examples first."""

    def __init__(self, *args: Any, examples: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = examples

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the arguments as ``as_click_reads`` rewrites them; usage errors name this verb."""
        ours = next((i for i, arg in enumerate(args) if self.ends_flags(ctx, arg)), len(args))
        read = as_click_reads(args[:ours], self.get_params(ctx))
        try:
            return super().parse_args(ctx, read + args[ours:])
        except click.UsageError as error:
            error.ctx = error.ctx or ctx
            raise

    def ends_flags(self, ctx: click.Context, arg: str) -> bool:
        """Whether the flags of a command to run begin at this word."""
        return not (ctx.allow_interspersed_args or arg.startswith("-"))

    def invoke(self, ctx: click.Context) -> Any:
        """Run the verb; a value that it finds invalid is a usage error."""
        try:
            return super().invoke(ctx)
        except InvalidValue as error:
            raise click.UsageError(error.reason, ctx) from error

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the verb's own options, then those of the connection, which all verbs share."""
        own: list[tuple[str, str]] = []
        connection: list[tuple[str, str]] = []
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            # Since click 8.5 an argument also has a record; the usage line has it already.
            if record is not None and isinstance(param, click.Option):
                shared = param.callback is _remember
                (connection if shared else own).append(record)
        for title, records in (("Options", own), ("Connection options", connection)):
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the description, then the examples."""
        super().format_help_text(ctx, formatter)
        if self.examples:
            formatter.write("\nExamples:\n")
            for line in self.examples.strip("\n").splitlines():
                formatter.write(f"  {line}".rstrip() + "\n")


def as_click_reads(args: Sequence[str], params: Sequence[click.Parameter]) -> list[str]:
    """Rewrite the forms that pflag reads and click doesn't: ``-o=yaml``, ``--all=true``, ``-v``."""
    switches = {
        name: option
        for option in params
        if isinstance(option, click.Option) and option.is_flag
        for name in option.opts
    }
    result: list[str] = []
    arguments = list(args)
    for index, arg in enumerate(arguments):
        if arg == "--":
            return result + arguments[index:]
        name, equals, value = arg.partition("=")
        if equals and name in switches and value.lower() in _BOOLEANS:
            result += [name] if _BOOLEANS[value.lower()] else switches[name].secondary_opts[:1]
        elif re.match(r"-[A-Za-z]=", arg):
            result.append(f"{name}{value}" if value else arg)
        elif arg in _BARE and not re.fullmatch(
            _BARE[arg][0], "".join(arguments[index + 1 : index + 2])
        ):
            result.append(_BARE[arg][1])
        else:
            result.append(arg)
    return result


# Flags that may lack a value: its pattern, and what the bare flag means. A bare --dry-run is
# kubectl's old name for the client's; kubectl logs requests from level 6 on.
_BARE = {"-v": (r"\d+", "-v6"), "--dry-run": ("none|client|server", "--dry-run=client")}
_BOOLEANS = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}


def _remember(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
    """Keep a connection flag for ``connection_flags``; the last one wins."""
    if value is not None and value is not False and value != ():
        ctx.meta.setdefault(_CONNECTION, {})[param.name] = value
    return value


_connection = partial(click.option, expose_value=False, callback=_remember)
_CONNECTION_OPTIONS = (
    _connection("--kubeconfig", metavar="FILE", help="Path to the kubeconfig file to use."),
    _connection("--context", metavar="NAME", help="The kubeconfig context to use."),
    _connection("--cluster", metavar="NAME", help="The kubeconfig cluster to use."),
    _connection("--user", metavar="NAME", help="The kubeconfig user to use."),
    _connection("-n", "--namespace", type=NAME, metavar="NAME", help="The namespace to work in."),
    _connection("-s", "--server", metavar="URL", help="Address of the Kubernetes API server."),
    _connection("--token", metavar="TOKEN", help="Bearer token for the API server."),
    _connection(
        "--certificate-authority", metavar="FILE", help="CA certificate of the API server."
    ),
    _connection("--client-certificate", metavar="FILE", help="Client certificate for TLS."),
    _connection("--client-key", metavar="FILE", help="Client key for TLS."),
    _connection(
        "--tls-server-name", metavar="NAME", help="Name the server's certificate must have."
    ),
    _connection("--proxy-url", metavar="URL", help="Proxy for requests to the API server."),
    _connection(
        "--insecure-skip-tls-verify",
        is_flag=True,
        help="Don't check the server's certificate. This is insecure.",
    ),
    _connection("--as", "impersonate_user", metavar="USER", help="User to impersonate."),
    _connection(
        *("--as-group", "impersonate_groups"),
        metavar="GROUP",
        multiple=True,
        help="Group to impersonate; may be repeated.",
    ),
    _connection("--as-uid", "impersonate_uid", metavar="UID", help="UID to impersonate."),
    _connection(
        *("--as-user-extra", "impersonate_extra"),
        type=Typed("pair", _pair),
        metavar="KEY=VALUE",
        multiple=True,
        help="Extra field of the user to impersonate; may be repeated.",
    ),
    _connection(
        "--kuberc", metavar="FILE", help="kubectl's preferences, which may deny credential plugins."
    ),
    _connection(
        "--request-timeout",
        type=Typed("duration", parse_request_timeout),
        metavar="DURATION",
        help="How long one request may take (0: no limit).",
    ),
    _connection(
        *("-v", "--v", "verbosity"), type=int, metavar="LEVEL", help="Log each request to stderr."
    ),
)


def connection_declared(command: Command) -> Command:
    """Add kubectl's connection flags for ``connection_flags``; the command doesn't get them."""
    return stacked(command, _CONNECTION_OPTIONS)


def connection_options(command: Command) -> Command:
    """Add kubectl's connection flags, and give the command one argument, ``connection``."""

    @wraps(command)
    def connected(**given: Any) -> Any:
        return command(**given, connection=connection_flags(click.get_current_context()))

    return connection_declared(connected)


def connection_flags(ctx: click.Context) -> ConnectionFlags:
    """The connection flags of this invocation, from before and after the verb."""
    from kubectl_virt_clone.objects.resource import ConnectionFlags

    return ConnectionFlags(**ctx.meta.get(_CONNECTION, {}))


def grouped(
    command: Command,
    name: str,
    kind: type[Any],
    options: Sequence[Callable[[Command], Command]],
    *,
    made: Callable[..., Any] | None = None,
) -> Command:
    """Add ``options``, and give the command one argument ``name`` for them, of the class ``kind``.

    Its fields have the names of the options' parameters; ``made``, if given, makes it of them.
    """

    @wraps(command)
    def taking(**given: Any) -> Any:
        own = {key: given.pop(key) for key in kind.__annotations__ if key in given}
        return command(**given, **{name: (made or kind)(**own)})

    return stacked(taking, options)


def stacked(command: Command, options: Sequence[Callable[[Command], Command]]) -> Command:
    """Add ``options``; the help shows them in this order."""
    for option in reversed(options):
        command = option(command)
    return command


def takes(kind: Callable[..., Flags]) -> Callable[[Callable[[Flags], Any]], Command]:
    """Give a verb one frozen value of all its flags, of the class ``kind``.

    Its fields have the names of the parameters and their groups. It is a NamedTuple, as Python
    compiles a frozen dataclass at each start, which takes three times as long.
    """

    def decorated(verb: Callable[[Flags], Any]) -> Command:
        @wraps(verb)
        def command(**given: Any) -> Any:
            return verb(kind(**given))

        return command

    return decorated


def parallel_option(what: str) -> Callable[[Command], Command]:
    """Add ``--parallel`` for clones that are being ``what``."""
    return click.option(
        "--parallel",
        type=click.IntRange(min=1, max=64),
        default=8,
        show_default=True,
        metavar="P",
        help=f"How many clones are being {what} at once.",
    )


def timeout_option(default: str, text: str) -> Callable[[Command], Command]:
    """Add ``--timeout``, read as in kubectl, with the help ``text``."""
    return click.option(
        "--timeout",
        type=Typed("duration", parse_timeout),
        default=default,
        show_default=True,
        metavar="DURATION",
        help=text,
    )


def output_option(*choices: str) -> Callable[[Command], Command]:
    """Add ``-o`` with these formats."""
    return click.option(
        "-o", "--output", type=click.Choice(choices), help="Print whole objects in this format."
    )
