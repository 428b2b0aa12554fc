"""JSONPath as kubectl 1.32 reads it: each answer here is its own, but for those said to differ."""

from __future__ import annotations

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kubectl_virt_clone.errors import InvalidValue, VirtCloneError
from kubectl_virt_clone.objects.jsonpath import as_text, parse_jsonpath, split_value

SOURCE = {"kind": "VirtualMachine", "name": "vm-cirros"}
CLONE = {
    "metadata": {
        "annotations": {"x.y/z": "1", "plain": "x"},
        "generation": 1,
        "name": "c",
    },
    "spec": {
        "labelFilters": ["one", "*", "three", "four"],
        "source": SOURCE,
        "target": {"kind": "VirtualMachine", "name": "c-t"},
    },
    "status": {
        "conditions": [
            {"lastProbeTime": None, "status": "False", "type": "Progressing"},
            {"lastProbeTime": None, "status": "True", "type": "Ready"},
        ],
        "phase": "Succeeded",
    },
}
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b", "a.b", "*", ""]), inner, max_size=3)
    ),
    max_leaves=8,
)


@pytest.mark.parametrize(
    "text",
    ["{.status.phase}", ".status.phase", "status.phase", "{status.phase}", "{.status .phase}"],
)
def test_a_path_is_read_in_braces_and_without_with_a_dot_and_without(text: str) -> None:
    assert parse_jsonpath(text).find(CLONE) == ["Succeeded"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("{.metadata.generation}", [1]),
        ("{.spec.source}", [SOURCE]),
        ("{.status.conditions[0].lastProbeTime}", [None]),
        ("{.metadata.annotations.x\\.y/z}", ["1"]),
        ("{.metadata.annotations['x\\.y/z']}", ["1"]),
        ("{.metadata['name']}", ["c"]),
        ("{.metadata.annotations['plain','x\\.y/z']}", ["x", "1"]),
        ("{.spec.labelFilters[0]}", ["one"]),
        ("{.spec.labelFilters[-1]}", ["four"]),
        ("{.spec.labelFilters[-2]}", ["three"]),
        ("{.spec.labelFilters[1, 0]}", ["*", "one"]),
        ("{.spec.labelFilters[0:1]}", ["one"]),
        ("{.spec.labelFilters[3:]}", ["four"]),
        ("{.spec.labelFilters[:1]}", ["one"]),
        ("{.spec.labelFilters[-2:-1]}", ["three"]),
        ("{.spec.labelFilters[0:4:2]}", ["one", "three"]),
        ("{.spec.labelFilters[::4]}", ["one"]),
        ("{.spec.labelFilters[1:1]}", []),
        ("{.spec.labelFilters[*]}", ["one", "*", "three", "four"]),
        ("{.spec.labelFilters.*}", ["one", "*", "three", "four"]),
        ("{.spec.source.*}", ["VirtualMachine", "vm-cirros"]),
        ("{.spec.*.name}", ["vm-cirros", "c-t"]),
        ("{..name}", ["c", "vm-cirros", "c-t"]),
        ("..phase", ["Succeeded"]),
        ("status..phase", ["Succeeded"]),
        ("{.spec...name}", ["vm-cirros", "c-t"]),
        ("{..conditions[0].type}", ["Progressing"]),
        ('{.status.conditions[?(@.type=="Ready")].status}', ["True"]),
        ("{.status.conditions[?( @.type == 'Ready' )].status}", ["True"]),
        ('{.status.conditions[?(.type=="Ready")].status}', ["True"]),
        ('{.status.conditions[?("Ready"==@.type)].status}', ["True"]),
        ("{.status.conditions[?(@['type']=='Ready')].status}", ["True"]),
        ('{.status.conditions[?(@.type!="Ready")].status}', ["False"]),
        ('{.status.conditions[?(@.type>"Q")].type}', ["Ready"]),
        ('{.status.conditions[?(@.type<"Q")].type}', ["Progressing"]),
        ('{.status.conditions[?(@.type>="Ready")].type}', ["Ready"]),
        ('{.status.conditions[?(@.type<="Progressing")].type}', ["Progressing"]),
        ("{.status.conditions[?(@.type)].type}", ["Progressing", "Ready"]),
        ("{.status.conditions[?(@.nope)].type}", []),
        ('{.status.conditions[?(@.nope=="x")].type}', []),
        ('{.spec.labelFilters[?(@=="one")]}', ["one"]),
        ('{.spec.labelFilters[?(@=="a)b")]}', []),
        ("{.nope}", []),
        ("{.nope[0]}", []),
        ('{.nope[?(@.a=="b")].c}', []),
        ("{.status.phase.x}", []),
        ("{.X}", []),
    ],
)
def test_a_path_finds_what_kubectl_finds(text: str, found: list[object]) -> None:
    assert parse_jsonpath(text).find(CLONE) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        # kubectl ends with an error here, and with it the wait: for us there is nothing yet.
        ("{.spec.labelFilters[9]}", []),
        ("{.spec.labelFilters[-9]}", []),
        ("{.spec.labelFilters[2:1]}", []),
        ("{.status[0]}", []),
        ("{.status.phase[0]}", []),
        ('{.status[?(@.a=="b")]}', []),
        ('{.status[?(@=="phase")]}', []),
        ("{.metadata.generation[?(@)]}", []),
        ("{.spec.labelFilters[?(@==1)]}", []),
        ("{.spec.labelFilters[?(@==true)]}", []),
        ('{.status.conditions[?(@.lastProbeTime!="x")]}', []),
        # kubectl finds nothing, however long one waits.
        ("{$.metadata.name}", ["c"]),
        ("$.metadata.name", ["c"]),
        ("{['metadata']['name']}", ["c"]),
        ("{.metadata.annotations['x.y/z']}", ["1"]),
    ],
)
def test_where_kubectl_fails_or_misunderstands_a_path_is_read_as_it_is_meant(
    text: str, found: list[object]
) -> None:
    assert parse_jsonpath(text).find(CLONE) == found


def test_numbers_and_flags_are_compared_with_their_like() -> None:
    items = [{"n": 1}, {"n": 2}, {"n": True}, {"n": "2"}, {"n": 2.5}]

    assert parse_jsonpath("{[?(@.n>1)].n}").find(items) == [2, 2.5]
    assert parse_jsonpath("{[?(@.n==true)].n}").find(items) == [True]
    assert parse_jsonpath("{[?(@.n>=false)].n}").find(items) == []


def test_a_text_of_a_comparison_may_hold_its_own_quote_and_a_backslash() -> None:
    texts = ['x"y', "x'y", "a\\b", "ab"]

    assert parse_jsonpath(r'{[?(@=="x\"y")]}').find(texts) == ['x"y']
    assert parse_jsonpath(r"{[?(@=='x\'y')]}").find(texts) == ["x'y"]
    assert parse_jsonpath(r'{[?(@=="a\\b")]}').find(texts) == ["a\\b"]


EXPECTED = (
    "unexpected path string, expected a 'name1.name2' or '.name1.name2' or '{name1.name2}' or"
    " '{.name1.name2}'"
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "jsonpath expression cannot be empty"),
        ("{}", EXPECTED),
        (".", EXPECTED),
        ("{.status.phase", EXPECTED),
        (".status.phase}", EXPECTED),
        ("x{.status}", EXPECTED),
        ("{.status.phase}{.metadata.name}", EXPECTED),
        ("{{.status}}", EXPECTED),
        ('{.metadata.annotations["plain"]}', 'invalid array index "plain"'),
        ("{.spec.labelFilters[a]}", "invalid array index a"),
        ("{.spec.labelFilters[]}", "invalid array index "),
        ("{.spec.labelFilters[::0]}", "step must be > 0"),
        ("{.spec.labelFilters[0}", "unterminated array"),
        ('{.x[?(@.a=="b"}', "unterminated filter"),
        ("{....a}", "invalid multiple recursive descent"),
        ("a b", "unrecognized identifier b"),
        ("{.x[?(@.type==Ready)]}", "unrecognized identifier Ready"),
        ("{.a,.b}", "unrecognized character in action: U+002C ','"),
        ("{.a\t.b}", "unrecognized character in action: U+0009"),
        ("{.x[1,\t0]}", "invalid array index \t0"),
        ("{.x[X0]}", "invalid array index X0"),
        ('{.x[?(@==\t"x")]}', "unrecognized character in action: U+0009"),
        ('{.x[?(@=="x"\t)]}', "unrecognized character in action: U+0009"),
        ('{.x[?(@=="x" \t)]}', "unrecognized character in action: U+0009"),
        ('{.x[?(@==X"x")]}', "unrecognized identifier X"),
        ('{.x[?(@=="x"X)]}', "unrecognized identifier X"),
        ('{.x[?(@=="x" X)]}', "unrecognized identifier X"),
        (
            '{.x[?(@.type=="Ready" && @.status=="True")].status}',
            "unrecognized character in action: U+0026 '&'",
        ),
    ],
)
def test_what_is_no_path_is_refused_in_kubectls_words(text: str, message: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        parse_jsonpath(text)

    assert refused.value.reason == message


def test_equal_paths_are_equal_and_show_as_kubectl_shows_them() -> None:
    path = parse_jsonpath("status.phase")

    assert {path, parse_jsonpath("{.status.phase}")} == {path}
    assert str(path) == "{.status.phase}"


@pytest.mark.parametrize(
    ("text", "split"),
    [
        ("{.status.phase}", ("{.status.phase}", None)),
        ("{.status.phase}=Succeeded", ("{.status.phase}", "Succeeded")),
        ("status.phase=Succeeded", ("status.phase", "Succeeded")),
        ("{.status.phase}='Succeeded'", ("{.status.phase}", "Succeeded")),
        ('{.status.phase}="Succeeded"', ("{.status.phase}", "Succeeded")),
        ("{.status.phase}= a b ", ("{.status.phase}", "a b")),
        ("{.a}=XaX", ("{.a}", "XaX")),
        ("{.a}=b==c", ("{.a}", "b==c")),
        ('x[?(@.t=="R")].s=True', ('x[?(@.t=="R")].s', "True")),
        ('{.x[?(@.t=="R")].s}', ('{.x[?(@.t=="R")].s}', None)),
    ],
)
def test_a_value_follows_the_path_after_an_equal_sign(
    text: str, split: tuple[str, str | None]
) -> None:
    assert split_value(text) == split


# As kubectl 1.36.4 and 1.37.1 refuse them.
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{.status.phase}=", "has to have a value after equal sign"),
        ("{.status.phase}=''", "has to have a value after equal sign"),
        ("{.a}=b=c", "jsonpath wait format must be"),
        ('{.x[?(@.t!="R")].s}=True', "jsonpath wait format must be"),
        ("{.x[?(@.n<=3)].s}=True", "jsonpath wait format must be"),
    ],
)
def test_what_does_not_split_into_a_path_and_a_value_is_refused(text: str, words: str) -> None:
    with pytest.raises(InvalidValue, match=words):
        split_value(text)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("Succeeded", "Succeeded"),
        (" v ", "v"),
        (5, "5"),
        (5.0, "5"),
        (1.5, "1.5"),
        (True, "true"),
        (False, "false"),
        (None, "<nil>"),
    ],
)
def test_a_value_is_compared_as_go_prints_it(value: object, text: str) -> None:
    assert as_text(value) == text


@pytest.mark.parametrize("value", [{}, [], SOURCE])
def test_a_mapping_or_a_list_is_not_compared(value: object) -> None:
    with pytest.raises(VirtCloneError) as refused:
        as_text(value)

    assert str(refused.value) == (
        "error: jsonpath leads to a nested object or list which is not supported"
    )


@given(st.text(alphabet="{}[].,:*?()@$'\"\\=!<> ab0-9", max_size=24), ANYTHING)
@example("{.a[?(@.b>=1)]..b['a.b',0][-1:]}", {"a": [{"b": math.nan}]})
def test_any_text_is_a_path_or_refused_and_any_path_finds_a_list_in_any_data(
    text: str, data: object
) -> None:
    try:
        path = parse_jsonpath(split_value(text)[0])
    except InvalidValue:
        return

    assert isinstance(path.find(data), list)
    assert parse_jsonpath(str(path)) == path
