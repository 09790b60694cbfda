from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from inference_bench.text import one_line, spreadsheet_text


@given(st.text())
def test_one_line_is_harmless(text):
    assert one_line(text).isprintable()


def test_one_line_removes_terminal_escapes():
    assert one_line("a\x1b[31;1mred\x1b[0m\nb\u202ec") == "ared b c"


@given(st.text())
def test_no_cell_of_a_spreadsheet_is_a_formula(text):
    cell = spreadsheet_text(text)

    assert not cell.startswith(("=", "+", "-", "@"))
    assert cell.removeprefix("'") == one_line(text) or cell == one_line(text)
    assert cell == "" or cell.isprintable()
