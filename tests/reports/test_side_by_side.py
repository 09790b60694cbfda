"""Set-ups side by side in each format: names of rows, no sorting, nothing that becomes markup."""

from __future__ import annotations

import re

import pytest

from inference_bench.result import BenchmarkResult, Status
from tests.report_parts import case, render, summary

HOSTILE = ["<script>alert(1)</script>", "[red]", "a|b", "*a*", "\x1b[2J", "a\nb", "[1, 2]", "`x`"]


def pair(*models):
    return [
        BenchmarkResult(case(128, model=name, dtype=dtype), Status.OK, (summary("ttft", median=median),))
        for name, dtype, median in zip(models, ("float32", "bfloat16"), (20e6, 10e6), strict=True)
    ]


def test_markdown_puts_the_lines_of_a_cell_below_each_other():
    names, figures, change = "**TTFT, 128 tokens**<br>ms, median", "10.00 [9.95, 10.05]", "better ×0.500 [0.496, 0.504]"

    assert f"| {names} | 20.00 [19.90, 20.10] | {figures}<br>{change} |" in render("markdown", *pair("tiny", "tiny"))


def test_html_names_its_rows_and_sorts_none():
    text = render("html", *pair("tiny", "tiny"))
    (table,) = re.findall(r'<div class="[^"]*stacked.*?</table>', text, re.DOTALL)

    assert 'style="--figures: 2"' in table
    assert "<button" not in table
    assert re.findall(r'<th scope="col"[^>]*>([^<]+)</th>', table) == ["float32", "bfloat16"]
    assert re.search(r'<th scope="row"><span class="strong">TTFT, 128 tokens</span><small>', table)
    assert re.search(r'<small><span class="good">better ×0.50\d* <span class="interval">\[', table)


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("width", ["20", "80"])
def test_names_stay_text(monkeypatch, name, width):
    monkeypatch.setenv("COLUMNS", width)
    console, markdown = (render(each, *pair(name, f"{name}!")) for each in ("console", "markdown"))

    assert "\x1b" not in console + markdown
    assert "<" not in markdown.replace("<br>", "")
    rows = [line for line in markdown.partition("Side by side")[2].splitlines() if line.startswith("|")]
    assert len({len(re.findall(r"(?<!\\)\|", row)) for row in rows}) == 1
