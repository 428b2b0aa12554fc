"""Progress: a frame on a terminal, a line per change elsewhere, results alone where it is quiet."""

import io
import signal
import sys
from contextlib import ExitStack
from dataclasses import replace

import pytest

from kubectl_virt_clone.clone.hint import kubectl
from kubectl_virt_clone.clone.progress.progress import MET, SUCCESS, Cause, Outcome, Result, Verdict
from kubectl_virt_clone.errors import ExitCode, WaitInterrupted
from kubectl_virt_clone.objects.resource import Access
from kubectl_virt_clone.render.messages import log
from kubectl_virt_clone.render.progress.frames import Drawn
from kubectl_virt_clone.render.progress.live import Lines, Quiet, progress, resumable
from tests.unit.builders import a_clone
from tests.unit.emulator import Clock, Terminal

NO_SOURCE = Cause(
    "source-missing",
    "Source doesnt exist: VirtualMachine default/nosuch",
    (kubectl("get", "vm"),),
)
KEY = ("default", "clone-1")


def key(name):
    return ("default", name)


def met(name):
    return Result(key(name), MET, a_clone("Succeeded", name=name))


def failed(name, why="no backend"):
    return Result(key(name), Verdict(Outcome.NEVER, why), a_clone("Failed", name=name))


def telling(said):
    return lambda result: said.append(result.name)


# Lines


def in_lines(*events):
    """What a wait writes elsewhere than on a terminal; half a second passes before each event."""
    stream, said, clock = io.StringIO(), [], Clock()
    with Lines(stream, telling(said), clock) as shown:
        shown.began([KEY])
        for event in events:
            clock.now += 0.5
            event(shown)
    return stream.getvalue(), said


def changed(phase, cause=None, **fields):
    return lambda shown: shown.changed(a_clone(phase, **fields), cause)


def decided(result):
    return lambda shown: shown.decided(result)


def tick(shown):
    shown.tick()


def test_what_is_no_terminal_gets_a_line_for_each_change():
    assert in_lines(
        changed("", NO_SOURCE),
        changed("", NO_SOURCE),
        tick,
        changed("SnapshotInProgress"),
        changed("SnapshotInProgress"),
        changed("RestoreInProgress"),
        decided(met("clone-1")),
    ) == (
        f"clone-1: Pending 0/4 after 0.5s ({NO_SOURCE.sentence}); hint: kubectl get vm\n"
        "clone-1: SnapshotInProgress 1/4 after 2.0s\n"
        "clone-1: RestoreInProgress 2/4 after 3.0s\n"
        "clone-1: Succeeded 4/4 after 3.5s\n",
        ["clone-1"],
    )


def test_the_same_cause_in_another_phase_has_no_second_hint():
    text, _ = in_lines(changed("", NO_SOURCE), changed("SnapshotInProgress", NO_SOURCE))
    assert text.splitlines()[1] == (
        f"clone-1: SnapshotInProgress 1/4 after 1.0s ({NO_SOURCE.sentence})"
    )


def test_a_cause_that_is_gone_is_a_change():
    text, _ = in_lines(changed("RestoreInProgress", NO_SOURCE), changed("RestoreInProgress"))
    assert text.splitlines()[1] == "clone-1: RestoreInProgress 2/4 after 1.0s"


def test_a_long_wait_is_told_in_minutes():
    clock, stream = Clock(), io.StringIO()
    lines = Lines(stream, print, clock)
    for seconds, phase in ((59.94, "SnapshotInProgress"), (200, "RestoreInProgress")):
        clock.now = seconds
        lines.changed(a_clone(phase), None)
    assert stream.getvalue() == (
        "clone-1: SnapshotInProgress 1/4 after 59.9s\nclone-1: RestoreInProgress 2/4 after 3m20s\n"
    )


def test_two_clones_of_one_name_in_two_namespaces_are_told_apart():
    text, _ = in_lines(changed("Failed"), changed("Failed", metadata={"namespace": "vms"}))
    assert text == "clone-1: Failed after 0.5s\nclone-1: Failed after 1.0s\n"


def test_a_clone_that_is_merely_pending_is_worth_no_line():
    assert in_lines(changed("")) == ("", [])


@pytest.mark.parametrize("outcome", [Outcome.NEVER, Outcome.POSSIBLE])
def test_a_clone_that_did_not_reach_its_goal_has_no_result_line(outcome):
    result = Result(KEY, Verdict(outcome, "no backend"), a_clone("Failed"))
    assert in_lines(decided(result)) == ("clone-1: Failed after 0.5s\n", [])


def test_a_clone_that_is_gone_as_it_should_be_has_a_result_line_alone():
    assert in_lines(decided(Result(KEY, MET, None))) == ("", ["clone-1"])


def test_hostile_text_is_escaped_and_stays_one_line():
    cause = Cause("x", "c\x07", ("d\n",))
    text, _ = in_lines(
        changed("\x1b[31m", cause, name="a\nb"), lambda shown: shown.notice("polling \x1b[31m\n")
    )
    assert text == "a\\nb: ^[[31m after 0.5s (c\\x07); hint: d\\n\npolling ^[[31m\\n\n"


# Quiet


def test_a_quiet_wait_gives_results_and_nothing_else(capsys):
    said = []
    with Quiet(telling(said)) as shown:
        shown.began([KEY, key("b")])
        shown.changed(a_clone("SnapshotInProgress"), NO_SOURCE)
        shown.notice("polling")
        shown.tick()
        shown.decided(failed("b"))
        shown.decided(met("clone-1"))
    assert said == ["clone-1"]
    assert capsys.readouterr() == ("", "")


def test_more_clones_may_come_to_wait_for():
    quiet = Quiet(print)
    quiet.began([KEY])
    quiet.decided(failed("clone-1"))
    quiet.began([KEY, key("b")])
    assert list(quiet.undecided) == [key("b")]


# A frame on a terminal


class Wait:
    """A wait that is drawn on a terminal, whose stdout is the same terminal."""

    def __init__(self, terminal, keys):
        self.terminal = terminal
        self.clock = Clock()
        self.shown = Drawn(
            terminal, lambda result: terminal.write(f"{result.name} is done\n"), self.clock
        )
        self._open = ExitStack()
        self._open.enter_context(self.shown)
        self.shown.began(keys)

    def met(self, result):
        self.terminal.write(f"{result.name} is done\n")

    def after(self, seconds, *events):
        """Let time pass, and then these happen; returns what is to be seen."""
        self.clock.now += seconds
        for event in events:
            event(self.shown)
        self.clock.now += 0.1
        self.shown.tick()
        return self.terminal.rows

    def end(self):
        self._open.close()
        return self.terminal.rows


@pytest.fixture
def wait(monkeypatch):
    waits = []

    def begin(keys=(KEY,), **terminal):
        waits.append(Wait(Terminal(monkeypatch, **terminal), keys))
        return waits[-1]

    yield begin
    for begun in waits:
        begun.end()


def test_one_clone_has_one_line_that_redraws_and_stays_at_the_end(wait):
    one = wait()
    assert one.terminal.rows == ["clone-1: Pending 0/4 ░░░░ 0.0s"]
    assert one.after(1, changed("SnapshotInProgress")) == [
        "clone-1: SnapshotInProgress 1/4 █░░░ 0.1s, 1.1s in all"
    ]
    assert one.after(1, changed("RestoreInProgress")) == [
        "clone-1: RestoreInProgress 2/4 ██░░ 0.1s, 2.2s in all"
    ]
    one.after(1, decided(met("clone-1")))
    assert one.end() == [
        "clone-1 is done",
        "clone-1: Succeeded 4/4 ████ 3.3s",
    ]


def test_the_cause_stands_behind_the_time_where_it_has_place(wait):
    cause = Cause("x", "waiting for the guest")
    assert wait(columns=70).after(1, changed("SnapshotInProgress", cause)) == [
        "clone-1: SnapshotInProgress 1/4 █░░░ 0.1s, 1.1s in all",
        "  waiting for the guest",
    ]
    assert wait(columns=80).after(1, changed("SnapshotInProgress", cause)) == [
        "clone-1: SnapshotInProgress 1/4 █░░░ 0.1s, 1.1s in all (waiting for the guest)"
    ]


def test_a_cause_without_place_and_a_hint_stand_below_in_full(wait):
    one = wait(columns=40)
    assert one.after(0, changed("", NO_SOURCE)) == [
        "clone-1: Pending 0/4 ░░░░ 0.1s",
        "  Source doesnt exist: VirtualMachine",
        "  default/nosuch",
        "  hint: kubectl get vm",
    ]
    assert one.after(0, changed("")) == ["clone-1: Pending 0/4 ░░░░ 0.2s"]


def test_several_clones_are_a_table_with_a_summary(wait):
    three = wait([key("a"), key("bbb"), key("cc")])
    assert three.after(
        0,
        changed("SnapshotInProgress", name="a"),
        changed("", Cause("x", "no such VM"), name="cc"),
    ) == [
        "cc   Pending 0/4            ░░░░    0s  no such VM",
        "a    SnapshotInProgress 1/4 █░░░    0s",
        "bbb  Pending 0/4            ░░░░    0s",
        "0 of 3 done, 3 running after 0s",
    ]


def test_results_and_notices_stand_above_the_table(wait):
    three = wait([key("a"), key("b"), key("c")])
    assert three.after(
        5,
        decided(met("a")),
        lambda shown: shown.notice("polling instead"),
        decided(failed("b")),
    ) == [
        "a is done",
        "polling instead",
        "c  Pending 0/4 ░░░░    5s",
        "b  Failed                  no backend",
        "1 of 3 done, 1 failed, 1 running after 5s",
    ]


def test_a_table_leaves_its_summary(wait):
    two = wait([key("a"), key("b")])
    two.after(200, decided(met("a")), decided(failed("b")))
    assert two.end() == [
        "a is done",
        "1 of 2 done, 1 failed after 3m20s",
    ]


def test_results_that_no_frame_has_shown_are_told_at_the_end(wait):
    two = wait([key("a"), key("b")])
    two.shown.decided(met("a"))
    two.shown.decided(met("b"))
    assert two.end() == [
        "a is done",
        "b is done",
        "2 of 2 done after 0s",
    ]
    assert two.shown.undecided == {}


def test_many_clones_leave_every_result_above_a_table_that_fits(wait):
    many = wait([key(f"c{number:03}") for number in range(50)], lines=8)
    for number in range(49):
        rows = many.after(1, changed("RestoreInProgress", name=f"c{number:03}"))
        assert len(rows) <= number + 7
        rows = many.after(0, decided(met(f"c{number:03}")))
    assert rows[:49] == [f"c{number:03} is done" for number in range(49)]
    assert rows[49:] == [
        "c049  Pending 0/4 ░░░░   58s",
        "49 of 50 done, 1 running after 58s; about 1s left",
    ]


def test_a_frame_is_one_write_and_its_lines_are_never_erased_before(wait):
    three = wait([key("a"), key("b"), key("c")])
    three.terminal.writes.clear()
    three.after(1)
    assert three.terminal.writes == [
        "\r\x1b[3Aa  Pending 0/4 ░░░░    1s\x1b[K\nb  Pending 0/4 ░░░░    1s\x1b[K\n"
        "c  Pending 0/4 ░░░░    1s\x1b[K\n0 of 3 done, 3 running after 1s\x1b[J\r"
    ]


def test_a_frame_that_is_as_before_is_not_written_again(wait):
    two = wait([key("a"), key("b")])
    two.terminal.writes.clear()
    two.after(0)
    assert two.terminal.writes == []


def test_there_are_at_most_ten_frames_a_second(wait):
    one = wait()
    one.terminal.writes.clear()
    for _ in range(100):
        one.clock.now += 0.01
        one.shown.changed(a_clone("SnapshotInProgress"), None)
    assert len(one.terminal.writes) in (9, 10)


def test_the_terminals_size_is_read_for_each_frame(wait, monkeypatch):
    one = wait(columns=60)
    monkeypatch.setenv("COLUMNS", "20")
    one.after(1, changed("SnapshotInProgress"))
    assert one.terminal.rows == ["cl…1: SnapshotInPr…"]


def test_lines_for_stderr_stand_above_the_frame_and_the_stream_is_given_back(wait):
    before = sys.stderr
    one = wait()
    log("GET https://h/apis/x 200")
    assert one.terminal.rows == ["GET https://h/apis/x 200", "clone-1: Pending 0/4 ░░░░ 0.0s"]
    one.end()
    assert sys.stderr is before


def test_an_interrupted_frame_leaves_the_cursor_on_a_fresh_line(wait):
    two = wait([key("a"), key("b")])
    two.terminal.write("^C")  # as the terminal itself does
    assert two.end() == ["0 of 2 done, 2 running after 0s"]
    assert two.terminal.cursor == (1, 0)


def test_a_wait_that_never_began_leaves_nothing(monkeypatch):
    terminal = Terminal(monkeypatch)
    with Drawn(terminal, print, Clock()) as shown:
        shown.tick()
    assert terminal.rows == []


def test_a_stream_without_block_characters_gets_others(wait):
    one = wait(encoding="ascii", columns=50)
    cause = Cause("x", "Größe größer Größe größer")
    assert one.after(1, changed("RestoreInProgress", cause)) == [
        "clone-1: RestoreInProgress 2/4 ##-- 0.1s, 1.1s...",
        "  Gr\\xf6\\xdfe gr\\xf6\\xdfer Gr\\xf6\\xdfe",
        "  gr\\xf6\\xdfer",
    ]


def test_colours_are_few(wait):
    three = wait([key("a"), key("b"), key("c")], columns=70)
    three.after(
        1, decided(met("a")), decided(failed("b")), changed("", Cause("x", "why"), name="c")
    )
    assert three.terminal.coloured() == [
        ("  why", "brown"),
        ("Failed", "red"),
        ("  no backend", "red"),
        ("1 of 3 done", "green"),
        (", 1 failed", "red"),
    ]


# Which of them, and how it ends


@pytest.mark.parametrize(
    ("stream", "term", "quiet", "kind"),
    [
        ("terminal", "xterm", False, Drawn),
        ("terminal", "dumb", False, Lines),
        ("terminal", "xterm", True, Quiet),
        ("pipe", "xterm", False, Lines),
    ],
)
def test_only_a_terminal_that_can_move_its_cursor_has_a_frame(
    monkeypatch, stream, term, quiet, kind
):
    monkeypatch.setenv("TERM", term)
    target = Terminal(monkeypatch) if stream == "terminal" else io.StringIO()
    with progress(
        target, met=print, clock=Clock(), goal=SUCCESS, access=Access(), quiet=quiet
    ) as shown:
        assert type(shown) is kind
        assert shown.interval == (0.1 if kind is Drawn else 1.0)


def ended_by(end, *, quiet=False, keys=(KEY, ("default", "b")), then=()):
    with progress(
        io.StringIO(),
        met=lambda _: None,
        clock=Clock(),
        goal=SUCCESS,
        access=Access(namespace="vms"),
        quiet=quiet,
    ) as shown:
        shown.began(keys)
        for event in then:
            event(shown)
        raise end


@pytest.mark.parametrize("quiet", [True, False])
@pytest.mark.parametrize(
    ("end", "code"),
    [
        (KeyboardInterrupt(), ExitCode.INTERRUPTED),
        (SystemExit(128 + signal.SIGTERM), ExitCode.TERMINATED),
    ],
)
def test_an_interrupted_wait_says_how_to_wait_for_what_is_not_decided(end, code, quiet):
    with pytest.raises(WaitInterrupted) as raised:
        ended_by(end, quiet=quiet, then=[decided(met("clone-1"))])
    assert str(raised.value) == (
        "interrupted; the clone b goes on without us. To wait again:\n"
        "  kubectl virt-clone wait b -n default"
    )
    assert raised.value.exit_code == code


def test_an_interruption_when_all_is_decided_is_just_that():
    with pytest.raises(KeyboardInterrupt):
        ended_by(KeyboardInterrupt(), keys=[KEY], then=[decided(met("clone-1"))])


FAILED = (
    "error: virtualmachineclone.clone.kubevirt.io/clone-1 will not reach phase=Succeeded:"
    " no backend\n"
    "hint: kubectl delete vmclone.clone.kubevirt.io/clone-1"
)
GOES_ON = (
    "interrupted; the clone b goes on without us. To wait again:\n"
    "  kubectl virt-clone wait b -n vms"
)


def failed_with_a_hint(name):
    cause = Cause(
        "clone-failed",
        "no backend",
        (kubectl("delete", f"vmclone.clone.kubevirt.io/{name}"),),
        final=True,
    )
    return replace(failed(name), cause=cause)


@pytest.mark.parametrize("quiet", [True, False])
def test_what_has_failed_before_an_interruption_is_told_with_its_cause(quiet):
    with pytest.raises(WaitInterrupted) as raised:
        ended_by(
            KeyboardInterrupt(),
            quiet=quiet,
            keys=[KEY, ("vms", "b")],
            then=[decided(failed_with_a_hint("clone-1"))],
        )
    assert str(raised.value) == f"{FAILED}\n{GOES_ON}"


def test_an_interruption_when_all_has_failed_tells_that():
    with pytest.raises(WaitInterrupted) as raised:
        ended_by(KeyboardInterrupt(), keys=[KEY], then=[decided(failed_with_a_hint("clone-1"))])
    assert str(raised.value) == FAILED
    assert raised.value.exit_code == ExitCode.INTERRUPTED


def test_a_frame_keeps_what_has_failed_for_an_interruption(wait):
    two = wait(keys=[KEY, key("b")])
    two.shown.decided(failed("b"))
    two.end()
    assert [result.name for result in two.shown.failed] == ["b"]


@pytest.mark.parametrize("kind", [Lines, Drawn])
def test_a_hint_acts_on_the_cluster_that_the_flags_chose(kind, monkeypatch):
    terminal, clock = Terminal(monkeypatch, columns=80), Clock()
    with kind(terminal, print, clock, access=Access(server=("--kubeconfig", "/other"))) as shown:
        shown.began([KEY])
        clock.now += 1
        shown.changed(a_clone(""), NO_SOURCE)
        assert "hint: kubectl --kubeconfig /other get vm" in "".join(terminal.rows)


@pytest.mark.parametrize(
    ("end", "code"),
    [
        (KeyboardInterrupt(), ExitCode.INTERRUPTED),
        (SystemExit(128 + signal.SIGTERM), ExitCode.TERMINATED),
    ],
)
def test_what_is_told_of_an_end_by_a_signal_is_asked_for_then(end, code):
    there = []

    def ended():
        with resumable(lambda: " ".join(there)):
            there.append("one is there")
            raise end

    with pytest.raises(WaitInterrupted) as raised:
        ended()
    assert (str(raised.value), raised.value.exit_code) == ("one is there", code)


def test_an_end_by_a_signal_of_which_nothing_can_be_told_stays_what_it_is():
    with pytest.raises(KeyboardInterrupt), resumable(str):
        raise KeyboardInterrupt
