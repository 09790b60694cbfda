"""What GitHub Actions gets: a step's summary within its limit, and annotations that nothing in a text can forge."""

from __future__ import annotations

import io
import os
import re
import sys

import pytest

from inference_bench import testing
from inference_bench.cli import main
from inference_bench.reports import _github_page as github
from inference_bench.reports._pages.document import Block, Cell, Column, Page, Remarks, Table, Tone, Verdict
from inference_bench.reports._report import open_report
from inference_bench.spec import Setup

HOSTILE = "@all ::error::x ##[group] #1 https://evil.example www.evil.example <img src=x> | **b** `c` </details>"


def table(rows: int, text: str = "x") -> Block:
    cells = tuple((Cell(text), Cell(str(row))) for row in range(rows))
    return Block(Cell("All figures"), (), (Table("Speed", (Column("a"), Column("b", numeric=True)), (cells,)),))


def page(*lines: Cell, blocks=(), remarks=(), verdict=None, overview=None) -> Page:
    return Page(lines, tuple(blocks), tuple(remarks), "legend", verdict, overview)


@pytest.fixture
def actions(monkeypatch, tmp_path):
    """Return the file of the step's summary, in the environment of a workflow."""
    path = tmp_path / "summary.md"
    path.touch()
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", os.fspath(path))
    return path


@pytest.fixture(autouse=True)
def _no_workflow(monkeypatch):
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)


def test_the_answer_comes_first_then_the_set_ups_and_the_rest_is_folded():
    content = page(
        Cell("Run 1", Tone.QUIET),
        blocks=[table(100)],
        remarks=[Remarks("Reliability", (Cell("known"),)), Remarks("Failed", (Cell("it broke", Tone.ALARM),))],
        verdict=Verdict((Cell("bfloat16 is faster", Tone.GOOD),)),
        overview=Block(Cell("Side by side"), (), ()),
    )

    text = github.markdown(content)
    order = [
        "✅ **bfloat16 is faster**",
        "Run 1",
        "## Side by side",
        "#### Failed",
        "❌ it broke",
        "All figures",
        "Reliability",
    ]

    places = [text.index(each) for each in order]
    assert places == sorted(places)
    assert text.count("<details>") == text.count("</details>") == 3
    assert "<details><summary>All figures</summary>\n\n" in text  # without the empty line GitHub shows no Markdown


def test_a_short_table_stands_open():
    assert "<details open><summary>All figures" in github.markdown(page(Cell("a"), blocks=[table(5)]))


def test_nothing_in_a_text_becomes_a_mention_a_link_markup_or_a_command():
    content = page(
        Cell(HOSTILE),
        Cell("::set-output name=x::y"),
        blocks=[Block(Cell(HOSTILE), (Cell(HOSTILE),), table(3, HOSTILE).tables)],
        remarks=[Remarks(HOSTILE, (Cell(HOSTILE),))],
    )

    text = github.markdown(content)

    assert not re.search(r"@all|#1\b|https://|www\.|<img|##\[|^\s*::", text, re.MULTILINE)
    assert text.count("</details>") == text.count("<details")
    assert all(line.count(" | ") == 1 for line in text.splitlines() if line.startswith("| @"))


def test_a_summary_fits_into_what_github_takes_and_says_what_it_left_out():
    content = page(
        Cell("answer", Tone.ALARM), blocks=[table(120_000), table(10)], remarks=[Remarks("Known", (Cell("é"),))]
    )

    text = github.markdown(content)

    assert len(text.encode()) <= github.MOST_BYTES
    assert "❌ **answer**" in text and "Known" in text
    assert "1 part left out" in text


def test_the_summary_is_appended_and_only_annotations_are_printed(actions, capsys):
    actions.write_text("before\n")

    github.write_page(page(Cell("slower", Tone.ALARM)), sys.stdout)

    assert actions.read_text().startswith("before\n❌ **slower**")
    assert capsys.readouterr().out == "::error title=inference_bench::slower\n"


def test_what_others_have_written_to_the_summary_counts(actions):
    actions.write_bytes(b"x" * (github.MOST_BYTES - 2_000))

    github.write_page(page(Cell("answer"), blocks=[table(5_000)]), sys.stdout)

    assert actions.stat().st_size <= github.MOST_BYTES
    assert "answer" in actions.read_text()[-2_000:]


def test_a_stream_that_is_a_file_gets_the_text_alone(actions):
    stream = io.StringIO()

    github.write_page(page(Cell("slower", Tone.ALARM)), stream)

    assert stream.getvalue().startswith("❌ **slower**")
    assert "::error" not in stream.getvalue()
    assert actions.read_text() == ""


def test_outside_of_a_workflow_the_text_goes_to_standard_output(capsys):
    github.write_page(page(Cell("slower", Tone.ALARM)), sys.stdout)

    said = capsys.readouterr().out
    assert said.startswith("❌ **slower**") and "::" not in said


def test_a_summary_that_cannot_be_written_is_one_line(actions, monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", os.fspath(tmp_path))
    run = testing.write_run(tmp_path / "runs", testing.make_result({"ttft": [[5_000_000] * 40]}))

    assert main(["report", str(run.folder), "--format", "github"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    ("tone", "level"), [(Tone.ALARM, "error"), (Tone.WARNING, "warning"), (Tone.GOOD, "notice"), (Tone.PLAIN, "notice")]
)
def test_a_line_is_annotated_by_its_tone(tone, level):
    assert list(github.annotations_of(page(Cell("50 % slower", tone)))) == [
        f"::{level} title=inference_bench::50 %25 slower"
    ]


def test_annotations_are_as_many_as_github_shows():
    lines = tuple(Cell(f"line {number}", Tone.WARNING) for number in range(25))

    found = list(github.annotations_of(page(Cell("bad", Tone.ALARM), remarks=[Remarks("a: b, c", lines)])))

    assert found[:2] == ["::error title=inference_bench::bad", "::warning title=a%3A b%2C c::line 0"]
    assert len(found) == 1 + github.MOST_ANNOTATIONS
    assert found[-1].endswith("::and 16 more, in the step's summary")


def test_an_annotation_escapes_what_would_end_it():
    assert github.command("error", "a%0A\r\nb", "t::x\n") == "::error title=t%3A%3Ax%0A::a%250A%0D%0Ab"


def test_reports_comparisons_and_checks_have_this_format(tmp_path, capsys, actions):
    runs = [
        testing.write_run(
            tmp_path / "runs", testing.make_result({"ttft": [[top + at for at in range(40)] for _ in range(6)]})
        )
        for top in (5_000_000, 9_000_000)
    ]
    folders = [str(run.folder) for run in runs]

    assert main(["compare", *folders, "--format", "github"]) == 1
    assert "::error" in capsys.readouterr().out
    assert main(["report", *folders, "--format", "github"]) == 0
    assert main(["check", folders[0], "--format", "github"]) in (0, 1)
    assert main(["report", "--history", str(tmp_path / "runs"), "--format", "github"]) == 0
    assert main(["report", *folders, "--dossier", str(tmp_path / "d.zip")]) == 0
    assert main(["check", "--dossier", str(tmp_path / "d.zip"), "--format", "github"]) == 0
    text = actions.read_text()
    assert "SLOWER" in text and "worst grade" in text and "all match" in text


def test_set_ups_of_a_run_stand_side_by_side(tmp_path):
    cases = [testing.make_case(setup=Setup(threads=threads)) for threads in (1, 2)]
    results = [testing.make_result({"ttft": [[5_000_000 + at for at in range(40)]]}, case=case) for case in cases]
    run = testing.write_run(tmp_path, *results)
    stream = io.StringIO()

    open_report("github").render(run, stream)

    assert stream.getvalue().index("Side by side") < stream.getvalue().index("<details")
