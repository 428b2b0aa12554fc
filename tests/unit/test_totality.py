"""Every room of ``render/`` bears half-written objects and hostile text."""

import io
import re
import unicodedata

import pytest

from kubectl_virt_clone.clone.hint import kubectl
from kubectl_virt_clone.clone.progress.progress import (
    SUCCESS,
    Cause,
    Outcome,
    Result,
    Surroundings,
    Verdict,
)
from kubectl_virt_clone.objects.fields import key_of
from kubectl_virt_clone.objects.resource import Listing, Lookup
from kubectl_virt_clone.render.answers import answer, unnamed_in
from kubectl_virt_clone.render.description import description
from kubectl_virt_clone.render.formats import formatted
from kubectl_virt_clone.render.progress.frames import Drawn
from kubectl_virt_clone.render.progress.live import Lines
from kubectl_virt_clone.render.progress.outcomes import failure
from tests.unit.builders import (
    NOW,
    a_clone,
    a_restore,
    a_snapshot,
    a_vm,
    an_event,
    malformed,
    surroundings,
)
from tests.unit.test_description import HOSTILE, HOSTILE_ALL, STUCK, SUCCEEDED, hostile

TURNING = ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")


def dangerous(text):
    """The characters in ``text`` that could move a cursor or turn the direction of writing."""
    return {
        char
        for char in text
        if (unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") and char != "\n")
        or unicodedata.bidirectional(char) in TURNING
        or char in "\u061c\u200e\u200f"
    }


WHOLE = SUCCEEDED[0] | {"status": a_clone("RestoreInProgress", sentence="why")["status"]}


def watched(observer, clone, *others):
    """What a wait says about the clone from beginning to end."""
    stream, said, clock = io.StringIO(), [], iter(range(99))
    key = key_of(clone)
    with observer(stream, lambda result: said.append(""), lambda: next(clock)) as shown:
        shown.began([key, *others])
        shown.changed(clone, Cause("x", HOSTILE, (HOSTILE, kubectl(HOSTILE))))
        shown.decided(Result(key, Verdict(Outcome.NEVER, HOSTILE), clone))
        shown.decided(Result(("default", "a"), Verdict(Outcome.MET), clone))
        shown.notice(HOSTILE)
    return re.sub(r"\x1b\[\d*[AJK]|\r", "", stream.getvalue()) + "\n".join(said)


def in_lines(clone):
    return watched(Lines, clone)


def drawn(clone):
    return watched(Drawn, clone)


def drawn_in_a_table(clone):
    return watched(Drawn, clone, (HOSTILE, HOSTILE))


@pytest.mark.parametrize(
    "shown",
    [
        lambda clone: description(clone, STUCK[1], NOW),
        in_lines,
        drawn,
        drawn_in_a_table,
        lambda clone: answer([clone], unnamed_in([clone]), None, "none"),
        lambda clone: formatted([clone], "yaml"),
        lambda clone: formatted([clone], "json"),
        lambda clone: formatted([clone], "name"),
    ],
    ids=["description", "lines", "drawn", "table", "answer", "yaml", "json", "name"],
)
def test_every_malformed_clone_becomes_a_text(shown):
    texts = {type(shown(clone)) for clone in malformed(WHOLE)}
    assert texts == {str}


@pytest.mark.parametrize(
    ("whole", "place"),
    [
        (a_vm(), lambda obj: surroundings(source=obj, target=obj)),
        (a_snapshot(), lambda obj: surroundings(snapshot=obj)),
        (a_restore(sentence="why"), lambda obj: surroundings(restore=obj)),
        (
            an_event("SnapshotReady", "ready", count=3),
            lambda obj: Surroundings(events=Listing((obj,))),
        ),
    ],
    ids=["vm", "snapshot", "restore", "event"],
)
def test_every_malformed_surrounding_becomes_a_text(whole, place):
    clone = a_clone("RestoreInProgress")
    texts = {type(description(clone, place(obj), NOW)) for obj in malformed(whole)}
    assert texts == {str}


def test_what_is_neither_there_nor_readable_becomes_a_text():
    around = Surroundings(source=Lookup(), events=Listing(unreadable="Forbidden"))
    assert type(description({"status": {"snapshotName": "a"}}, around, NOW)) is str


@pytest.mark.parametrize(
    "text",
    [
        description(*HOSTILE_ALL, NOW),
        in_lines(HOSTILE_ALL[0]),
        drawn(HOSTILE_ALL[0]),
        drawn_in_a_table(HOSTILE_ALL[0]),
        answer([hostile(a_clone(""))], [HOSTILE], None, "none"),
        answer([hostile(a_clone(""))], [], "name", "none"),
        formatted([HOSTILE_ALL[0]], "yaml"),
        formatted([{"newline": HOSTILE, HOSTILE: "\x1b"}], "yaml"),
        formatted([HOSTILE_ALL[0]], "json"),
        formatted([{HOSTILE: [HOSTILE]}], "json"),
        formatted([hostile(a_clone())] * 2, "name"),
    ],
    ids=[
        *("description", "lines", "drawn", "table", "answer", "answer_name"),
        *("yaml", "yaml_keys", "json", "json_keys", "name"),
    ],
)
def test_hostile_text_reaches_no_terminal(text):
    assert dangerous(text) == set()


@pytest.mark.parametrize("char", ["\x1b", "\x9b", "\u202e", "\u061c", "\u2028", "\x7f", "\ud800"])
@pytest.mark.parametrize("output", ["yaml", "json"])
def test_a_single_hostile_character_reaches_no_terminal(output, char):
    assert dangerous(formatted([{"x": f"a{char}b"}], output)) == set()


def test_a_hostile_reason_is_left_raw_in_the_error_for_the_door_to_escape():
    result = Result(("default", "a"), Verdict(Outcome.NEVER, HOSTILE), a_clone("Failed"))
    assert str(failure([result], SUCCESS, looked_once=False)) == (
        f"error: virtualmachineclone.clone.kubevirt.io/a will not reach phase=Succeeded: {HOSTILE}"
    )
