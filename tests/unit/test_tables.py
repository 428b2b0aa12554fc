"""Columns of text as ``kubectl describe`` aligns them."""

from kubectl_virt_clone.render.tables import underlined


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
