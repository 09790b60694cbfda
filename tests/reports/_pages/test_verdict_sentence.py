"""The sentence of a comparison: of every metric, of none, one and many rows, of failures and of what is open."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace

import pytest

from inference_bench.analysis.comparison_result import Comparison, Comparisons, Verdict
from inference_bench.metrics import METRICS, Better, noun_of
from inference_bench.plan import Case
from inference_bench.reports._pages.comparison import page
from inference_bench.reports._pages.comparison_json import write_json
from inference_bench.reports._pages.verdict_sentence import LONGEST, sentence
from inference_bench.reports._render import render
from inference_bench.spec import Setup
from inference_bench.units import MIB

MEASURED = [tag for tag, metric in METRICS.items() if metric.derived_from is None]


def row(metric="ttft", change=0.0, verdict=Verdict.SAME, reach=0.03, **fields):
    """Return a row whose interval reaches ``reach`` of the change to both sides."""
    case = Case("tiny", fields.pop("benchmark", "inference_speed"), Setup(), {"input_length": fields.pop("length", 32)})
    ends = sorted((change * (1 - reach), change * (1 + reach)))
    plain = Comparison(
        before=case,
        after=case,
        metric=metric,
        phase="",
        verdict=verdict,
        values=(100.0, 100.0 * (1 + change)),
        runs=(8, 8),
        replicate="pair",
        relative=True,
        change=change,
        low=ends[0],
        high=ends[1],
        margin=0.01,
        margin_source="asked for",
        p=0.001,
        p_adjusted=0.001,
        p_sign=0.001,
        p_sign_adjusted=0.001,
        smallest_effect=0.02,
        needed_runs=None,
        method="",
    )
    return replace(plain, **fields)


def better(metric="ttft", change=-0.3, **fields):
    return row(metric, change, Verdict.BETTER, **fields)


def worse(metric="ttft", change=0.3, **fields):
    return row(metric, change, Verdict.WORSE, **fields)


def still_open(metric="ttft", **fields):
    return row(metric, 0.004, Verdict.INCONCLUSIVE, reach=3.0, **{"needed_runs": 24, **fields})


def found(*rows, regressions=(), differing=None, after="dtype=bfloat16"):
    differing = {"dtype": ("float32", "bfloat16")} if differing is None else differing
    return Comparisons("dtype=float32", after, rows, differing, (), regressions, paired=True, level=0.95)


def test_the_sentence_of_a_decision():
    text = sentence(
        found(
            better("ttft", 1 / 1.4 - 1, low=1 / 1.46 - 1, high=1 / 1.35 - 1),
            row("itl"),
            better("rss_peak_hwm", -0.27, low=-0.29, high=-0.25, phase="decode", benchmark="memory_usage"),
            row(
                "accuracy_norm",
                -0.01,
                Verdict.INCONCLUSIVE,
                relative=False,
                replicate="item",
                runs=(100, 100),
                flipped=1,
                benchmark="accuracy",
            ),
        )
    )

    assert text == (
        "bfloat16: prefill 1.4× faster [1.35, 1.46], 27 % less memory while serving [25, 29], decode the same, "
        "open: accuracy, by length (1 of 100 answers differs)"
    )


@pytest.mark.parametrize("metric", MEASURED)
@pytest.mark.parametrize("relative", [True, False])
@pytest.mark.parametrize("verdict", [Verdict.WORSE, Verdict.BETTER])
def test_every_metric_is_told_with_its_noun_its_size_and_its_direction(metric, relative, verdict):
    rises = (METRICS[metric].better is Better.HIGHER) == (verdict is Verdict.BETTER)
    size = 0.25 if relative or METRICS[metric].unit == "fraction" else 3 * MIB
    change = size if rises else -size

    text = sentence(found(row(metric, change, verdict, relative=relative)))

    assert noun_of(metric) in text
    assert "[" in text
    words = {"ns": ("slower", "faster"), "bytes": ("more", "less")}.get(METRICS[metric].unit, ("higher", "lower"))
    assert words[not rises] in text
    assert words[rises] not in text
    assert len(text) <= LONGEST


@pytest.mark.parametrize("metric", MEASURED)
@pytest.mark.parametrize("verdict", [Verdict.WORSE_OPEN, Verdict.INCONCLUSIVE, Verdict.SAME])
def test_of_every_metric_what_is_not_settled_is_no_claim(metric, verdict):
    text = sentence(found(row(metric, 0.012, verdict), row("call_time", benchmark="other")))

    assert noun_of(metric) in text or verdict is Verdict.SAME
    assert "[" not in text
    assert ("open" in text) == (verdict is not Verdict.SAME)
    assert ("by how much is open" in text) == (verdict is Verdict.WORSE_OPEN)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "nothing is compared"),
        ([row()], "the same within the margin in its only comparison"),
        ([row(), row("itl")], "the same within the margin in all 2 comparisons"),
        (
            [still_open(), still_open("itl", needed_runs=36)],
            "open in all 2 comparisons; about 36 pairs would settle it",
        ),
        (
            [still_open(replicate="run")],
            "open in its only comparison; about 24 runs of each side would settle it",
        ),
        ([still_open(needed_runs=None)], "open in its only comparison"),
        ([worse(), better("itl")], "prefill 1.3× slower [1.29, 1.31], decode 1.43× faster [1.41, 1.45]"),
        ([worse(change=0.03)], "prefill 3 % slower [2.9, 3.1]"),
        ([row(change=0.02, verdict=Verdict.WORSE_OPEN)], "prefill slower (by how much is open)"),
        ([better(), better(length=64, change=-0.5)], "prefill 1.43 to 2× faster"),
        (
            [better(), better(length=64), worse(length=96), worse(length=128, change=0.4), row(length=160)],
            "prefill 1.3 to 1.4× slower in 2 of 5 cases, prefill 1.43× faster in 2 of 5 cases",
        ),
        (
            [better(), still_open(length=64)],
            "prefill 1.43× faster [1.41, 1.45] in 1 of 2 cases, open: prefill in 1 of 2 cases",
        ),
        (
            [row("itl"), worse("uss_end", 0.2), better()],
            "prefill 1.43× faster [1.41, 1.45], also worse: USS, decode the same",
        ),
    ],
)
def test_none_one_and_many_rows(rows, said):
    assert sentence(found(*rows)) == f"bfloat16: {said}"


def test_failures_come_first():
    assert sentence(found(better(), regressions=("B: x: crashed",))).startswith("bfloat16: 1 case fails, prefill 1.43×")
    assert sentence(found(regressions=("a", "b"))) == "bfloat16: 2 cases fail, nothing is compared"


def test_a_load_is_told_apart_from_serving_and_by_its_total():
    text = sentence(
        found(
            worse("rss_peak_hwm", 0.3, phase="load", benchmark="memory_usage"),
            better("rss_peak_hwm", -0.2, phase="prefill", benchmark="memory_usage"),
            better("rss_peak_hwm", -0.3, phase="decode", benchmark="memory_usage"),
            worse("load_time", 0.05, phase="total", benchmark="model_loading_time"),
            better("load_time", -0.9, phase="boot", benchmark="model_loading_time"),
        )
    )

    assert text == (
        "bfloat16: 30 % more memory while loading [29, 31], loading 5 % slower [4.9, 5.2], "
        "20 to 30 % less memory while serving"
    )


def test_a_metric_of_two_benchmarks_is_told_with_theirs():
    text = sentence(found(better(), worse(benchmark="batch_processing")))

    assert "prefill (batch processing) 1.3× slower" in text
    assert "prefill (inference speed) 1.43× faster" in text


def test_a_whole_generation_is_left_out_beside_its_parts():
    assert "end to end" not in sentence(found(better(), better("itl"), better("e2e")))
    assert "end to end" in sentence(found(better("e2e")))


def test_points_and_units_where_a_ratio_says_nothing():
    fraction = worse("top1_agreement", -0.57, relative=False, benchmark="agreement")
    growth = worse("rss_growth", 12.0 * MIB, relative=False, benchmark="other")

    assert sentence(found(fraction)) == "bfloat16: same likeliest token 57 points lower (worse) [55, 59]"
    assert sentence(found(growth)) == "bfloat16: 12.0 MiB more RSS growth [11.6 MiB, 12.4 MiB]"


@pytest.mark.parametrize(
    ("differing", "after", "name"),
    [
        ({"threads": (1, 2)}, "benchmark_results/B", "2"),
        ({}, "benchmark_results/20260101T000000Z-abc", "20260101T000000Z-abc"),
        ({}, "env:PATH=/opt/bin", "env:PATH=/opt/bin"),
        ({"threads": (1, 2), "dtype": ("a", "b")}, "B", "B"),
    ],
)
def test_the_name_is_the_value_in_which_the_candidate_differs(differing, after, name):
    assert sentence(found(row(), differing=differing, after=after)).startswith(f"{name}: ")


def test_many_metrics_fit_three_lines_and_the_rest_is_counted():
    rows = [worse(tag, 0.3, benchmark=f"benchmark number {n}") for n, tag in enumerate(MEASURED)]

    text = sentence(found(*rows))

    assert len(text) <= LONGEST + len("bfloat16: , and 99 more")
    assert text.endswith(" more")


@pytest.mark.parametrize("form", ["console", "markdown", "html"])
def test_the_sentences_stand_before_the_tables_in_every_format(form, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    both = [
        found(better()),
        found(worse(), differing={"dtype": ("float32", "int8_dynamic")}, after="dtype=int8_dynamic"),
    ]
    stream = io.StringIO()
    render(page(both, [(), ()]), form, stream)

    text = re.sub(r"</?span[^>]*>", "", stream.getvalue())
    assert text.index("dtype=bfloat16, dtype=int8_dynamic against dtype=float32") < text.index(sentence(both[0]))
    assert text.index(sentence(both[0])) < text.index(sentence(both[1])) < text.index("B against A")


def test_json_has_the_sentence():
    stream = io.StringIO()
    write_json([found(better())], [()], [], stream)

    (compared,) = json.loads(stream.getvalue())["comparisons"]
    assert compared["sentence"] == sentence(found(better()))


def test_too_few_runs_are_told_with_what_is_open():
    few = still_open("itl", low=None, high=None, needed_runs=8, replicate="run")

    assert sentence(found(better(), few)).endswith(", open for lack of runs: decode")
    assert sentence(found(better(), few, still_open("e2e", benchmark="other"))).endswith(
        ", open: decode and end to end"
    )


def test_a_direction_and_an_open_size_share_their_brackets():
    text = sentence(found(row("perplexity", 0.02, Verdict.WORSE_OPEN)))

    assert text == "bfloat16: perplexity higher (worse, by how much is open)"
