"""The HTML report as text: what it has, in which order, and what it hides."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import replace
from importlib.resources import files

import pytest

from tests.reports.html_parts import HOSTILE, html, measured, outline


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return measured(tmp_path_factory.mktemp("out"))


@pytest.fixture(scope="module")
def text(run):
    return html(run)


def descriptions(text):
    (found,) = re.findall(r'<script type="application/json" id="descriptions">(.*?)</script>', text, re.S)
    return json.loads(found)


def test_the_page_is_whole_and_asks_for_nothing(text):
    found = outline(text)

    assert found.count["main"] == found.count["h1"] == 1
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

    assert len(ids) == len(set(ids))
    assert wanted <= set(ids)


def test_every_chart_has_a_drawing_without_scripts_its_numbers_and_its_description(text):
    count = text.count("<figure ")

    assert count >= 6
    assert count == text.count("<summary>The numbers</summary>") == text.count('role="img"')
    assert count == text.count('<svg class="static"') == len(descriptions(text))


def test_the_library_is_there_once_and_is_the_one_that_was_built(text):
    folder = files("inference_bench.reports._html").joinpath("plot")
    library = folder.joinpath("plot.min.js").read_text(encoding="utf-8")

    assert text.count(library) == 1
    assert hashlib.sha256(library.encode()).hexdigest() == folder.joinpath("plot.min.js.sha256").read_text().split()[0]
    assert "Observable" in library[:100]
    assert "ISC" in folder.joinpath("LICENSES.txt").read_text()
    assert "</script" not in library


def test_the_answer_comes_first_and_the_environment_last(run):
    other = tuple(replace(r, case=replace(r.case, setup=replace(r.case.setup, dtype="bfloat16"))) for r in run.results)
    text = html(replace(run, results=(*run.results, *other), files={}))
    found = outline(text)
    links = [value[1:] for tag, name, value in found.attributes if (tag, name) == ("a", "href")]
    parts = [value for tag, name, value in found.attributes if (tag, name) == ("section", "id")]

    assert parts == ["verdict", "overview", "charts", "cases", "trust", "environment"]
    assert links == parts[1:]


def test_rows_of_cases_and_marks_of_charts_bear_the_same_numbers(run, text):
    shown = {int(number) for number in re.findall(r'<tr data-case="(\d+)"', text[text.index('<section id="cases"') :])}
    marked = {case for f in descriptions(text) for s in f["series"] for p in s["points"] for case in p.get("cases", [])}

    assert marked
    assert marked <= shown
    assert len(shown) == len(run.results)


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
    of_files = {r.case.id: run.files[old.case.id] for r, old in zip(hostile, run.results, strict=True)}
    text = html(replace(run, results=hostile, record=replace(run.record, cases=cases, id=HOSTILE), files=of_files))
    found = outline(text)

    assert found.count["script"] == 4  # of tables, descriptions, library, of charts
    assert "img" not in found.count
    assert not [name for _, name, _ in found.attributes if name.startswith("on")]
    assert "\x1b" not in text
    assert any("alert(1)" in json.dumps(each) for each in descriptions(text))


def test_the_environment_and_what_measuring_costs_are_on_the_page(run, text):
    section = text[text.index('<section id="environment">') :]

    for caption in ("Overhead of the harness", "Clock", "Machine and software"):
        assert f"<caption>{caption}" in section
    assert str(run.record.environment["cpu"]["model"]) in section
    assert str(run.record.clock["source"]) in section
