"""JSON Patch operations: which the restore's webhook takes, and what they do to a VM."""

from __future__ import annotations

import json
from copy import deepcopy

import pytest

from kubectl_virt_clone.clone.spec.patches import (
    applied,
    decoded,
    parse,
    pointer_of,
    unsafe_reason,
    value_patch,
)
from kubectl_virt_clone.errors import InvalidValue
from kubevirt_sandbox.kubevirt.admission.restore_webhooks import RestoreValidator
from kubevirt_sandbox.kubevirt.go_json_patch import PatchError, patched
from kubevirt_sandbox.storage.status import ApiError

COLON = 'patch format is not valid - one ":" expected in a single key-value json patch: '
PATH = "patching is valid only for elements under /spec/ only: "

# The first eleven were sent to a live KubeVirt 1.9.
VERDICTS = [
    ('{"op":"add","path":"/spec/template/metadata/labels/extra","value":"yes"}', ""),
    ('{"op":"replace","path":"/spec/runStrategy","value":"Manual"}', ""),
    ('{"op":"replace","path":"/spec/nosuch/x","value":1}', ""),
    ('{ "op": "replace", "path": "/spec/runStrategy", "value": "Manual" }', ""),
    ('[{"op":"remove","path":"/spec/runStrategy"}]', ""),
    ('{"op":"frob","path":"/spec/runStrategy"}', ""),
    (
        '{"op":"add","path":"/spec/template/spec/nodeSelector","value":{"zone":"a"}}',
        COLON + '"value":{"zone":"a"',
    ),
    ("5", COLON + "5"),
    ("X{5}X", COLON + "X{5}X"),
    (
        '{"op":"replace","path":"/metadata/name","value":"other"}',
        PATH + '"path":"/metadata/name"',
    ),
    (
        '{"op":"replace","path":"/spec/x/macAddress","value":"02:00:00:00:00:99"}',
        COLON + '"value":"02:00:00:00:00:99"',
    ),
    ('{"op":"replace","path":"/spec/x/serial","value":"SN,1"}', COLON + '1"'),
    ("", COLON),
    ("{}", COLON),
    ('{"op":"add","path":"/metadata/labels/tier","value":"test"}', ""),
    ('{"op":"add","path":"/metadata/annotations/note","value":"{a}"}', ""),
    ('{"op":"add","path":"/metadata/labels","value":"x"}', PATH + '"path":"/metadata/labels"'),
    ('{"op":"remove","path":"/status"}', PATH + '"path":"/status"'),
    ('{"op":"remove","path":"/spec"}', PATH + '"path":"/spec"'),
    ('{"op":"remove","path":"\\/spec\\/running"}', PATH + '"path":"\\/spec\\/running"'),
    ('{"op":"add","path":"/spec/x","value":[]}', ""),
    ('{"op":"add","path":"/spec/x","value":["a"]}', ""),
    ('{"op":"add","path":"/spec/x","value":["a","b"]}', COLON + '"b"]'),
    ('{"op":"add","path":"/spec/x","value":{}}', ""),
    ('{"op":"move","from":"/status/x","path":"/spec/x"}', ""),
    ('{"op":"add","path":"/spec/a:b","value":1}', COLON + '"path":"/spec/a:b"'),
    # The webhook cuts text and does not read JSON: these two characters may be written otherwise.
    ('{"op":"add","path":"/metadata/annotations/x","value":"a\\u003ab\\u002cc"}', ""),
]


@pytest.mark.parametrize(("patch", "reason"), VERDICTS)
def test_what_the_restore_would_refuse_is_told_in_its_words(patch, reason):
    assert unsafe_reason(patch) == reason


@pytest.mark.parametrize(("patch", "reason"), VERDICTS)
def test_the_sandboxs_webhook_refuses_the_same(patch, reason):
    restore = {
        "metadata": {"name": "r"},
        "spec": {
            "target": {"apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": "t"},
            "patches": [patch],
        },
    }
    try:
        RestoreValidator(lambda _namespace, _name: None).refuse_invalid(restore, "default")
        message = ""
    except ApiError as refusal:
        message = str(refusal.status["details"]["causes"][0]["message"])
    assert message == reason


@pytest.mark.parametrize(
    ("patch", "operation"),
    [
        ('{"op":"remove","path":"/spec/x"}', {"op": "remove", "path": "/spec/x"}),
        (
            ' { "value": null , "op": "add", "path": "/spec/x" } ',
            {"op": "add", "path": "/spec/x", "value": None},
        ),
        (
            '{"op":"move","path":"/spec/x","from":"/spec/y"}',
            {"op": "move", "path": "/spec/x", "from": "/spec/y"},
        ),
        ('{"op":"remove","path":"/x","from":5}', {"op": "remove", "path": "/x", "from": 5}),
    ],
)
def test_one_operation_is_read(patch, operation):
    assert parse(patch) == operation


@pytest.mark.parametrize(
    ("patch", "reason"),
    [
        ("{", "is not JSON: Expecting property name enclosed in double quotes"),
        ("op", "is not JSON: Expecting value"),
        ("", "is not JSON: Expecting value"),
        ('{"op":"add","path":"/x","value":NaN}', "is not JSON: NaN is not a JSON value"),
        ("[" * 100_000, "is not JSON: "),
        ("5", "is not a JSON object"),
        ("null", "is not a JSON object"),
        ('[{"op":"remove","path":"/x"}]', "is a list; give each operation as a patch of its own"),
        ("{}", 'needs an "op": one of add, remove, replace, move, copy, test'),
        ('{"op":"frob"}', 'needs an "op": one of add, remove, replace, move, copy, test'),
        ('{"op":["add"]}', 'needs an "op": one of add, remove, replace, move, copy, test'),
        ('{"op":"remove"}', 'needs a "path" that begins with /'),
        ('{"op":"remove","path":5}', 'needs a "path" that begins with /'),
        ('{"op":"remove","path":"spec"}', 'needs a "path" that begins with /'),
        ('{"op":"remove","path":""}', 'needs a "path" that begins with /'),
        ('{"op":"add","path":"/x"}', 'has no "value" to add'),
        ('{"op":"replace","path":"/x"}', 'has no "value" to replace'),
        ('{"op":"test","path":"/x"}', 'has no "value" to test'),
        ('{"op":"move","path":"/x"}', 'needs a "from" that begins with /'),
        ('{"op":"copy","path":"/x","from":"y"}', 'needs a "from" that begins with /'),
    ],
)
def test_what_is_no_operation_is_refused(patch, reason):
    with pytest.raises(InvalidValue) as refusal:
        parse(patch)
    assert refusal.value.reason.startswith(f"the patch {patch} {reason}")


def test_the_json_of_a_patch_is_all_that_the_clones_webhook_asks_for():
    assert [decoded(text) for text in ("5", "[]", '{"op":"frob"}')] == [5, [], {"op": "frob"}]


@pytest.mark.parametrize(
    ("segments", "pointer"),
    [
        ((), ""),
        (("spec", "running"), "/spec/running"),
        (("metadata", "labels", "example.com/a~b"), "/metadata/labels/example.com~1a~0b"),
        (("~1",), "/~01"),
        (("",), "/"),
    ],
)
def test_a_pointer_escapes_what_has_a_meaning_in_it(segments, pointer):
    assert pointer_of(segments) == pointer


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("Always", '"Always"'),
        ('say "ä"', '"say \\"ä\\""'),
        ("http://x:1,2", '"http\\u003a//x\\u003a1\\u002c2"'),
        (True, "true"),
        (None, "null"),
        ({"a": [1, 2]}, '{"a":[1,2]}'),
    ],
)
def test_a_patch_is_written_without_spaces_and_in_order(value, text):
    assert value_patch("add", ("é",), "é") == '{"op":"add","path":"/é","value":"é"}'
    patch = value_patch("add", ("spec", "a/b"), value)
    assert (patch, parse(patch)["value"]) == (
        f'{{"op":"add","path":"/spec/a~1b","value":{text}}}',
        value,
    )


DOCUMENT = {
    "metadata": {"name": "vm", "labels": {"app": "a", "example.com/x": "1"}},
    "spec": {
        "runStrategy": "Halted",
        "template": {"spec": {"interfaces": [{"name": "default"}, {"name": "b"}], "note": None}},
    },
}


def changed(*steps):
    """DOCUMENT with ``steps`` applied: (path, value) to set, (path,) to take out."""
    result = deepcopy(DOCUMENT)
    for path, *value in steps:
        holder = result
        for key in path[:-1]:
            holder = holder[key]
        if value:
            holder[path[-1]] = value[0]
        else:
            del holder[path[-1]]
    return result


LABELS = ("metadata", "labels")
TEMPLATE = ("spec", "template", "spec")
INTERFACES = (*TEMPLATE, "interfaces")


@pytest.mark.parametrize(
    ("patches", "result"),
    [
        ([], DOCUMENT),
        (
            ['{"op":"replace","path":"/spec/runStrategy","value":"Always"}'],
            changed((("spec", "runStrategy"), "Always")),
        ),
        # KubeVirt's own patch for a MAC address, of an interface that has none.
        (
            ['{"op":"replace","path":"/spec/template/spec/interfaces/0/macAddress","value":""}'],
            changed(((*INTERFACES, 0, "macAddress"), "")),
        ),
        (
            [
                '{"op":"add","path":"/metadata/labels/example.com~1y","value":"2"}',
                '{"op":"remove","path":"/metadata/labels/example.com~1x"}',
            ],
            changed(((*LABELS, "example.com/y"), "2"), ((*LABELS, "example.com/x"),)),
        ),
        (
            ['{"op":"add","path":"/spec/template/spec/interfaces/-","value":{"name":"c"}}'],
            changed((INTERFACES, [{"name": "default"}, {"name": "b"}, {"name": "c"}])),
        ),
        (
            ['{"op":"add","path":"/spec/template/spec/interfaces/0","value":5}'],
            changed((INTERFACES, [5, {"name": "default"}, {"name": "b"}])),
        ),
        (
            ['{"op":"move","from":"/metadata/labels/app","path":"/spec/app"}'],
            changed(((*LABELS, "app"),), (("spec", "app"), "a")),
        ),
        (
            ['{"op":"copy","from":"/metadata/labels/app","path":"/spec/app"}'],
            changed((("spec", "app"), "a")),
        ),
        (['{"op":"test","path":"/spec/runStrategy","value":"Halted"}'], DOCUMENT),
        (['{"op":"test","path":"/spec/running","value":null}'], DOCUMENT),
        (['{"op":"copy","from":"/spec/x","path":"/spec/y"}'], changed((("spec", "y"), None))),
        (
            ['{"op":"copy","from":"/metadata/labels/example.com~1x","path":"/spec/y"}'],
            changed((("spec", "y"), "1")),
        ),
        (
            [
                '{"op":"add","path":"/spec/a~0b","value":"1"}',
                '{"op":"copy","from":"/spec/a~0b","path":"/spec/y"}',
            ],
            changed((("spec", "a~b"), "1"), (("spec", "y"), "1")),
        ),
        (
            ['{"op":"replace","path":"/status","value":{}}'],
            changed((("status",), {})),
        ),
    ],
)
def test_patches_apply_in_their_order_as_kubevirt_applies_them(patches, result):
    original = deepcopy(DOCUMENT)
    assert (applied(DOCUMENT, patches), patched(DOCUMENT, patches)) == (result, result)
    assert original == DOCUMENT


@pytest.mark.parametrize(
    ("patch", "reason"),
    [
        ('{"op":"replace","path":"/spec/nosuch/x","value":1}', "there is no /spec/nosuch"),
        (
            '{"op":"add","path":"/metadata/annotations/a","value":"x"}',
            "there is no /metadata/annotations",
        ),
        (
            '{"op":"remove","path":"/metadata/labels/x~1y"}',
            "there is no /metadata/labels/x~1y",
        ),
        (
            '{"op":"replace","path":"/spec/template/spec/interfaces/2","value":1}',
            "there is no /spec/template/spec/interfaces/2",
        ),
        (
            '{"op":"add","path":"/spec/template/spec/interfaces/4","value":1}',
            "can't insert outside of list",
        ),
        (
            '{"op":"add","path":"/spec/runStrategy/x","value":1}',
            "/spec/runStrategy is not an object",
        ),
        (
            '{"op":"add","path":"/spec/template/spec/note/x","value":1}',
            "/spec/template/spec/note is not an object",
        ),
        ('{"op":"copy","from":"/spec/x/y","path":"/spec/y"}', "there is no /spec/x"),
        ('{"op":"move","from":"/metadata/name","path":"/x/y"}', "there is no /x"),
        ('{"op":"move","from":"/spec/x","path":"/spec/y"}', "there is no /spec/x"),
        ('{"op":"copy","from":"/spec//y","path":"/spec/y"}', "there is no /spec/"),
        (
            '{"op":"move","from":"/metadata/name","path":"/spec/runStrategy/x"}',
            "/spec/runStrategy is not an object",
        ),
        (
            '{"op":"copy","from":"/metadata/name","path":"/spec/runStrategy/x"}',
            "/spec/runStrategy is not an object",
        ),
        (
            '{"op":"test","path":"/spec/runStrategy","value":"Always"}',
            "the value there is another",
        ),
    ],
)
def test_a_patch_that_does_not_apply_is_named_with_what_is_missing(patch, reason):
    with pytest.raises(InvalidValue) as refusal:
        applied(DOCUMENT, [patch])
    assert refusal.value.reason == f"the patch {patch} does not apply: {reason}"
    with pytest.raises(PatchError):
        patched(DOCUMENT, [patch])


def test_a_patch_that_is_no_operation_is_never_applied():
    with pytest.raises(InvalidValue) as refusal:
        applied(DOCUMENT, ["5"])
    assert refusal.value.reason == "the patch 5 is not a JSON object"


def test_every_pointer_is_answered_with_a_document_or_an_invalid_value():
    """Odd pointers end in one of the two; no other error may leave."""
    parts = ("spec", "metadata", "labels", "-", "0", "-1", "01", "", "~", "~2", "٣", "x")
    outcomes = set()
    for first in parts:
        for second in parts:
            for op in ("add", "remove", "replace", "move", "copy", "test"):
                operation = {"op": op, "path": f"/{first}/{second}", "value": None}
                patch = json.dumps({**operation, "from": f"/{second}/{first}"})
                for document in (DOCUMENT, {"spec": []}, {"spec": None, "x": "text"}, {}):
                    try:
                        outcomes.add(type(applied(document, [patch])))
                    except InvalidValue as error:
                        outcomes.add(type(error))
    assert outcomes == {dict, InvalidValue}
