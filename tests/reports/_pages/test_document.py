from __future__ import annotations

import io

import pytest

from inference_bench.reports._pages.document import Block, Cell, Column, Page, Table, Tile, Verdict
from inference_bench.reports._render import render

TABLE = Table("figures", (Column("metric"),), (((Cell("ttft"),),),))


@pytest.mark.parametrize("name", ["console", "markdown", "html"])
def test_the_verdict_stands_after_what_the_page_is_about_and_before_the_tables(name):
    verdict = Verdict((Cell("bfloat16 is faster"),), (Tile("decode", Cell("31.2 tokens/s")),))
    page = Page((Cell("Title"), Cell("two runs")), (Block(Cell("Block"), (), (TABLE,)),), (), "", verdict)
    stream = io.StringIO()
    render(page, name, stream)
    text = stream.getvalue()

    places = [text.index(words) for words in ("two runs", "bfloat16 is faster", "ttft")]
    assert places == sorted(places)


def test_a_table_without_some_columns_still_names_its_cases():
    table = Table("t", (Column("a"), Column("b")), (((Cell("1"), Cell("2")),),), ("case",))

    assert table.without([1]).cases == ("case",)
