"""Which clones a verb is about, and what can't stand together."""

import click
import pytest

from kubectl_virt_clone.cli.flags import Verb
from kubectl_virt_clone.cli.flags_selection import selection_options
from kubectl_virt_clone.cli.main import run
from kubectl_virt_clone.errors import InvalidValue
from kubectl_virt_clone.objects.resource import Selection

NAMED = "name cannot be provided when a selector is specified"
ALL = "setting 'all' parameter but found a non empty selector"
FAR = "a resource cannot be retrieved by name across all namespaces"


@pytest.mark.parametrize(
    ("given", "refusal"),
    [
        ({"names": ("a",), "label_selector": "x"}, NAMED),
        ({"names": ("a",), "field_selector": "x"}, NAMED),
        ({"names": ("a",), "everything": True}, NAMED),
        ({"everything": True, "label_selector": "x"}, ALL),
        ({"everything": True, "field_selector": "x"}, ALL),
        ({"names": ("a",), "all_namespaces": True}, FAR),
    ],
)
def test_what_can_not_stand_together_is_refused_in_kubectls_words(given, refusal):
    with pytest.raises(InvalidValue) as error:
        Selection(**given)
    assert error.value.reason == refusal


def test_a_name_given_twice_is_one_object():
    selection = Selection(names=("b", "a", "b"))
    assert (selection.names, selection.distinct) == (("b", "a", "b"), ("b", "a"))


def test_a_selection_of_nothing_is_false():
    assert [bool(Selection(**given)) for given in GIVEN] == [False, False, True, True, True, True]


GIVEN = (
    {},
    {"all_namespaces": True},
    {"names": ("a",)},
    {"label_selector": "x"},
    {"field_selector": "x"},
    {"everything": True},
)


def test_selectors_become_the_query_and_all_namespaces_the_scope():
    selection = Selection(label_selector="a=b", field_selector="c=d", all_namespaces=True)
    assert (selection.query, selection.scope("vms"), Selection().scope("vms")) == (
        [("labelSelector", "a=b"), ("fieldSelector", "c=d")],
        "",
        "vms",
    )


def selected(*args, required=True, every=True, all_yields=False):
    """What a verb with these options gets, or the usage error."""
    found = []

    @click.command(cls=Verb)
    @selection_options(
        all_flag=every,
        field_selector=every,
        all_namespaces=every,
        required=required,
        all_yields=all_yields,
    )
    @click.option("--other", default=1)
    @click.pass_context
    def verb(ctx, selection, other):
        found.append((selection, other))

    verb.main(list(args), standalone_mode=False)
    return found[0]


def test_the_flags_become_one_selection():
    assert selected("a", "b", "--other=2") == (Selection(names=("a", "b")), 2)
    assert selected("-l", "x", "--field-selector=y", "-A")[0] == Selection(
        label_selector="x", field_selector="y", all_namespaces=True
    )
    assert selected("--all")[0] == Selection(everything=True)
    assert selected(required=False, every=False)[0] == Selection()


@pytest.mark.parametrize("args", [("a",), ("-l", "x"), ("--field-selector", "x")])
def test_all_beside_what_says_more_says_nothing_or_is_refused(args):
    assert selected(*args, "--all", all_yields=True) == selected(*args)
    with pytest.raises(click.UsageError):
        selected(*args, "--all")


@pytest.mark.parametrize(
    ("every", "ways"), [(True, " -l or --all"), (False, " -l")], ids=["all", "selector"]
)
def test_a_verb_that_needs_a_selection_says_how_to_make_one(every, ways):
    with pytest.raises(click.UsageError) as error:
        selected(every=every)
    assert error.value.message == f"nothing is selected: name clones, or select them with{ways}"


@pytest.mark.parametrize("flag", ["--all", "-A", "--field-selector=x"])
def test_a_flag_that_was_not_asked_for_is_not_there(flag):
    with pytest.raises(click.NoSuchOption):
        selected("-l", "x", flag, every=False)


def test_a_name_that_can_not_stand_in_a_url_is_wrong_usage(capsys):
    assert (run(["get", "a/b"]), capsys.readouterr().err.splitlines()[0]) == (
        2,
        "error: Invalid value for '[NAME...]': \"a/b\" can't be a name",
    )
