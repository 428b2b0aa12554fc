"""Whole objects as YAML, JSON or names."""

import json

import pytest
import yaml

from kubectl_virt_clone.cli.flags import FORMATS
from kubectl_virt_clone.objects.documents import parse_documents
from kubectl_virt_clone.render.formats import documents, formatted, listed, watch_events
from tests.unit.builders import a_clone
from tests.unit.test_documents import SCALARS

SMALL = {"kind": "VirtualMachineClone", "metadata": {"name": "a"}, "spec": {"labelFilters": ["*"]}}
OTHER = {"kind": "VirtualMachineClone", "metadata": {"name": "b"}}


def test_one_object_is_printed_as_it_is():
    assert {output: formatted([SMALL], output) for output in FORMATS} == {
        "yaml": "kind: VirtualMachineClone\n"
        "metadata:\n"
        "  name: a\n"
        "spec:\n"
        "  labelFilters:\n"
        "  - '*'\n",
        "json": "{\n"
        '    "kind": "VirtualMachineClone",\n'
        '    "metadata": {\n'
        '        "name": "a"\n'
        "    },\n"
        '    "spec": {\n'
        '        "labelFilters": [\n'
        '            "*"\n'
        "        ]\n"
        "    }\n"
        "}\n",
        "name": "virtualmachineclone.clone.kubevirt.io/a\n",
    }


def test_several_objects_become_a_list():
    assert formatted([SMALL, OTHER], "yaml") == (
        "apiVersion: v1\n"
        "kind: List\n"
        "metadata:\n"
        "  resourceVersion: ''\n"
        "items:\n"
        "- kind: VirtualMachineClone\n"
        "  metadata:\n"
        "    name: a\n"
        "  spec:\n"
        "    labelFilters:\n"
        "    - '*'\n"
        "- kind: VirtualMachineClone\n"
        "  metadata:\n"
        "    name: b\n"
    )


def test_several_objects_have_a_name_each():
    assert formatted([SMALL, OTHER], "name") == (
        "virtualmachineclone.clone.kubevirt.io/a\nvirtualmachineclone.clone.kubevirt.io/b\n"
    )


@pytest.mark.parametrize("output", ["yaml", "json"])
def test_managed_fields_are_left_out_and_the_object_stays_as_it_was(output):
    clone = a_clone(metadata={"managedFields": [{"manager": "kubectl-create"}]})
    text = formatted([clone], output)
    assert (parse_documents(text, output), "managedFields" in clone["metadata"]) == (
        [a_clone()],
        True,
    )


@pytest.mark.parametrize("text", ["\x1b[2J", "\u202e", "\u2028"])
def test_a_line_stays_one_whatever_an_event_holds(text):
    event = {"type": "ADDED", "object": {"metadata": {"name": text}}}
    (line,) = watch_events([[event]], "json")
    assert (line.splitlines(keepends=True), json.loads(line)) == ([line], event)


TEXTS = [
    *[text for text, _ in SCALARS if text[0] not in "\"'!"],
    "12e03",
    "089",
    "N",
    "1_e3",
    "true",
    "null",
    "",
    " padded ",
    "*anchor",
    "&anchor",
    "!tag",
    "# no comment",
    "a: b",
    "- a",
    "{a}",
    "%",
    "@",
    "one\ntwo\n\nfour\n",
    "tab\there",
    "\x1b[31mred\x1b[0m",
    "C1 \x9b2J and \x85",
    "gpj.\u202eexe\u2069",
    "\u2028\u2029\ufeff",
    "😀 Größe 名前",
    "long " * 60,
]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("output", ["yaml", "json"])
def test_what_is_printed_is_read_back_as_the_same(output, text):
    clone = a_clone(spec={"newSMBiosSerial": text, "patches": [text], "x": {text: {"y": text}}})
    assert parse_documents(formatted([clone, clone], output), output) == [clone, clone]


@pytest.mark.parametrize("text", TEXTS)
def test_yaml_is_read_back_as_the_same_by_others_too(text):
    assert yaml.safe_load(formatted([{"x": text}], "yaml")) == {"x": text}


def test_json_says_the_same_to_every_reader():
    clone = a_clone(spec={"x": TEXTS, "numbers": [1, -2.5, True, None, 2**63]})
    assert json.loads(formatted([clone], "json")) == clone


def test_the_same_value_twice_is_written_twice():
    same = ["a"]
    assert formatted([{"x": same, "z": same}], "yaml") == "x:\n- a\nz:\n- a\n"


def test_ordinary_letters_of_every_language_stay_readable():
    assert [formatted([{"x": "Größe 名前"}], output) for output in ("yaml", "json")] == [
        "x: Größe 名前\n",
        '{\n    "x": "Größe 名前"\n}\n',
    ]


@pytest.mark.parametrize("output", ["yaml", "json"])
@pytest.mark.parametrize("sizes", [(), (0,), (1,), (2, 1), (0, 2), (1, 0, 1), (1, 1, 1, 0)])
def test_a_list_in_pages_is_the_list_as_a_whole(output, sizes):
    clones = [a_clone(name=f"c{number}", sentence="\x1b\n") for number in range(sum(sizes))]
    rest = iter(clones)
    pages = [[next(rest) for _ in range(size)] for size in sizes]
    text = "".join(listed(pages, output))
    whole = json.loads(text) if output == "json" else yaml.safe_load(text)
    assert whole == {
        "apiVersion": "v1",
        "kind": "List",
        "metadata": {"resourceVersion": ""},
        "items": clones,
    }


@pytest.mark.parametrize("output", FORMATS)
def test_a_page_is_written_before_the_next_is_asked_for(output):
    asked = []
    texts = listed((asked.append(page) or page for page in ([SMALL], [OTHER])), output)
    first = next(texts)
    assert (asked, "a" in first) == ([[SMALL]], True)


@pytest.mark.parametrize(("output", "ends"), [("yaml", "  - '*'\n"), ("json", "        }")])
def test_a_list_that_breaks_off_stays_open(output, ends):
    def pages():
        yield [SMALL]
        raise OSError

    texts = listed(pages(), output)
    assert next(texts).endswith(ends)
    with pytest.raises(OSError, match=r"^$"):
        next(texts)
    assert list(texts) == []


@pytest.mark.parametrize("output", FORMATS)
def test_where_not_even_the_first_page_is_read_nothing_is_written(output):
    def pages():
        raise OSError
        yield

    with pytest.raises(OSError, match=r"^$"):
        next(listed(pages(), output))


def test_documents_stand_one_after_the_other():
    pages = [[SMALL], [], [OTHER]]
    assert "".join(documents(pages, "name")) == formatted([SMALL, OTHER], "name")
    assert list(yaml.safe_load_all("".join(documents(pages, "yaml")))) == [SMALL, OTHER]
    assert [json.loads(text) for text in documents(pages, "json")] == [SMALL, OTHER]
