"""What guided.py feeds with bytes: a property of each reader, seeds, and words of its language.

The properties are those of the tests next to it; where the bytes come from is not known here.
"""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from kubectl_virt_clone.errors import StatusError
from kubectl_virt_clone.kube.transport import read_json, status_in
from kubectl_virt_clone.objects.documents import values_in
from kubectl_virt_clone.render.escaping import escaped, is_safe
from kubectl_virt_clone.render.formats import formatted
from kubectl_virt_clone.render.progress.columns import shortened
from kubectl_virt_clone.render.tables import plain
from tests.fuzz import corpus, sandboxed, test_files, test_languages, test_readers, worlds
from tests.fuzz.hostile import NASTY, dangerous
from tests.unit import test_columns, test_frames
from tests.unit.builders import NOW

DEEPEST = 100
"""Values that are nested deeper are refused by the door, not by each reader."""


class Target(NamedTuple):
    """A property that holds for any bytes; what to begin with, and what to put in."""

    check: Callable[[bytes], object]
    seeds: Sequence[bytes]
    words: Sequence[str] = ()


def held(test: Any) -> Callable[..., object]:
    """What a test of hypothesis asserts about one example, to be called with any."""
    inner: Callable[..., object] = test.hypothesis.inner_test
    return inner


def _text(data: bytes) -> str:
    """What a user typed: Python keeps bytes that are no UTF-8 as half characters."""
    return data.decode("utf-8", "surrogateescape")


def _lines(data: bytes, first: int) -> tuple[list[str], list[str]]:
    lines = _text(data).split("\n")
    return lines[:first], lines[first:]


def _written(values: Iterable[Any]) -> list[bytes]:
    return [json.dumps(value).encode() for value in values]


def check_manifest(data: bytes) -> None:
    held(test_files.test_any_manifest_is_read_or_refused_by_name_in_one_line)(data)


class _Folder(NamedTuple):
    """As much of pytest's factory of folders as the test of kubeconfigs asks for."""

    path: Path

    def getbasetemp(self) -> Path:
        return self.path


def _connects(config: bytes, context: str, printed: bytes) -> None:
    check = held(test_files.test_any_kubeconfig_connects_or_is_refused)
    with tempfile.TemporaryDirectory() as folder:
        check(_Folder(Path(folder)), [config], context, 0, printed)


def check_kubeconfig(data: bytes) -> None:
    _connects(data, "", CREDENTIAL)


def check_plugin(data: bytes) -> None:
    _connects(CONFIG, "e", data)


CONFIG, CREDENTIAL = _written([test_files.CONFIG, test_files.CREDENTIAL])


def check_path(data: bytes) -> None:
    text = _text(data)
    held(test_languages.test_any_path_is_refused_or_finds_in_any_object)(text, corpus.clones()[3:5])


def check_goal(data: bytes) -> None:
    held(test_languages.test_any_goal_is_refused_or_judged)(_text(data), corpus.clones()[4])


def check_filter(data: bytes) -> None:
    held(test_languages.test_any_filter_is_refused_or_decides)(*_lines(data, 2))


def check_patch(data: bytes) -> None:
    patches, _ = _lines(data, 4)
    held(test_languages.test_any_patch_is_refused_or_leaves_an_object)(patches, corpus.vms()[-1])


def check_duration(data: bytes) -> None:
    held(test_languages.test_any_duration_is_refused_or_a_number_that_can_be_waited_for)(
        _text(data)
    )


def check_answer(data: bytes) -> None:
    """An answer is JSON that can be sent again; what it says of a failure is harmless."""
    said = escaped(str(StatusError(status_in(data, "no text"), 500)), keep_lines=True)
    assert dangerous(said) == set()
    try:
        value = read_json(data)
    except ValueError:
        return
    assert read_json(json.dumps(value, allow_nan=False, ensure_ascii=False).encode()) == value


def _objects(data: bytes) -> Iterator[dict[str, Any]]:
    """The object in the bytes, if they are one that is not nested without end."""
    depths = accumulate((byte in b"[{") - (byte in b"]}") for byte in data)
    with suppress(ValueError):
        value = read_json(data)
        if isinstance(value, dict) and max(depths) <= DEEPEST:
            yield value


WHOLE = {
    "clone": corpus.clones()[:1],
    "vm": corpus.vms()[-1:],
    "snapshot": corpus.snapshots()[:1],
    "content": corpus.contents()[:1],
    "restore": corpus.restores()[:1],
    "claim": corpus.claims()[:1],
    "event": corpus.events()[-1:],
}
"""What stands beside the object that came in bytes."""


def check_readers(data: bytes) -> None:
    """Every public function of the pure rooms and ``render/`` bears any object."""
    for value in _objects(data):
        world = worlds.World(
            objects={kind: [value, *WHOLE.get(kind, ())] for kind in worlds.KINDS},
            texts=[text for text in (*value, *value.values()) if isinstance(text, str)] or ["x"],
            values=[value],
            times=[NOW],
            chance=random.Random(0),
        )
        held(test_readers.test_every_function_bears_whatever_a_server_sends)(world)


def check_output(data: bytes) -> None:
    """What is printed as JSON and YAML is harmless, and read back as the same."""
    for value in _objects(data):
        printed = {output: formatted([value], output) for output in ("json", "yaml")}
        assert dangerous("".join(printed.values())) == set()
        shown = read_json(printed["json"].encode())
        assert b"managedFields" in data or shown == value
        assert values_in(printed["yaml"]) == [_as_in_go(shown)]


def _as_in_go(value: Any) -> Any:
    """The value with a whole number of more than 64 bits as the float that Go makes of it.

    One of so many digits that it is no float is text: kubectl would have refused the JSON.
    """
    if isinstance(value, dict):
        return {key: _as_in_go(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_as_in_go(item) for item in value]
    if not isinstance(value, int) or -(2**63) <= value < 2**63:
        return value
    try:
        return float(value)
    except OverflowError:
        return str(value)


def check_text(data: bytes) -> None:
    """A text is shown in one line without a character that acts, and takes the place it has."""
    text = _text(data)
    shown = escaped(text)
    assert dangerous(shown) == dangerous(escaped(text, keep_lines=True)) == set()
    assert is_safe(shown)
    assert len("\n".join(plain(["A"], [[text], ["b"]])).split("\n")) == 3
    for columns in range(9):
        held(test_columns.test_a_text_that_was_cut_fits)(shown, columns, "...", shortened)
    name, why, phase, *_ = [*text.split("\n", 2), "", ""]
    held(test_frames.test_every_frame_fits)([(name, why, phase)] * 3, len(data) % 90 + 1, 3)


_JSON_WORDS = ("{}", "[]", "null", "true", '""', "0", "-1", "1e99", "1.5", '"a":', "\\ud800")
_OBJECTS = _written(
    whole
    for wholes in (
        *(corpus.clones(), corpus.vms()[-2:], corpus.snapshots(), corpus.restores()),
        *(corpus.claims()[:2], corpus.events(), corpus.classes()[:1], corpus.kubevirts()),
    )
    for whole in wholes
)
_STATUS = {
    "kind": "Status",
    "code": 422,
    "reason": "Invalid",
    "message": "no",
    "details": {"kind": "a", "name": "b", "causes": [{"field": "c", "message": "d"}]},
}
_PATCHES = "\n".join(corpus.SPEC["patches"])
_GOALS = (*worlds.GOALS, *(f"jsonpath={path}=1" for path in worlds.PATHS))


def _typed(*texts: str) -> list[bytes]:
    return [text.encode("utf-8", "surrogateescape") for text in texts]


TARGETS = {
    "manifests": Target(
        check_manifest,
        [*_OBJECTS[:8], *_typed(*test_files.BOMBS.values())],
        test_files.PIECES,
    ),
    "kubeconfigs": Target(
        check_kubeconfig, [CONFIG, yaml.safe_dump(test_files.CONFIG).encode()], test_files.PIECES
    ),
    "plugins": Target(check_plugin, [CREDENTIAL], _JSON_WORDS),
    "paths": Target(check_path, _typed(*worlds.PATHS), test_languages.PATH_WORDS),
    "goals": Target(check_goal, _typed(*_GOALS), test_languages.GOAL_WORDS),
    "filters": Target(
        check_filter, _typed("*\n!a\na.b/c\nd", "a|b\n"), test_languages.FILTER_WORDS
    ),
    "patches": Target(check_patch, _typed(_PATCHES), (*test_languages.POINTER_WORDS, *_JSON_WORDS)),
    "durations": Target(check_duration, _typed("1h2m3.5s", "-7"), test_languages.DURATION_WORDS),
    "answers": Target(check_answer, _written([_STATUS, [1.5, "\ud800"]]), _JSON_WORDS),
    "readers": Target(check_readers, _OBJECTS, (*NASTY, *_JSON_WORDS)),
    "outputs": Target(check_output, _OBJECTS, (*NASTY, *_JSON_WORDS)),
    "texts": Target(check_text, _typed("name\nwhy\nphase", "名前\u0301"), NASTY),
    "requests": Target(
        sandboxed.check_request, sandboxed.SEEDS, (*_JSON_WORDS, *test_languages.POINTER_WORDS)
    ),
}
