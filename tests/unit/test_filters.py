"""What KubeVirt's filters take, keep and strip; the rows of live servers are among them."""

from __future__ import annotations

from itertools import product

import pytest

from kubectl_virt_clone.clone.api import LAST_RESTORE_UID
from kubectl_virt_clone.clone.spec.filters import (
    Decision,
    check_filter,
    check_filters,
    compile_error,
    decisions,
    matches,
)
from kubectl_virt_clone.errors import InvalidValue
from kubevirt_sandbox.kubevirt.filters import kept as kept_in_the_sandbox


@pytest.mark.parametrize(
    "pattern", ["*", "!*", "app", "!app", "app*", "!example.com/*", "^app$", "a.b/c", "[", "!x"]
)
def test_a_filter_that_the_webhook_takes_stays_as_it_is(pattern):
    assert check_filter(pattern) == pattern


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("", "a filter can't be empty"),
        ("!", '"!" alone is not a filter; write !KEY to leave KEY out'),
        ("a!b", 'filter "a!b": ! can stand only at the beginning'),
        ("x!", 'filter "x!": ! can stand only at the beginning'),
        ("!!", 'filter "!!": ! can stand only at the beginning'),
        ("a*b", 'filter "a*b": * can stand only at the end'),
        ("*a", 'filter "*a": * can stand only at the end'),
        ("**", 'filter "**": * can stand only at the end'),
    ],
)
def test_a_filter_that_the_webhook_refuses_is_refused_with_its_reason(pattern, reason):
    with pytest.raises(InvalidValue) as refusal:
        check_filter(pattern)
    assert refusal.value.reason == reason


def test_filters_keep_their_order():
    assert check_filters(["*", "!app", "tier"]) == ("*", "!app", "tier")


def test_one_bad_filter_refuses_all_of_them():
    with pytest.raises(InvalidValue) as refusal:
        check_filters(["*", "a!b", ""])
    assert refusal.value.reason == 'filter "a!b": ! can stand only at the beginning'


def kept(filters, keys, **options):
    return {decision.key for decision in decisions(filters, keys, **options) if decision.kept}


# What KubeVirt 1.9 did to these keys of a live VM, at each place where filters work.
LABELS = {"app", "app.kubernetes.io/name", "myapp", "tier"}
ANNOTATIONS = {
    "example.com/owner",
    "example.com/ticket",
    "kubevirt.io/latest-observed-api-version",
    "kubevirt.io/storage-observed-api-version",
    "note",
    LAST_RESTORE_UID,
}
TEMPLATE_LABELS = {"app", "app.kubernetes.io/name", "kubevirt.io/vm", "myapp"}
APPS = {"app", "app.kubernetes.io/name", "myapp"}
OWN = {"example.com/owner", "example.com/ticket"}


@pytest.mark.parametrize(
    ("filters", "keys", "stay"),
    [
        (None, LABELS, LABELS),
        (["!foo"], LABELS, set()),
        (["*", "!app"], LABELS, {"tier"}),
        (["app"], LABELS, APPS),
        (["app*"], LABELS, APPS),
        (["^app$"], LABELS, {"app"}),
        ([], LABELS, set()),
        (["*"], LABELS, LABELS),
        (["["], LABELS, set()),
        (["m.app"], LABELS, {"myapp"}),
        (["pp"], LABELS, APPS),
        (["*", "!pp"], LABELS, {"tier"}),
        (None, ANNOTATIONS, ANNOTATIONS),
        (["example.com/*"], ANNOTATIONS - {LAST_RESTORE_UID}, OWN),
        (["example.com/*"], ANNOTATIONS, OWN | {LAST_RESTORE_UID}),
        (["*", "!example.com/*"], ANNOTATIONS, ANNOTATIONS - OWN),
        (["*", "!myapp"], TEMPLATE_LABELS, TEMPLATE_LABELS - {"myapp"}),
        # KubeVirt writes kubevirt.io/pci-topology-version anew; the filter strips it too.
        (["!x"], {"example.com/owner", "sidecar.example.com/inject"}, set()),
    ],
)
def test_filters_keep_what_a_live_server_kept(filters, keys, stay):
    assert kept(filters, keys, always_kept=frozenset({LAST_RESTORE_UID})) == stay


KEYS = frozenset(
    {
        "app",
        "App",
        "myapp",
        "app.kubernetes.io/name",
        "tier",
        "a-b_c",
        "x86",
        "example.com/owner",
        "example.com/ticket",
        "exampleXcom/owner",
        "kubevirt.io/vm",
    }
)
DOMAINS = {key for key in KEYS if "/" in key}
EXAMPLES = {"example.com/owner", "example.com/ticket", "exampleXcom/owner"}

# A filter without its "!", and the keys that Go's regexp.MatchString finds it in.
HITS = {
    "*": KEYS,
    # Unanchored: anywhere in the key.
    "app": {"app", "myapp", "app.kubernetes.io/name"},
    "pp": {"app", "App", "myapp", "app.kubernetes.io/name"},
    "/": DOMAINS,
    "tier": {"tier"},
    "nosuch": set(),
    "e": DOMAINS | {"tier"},
    # The star at the end repeats the character before it, and so may stand for nothing.
    "app*": {"app", "myapp", "app.kubernetes.io/name"},
    "apz*": {"app", "myapp", "app.kubernetes.io/name"},
    "x*": KEYS,
    "example.com/*": EXAMPLES,
    # A dot is any character.
    "m.app": {"myapp"},
    "a.p": {"app", "myapp", "app.kubernetes.io/name"} | EXAMPLES,
    "example.com": EXAMPLES,
    r"example\.com": {"example.com/owner", "example.com/ticket"},
    r"\.": DOMAINS - {"exampleXcom/owner"},
    "...": KEYS,
    "^....$": {"tier"},
    # Anchors.
    "^app": {"app", "app.kubernetes.io/name"},
    "app$": {"app", "myapp"},
    "^app$": {"app"},
    r"\Aapp\z": {"app"},
    "^$": set(),
    "$": KEYS,
    r"\bapp\b": {"app", "app.kubernetes.io/name"},
    r"\Bapp": {"myapp"},
    "^example.com/": EXAMPLES,
    # Alternation, groups and repetition.
    "tier|x86": {"tier", "x86"},
    "^(app|tier)$": {"app", "tier"},
    "^app|name$": {"app", "app.kubernetes.io/name"},
    "^(?:my)?app$": {"app", "myapp"},
    "^(?P<who>my)app$": {"myapp"},
    "^(?<who>my)app$": {"myapp"},
    "p{2}": {"app", "App", "myapp", "app.kubernetes.io/name"},
    "p{3}": set(),
    "ap+$": {"app", "myapp"},
    "^a.+?p$": {"app"},
    # What is no repetition is taken as it is written.
    "p{,2}": set(),
    # Character classes.
    "[0-9]": {"x86"},
    r"\d{2}": {"x86"},
    "[[:digit:]]": {"x86"},
    "[_-]": {"a-b_c"},
    r"^\w+$": {"app", "App", "myapp", "tier", "x86"},
    r"\W": {"a-b_c"} | DOMAINS,
    "^[^a-z]": {"App"},
    "[A-Z]": {"App", "exampleXcom/owner"},
    r"\p{Lu}": {"App", "exampleXcom/owner"},
    r"\pN": {"x86"},
    r"\p{Greek}": set(),
    "[/]vm": {"kubevirt.io/vm"},
    r"\s": set(),
    # Letters have a case, unless a flag says otherwise, anywhere in the pattern.
    "APP": set(),
    "(?i)APP": {"app", "App", "myapp", "app.kubernetes.io/name"},
    "^(?i:APP)$": {"app", "App"},
    "^a(?i)PP$": {"app"},
    "(?U)^a.+p$": {"app"},
    "(?s)^a.p$": {"app"},
    # Quoted text is no expression.
    r"\Qexample.com\E/o": {"example.com/owner"},
    r"\Q.": DOMAINS - {"exampleXcom/owner"},
    r"\Q(": set(),
    r"\x61pp$": {"app", "myapp"},
    # What Go does not compile hits nothing: brackets and repetitions that are not complete …
    "[": set(),
    "app[": set(),
    "(app": set(),
    "app)": set(),
    "+": set(),
    "?app": set(),
    "a++": set(),
    "app\\": set(),
    "[z-a]": set(),
    "[[:letter:]]": set(),
    # … what other engines have and RE2 leaves out …
    "(?=app)": set(),
    "(?!tier)": set(),
    "(?<=my)app": set(),
    r"(p)\1": set(),
    "(?>app)": set(),
    "(?#x)app": set(),
    r"app\Z": set(),
    r"\happ": set(),
    "(?x)app": set(),
    "(?P<a>p)(?P=a)": set(),
    # … more than a thousand repetitions …
    "a{1000}": set(),
    "a{0,1001}": set(),
    "(a{0,100}){0,11}": set(),
    # … and what only RE2's C++ edition reads.
    r"ap\C": set(),
    "(?P<ä>app)": set(),
}


@pytest.mark.parametrize("pattern", HITS)
def test_a_filter_hits_the_keys_in_which_go_finds_it(pattern):
    assert {key for key in KEYS if matches(pattern, key)} == HITS[pattern]


@pytest.mark.parametrize("pattern", HITS)
def test_a_positive_filter_keeps_what_it_hits(pattern):
    assert kept([pattern], KEYS) == HITS[pattern]


# "!*" is the expression "*", which repeats nothing and does not compile.
@pytest.mark.parametrize("pattern", [pattern for pattern in HITS if pattern != "*"])
@pytest.mark.parametrize("order", [1, -1])
def test_a_negative_filter_strips_what_it_hits_wherever_it_stands(pattern, order):
    assert kept(["*", f"!{pattern}"][::order], KEYS) == KEYS - HITS[pattern]


@pytest.mark.parametrize("pattern", HITS)
def test_negative_filters_alone_strip_every_key(pattern):
    assert kept([f"!{pattern}"], KEYS) == set()


PAIRS = [
    pair
    for pair in product([pattern for pattern in HITS if HITS[pattern]], repeat=2)
    if pair[1] != "*"
]


@pytest.mark.parametrize(("keeping", "removing"), PAIRS[::7])
def test_a_negative_filter_takes_from_what_positive_ones_kept(keeping, removing):
    filters = [f"!{removing}", keeping, "tier"]
    assert kept(filters, KEYS) == (HITS[keeping] | {"tier"}) - HITS[removing]


@pytest.mark.parametrize(
    ("filters", "stay"),
    [
        (None, KEYS),
        ([], set()),
        (["!*"], set()),
        (["*", "!*"], KEYS),
        (["app", "!["], {"app", "myapp", "app.kubernetes.io/name"}),
        (["[", "tier"], {"tier"}),
        (["*", "!app", "app"], KEYS - {"app", "myapp", "app.kubernetes.io/name"}),
        (["tier", "tier"], {"tier"}),
        (["!tier", "*", "!x86"], KEYS - {"tier", "x86"}),
        # No webhook takes these, but a manifest may hold them.
        ([""], KEYS),
        (["!"], set()),
        (["*", "!"], set()),
        (["!!tier"], set()),
    ],
)
def test_lists_of_filters_work_together(filters, stay):
    assert kept(filters, KEYS) == stay


# The sandbox's engine is Python's; it does not tell these spellings from Go's.
ENGINES_DIFFER = {
    *("^a(?i)PP$", "(?U)^a.+p$", r"\p{Lu}", r"\pN", r"\Q.", r"\Qexample.com\E/o"),
    *("^(?<who>my)app$", "(?x)app", "(a{0,100}){0,11}", "(?P<ä>app)", "p{,2}"),
}


def test_the_sandbox_read_the_same_rules():
    lists = [["!*"], ["*", "!*"], *([pattern] for pattern in HITS if pattern not in ENGINES_DIFFER)]
    lists += [
        [f"!{second}", first]
        for first, second in PAIRS
        if {first, second}.isdisjoint(ENGINES_DIFFER)
    ]
    differing = [
        filters for filters in lists if kept(filters, KEYS) != kept_in_the_sandbox(KEYS, filters)
    ]
    assert (len(lists) > 1500, differing) == (True, [])


@pytest.mark.parametrize(
    ("filters", "decided"),
    [
        (None, [("app", True, ""), ("note", True, ""), ("tier", True, "")]),
        ([], [("app", False, ""), ("note", False, ""), ("tier", False, "")]),
        (
            ["*", "!app", "!a"],
            [("app", False, "!app"), ("note", True, "*"), ("tier", True, "*")],
        ),
        (
            ["!ti", "app", "*"],
            [("app", True, "app"), ("note", True, "*"), ("tier", False, "!ti")],
        ),
        (["!app"], [("app", False, "!app"), ("note", False, ""), ("tier", False, "")]),
        (["[", "!*"], [("app", False, ""), ("note", False, ""), ("tier", False, "")]),
        ([""], [("app", True, ""), ("note", True, ""), ("tier", True, "")]),
    ],
)
def test_a_decision_names_the_filter_that_made_it(filters, decided):
    keys = ["tier", "note", "app", "note"]
    assert decisions(filters, keys) == tuple(Decision(*row) for row in decided)


@pytest.mark.parametrize(
    ("filters", "by"),
    [(None, ""), ([], ""), (["*"], "*"), (["*", "!restore"], ""), (["!restore"], ""), (["x"], "")],
)
def test_a_key_that_is_always_kept_is_kept_by_a_filter_only_where_one_does(filters, by):
    (decision,) = decisions(
        filters, [LAST_RESTORE_UID], always_kept=frozenset({LAST_RESTORE_UID, "another"})
    )
    assert decision == Decision(LAST_RESTORE_UID, kept=True, by=by)


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("*", ""),
        ("app", ""),
        ("!app*", ""),
        ("", ""),
        ("!", ""),
        (r"\pL{1000}", ""),
        (r"[\\C]", ""),
        (r"\\C", ""),
        (r"\Q\C\E", ""),
        (r"(?P<a>)\(?P<ä>", ""),
        ("[(?P<ä>]", ""),
        ("(?P<a>)(?P<a>)", ""),
        ("!*", "no argument for repetition operator: *"),
        ("[", "missing ]: ["),
        ("!(", "missing ): ("),
        ("(?=a)", "invalid perl operator: (?="),
        (r"a\C", r"invalid escape sequence: \C"),
        ("(?P<ä>a)", "invalid named capture: (?P<ä>"),
        ("(?<ä>a)", "invalid named capture: (?<ä>"),
        ("a{1001}", "invalid repetition size: {1001}"),
    ],
)
def test_what_go_does_not_compile_is_told_with_a_reason(pattern, reason):
    assert compile_error(pattern) == reason


def test_a_pattern_that_does_not_compile_writes_nothing_to_the_terminal(capfd):
    compile_error("(nothing is printed for this one")
    assert capfd.readouterr() == ("", "")


def test_text_that_utf_8_cannot_hold_is_read_as_go_reads_it():
    assert (matches("^\ud800$", "\ufffd"), matches("^\ufffd$", "\udfff")) == (True, True)
