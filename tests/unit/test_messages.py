"""Lines for stderr that stand beside the result."""

import io
import sys

import pytest

from kubectl_virt_clone.render.messages import log, warn


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_log_line_is_one_line_without_control_characters(capsys):
    log("GET https://h/apis/x\n\x1b[31m 200 in 5 ms")
    assert capsys.readouterr() == ("", "GET https://h/apis/x\\n^[[31m 200 in 5 ms\n")


def test_a_warning_is_worded_as_kubectl_words_it(capsys):
    warn("v1alpha1 is \x9b2Jdeprecated")
    assert capsys.readouterr() == ("", "Warning: v1alpha1 is \\x9b2Jdeprecated\n")


@pytest.mark.parametrize(
    ("term", "no_color", "head"),
    [
        ("xterm", "", "\x1b[33;1mWarning:\x1b[0m"),
        ("xterm", "1", "Warning:"),
        ("dumb", "", "Warning:"),
    ],
)
def test_a_warning_is_yellow_on_a_terminal_that_wants_colour(monkeypatch, term, no_color, head):
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setenv("TERM", term)
    monkeypatch.setenv("NO_COLOR", no_color)
    warn("deprecated")
    assert sys.stderr.getvalue() == f"{head} deprecated\n"
