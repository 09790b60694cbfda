"""A run and pages for the tests of the HTML report."""

from __future__ import annotations

import asyncio
import io
from html.parser import HTMLParser

from inference_bench.orchestration.run import run_benchmarks
from inference_bench.reports._figures import axes
from inference_bench.reports._figures.figure import Figure, Point, Series, Shape
from inference_bench.reports._html_page import write_page
from inference_bench.reports._pages.document import Block, Cell, Column, Page, Table
from inference_bench.reports._report import open_report
from inference_bench.spec import Limits, Spec
from inference_bench.units import NS_PER_S

HOSTILE = "</script><script>alert(1)</script>\"'><img src=x onerror=alert(2)> $x_{1}$ & \x1b[31m"
TABLE = Table("t", (Column("c"),), (((Cell("v"),),),))


def measured(folder):
    """Return a short run of the null model that has data for most charts."""
    request = Spec(
        ("null",),
        ("inference_speed", "batch_processing", "memory_usage", "model_loading_time"),
        axes={"input_length": (16, 64), "new_tokens": (4,), "batch_size": (1, 2, 4)},
        limits=Limits(budget_ns=NS_PER_S // 20),
    )
    return asyncio.run(run_benchmarks(request, output=folder)).run


def html(run):
    stream = io.StringIO()
    open_report("html").render(run, stream)
    return stream.getvalue()


def page_of(table, *charts):
    stream = io.StringIO()
    write_page(Page((Cell("title"),), (Block(Cell("block"), (), (table,)),), (), ""), stream, charts)
    return stream.getvalue()


def chart(shape=Shape.LINE, names=("a & b", "c"), rows=(), title="title", marks=()):
    """Return a chart of any shape with one series per name, and with names of rows instead of a vertical axis."""
    places = range(len(rows)) if rows else (1.0, 2.0, 4.0, 8.0, 16.0)
    series = [
        Series(
            name,
            f"c{number}",
            shape,
            tuple(
                Point(10.0 * place + number, float(place), (10.0 * place, 10.0 * place + 5), text=f"{name} {place}")
                if rows
                else Point(place, 100 * place + number, y_ends=(90 * place, 120 * place), is_sure=place > 2, text="it")
                for place in places
            ),
        )
        for number, name in enumerate(names)
    ]
    values = [point.x for one in series for point in one.points]
    vertical = axes.names(rows) if rows else axes.numbers("y [ms]", [0.0, 2000.0])
    horizontal = axes.numbers("x [s]", values) if rows else axes.logarithmic("x [s]", values, values[:5])
    return Figure(title, horizontal, vertical, series, TABLE, marks)


class Outline(HTMLParser):
    """Counts elements, keeps attributes, and checks that what is opened is closed."""

    VOID = frozenset(("meta", "br", "img", "path", "use", "rect", "line", "circle", "polyline"))

    def __init__(self):
        super().__init__()
        self.open, self.count, self.attributes = [], {}, []

    def handle_starttag(self, tag, attrs):
        self.count[tag] = self.count.get(tag, 0) + 1
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag


def outline(text):
    parser = Outline()
    parser.feed(text)
    assert parser.open == []
    return parser
