"""The HTML report: what it says and hides without a browser, and how it behaves in a real one where there is one."""

from __future__ import annotations

import asyncio
import io
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from inference_bench.analysis.comparison import compare
from inference_bench.analysis.observations import Observations, Side
from inference_bench.orchestration.run import run_benchmarks
from inference_bench.plan import Case
from inference_bench.reports._figures.figure import Figure, Mark, Series
from inference_bench.reports._figures.of_comparison import figures as effects
from inference_bench.reports._figures.of_run import _extremes, figures
from inference_bench.reports._figures.svg import draw
from inference_bench.reports._pages.comparison import page as comparison_page
from inference_bench.reports._pages.document import Block, Cell, Column, Page, Table
from inference_bench.reports._report import open_report
from inference_bench.reports.html import write_page
from inference_bench.spec import Limits, Setup, Spec
from inference_bench.units import NS_PER_S

HOSTILE = "</script><script>alert(1)</script>\"'><img src=x onerror=alert(2)> $x_{1}$ & \x1b[31m"

np = pytest.importorskip("numpy")
pytest.importorskip("matplotlib")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    request = Spec(
        ("null",),
        ("inference_speed", "batch_processing", "memory_usage", "model_loading_time"),
        axes={"input_length": (16, 64), "new_tokens": (4,), "batch_size": (1, 2, 4)},
        limits=Limits(budget_ns=NS_PER_S // 20),
    )
    return asyncio.run(run_benchmarks(request, output=tmp_path_factory.mktemp("out"))).run


def html(run):
    stream = io.StringIO()
    open_report("html").render(run, stream)
    return stream.getvalue()


@pytest.fixture(scope="module")
def text(run):
    return html(run)


class _Outline(HTMLParser):
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
    parser = _Outline()
    parser.feed(text)
    assert parser.open == []
    return parser


def test_the_page_is_whole_and_asks_for_nothing(text):
    found = outline(text)

    assert found.count["main"] == found.count["h1"] == 1
    assert found.count["svg"] >= 6
    links = [value for tag, name, value in found.attributes if name in ("src", "href", "xlink:href", "action")]
    assert all(value.startswith("#") for value in links)
    assert "default-src 'none'" in text
    assert not re.search(r"url\((?!['\"]?#)", text)
    assert len(text) < 3_000_000


def test_every_id_is_used_once_and_every_reference_leads_somewhere(text):
    found = outline(text)
    ids = [value for _, name, value in found.attributes if name == "id"]
    wanted = {value[1:] for _, name, value in found.attributes if name in ("href", "xlink:href")}
    wanted |= {value for _, name, value in found.attributes if name == "aria-labelledby"}
    wanted |= set(re.findall(r"url\(#([^)]+)\)", text))

    assert len(ids) == len(set(ids))
    assert wanted <= set(ids)


def test_every_drawing_has_its_numbers_in_a_table(text):
    assert text.count("<figure ") == text.count("<summary>The numbers</summary>") == text.count('role="img"')


def test_each_kind_of_drawing_is_there(run):
    titles = " | ".join(figure.title for figure in figures(run))

    for part in ("TTFT against input length", "Throughput against batch size", "Distribution of TTFT"):
        assert part in titles
    for part in ("Memory over time", "Where loading time goes"):
        assert part in titles


def test_drawn_numbers_are_those_of_the_summaries(run):
    figure = next(figure for figure in figures(run) if figure.title == "TTFT against input length")
    expected = {
        r.case.parameters["input_length"]: s.headline
        for r in run.results
        for s in r.summaries
        if r.case.benchmark == "inference_speed" and s.metric == "ttft"
    }
    (series,) = figure.series

    assert dict(zip(series.x, series.y, strict=True)) == {x: e.value / 1e6 for x, e in expected.items()}
    # On a busy machine the samples may be worth too few independent ones for an end; the drawing then has none.
    ends = {x: (e.value if e.low is None else e.low) / 1e6 for x, e in expected.items()}
    assert dict(zip(series.x, series.low, strict=True)) == ends


def test_thinning_a_curve_hides_no_peak():
    values = np.zeros(100_000)
    values[12_345], values[77_777] = 9.0, -3.0
    kept = _extremes(values)

    assert len(kept) <= 800
    assert {12_345, 77_777} <= set(kept.tolist())


def test_memory_has_a_row_a_phase_and_the_time_outside_of_any_is_not_the_phases_before(run):
    figure = next(figure for figure in figures(run) if figure.title.startswith("Memory over time"))
    phases = [row[0].text for rows in figure.data.sections for row in rows]

    assert len(phases) == len(set(phases))
    assert "load" in phases
    assert "" not in phases


def test_what_is_left_out_of_a_drawing_is_said(run):
    first = next(r for r in run.results if r.case.parameters.get("input_length") == 16)
    last = next(r for r in run.results if r.case.parameters.get("input_length") == 64)
    many = [replace(r, case=replace(r.case, model=f"m{place}")) for place in range(10) for r in (first, last)]
    figure = next(f for f in figures(replace(run, results=tuple(many), files={})) if f.title.startswith("TTFT"))

    assert [series.name for series in figure.series] == [f"m{place}" for place in range(8)]
    assert figure.note == "Not drawn: 2 more."


def test_a_model_looks_the_same_in_each_drawing_of_a_kind(run):
    short, long = (next(r for r in run.results if r.case.parameters.get("input_length") == x) for x in (16, 64))
    models = {"a": ("ttft",), "b": ("ttft", "tpot"), "c": ("tpot",)}
    results = tuple(
        replace(r, case=replace(r.case, model=m), summaries=tuple(s for s in r.summaries if s.metric in metrics))
        for m, metrics in models.items()
        for r in (short, long)
    )
    found = [f for f in figures(replace(run, results=results, files={})) if f.title.endswith("against input length")]

    assert [[(s.name, s.look) for s in figure.series] for figure in found] == [
        [("a", 0), ("b", 1)],
        [("b", 1), ("c", 2)],
    ]


def test_the_links_lead_through_the_page_in_its_order_and_say_what_tells_parts_apart(run):
    other = tuple(replace(r, case=replace(r.case, setup=replace(r.case.setup, dtype="bfloat16"))) for r in run.results)
    text = html(replace(run, results=(*run.results, *other), files={}))
    found = outline(text)
    links = [value[1:] for tag, name, value in found.attributes if (tag, name) == ("a", "href")]
    parts = [value for tag, name, value in found.attributes if (tag, name) == ("section", "id")]

    assert links == parts
    assert parts[:5] == ["trust", "part-3", "charts", "part-1", "part-2"]
    assert '<a href="#part-1">Null · float32</a>' in text
    assert '<a href="#part-2">Null · bfloat16</a>' in text


def test_hostile_names_are_text(run):
    hostile = tuple(
        replace(
            result,
            case=replace(result.case, model=HOSTILE),
            model={**result.model, "title": HOSTILE},
            notes=(*result.notes, HOSTILE),
        )
        for result in run.results
    )
    cases = tuple({**entry, "slug": HOSTILE} for entry in run.record.cases)
    files = {r.case.id: run.files[old.case.id] for r, old in zip(hostile, run.results, strict=True)}
    text = html(replace(run, results=hostile, record=replace(run.record, cases=cases, id=HOSTILE), files=files))
    found = outline(text)

    assert found.count["script"] == 1
    assert "img" not in found.count
    assert not [name for _, name, _ in found.attributes if name.startswith("on")]
    assert "\x1b" not in text


def test_a_missing_file_costs_its_drawing_only(run, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(run.folder, folder)
    shutil.rmtree(folder / "samples")
    from inference_bench.results.run import load_run

    titles = [figure.title for figure in figures(load_run(folder))]
    assert not any("Distribution" in title for title in titles)
    assert any("Memory over time" in title for title in titles)


@pytest.mark.parametrize("kind", ["line", "step", "bars", "dots", "effects"])
def test_a_drawing_takes_the_pages_colour_and_keeps_its_text(kind):
    x = ("one", "two") if kind in ("bars", "dots", "effects") else (1.0, 2.0)
    series = [Series(name, x, (0.1, 0.2), (0.1, 0.1), (0.2, 0.3)) for name in ("a & b", "c")]
    table = Table("t", (Column("c"),), (((Cell("v"),),),))
    svg = draw(Figure("title", kind, "x [s]", "y", series, table, [Mark(1.0, "here")], log_x=kind == "line"))

    assert svg.startswith("<svg") and svg.rstrip().endswith("</svg>")
    assert "currentColor" in svg
    assert "x [s]" in svg
    assert not re.search(r'<svg[^>]* width="', svg)
    assert svg == draw(Figure("title", kind, "x [s]", "y", series, table, [Mark(1.0, "here")], log_x=kind == "line"))


def test_the_environment_and_what_measuring_costs_are_on_the_page(run, text):
    section = text[text.index('<section id="environment">') :]

    for caption in ("Overhead of the harness", "Clock", "Machine and software"):
        assert f"<caption>{caption}" in section
    assert str(run.record.environment["cpu"]["model"]) in section
    assert str(run.record.clock["source"]) in section


def side(name, *medians, tag="ttft"):
    case = Case("tiny", "inference_speed", Setup(), {"input_length": 32})
    values = {("s", number): median for number, median in enumerate(medians)}
    return Side(name, (Observations(case, tag, "", values),))


SLOWER = compare(side("before", *range(1000, 1010)), side(f"after {HOSTILE}", *range(1100, 1110)))


def compared(*found):
    stream = io.StringIO()
    write_page(comparison_page(found, [()] * len(found)), stream, effects(found))
    return stream.getvalue()


def test_a_comparison_draws_each_change_with_its_interval_against_the_margin():
    (figure,) = effects([SLOWER])
    (row,) = SLOWER.rows
    change, margin = figure.series

    assert change.y == (pytest.approx(100 * row.change),)
    assert (change.low, change.high) == ((pytest.approx(100 * row.low),), (pytest.approx(100 * row.high),))
    assert margin.y == (pytest.approx(1.0),)
    assert "SLOWER" in [cell.text for section in figure.data.sections for cells in section for cell in cells]
    assert outline(compared(SLOWER, SLOWER)).count["svg"] == 2


def test_a_change_against_the_sign_of_the_medians_is_explained():
    before, after = [100, 100, 544, 545, 546], [98, 99, 549, 100, 1000]  # medians 544 and 100, and most pairs rise
    pairs = compare(side("a", *map(float, before)), side("b", *map(float, [101, 102, 100, 549, 550])), paired=True)
    same = compare(side("a", *map(float, before)), side("b", *map(float, after)), paired=True)

    for found in (pairs, same):
        (row,) = found.rows
        differs = row.change * (row.values[1] - row.values[0]) < 0
        assert ("another sign than the difference" in compared(found)) == differs
    assert pairs.rows[0].change > 0 > pairs.rows[0].values[1] - pairs.rows[0].values[0]


def test_what_has_no_interval_is_not_drawn():
    assert effects([compare(side("a", 1000), side("b", 1100))]) == []


def test_what_has_no_ratio_is_drawn_in_its_unit():
    (figure,) = effects([compare(side("a", *[-1e6, 0.0, 1e6] * 3), side("b", *[1e6, 2e6, 3e6] * 3))])

    assert figure.x_label == "change of B against A, ms"
    assert figure.series[0].y == (pytest.approx(2.0),)


# In a browser


def test_a_comparison_opens_without_a_complaint_or_a_request(browser, tmp_path):
    page = opened(browser, compared(SLOWER), tmp_path)

    assert page.complaints == []
    assert len(page.asked) == 1
    assert page.locator("svg").bounding_box()["width"] > 100
    assert "SLOWER" in page.content()
    page.close()


@pytest.fixture(scope="module")
def browser(run):  # the run first: none can begin once the browser's event loop is there
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no Chromium is installed (apt install chromium)")
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield started
        started.close()


def opened(browser, text, folder, **options):
    path = folder / "report.html"
    path.write_text(text)
    page = browser.new_page(**options)
    page.complaints, page.asked = [], []
    page.on("console", lambda message: page.complaints.append(message.text))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("dialog", lambda dialog: page.complaints.append(dialog.message))
    page.on("request", lambda request: page.asked.append(request.url))
    page.goto(path.as_uri())
    return page


def test_it_opens_without_a_complaint_or_a_request(browser, text, tmp_path):
    page = opened(browser, text, tmp_path)

    assert page.complaints == []
    assert len(page.asked) == 1
    assert page.locator("figure svg").first.bounding_box()["width"] > 300


def test_it_fits_a_phone(browser, text, tmp_path):
    page = opened(browser, text, tmp_path, viewport={"width": 390, "height": 800})

    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_dark_mode_is_dark(browser, text, tmp_path):
    page = opened(browser, text, tmp_path, color_scheme="dark")
    red = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0]")

    assert int(red) < 60


def page_of(table, *drawings):
    stream = io.StringIO()
    write_page(Page((Cell("title"),), (Block(Cell("block"), (), (table,)),), (), ""), stream, drawings)
    return stream.getvalue()


def texts_of(page):
    """Return each text of each drawing: its words, and its place within the drawing as shares of that."""
    return page.evaluate(
        """() => [...document.querySelectorAll("figure svg")].map((svg) => {
          const all = svg.getBoundingClientRect();
          return [...svg.querySelectorAll("text")].map((text) => {
            const own = text.getBoundingClientRect();
            const across = [own.left, own.right].map((x) => (x - all.left) / all.width);
            const down = [own.top, own.bottom].map((y) => (y - all.top) / all.height);
            return [text.textContent.trim(), ...across, ...down];
          });
        })"""
    )


@pytest.mark.parametrize("kind", ["line", "bars", "effects"])
def test_no_text_of_a_drawing_is_cut_off(browser, tmp_path, kind):
    names = [f"a model with a name of its own, number {number}, dtype bfloat16" for number in range(5)]
    x = tuple(names) if kind != "line" else (1.0, 2.0, 4.0, 8.0, 16.0)
    one = (100.0, 200.0, 300.0, 400.0, 20_000.0)
    series = [Series(name, x, one, one, one) for name in (names[:2] if kind == "effects" else names)]
    table = Table("t", (Column("c"),), (((Cell("v"),),),))
    figure = Figure("title", kind, "x [s]", "y", series, table, log_x=kind == "line")
    page = opened(browser, page_of(figure.data, figure), tmp_path)
    (texts,) = texts_of(page)

    assert len(texts) > 10
    cut = [text for text in texts if min(text[1:]) < -0.01 or max(text[1:]) > 1.01]
    assert cut == []
    page.close()


def test_marks_close_to_each_other_are_all_readable(browser, tmp_path):
    marks = [Mark(1.0, "load", 9.0), Mark(9.0, "prefill", 9.1), Mark(9.1, "decode", 9.4)]
    table = Table("t", (Column("c"),), (((Cell("v"),),),))
    figure = Figure("title", "line", "x [s]", "y", [Series("s", (0.0, 20.0), (1.0, 2.0))], table, marks)
    page = opened(browser, page_of(figure.data, figure), tmp_path)
    boxes = {words: box for words, *box in texts_of(page)[0]}
    (_, right, top, _), (left, _, _, bottom) = boxes["prefill"], boxes["decode"]

    assert left >= right or bottom <= top + 0.01
    page.close()


def test_columns_sort_by_keyboard_up_down_and_back(browser, text, tmp_path):
    page = opened(browser, text, tmp_path)
    table = page.locator("section[id^=part] table").first
    heading = table.locator("th", has_text="median")
    place = heading.evaluate("cell => cell.cellIndex")

    def column():
        script = "(table, place) => [...table.querySelectorAll('tbody tr')].map(row => row.cells[place].textContent)"
        return table.evaluate(script, place)

    measured = column()
    heading.locator("button").focus()
    orders = []
    for _ in range(3):
        page.keyboard.press("Enter")
        orders.append((heading.get_attribute("aria-sort"), column()))

    def figures_of(cells):
        return [float(cell.replace(",", "")) for cell in cells if re.fullmatch(r"[\d,.]+", cell)]

    assert [order for order, _ in orders] == ["ascending", "descending", None]
    assert figures_of(orders[0][1]) == sorted(figures_of(measured))
    assert figures_of(orders[1][1]) == sorted(figures_of(measured), reverse=True)
    assert orders[2][1] == measured


def test_what_is_no_figure_stands_last_in_either_order(browser, tmp_path):
    rows = tuple((Cell(text),) for text in ("–", "900 ms", "1.2 s", "–", "1,000 ms"))
    page = opened(browser, page_of(Table("t", (Column("c", numeric=True),), (rows,))), tmp_path)
    orders = []
    for _ in range(2):
        page.locator("th button").click()
        orders.append(page.locator("tbody td").all_inner_texts())

    assert orders == [["900 ms", "1,000 ms", "1.2 s", "–", "–"], ["1.2 s", "1,000 ms", "900 ms", "–", "–"]]
    page.close()


def test_ten_thousand_cases_are_still_a_page(browser, run, tmp_path):
    first = next(result for result in run.results if result.case.benchmark == "inference_speed")
    one = replace(first, summaries=first.summaries[:1])
    many = tuple(
        replace(one, case=replace(one.case, parameters={**one.case.parameters, "input_length": number}))
        for number in range(10_000)
    )
    page = opened(browser, html(replace(run, results=many, files={})), tmp_path)

    assert page.complaints == []
    assert page.locator("section[id^=part] tbody tr").count() >= 10_000
    rows = page.locator("section[id^=part] tbody tr:visible")
    assert rows.count() < 1000
    heading = page.locator("section[id^=part] th button").first
    for first in ("0", "9999"):
        heading.click()
        assert rows.first.locator("td").first.inner_text() == first
    page.get_by_role("button", name="Show all 10,000 rows").first.click()
    assert rows.count() == 10_000
