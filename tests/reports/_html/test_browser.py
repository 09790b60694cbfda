"""The HTML report in a real browser, where there is one: what it looks like, and what a click and a key do."""

from __future__ import annotations

import io
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from inference_bench.analysis.comparison import compare
from inference_bench.analysis.observations import Observations, Side
from inference_bench.plan import Case
from inference_bench.reports._figures.figure import Mark, Shape
from inference_bench.reports._figures.of_comparison import figures as effects
from inference_bench.reports._html_page import write_page
from inference_bench.reports._pages.comparison import page as comparison_page
from inference_bench.reports._pages.document import Cell, Column, Table
from inference_bench.spec import Setup
from tests.reports.html_parts import TABLE, chart, html, measured, page_of

AXE = Path(__file__).parents[3] / "web" / "node_modules" / "axe-core" / "axe.min.js"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    found = measured(tmp_path_factory.mktemp("out"))
    other = tuple(
        replace(r, case=replace(r.case, setup=replace(r.case.setup, dtype="bfloat16"))) for r in found.results
    )
    files = found.files | {b.case.id: found.files[a.case.id] for a, b in zip(found.results, other, strict=True)}
    return replace(found, results=(*found.results, *other), files=files)


@pytest.fixture(scope="module")
def text(run):
    return html(run)


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


@pytest.fixture
def opened(browser, tmp_path):
    contexts = []

    def open_page(text, **options):
        path = tmp_path / "report.html"
        path.write_text(text)
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        page.complaints, page.asked = [], []
        page.on("console", lambda message: page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on("dialog", lambda dialog: page.complaints.append(dialog.message))
        page.on("request", lambda request: page.asked.append(request.url))
        page.goto(path.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()


def drawn(page):
    """Scroll over the whole page, so that every chart is drawn, and return it at its top."""
    for drawing in page.locator(".drawing").all():
        drawing.scroll_into_view_if_needed()
        drawing.locator("svg:not(.static)").wait_for()
    page.evaluate("scrollTo(0, 0)")
    return page


def compared():
    def side(name, *medians):
        case = Case("tiny", "inference_speed", Setup(), {"input_length": 32})
        return Side(name, (Observations(case, "ttft", "", {("s", n): m for n, m in enumerate(medians)}),))

    found = [compare(side("before", *range(1000, 1010)), side("after", *range(1100, 1110)))]
    stream = io.StringIO()
    write_page(comparison_page(found, [()]), stream, effects(found))
    return stream.getvalue()


def test_it_opens_without_a_complaint_or_a_request(opened, text):
    page = drawn(opened(text))

    assert page.complaints == []
    assert len(page.asked) == 1
    assert page.locator("figure svg").first.bounding_box()["width"] > 300


def test_a_comparison_opens_without_a_complaint_or_a_request(opened):
    page = drawn(opened(compared()))

    assert page.complaints == []
    assert len(page.asked) == 1
    assert "SLOWER" in page.content()


def test_it_fits_a_phone_with_letters_that_can_be_read(opened, text):
    page = drawn(opened(text, viewport={"width": 390, "height": 800}))
    sizes = page.evaluate(
        "[...document.querySelectorAll('.drawing text')].map(t => parseFloat(getComputedStyle(t).fontSize))"
    )

    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert min(sizes) >= 11


def test_without_scripts_every_chart_is_there_and_its_letters_can_be_read_on_a_phone(opened, text):
    page = opened(text, java_script_enabled=False, viewport={"width": 390, "height": 800})
    drawings = page.locator(".drawing svg.static")
    boxes = [drawing.bounding_box() for drawing in drawings.all()]

    assert len(boxes) == text.count("<figure ")
    assert all(box["width"] >= 330 and box["height"] > 50 for box in boxes)  # of 360, with letters of 12


def test_nothing_is_blank_before_it_is_seen(opened, text):
    page = opened(text, viewport={"width": 1280, "height": 600})
    last = page.locator(".drawing").last

    assert last.locator("svg").bounding_box()["height"] > 50
    assert (
        page.evaluate("getComputedStyle(document.querySelector('section:last-of-type')).contentVisibility") == "visible"
    )


def test_dark_mode_is_dark_and_has_lighter_marks(opened, text):
    def look(scheme):
        page = drawn(opened(text, color_scheme=scheme))
        back = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0]")
        bar = page.evaluate(
            "getComputedStyle(document.querySelector('.drawing svg:not(.static) [aria-label=rect] *')).fill"
        )
        return int(back), bar

    (dark, dark_bar), (light, light_bar) = look("dark"), look("light")
    assert dark < 60 < light
    assert dark_bar != light_bar


def test_a_mark_says_figure_interval_n_and_case_and_selects_its_rows(opened, text):
    page = opened(text, viewport={"width": 1280, "height": 900})
    drawing = page.locator("figure", has_text="Prefill tokens/s").locator(".drawing")
    drawing.scroll_into_view_if_needed()
    box = drawing.locator("svg:not(.static) [aria-label=rect] *").first.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    tip = drawing.locator(".tip").inner_text()

    assert re.search(r"float32: prefill [\d,.e+]+ tokens/s", tip)
    assert re.search(r"n = [\d,]+ samples", tip)
    assert "inference speed, 16 tokens" in tip

    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    rows = page.locator("#cases tr[data-case]")
    shown = page.locator("#cases tr[data-case]:visible")
    assert 0 < shown.count() < rows.count()
    assert len({row.get_attribute("data-case") for row in shown.all()}) == 1
    assert "float32: prefill" in page.locator("#chip").inner_text()

    page.locator("#chip button").click()
    assert page.locator("#cases tr[data-case][hidden]").count() == 0
    assert not page.locator("#chip").is_visible()


def test_marks_can_be_reached_by_keyboard(opened, text):
    page = opened(text)
    drawing = page.locator(".drawing").first
    drawing.focus()
    drawing.locator("svg:not(.static)").wait_for()
    page.keyboard.press("ArrowRight")
    first = drawing.get_attribute("aria-label")
    page.keyboard.press("ArrowRight")

    assert "n = " in first
    assert drawing.get_attribute("aria-label") != first
    assert drawing.locator(".tip").is_visible()
    page.keyboard.press("Enter")
    assert page.locator("#chip").is_visible()
    page.keyboard.press("Escape")
    assert not page.locator("#chip").is_visible()


def test_a_name_in_a_legend_selects_its_cases(opened, text):
    page = opened(text)
    page.locator(".legend button", has_text="bfloat16").first.click()

    assert 0 < page.locator("#cases tr[data-case]:visible").count() < page.locator("#cases tr[data-case]").count()
    assert "bfloat16" in page.locator("#chip").inner_text()


def texts_of(page):
    """Return each text of each drawing: its words, and its place within the drawing as shares of that."""
    return page.evaluate(
        """() => [...document.querySelectorAll("figure .drawing > svg")].map((svg) => {
          const all = svg.getBoundingClientRect();
          return [...svg.querySelectorAll("text")].filter((text) => text.textContent.trim()).map((text) => {
            const own = text.getBoundingClientRect();
            const across = [own.left, own.right].map((x) => (x - all.left) / all.width);
            const down = [own.top, own.bottom].map((y) => (y - all.top) / all.height);
            return [text.textContent.trim(), ...across, ...down];
          });
        })"""
    )


@pytest.mark.parametrize("scripts", [True, False])
@pytest.mark.parametrize("shape", [Shape.LINE, Shape.BARS, Shape.POINTS])
def test_no_text_of_a_drawing_is_cut_off(opened, shape, scripts):
    names = tuple(f"a model with a name of its own, number {number}, dtype bfloat16" for number in range(5))
    page = opened(
        page_of(TABLE, chart(shape, names[:2], () if shape is Shape.LINE else names)), java_script_enabled=scripts
    )
    if scripts:
        drawn(page)
    (texts,) = texts_of(page)

    assert len(texts) > 7
    cut = [text for text in texts if min(text[1:]) < -0.02 or max(text[1:]) > 1.02]
    assert cut == []


def test_marks_close_to_each_other_are_all_readable(opened):
    marks = (Mark(1.0, "load", 9.0), Mark(9.0, "prefill", 9.1), Mark(9.1, "decode", 9.4))
    page = drawn(opened(page_of(TABLE, chart(marks=marks))))
    boxes = {words: box for words, *box in texts_of(page)[0]}
    (_, right, top, _), (left, _, _, bottom) = boxes["prefill"], boxes["decode"]

    assert left >= right or bottom <= top + 0.02


def test_columns_sort_by_keyboard_up_down_and_back(opened, text):
    page = opened(text)
    page.locator("#cases summary").first.click()
    table = page.locator("#cases table").first
    heading = table.locator("th", has_text="median")
    place = heading.evaluate("cell => cell.cellIndex")

    def column():
        script = "(table, place) => [...table.querySelectorAll('tbody tr')].map(row => row.cells[place].textContent)"
        return table.evaluate(script, place)

    measured_order = column()
    heading.locator("button").focus()
    orders = []
    for _ in range(3):
        page.keyboard.press("Enter")
        orders.append((heading.get_attribute("aria-sort"), column()))

    def figures_of(cells):
        return [float(cell.replace(",", "")) for cell in cells if re.fullmatch(r"[\d,.]+", cell)]

    assert [order for order, _ in orders] == ["ascending", "descending", None]
    assert figures_of(orders[0][1]) == sorted(figures_of(measured_order))
    assert figures_of(orders[1][1]) == sorted(figures_of(measured_order), reverse=True)
    assert orders[2][1] == measured_order


def test_what_is_no_figure_stands_last_in_either_order(opened):
    rows = tuple((Cell(text),) for text in ("–", "900 ms", "1.2 s", "–", "1,000 ms"))
    page = opened(page_of(Table("t", (Column("c", numeric=True),), (rows,))))
    orders = []
    for _ in range(2):
        page.locator("th button").click()
        orders.append(page.locator("tbody td").all_inner_texts())

    assert orders == [["900 ms", "1,000 ms", "1.2 s", "–", "–"], ["1.2 s", "1,000 ms", "900 ms", "–", "–"]]


def test_ten_thousand_cases_are_still_a_page(opened, run):
    first = next(result for result in run.results if result.case.benchmark == "inference_speed")
    one = replace(first, summaries=first.summaries[:1])
    many = tuple(
        replace(one, case=replace(one.case, parameters={**one.case.parameters, "input_length": number}))
        for number in range(10_000)
    )
    page = opened(html(replace(run, results=many, files={})))

    assert page.complaints == []
    rows = page.locator("#cases tbody tr")
    assert rows.count() == 1000
    heading = page.locator("#cases th").first
    for first, order in (("0", "ascending"), ("9999", "descending")):
        heading.locator("button").click()
        page.locator(f"#cases th[aria-sort={order}]").wait_for()
        assert rows.first.locator("td").first.inner_text() == first
    assert rows.count() == 10_000


def test_the_packed_rows_of_a_long_table_are_shown_when_they_are_asked_for(opened):
    rows = tuple(((Cell(f"case {number} & more"),),) for number in range(2500))
    page = opened(page_of(Table("t", (Column("c"),), rows)))
    page.get_by_role("button", name="Show all 2,500 rows").click()
    page.locator("#cases tbody tr").nth(2499).wait_for()

    assert page.locator("#cases tbody td").last.inner_text() == "case 2499 & more"
    assert page.complaints == []
    unscripted = opened(page_of(Table("t", (Column("c"),), rows)), java_script_enabled=False)
    assert unscripted.get_by_text("2,500 rows in all").is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(opened, text, scheme):
    if not AXE.is_file():
        pytest.skip("axe-core is not installed (npm ci in web/)")
    page = drawn(opened(text, color_scheme=scheme, bypass_csp=True))
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']}).then(found => found.violations)")

    assert [
        (each["id"], each["impact"], each["nodes"][0]["html"])
        for each in found
        if each["impact"] in ("serious", "critical")
    ] == []
