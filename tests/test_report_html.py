"""The HTML report: what it says and hides without a browser, and how it behaves in a real one where there is one."""

from __future__ import annotations

import asyncio
import io
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from inference_bench.comparison import Observations, Side, compare
from inference_bench.orchestrator import run_benchmarks
from inference_bench.plan import Case
from inference_bench.report import open_report
from inference_bench.reports._comparison import page as comparison_page
from inference_bench.reports._drawing import draw
from inference_bench.reports._effects import figures as effects
from inference_bench.reports._figure import Figure, Mark, Series
from inference_bench.reports._figures import _extremes, figures
from inference_bench.reports._page import Cell, Column, Table
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
    assert dict(zip(series.x, series.low, strict=True)) == {x: e.low / 1e6 for x, e in expected.items()}


def test_thinning_a_curve_hides_no_peak():
    values = np.zeros(100_000)
    values[12_345], values[77_777] = 9.0, -3.0
    kept = _extremes(values)

    assert len(kept) <= 800
    assert {12_345, 77_777} <= set(kept.tolist())


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
    from inference_bench.run_folder import load_run

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


def test_what_has_no_interval_or_no_ratio_is_not_drawn():
    assert effects([compare(side("a", 1000), side("b", 1100))]) == []
    assert effects([compare(side("a", *[-1.0, 0.0, 1.0] * 3), side("b", *[1.0, 2.0, 3.0] * 3))]) == []


# In a browser


def test_a_comparison_opens_without_a_complaint_or_a_request(browser, tmp_path):
    page = opened(browser, compared(SLOWER), tmp_path)

    assert page.complaints == []
    assert len(page.asked) == 1
    assert page.locator("svg").bounding_box()["width"] > 100
    assert "SLOWER" in page.content()
    page.close()


@pytest.fixture(scope="module")
def browser():
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
    page.locator("section[id^=part] th button").first.click()
    assert page.locator("th[aria-sort=ascending]").count() == 1
