"""The page and the document of a judgement."""

from __future__ import annotations

import io
import json

from inference_bench.analysis.prediction_interval import Figures, predict
from inference_bench.reports._pages.document import Tone
from inference_bench.reports._pages.judgement import outcome, page
from inference_bench.reports._pages.judgement_json import write_json
from inference_bench.results.judged_figure import JudgedFigure
from inference_bench.results.run_figures import RunFigures
from inference_bench.results.run_judgement import RunJudgement
from inference_bench.testing import make_case

EARLIER = [50e6 + 1e5 * number for number in range(12)]


def run(number):
    return RunFigures(f"run-{number:03}", "", "m1", {}, {})


def row(value, earlier=EARLIER, tag="ttft", phase="", **how):
    found = predict(value, earlier, Figures(**how)) if earlier else None
    reason = "no earlier run has it" if found is None else ""
    return JudgedFigure(make_case(), tag, phase, value, found, reason)


def judgement(*rows, regressions=(), notes=()):
    return RunJudgement(run(20), [run(1), run(2)], rows, regressions, notes, len(rows))


def texts(content):
    return [
        cell.text for table in content.blocks[0].tables for section in table.sections for of in section for cell in of
    ]


def remark(content, heading):
    return next((cell.text for block in content.remarks if block.heading == heading for cell in block.lines), None)


def test_the_first_line_says_that_one_run_is_judged_and_the_worst_comes_first():
    content = page(judgement(row(50e6), row(90e6, tag="itl"), row(1.0, [])))

    (line,) = content.lines
    assert line.tone is Tone.ALARM
    assert line.text == (
        "One new run (run-020), judged by 2 earlier runs of the same machine: 1 SLOWER, 1 OK, 1 cannot tell"
    )
    assert outcome(judgement(row(50e6), regressions=["x: crashed"])).endswith(": 1 FAILED, 1 OK")


def test_a_row_has_the_old_figure_the_new_one_and_what_was_expected():
    found = texts(page(judgement(row(90e6))))

    assert found[0] == "TTFT"
    assert (found[1], found[2], found[3], found[5], found[7]) == ("50.5 ms", "90.0 ms", "+78.04 %", "SLOWER", "12")
    assert found[6].endswith(" %")
    assert found[4].startswith("[") and found[4].endswith(" ms]")


def test_bytes_and_differences_have_their_own_words_and_units():
    large = row(9e9, [1e9 + number for number in range(9)], tag="rss_peak_hwm", phase="load")
    growth = row(8192.0, [0.0] * 8 + [1.0], tag="leak_slope", relative=False)

    assert "LARGER" in texts(page(judgement(large)))
    assert "+8.00 KiB" in texts(page(judgement(growth)))


def test_exact_figures_were_always_the_same():
    accuracy = row(0.5, [0.6, 0.6], tag="accuracy", exact=True, higher_is_worse=False, relative=False)

    assert "always the same" in texts(page(judgement(accuracy)))


def test_a_doubt_has_its_reason():
    slow_before = row(90e6, [*EARLIER, 95e6])
    within_margin = row(predict(50e6, EARLIER).high * 1.005)

    assert "but 1 of 13 earlier runs were as bad" in remark(page(judgement(slow_before)), "Suspect")
    assert "not by more than the margin" in remark(page(judgement(within_margin)), "Suspect")


def test_what_is_left_out_is_told():
    content = page(judgement(row(1.0, []), regressions=["x: crashed"], notes=["1 left out."]), ["and so on."])

    assert remark(content, "Not judged") == "TTFT 32: no earlier run has it."
    assert remark(content, "Failed, but not in earlier runs") == "x: crashed"
    assert [cell.text for cell in content.remarks[-1].lines] == ["1 left out.", "and so on."]


def test_a_change_of_level_is_told():
    old, new = [50e6 + 1e5 * (n % 5) for n in range(20)], [40e6 + 1e5 * (n % 5) for n in range(10)]

    assert remark(page(judgement(row(40e6, [*old, *new]))), "Reliability") == (
        "TTFT 32: the level changed; judged by the 10 runs since then."
    )


def test_the_document_has_every_number():
    stream = io.StringIO()
    write_json(judgement(row(90e6), row(1.0, [])), ["remark"], stream)
    found = json.loads(stream.getvalue())

    assert (found["judgement_version"], found["exit_code"], found["new"]) == (1, 1, "run-020")
    assert found["earlier"] == ["run-001", "run-002"]
    first, second = found["rows"]
    assert (first["word"], first["judgement"], first["unit"], first["value"]) == ("SLOWER", "worse", "ns", 90e6)
    assert first["prediction"]["n"] == 12 and first["prediction"]["basis"] == "runs"
    assert first["case"]["benchmark"] == "inference_speed"
    assert (second["prediction"], second["reason"]) == (None, "no earlier run has it")
    assert found["remarks"] == ["remark"]
