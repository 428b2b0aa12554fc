"""Columns of text as ``kubectl describe`` and ``kubectl get`` align them."""

from kubectl_virt_clone.render.tables import Table, plain, underlined


def test_a_table_has_aligned_columns_two_spaces_apart_and_dashes_under_its_headers():
    rows = [("Progressing", "False", "Ready"), ("Ready", "True", "x")]
    assert underlined(("Type", "Status", "Reason"), rows) == [
        "Type         Status  Reason",
        "----         ------  ------",
        "Progressing  False   Ready",
        "Ready        True    x",
    ]


def test_a_cell_stays_text_whatever_it_looks_like():
    rows = [("1e3", "", "007"), ("nan", "-5", "1.50"), ("", "<none>", "")]
    assert underlined(("A", "B", "C"), rows) == [
        "A    B       C",
        "-    -       -",
        "1e3          007",
        "nan  -5      1.50",
        "     <none>",
    ]


def test_a_cell_is_one_line_without_control_characters():
    assert underlined(("A", "B"), [("one\ntwo", "\x1b[2J")]) == [
        "A         B",
        "-         -",
        "one\\ntwo  ^[[2J",
    ]


def test_columns_are_three_spaces_apart_and_six_wide_at_the_least():
    assert plain(("A", "LONGER"), [("1", "x"), ("2345", "\x1b")]) == [
        "A      LONGER",
        "1      x",
        "2345   ^[",
    ]
    assert Table(("A", "B", "C"), shown=False).lines([("1", "", "3")]) == ["1           3"]


def test_a_table_goes_on_in_the_columns_that_it_began_with():
    table = Table(("A", "B"))
    assert [table.lines(rows) for rows in ([("long", "x")], [("1", "2")], [("longer", "3")])] == [
        ["A      B", "long   x"],
        ["1      2"],
        ["longer   3"],
    ]


def test_a_wide_character_takes_two_columns():
    assert plain(("NAME", "B"), [("名前です", "x"), ("a", "y")]) == [
        "NAME       B",
        "名前です   x",
        "a          y",
    ]
