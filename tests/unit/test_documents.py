"""YAML and JSON text is read as kubectl reads it; tests/kubectl holds the same table to kubectl."""

import pytest

from kubectl_virt_clone.errors import ManifestError
from kubectl_virt_clone.objects.documents import parse_documents

SCALARS = [
    # MAC addresses and times, which YAML 1.1 takes for numbers to the base 60 and for dates
    ("52:54:00:12:34:56", "52:54:00:12:34:56"),
    ("02:00:00:00:00:01", "02:00:00:00:00:01"),
    ("52-54-00-12-34-56", "52-54-00-12-34-56"),
    ("0200.0000.0001", "0200.0000.0001"),
    ("190:20:30", "190:20:30"),
    ("1:30.5", "1:30.5"),
    ("2001-12-14", "2001-12-14"),
    ("2001-12-14T21:59:43Z", "2001-12-14T21:59:43Z"),
    # numbers
    ("0", 0),
    ("-5", -5),
    ("+5", 5),
    ("1_000", 1000),
    ("0755", 493),
    ("0o14", 12),
    ("089", 89),
    ("0x1F", 31),
    ("0XFF", 255),
    ("-0x10", -16),
    ("0b101", 5),
    ("1.5", 1.5),
    (".5", 0.5),
    ("-.5", -0.5),
    ("1.", 1),
    ("1e3", 1000),
    ("12e03", 12000),
    ("1E+2", 100),
    ("1e-5", 1e-05),
    ("6.02e23", 6.02e23),
    ("685_230.15", 685230.15),
    ("1__0", 10),
    ("0_755", 493),
    ("9007199254740991.0", 9007199254740991),
    ("9007199254740992.0", 9007199254740992.0),
    ("-9223372036854775808", -9223372036854775808),
    ("9223372036854775807", 9223372036854775807),
    # more than 64 bits hold, or 63 and a sign
    ("9223372036854775808", 9223372036854775808.0),
    ("0xFFFFFFFFFFFFFFFF", 18446744073709551616.0),
    ("-9223372036854775809", -9223372036854775808.0),
    ("18446744073709551616", 18446744073709551616.0),
    ("07777777777777777777777777", 7.777777777777778e24),
    ("0x10000000000000000", "0x10000000000000000"),
    ("1" + 400 * "0", "1" + 400 * "0"),
    (5000 * "9", 5000 * "9"),
    ("1e999", "1e999"),
    ("-1e999", "-1e999"),
    # no numbers
    ("0x_", "0x_"),
    ("1.2.3", "1.2.3"),
    ("_1", "_1"),
    ("0x", "0x"),
    ("12e", "12e"),
    (".", "."),
    ("=", "="),
    # booleans
    ("yes", True),
    ("on", True),
    ("y", True),
    ("Y", True),
    ("TRUE", True),
    ("no", False),
    ("OFF", False),
    ("n", False),
    ("tRUE", "tRUE"),
    # null
    ("~", None),
    ("Null", None),
    ("nUll", "nUll"),
    # said outright
    ('"2"', "2"),
    ("'yes'", "yes"),
    ("!!str 5", "5"),
    ("!!float 5", 5),
]
"""(a value in YAML, what kubectl 1.32 reads)."""


@pytest.mark.parametrize(("text", "value"), SCALARS)
def test_a_plain_value_is_what_kubectl_takes_it_for(text, value):
    [document] = parse_documents(f"value: {text}\n", "f.yaml")
    assert (type(document["value"]), document) == (type(value), {"value": value})


A, B = {"kind": "A"}, {"kind": "B"}


@pytest.mark.parametrize(
    ("text", "documents"),
    [
        ("", []),
        ("# only a comment\n---\n---\n", []),
        ("kind: A\n", [A]),
        ("---\nkind: A\n---\n# nothing\n---\nkind: B\n...\n", [A, B]),
        ('{"kind": "A"}', [A]),
        ('\n\t{\n\t"kind": "A"\n\t}\n', [A]),
        ('{"kind": "A"}\n{"kind": "B"}{"kind": "A"}\n', [A, B, A]),
        ("{kind: A}\n---\n{kind: B}\n", [A, B]),
        ('{"kind": "\\ud83d\\ude00"}', [{"kind": "😀"}]),
        ("kind: List\nitems:\n- kind: A\n- kind: B\n", [A, B]),
        ("kind: VirtualMachineCloneList\nitems: [{kind: A}]\n", [A]),
        ("kind: List\n", []),
        ("kind: List\nitems: text\n", []),
        ("kind: A\nitems: [{kind: B}]\n", [{"kind": "A", "items": [B]}]),
        ("text", ["text"]),
        ("- kind: A\n", [[A]]),
        ("kind: A\nkind: B\n", [B]),
        ('\ufeff{"kind": "A"}{"kind": "B"}', [A, B]),
        ("a: &x {k: 1}\nb: *x\n", [{"a": {"k": 1}, "b": {"k": 1}}]),
        ("a: &x 1\nb: &x 2\nc: *x\n", [{"a": 1, "b": 2, "c": 2}]),
        ("<<: {a: 1}\nb: 2\n", [{"a": 1, "b": 2}]),
        ("{2: a, on: b, 1.5: c}", [{"2": "a", "true": "b", "1.5": "c"}]),
    ],
)
def test_a_file_is_its_documents_with_lists_taken_apart(text, documents):
    assert parse_documents(text, "f.yaml") == documents


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "a: b: c",
            "mapping values are not allowed here (line 1, column 5)",
        ),
        ("a: .inf", "unsupported value: inf"),
        ("{a: .NaN}", "unsupported value: nan"),
        ('{"a": NaN}', "unsupported value: nan"),
        ("a: !!binary aGVsbG8=", "unsupported value: bytes"),
        ("a: !!set {x}", "unsupported value: set"),
        ("~: a", "unsupported map key: it is neither text nor a number"),
        ("a: !!bool maybe", "'maybe'"),
        ("a: !!int abc", "invalid literal for int() with base 10: 'abc'"),
        ("a: &x [*x]", "the anchor x contains itself"),
        ("a: &x 1\nb: &x [*x]", "the anchor x contains itself"),
        ("a: &x 1\n---\na: &x [*x]", "the anchor x contains itself"),
        ("[" * 1500, "it is nested too deeply"),
        ('{"a": "\\ud83d"}', "a string contains half a character"),
    ],
)
def test_what_is_neither_yaml_nor_json_is_refused_by_the_name_of_the_file(text, reason):
    with pytest.raises(ManifestError) as refusal:
        parse_documents(text, "dir/f.yaml")
    assert str(refusal.value).startswith(f"error: error parsing dir/f.yaml: {reason}")


def test_aliases_stand_for_as_many_values_as_the_text_has_characters_and_100000_more() -> None:
    aliases = 103
    values = 1 + (1 + aliases) * 1000  # the list, and so many lists of 999
    text = f"- &x [{'0, ' * 998}0]\n" + "- *x\n" * aliases
    fitting = text + "#" * (values - 100_000 - len(text))

    [document] = parse_documents(fitting, "f.yaml")

    assert document == [[0] * 999] * (1 + aliases)
    with pytest.raises(ManifestError) as refusal:
        parse_documents(fitting[:-1], "f.yaml")
    assert str(refusal.value) == (
        "error: error parsing f.yaml: its aliases expand to too many values"
    )


@pytest.mark.parametrize(
    "text",
    [
        "\x00",
        "a: \x1b[31m",
        "[" * 1500,
        "{" * 1500,
        '{"a":' * 1500,
        "!!python/object/apply:os.system [id]",
        "? [a]\n: b",
        "a: !!timestamp x",
        "a: !!int ''",
        "\t",
        "%YAML 9.9\n---\na",
        "*unknown",
    ],
)
def test_no_text_makes_the_reader_fail_otherwise(text):
    with pytest.raises(ManifestError):
        parse_documents(text, "f.yaml")
