from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_bench.text import one_line, spreadsheet_text, without_secret_words


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


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["--token", "abc", "--api-key=abc"], ["--token", "(set)", "--api-key=(set)"]),
        (["--token", "--quiet"], ["--token", "--quiet"]),
        (["env:A=1,env:HF_TOKEN=abc,threads=2"], ["env:A=1,env:HF_TOKEN=(set),threads=2"]),
        (['env:SECRET="a,b",threads=2'], ["env:SECRET=(set)"]),
        (
            ["-H", "Authorization: Bearer abcdefgh", "X-Api-Key: a b"],
            ["-H", "Authorization: (set)", "X-Api-Key: (set)"],
        ),
        (["https://me:pass@example.org/x"], ["https://(set)@example.org/x"]),
        (["hf_abcdefghijklmnop", "x/ghp_abcdefghijklmnop"], ["(set)", "x/(set)"]),
        (["Zm9vYmFyMTIzNDU2Nzg5MDEyMzQ1Njc4OTA"], ["(set)"]),
        (["x" * 2000], ["x" * 999 + "…"]),
    ],
)
def test_a_command_line_is_shown_without_secrets(words, shown):
    assert without_secret_words(words) == shown


def test_what_is_no_secret_of_a_command_line_stays():
    words = ["run", "--new-tokens", "32,64", "-a", "new_tokens=1..64", "--input-lengths=8", "dtype=bfloat16,threads=2"]
    words += ["revision=0123456789abcdef0123456789abcdef01234567", "models/my_model/model.py", "--tag", "pull=123"]
    assert without_secret_words(words) == words
