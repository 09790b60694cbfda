from __future__ import annotations

import re
from dataclasses import replace

import pytest

from inference_bench.analysis.trust.case import judged
from inference_bench.plan import NO_MODEL, Case
from inference_bench.reports._pages.overview import overview
from inference_bench.result import BenchmarkResult, Estimate, Failure, Status
from inference_bench.spec import Setup
from tests.report_parts import RANDOM, RECORD, TRAINED, case, render, speed, summary, words

DTYPES = ("float32", "bfloat16", "int8_dynamic")
ROOMY = 200


def result(dtype, *summaries, benchmark="inference_speed", length=128, model=TRAINED, **changes):
    headline = tuple(dict.fromkeys(each.metric for each in summaries))
    of = changes.pop("case", None) or case(length, benchmark, dtype=dtype)
    return BenchmarkResult(
        of, **{"status": Status.OK, "summaries": summaries, "model": model, "headline": headline} | changes
    )


def in_case(of, **changes):
    return replace(speed(**changes), case=of)


def rows(*results):
    """Return each row as its name, its note, and the lines of each cell joined."""
    (table,) = overview(results).tables
    return {
        head.text: [" ".join(line.text for line in (cell, *cell.below)) for cell in (*head.below, *cells)]
        for section in table.sections
        for head, *cells in section
    }


def headings(*results):
    return [column.heading for column in overview(results).tables[0].columns][1:]


def remarks(*results):
    return " ".join(line.text for line in overview(results).remarks)


def held(dtype, load, prefill, decode, **changes):
    sizes = {"load": load, "prefill": prefill, "decode": decode}
    found = (
        summary(tag, phase, size * 2.0**20, 10, reach=0.001)
        for tag in ("rss_peak_hwm", "device_allocated_peak")
        for phase, size in sizes.items()
    )
    return result(dtype, *found, benchmark="memory_usage", **changes)


def test_serving_and_load_are_two_rows_of_memory():
    """The run of which users said that the table told the opposite: bfloat16 holds 27 % less, but loads with more."""
    found = rows(held("float32", 939, 946, 940), held("bfloat16", 1198, 690, 693), held("int8_dynamic", 1270, 801, 812))

    for of, note in (("memory", "peak RSS"), ("device memory", "peak of tensors")):
        serving, loading = found[f"{of} while serving, 128 tokens"], found[f"{of} while loading"]
        assert serving[0] == loading[0] == f"MiB, {note}"
        assert [re.split(r"[ .]", cell)[0] for cell in serving[1:]] == ["946", "693", "812"]
        assert [re.split(r"[ .]", cell)[0] for cell in loading[1:]] == ["939", "1,198", "1,270"]
        assert "better ×0.733 [" in serving[2]
        assert "worse ×1.276 [" in loading[2]


def test_what_differs_is_the_heading_and_what_is_equal_is_said_once():
    both = [in_case(case(dtype=dtype), model=RANDOM) for dtype in DTYPES]
    (line,) = overview(both).lines

    assert headings(*both) == list(DTYPES)
    assert line.text == "All: Tiny-1M · cpu · 2 threads · random weights"
    models = [
        replace(each, case=replace(each.case, model=name), model={}) for name, each in zip("ab", both, strict=False)
    ]
    assert headings(*models) == ["a · float32", "b · bfloat16"]
    threads = [in_case(case(threads=count)) for count in (1, 4)]
    assert headings(*threads) == ["1 thread", "4 threads"]
    compiled = [in_case(case(compile=mode, attention=kind)) for mode, kind in (("none", "eager"), ("default", "sdpa"))]
    assert headings(*compiled) == ["eager attention · not compiled", "sdpa attention · compiled (default)"]


def test_models_of_one_title_and_weights_of_one_model_are_told_apart():
    def weighed(label, model="tiny"):
        about = TRAINED | {"weights": TRAINED["weights"] | {"label": label}}
        return in_case(case(model=model, weights=label), model=about)

    assert headings(weighed("a"), weighed("b", "other")) == ["tiny", "other"]
    assert headings(weighed("local a"), weighed("local b")) == ["local a", "local b"]
    half_random = [in_case(case(weights="random"), model=RANDOM), speed()]
    assert headings(*half_random) == ["random weights", "weights: package"]


def test_a_setup_that_never_loaded_is_of_the_same_model_and_weights():
    loaded = [speed(), in_case(case(engine="fast"), model=TRAINED | {"engine": "fast"})]
    failed = BenchmarkResult(case(engine="broken"), Status.CRASHED, failure=Failure("killed"))

    assert headings(*loaded, failed) == ["auto", "fast", "broken"]


def test_a_setup_of_which_nothing_can_be_measured_is_a_line_and_no_column():
    loaded = [speed(), in_case(case(engine="fast"), model=TRAINED | {"engine": "fast"})]
    cases = [case(engine="absent", dtype="float16"), case(engine="absent", dtype="float16", benchmark="agreement")]
    absent = [BenchmarkResult(of, Status.NOT_APPLICABLE, failure=Failure("pip install it")) for of in cases]

    assert headings(*loaded, *absent) == ["auto", "fast"]
    assert remarks(*loaded, *absent).count("absent · float16: not applicable: pip install it") == 1


def test_a_figure_without_an_interval_has_a_mark_and_no_change():
    few = result("bfloat16", summary(median=10e6, n=2))
    runs = result("int8_dynamic", replace(summary(median=10e6, n=2), scope="runs", runs=1))
    worth = result("float16", replace(summary(median=10e6, n=2), n=60, effective_n=4.0))
    note, base, *others = rows(result("float32", summary()), few, runs, worth)["TTFT, 128 tokens"]

    assert (note, base) == ("ms, median", "21.3 [21.2, 21.4]")
    assert others == ["10.0 [n = 2]", "10.0 [1 run]", "10.0 [n ≈ 4]"]
    assert "so no change is stated" in remarks(result("float32", summary()), few)


def test_a_change_only_where_the_intervals_allow_it():
    wide = result("bfloat16", summary(median=20e6, reach=0.2))
    same = result("float16", summary(median=21.31e6, reach=0.001))
    less = result("int8_dynamic", summary(median=10.65e6))
    base = result("float32", summary(reach=0.001))
    _, _, *others = rows(base, wide, same, less)["TTFT, 128 tokens"]

    assert others[0] == "20.0 [16.0, 24.0] open"
    assert others[1] == "21.31 [21.29, 21.33] same"
    assert re.fullmatch(r"10.65 \[10.60, 10.70\] better ×0.500 \[0.497, 0.503\]", others[2])


def test_a_share_has_a_difference():
    def right(dtype, share):
        score = Estimate(share, share - 0.01, share + 0.01, "Wilson score")
        found = summary("accuracy", "quiz", n=400, quantiles={}, score=score)
        of = Case("tiny", "accuracy", Setup(dtype=dtype), {"task": "quiz", "items": 400})
        return BenchmarkResult(of, Status.OK, (found,), headline=("accuracy",))

    assert rows(right("float32", 0.4), right("bfloat16", 0.6)) == {
        "accuracy, quiz": [
            "share right, 400 items",
            "0.400 [0.390, 0.410]",
            "0.600 [0.590, 0.610] better +0.200 [0.186, 0.214]",
        ],
        "grade": ["worst case", "–", "–"],
    }


def test_a_row_for_each_task():
    def quiz(dtype, task):
        of = Case("tiny", "accuracy", Setup(dtype=dtype), {"task": task, "items": 20})
        score = Estimate(0.5, 0.4, 0.6, "Wilson score")
        return BenchmarkResult(
            of, Status.OK, (summary("accuracy", task, quantiles={}, score=score),), headline=("accuracy",)
        )

    found = rows(*(quiz(dtype, task) for dtype in DTYPES for task in ("choice", "passage")))

    assert list(found) == ["accuracy, choice", "accuracy, passage", "grade"]


@pytest.mark.parametrize(
    ("lengths", "ttft", "e2e"),
    [
        ([(32, 128)] * 2, ["TTFT, 32 tokens", "TTFT, 128 tokens"], ["end to end, 128 tokens"]),
        ([(32, 64, 128, 256)] * 2, ["TTFT, 256 tokens"], ["end to end, 256 tokens"]),
        ([(32, 64, 128, 256), (32, 64, 128)], ["TTFT, 128 tokens"], ["end to end, 128 tokens"]),
        ([(32, 64), (128, 256)], ["TTFT"], ["end to end"]),
        ([(64,), (64,)], ["TTFT, 64 tokens"], ["end to end, 64 tokens"]),
    ],
)
def test_the_length_that_stands_for_all(lengths, ttft, e2e):
    found = rows(
        *(
            result(dtype, summary("ttft"), summary("e2e"), length=length)
            for dtype, own in zip(DTYPES, lengths, strict=False)
            for length in own
        )
    )

    assert [name for name in found if name.startswith("TTFT")] == ttft
    assert [name for name in found if name.startswith("end")] == e2e


def test_a_model_with_lengths_of_its_own_has_its_largest_and_no_change():
    def own(dtype, *lengths):
        return [result(dtype, summary(median=float(length) * 1e6), length=length) for length in lengths]

    cells = rows(*own("float32", 32, 64), *own("bfloat16", 128, 1024))["TTFT"]

    assert cells[1:] == ["64.0 [63.7, 64.3] at 64 tokens", "1,024 [1,019, 1,029] at 1,024 tokens"]


def test_other_parameters_name_a_row_where_they_vary():
    def batch(dtype, size, lengths):
        parameters = {"batch_size": size, "input_length": 64, "lengths": lengths}
        of = Case("tiny", "batch_processing", Setup(dtype=dtype), parameters)
        return BenchmarkResult(
            of, Status.OK, (summary("output_throughput", "", 50.0),), headline=("output_throughput",)
        )

    several = [batch(dtype, size, kind) for dtype in DTYPES for size in (1, 2, 4, 8) for kind in ("mixed", "equal")]

    assert list(rows(*several))[:-1] == [
        f"output rate, lengths {kind}, batch 8, 64 tokens" for kind in ("mixed", "equal")
    ]
    assert "Batch processing: 64 tokens" in remarks(*several)


def test_every_benchmark_has_its_headline_metrics():
    def call(benchmark, dtype, median):
        of = Case("tiny", benchmark, Setup(dtype=dtype, threads=2))
        return BenchmarkResult(of, Status.OK, (summary("call_time", "", median),), headline=("call_time",))

    measured = [result(dtype, summary("itl", "decode"), summary("ttft")) for dtype in DTYPES]
    functions = [
        call("tokenise", "float32", 3e6),
        call("tokenise", "bfloat16", 6e6),
        call("parse_answer", "float32", 5e6),
    ]
    found = rows(*measured, *functions)

    assert list(found) == ["ITL, 128 tokens", "TTFT, 128 tokens", "call, tokenise", "call, parse answer", "grade"]
    assert "worse ×2.00 [" in found["call, tokenise"][2]
    assert found["call, tokenise"][3] == "–"


def test_a_function_is_named():
    calls = [
        BenchmarkResult(Case("tiny", "tokenise", Setup(dtype=dtype)), Status.OK, (summary("call_time", ""),))
        for dtype in DTYPES
    ]

    assert "call, tokenise" in rows(*(replace(each, headline=("call_time",)) for each in calls))


def test_one_unit_for_a_row():
    cells = rows(result("float32", summary(median=900e3)), result("bfloat16", summary(median=1.2e6)))[
        "TTFT, 128 tokens"
    ]

    assert cells[0] == "µs, median"
    assert cells[2].startswith("1,200 [1,194, 1,206]")


def test_a_setup_that_failed_says_so_and_why():
    broken = {"status": Status.OOM, "failure": Failure("killed at 12 GiB")}
    measured = [result(dtype, summary()) for dtype in ("float32", "bfloat16")]
    failed = result("int8_dynamic", **broken)
    found = rows(*measured, failed)

    assert headings(*measured, failed)[2] == "int8_dynamic"
    assert found["TTFT, 128 tokens"][3] == "OOM"
    assert "int8_dynamic: inference speed: oom: killed at 12 GiB" in remarks(*measured, failed)


def test_what_needs_no_model_is_no_setup():
    def alone(dtype):
        return BenchmarkResult(Case(NO_MODEL, "work", Setup(dtype=dtype)), Status.OK, (summary("call_time", ""),))

    assert headings(speed(), in_case(case(dtype="bfloat16")), alone("float32")) == ["float32", "bfloat16"]
    assert headings(alone("float32"), alone("bfloat16")) == ["float32", "bfloat16"]


def test_outputs_of_two_models_are_not_compared_per_token():
    def model(name):
        score = Estimate(12.0 + len(name), 12.0, 20.0, "t")
        of = Case(name, "accuracy", Setup(), {"task": "text", "items": 20})
        return BenchmarkResult(
            of, Status.OK, (summary("perplexity", "text", quantiles={}, score=score),), headline=("perplexity",)
        )

    assert rows(model("a"), model("bb"))["perplexity, text"][2] == "14.0 [12.0, 20.0]"


def test_many_setups_are_rows():
    several = [result("float32", summary(), case=case(128, threads=count)) for count in range(1, 9)]
    (table,) = overview(several).tables

    assert [column.heading for column in table.columns] == [
        "set-up",
        "TTFT, 128 tokens, ms, median",
        "grade, worst case",
    ]
    assert [row[0].text for row in table.sections[0]][:2] == ["1 thread", "2 threads"]


def test_a_run_stored_before_it_named_its_headlines():
    assert list(rows(speed(), in_case(case(dtype="bfloat16")))) == ["TTFT, 32 tokens", "grade"]


def test_a_lone_setup_needs_no_overview():
    assert overview([speed(), speed(128)]) is None
    assert "Side by side" not in words(render("console", speed()))


TEN = {
    "ttft": 1234.5e6,
    "itl": 72.1e6,
    "tpot": 72.1e6,
    "e2e": 12345e6,
    "prefill_rate": 12345.6,
    "decode_rate": 13.87,
    "forward_time": 912e3,
    "encode_rate": 45678.9,
    "kl_divergence": 7.4e-12,
    "max_logit_error": 0.0658,
}


def wide(count=3):
    """Return set-ups with ten metrics."""
    return [
        judged(
            result(
                DTYPES[place % 3],
                *(summary(tag, median=median * (1 + place / 10)) for tag, median in TEN.items()),
                case=case(128, dtype=DTYPES[place % 3], threads=1 + place // 3),
            ),
            RECORD,
        )
        for place in range(count)
    ]


@pytest.mark.parametrize("count", [3, 4, 6, 9])
@pytest.mark.parametrize("width", [80, 100, 120, ROOMY])
def test_nothing_is_lost_on_a_narrow_screen(monkeypatch, count, width):
    several = wide(count)
    monkeypatch.setenv("COLUMNS", str(width))
    text = render("console", *several)
    beside = text.partition("Side by side\n")[2]
    (table,) = overview(several).tables
    shown = re.sub(r"\s+", " ", beside)

    assert max(map(len, beside.splitlines())) <= width
    assert "hidden columns" not in beside
    for section in table.sections:
        for row in section:
            for line in (line for cell in row for line in cell.below):
                assert all(piece in shown for piece in re.findall(r"\[[^\]]*\]|[^\s\[]+", line.text))
            assert all(re.sub(r" \[.*", "", cell.text) in shown for cell in row[1:])


def test_three_setups_stand_in_one_part_at_80_columns(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    beside = render("console", *wide()).partition("Side by side\n")[2]

    assert re.search(r"float32 +bfloat16 +int8_dynamic\n", beside)
    assert beside.count("TTFT, 128 tokens") == 1


def test_a_further_part_repeats_the_baseline(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    beside = render("console", *wide(6)).partition("Side by side\n")[2]

    assert (
        beside.count("TTFT, 128 tokens")
        == len(re.findall(r"tokens +float32 · 1|^ +float32 · 1", beside, re.MULTILINE))
        > 1
    )
