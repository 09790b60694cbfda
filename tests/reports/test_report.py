from __future__ import annotations

import io
import re
import subprocess
import sys
from dataclasses import replace

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference_bench.analysis.trust.case import judged
from inference_bench.errors import UnknownNameError
from inference_bench.plan import Case
from inference_bench.plugins import names_in
from inference_bench.reports._pages.case_names import Places
from inference_bench.reports._pages.history import page as history_page
from inference_bench.reports._pages.merging import alike
from inference_bench.reports._pages.numbers import numbers_of
from inference_bench.reports._report import open_report
from inference_bench.result import BenchmarkResult, Estimate, Failure, RunRecord, Status, Summary
from inference_bench.results.history import Point, Track
from inference_bench.results.run import Run, load_run
from inference_bench.results.run_folder import create_run_folder
from inference_bench.results.sink import open_sinks
from inference_bench.spec import Setup
from inference_bench.units import format_value

PEOPLE = ("console", "markdown")
TRAINED = {
    "title": "Tiny-1M",
    "parameters": 1_250_000,
    "weights": {"source": "package", "label": "Q4_1 of tiny 0.1", "trained": True, "digest": "abcdef0123456789"},
}
RANDOM = {"title": "Tiny-1M", "weights": {"source": "random", "label": "full architecture", "trained": False}}
RECORD = RunRecord(
    id="20261123T201530Z-3fa9c1",
    created_utc="2026-11-23T20:15:30+00:00",
    spec={},
    environment={"cpu": {"model": "A Processor", "usable": 2, "logical": 4}, "warnings": ["the governor is powersave"]},
    clock={"source": "tsc", "reason": "invariant", "resolution_ns": 0.4, "read_cost_ns": 9.5},
    floor={"ttft": {"p50": 900.0}},
    finished=True,
)


def case(length=32, benchmark="inference_speed", model="tiny", **setup):
    return Case(model, benchmark, Setup(**{"threads": 2, **setup}), {"input_length": length})


def summary(metric="ttft", phase="prefill", median=21.3e6, n=40, reach=0.005, **changes):
    quantiles = {
        "p50": Estimate(median, median * (1 - reach), median * (1 + reach), "order statistics, 40 samples worth 30")
        if n >= 6
        else Estimate(median, None, None, "", 6),
        "p90": Estimate(median * 1.1, median, median * 1.2, "order statistics")
        if n >= 36
        else Estimate(None, None, None, "", 36),
        "p99": Estimate(None, None, None, "", 368),
    }
    fields = {
        "runs": 1,
        "scope": "run",
        "level": 0.95,
        "cold": median * 10,
        "minimum": median,
        "maximum": median,
        "mean": median,
        "quantiles": quantiles,
        "autocorrelation": None,
        "effective_n": float(n),
        "outliers_mild": 0,
        "outliers_severe": 0,
        "converged": True,
        "stop_reason": "precise enough",
    }
    return Summary(metric, phase, n, **fields | changes)


def speed(length=32, **changes):
    found = (summary(), summary("itl", "decode", 1.5e6, 1240, effective_n=310.0), summary("prefill_rate", "", 1502.0))
    return BenchmarkResult(case(length), **{"status": Status.OK, "summaries": found, "model": TRAINED, **changes})


def memory():
    sizes = {"load": (1, 1.2e9), "prefill": (6, 1.31e9), "decode": (6, 1.32e9)}
    found = [
        summary(metric, phase, size, n, cold=None)
        for phase, (n, size) in sizes.items()
        for metric in ("rss_peak_hwm", "rss_growth")
    ]
    return BenchmarkResult(case(512, "memory_usage"), Status.OK, tuple(found), model=TRAINED)


CRASHED = BenchmarkResult(
    case(512),
    Status.CRASHED,
    model=TRAINED,
    failure=Failure(
        "the worker died of SIGSEGV", stderr_tail="first\n\x1b[31mFatal\x1b[0m [red]error[/red]\n", exit_status=-11
    ),
)


def render(name, *results, record=RECORD, run=None):
    stream = io.StringIO()
    open_report(name).render(run or Run(record, tuple(judged(each, record) for each in results)), stream)
    return stream.getvalue()


@pytest.fixture(autouse=True)
def _width(monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")


@pytest.fixture(params=PEOPLE)
def name(request):
    return request.param


def words(text):
    """Join what was wrapped and drop what Markdown escaped."""
    return " ".join(re.sub(r"\\(?=\W|_)", "", text).split())


# Golden


GOLDEN = """\
Run 20261123T201530Z-3fa9c1 · 2026-11-23 20:15:30 UTC · A Processor · 2 usable of 4 logical CPUs

Tiny-1M · 1.25 M parameters · float32 · cpu · 2 threads · 1 run
weights: Q4_1 of tiny 0.1 · sha256 abcdef012345

Inference speed
 input
length  metric   unit      median   95 % interval    p90        p99    cold             n  conv.  grade
────────────────────────────────────────────────────────────────────────────────────────────────────────
    32  TTFT     ms          21.3    [21.2, 21.4]   23.4  needs 368   213.0            40  ✓      B
        ITL      ms         1.500  [1.492, 1.507]  1.650  needs 368  15.000  1,240 (≈310)  ✓
        prefill  tokens/s   1,502  [1,494, 1,510]  1,652  needs 368  15,020            40  ✓

   128  TTFT     ms          21.3    [21.2, 21.4]   23.4  needs 368   213.0            40  ✓      B
        ITL      ms         1.500  [1.492, 1.507]  1.650  needs 368  15.000  1,240 (≈310)  ✓
        prefill  tokens/s   1,502  [1,494, 1,510]  1,652  needs 368  15,020            40  ✓

   512  CRASHED                                                                                   F

Memory usage
 input
length  phase           peak RSS (kernel)                RSS growth  n  conv.  grade
─────────────────────────────────────────────────────────────────────────────────────
   512  load                     1.12 GiB                  1.12 GiB  1  ✓      B
        prefill  1.220 GiB [1.214, 1.226]  1.220 GiB [1.214, 1.226]  6  ✓
        decode   1.229 GiB [1.223, 1.235]  1.229 GiB [1.223, 1.235]  6  ✓

Cases without a complete result
 • inference speed 512: crashed: the worker died of SIGSEGV (exit status -11)
 • last stderr line: Fatal [red]error[/red]

Reliability
 • Scope: the intervals cover this one process only; a fresh one may differ by more (--runs).
 • Harness floor (null model, same path, not subtracted): TTFT 900 ns, at most 0.004 % of a median above.
 • Clock: tsc (invariant), resolution 0.4 ns, one reading costs 9.5 ns.
 • Machine: the governor is powersave

[low, high] is the 95 % interval of the median (order statistics). needs N: too few samples, at least N are needed.
cold: the case's first call. n (≈m): n samples worth m independent ones. conv.: the stopping rule was met. grade: how
far the case can be trusted, A to F; `check` explains it. More quantiles: results.csv.
"""


def test_console():
    assert render("console", speed(), speed(128), CRASHED, memory()) == GOLDEN


def test_markdown_table():
    text = render("markdown", speed(), CRASHED)

    assert (
        """\
| input length | metric | unit | median | 95 % interval | p90 | p99 | cold | n | conv. | grade |
| ---: | :--- | :--- | ---: | ---: | ---: | ---: | ---: | ---: | :--- | :--- |
| 32 | TTFT | ms | **21.3** | [21.2, 21.4] | 23.4 | needs 368 | 213.0 | 40 | ✓ | B |
|  | ITL | ms | **1.500** | [1.492, 1.507] | 1.650 | needs 368 | 15.000 | 1,240 (≈310) | ✓ |  |
|  | prefill | tokens/s | **1,502** | [1,494, 1,510] | 1,652 | needs 368 | 15,020 | 40 | ✓ |  |
| 512 | **CRASHED** |  |  |  |  |  |  |  |  | **F** |
"""
        in text
    )


# What is said


def test_random_weights_are_an_alarm(name):
    text = render(name, speed(model=RANDOM))

    assert "RANDOM WEIGHTS, NOT TRAINED (seed 0): full architecture" in words(text)


def test_random_weights_of_a_model_that_never_loaded(name):
    failed = BenchmarkResult(case(weights="random"), Status.CRASHED, failure=Failure("died while loading"))

    assert "RANDOM WEIGHTS, NOT TRAINED" in render(name, failed)


def test_random_weights_are_red_on_a_terminal(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    stream = Terminal()
    open_report("console").render(Run(RECORD, (speed(model=RANDOM),)), stream)

    assert "\x1b[1;31mRANDOM WEIGHTS" in stream.getvalue()


def test_a_model_without_weights_is_no_alarm(name):
    weightless = {"weights": {"source": "none", "label": "no weights", "trained": False}}

    assert "RANDOM" not in render(name, speed(model=weightless))


def test_unsupported_quantiles_say_what_they_need(name):
    text = render(name, speed(summaries=(summary(n=5),)))

    assert all(f"needs {count}" in text for count in (6, 36, 368))


def test_unconverged_is_marked_and_explained(name):
    text = words(render(name, speed(summaries=(summary(converged=False, stop_reason="budget of 30 s spent"),))))

    assert " NO" in text
    assert "Not converged: budget of 30 s spent: inference speed 32 (TTFT)." in text


def test_scope_of_several_runs(name):
    text = words(render(name, speed(summaries=(summary(runs=5, scope="runs"),))))

    assert "5 runs" in text
    assert "the intervals cover fresh processes; 5 were measured" in text


def test_floor_is_set_against_the_smallest_median(name):
    assert "TTFT 900 ns, at most 0.004 % of a median above" in words(render(name, speed()))


def test_a_missing_floor_is_said(name):
    assert "Harness floor: not measured" in words(render(name, speed(), record=replace(RECORD, floor={})))


def test_clock_trouble_is_said(name):
    record = replace(RECORD, clock={"source": "tsc", "suspends": 1, "backwards": 0, "drift": True})

    assert "Clock trouble while measuring: 1 suspends, drift." in words(render(name, speed(), record=record))


def test_severe_outliers_are_counted(name):
    text = words(render(name, speed(summaries=(summary(outliers_severe=3),))))

    assert "3 of 40 TTFT (inference speed 32)" in text


def test_a_note_of_several_cases_is_said_once(name):
    text = words(render(name, speed(notes=("busy",)), speed(128, notes=("busy",)), speed(512)))

    assert text.count("Busy") == 1
    assert "Busy (inference speed 32; inference speed 128)" in text


def test_unfinished_run_names_what_is_missing(name):
    record = replace(RECORD, finished=False, cases=({"id": "x", "slug": "tiny-missing", "status": "pending"},))
    text = words(render(name, speed(), record=record))

    assert "some planned cases were not measured" in text
    assert "tiny-missing" in text


def test_a_failed_case_keeps_the_figures_of_its_earlier_runs(name):
    text = render(name, speed(status=Status.OOM, failure=Failure("killed")))

    assert "21.3" in text
    assert "OOM" in text


def test_setups_are_told_apart(name):
    half = replace(speed(), case=case(dtype="bfloat16"), notes=("slow",))
    text = words(render(name, speed(), half))

    assert "· float32 ·" in text
    assert "· bfloat16 ·" in text
    assert "Slow (dtype bfloat16 inference speed 32)" in text


def test_an_unknown_benchmark_and_metric_get_a_table(name):
    strange = replace(speed(summaries=(summary("warmth", "noon", 12.0),)), case=case(benchmark="sun_light"))
    text = words(render(name, strange))

    assert "Sun light" in text
    assert "warmth" in text
    assert "noon" in text


def test_no_results(name):
    assert "Run 2026" in render(name)


# Hostile text


HOSTILE = [
    "[red]",
    "[/red]",
    "[link=x]y",
    "<script>alert(1)</script>",
    "a|b",
    "`x`",
    "\x1b[2J",
    "a\nb",
    "*a*",
    "[a](b)",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_stay_text(name, text):
    hostile = BenchmarkResult(
        case(model=text, benchmark=text),
        Status.FAILED,
        model={"title": text, "weights": {"label": text}},
        notes=(text,),
        failure=Failure(text, stderr_tail=text),
    )
    shown = render(name, hostile)

    assert "\x1b" not in shown
    if name == "console":
        assert " ".join(text.replace("\x1b[2J", "").split()) in shown
    else:
        assert "<" not in shown
        rows = [line for line in shown.splitlines() if line.startswith("|")]
        assert len({len(re.findall(r"(?<!\\)\|", row)) for row in rows}) == 1


@settings(deadline=None, max_examples=40)
@given(st.text(), st.text(), st.integers(20, 200))
def test_any_text_renders(monkeypatch_module, title, note, width):
    monkeypatch_module.setenv("COLUMNS", str(width))
    for report in PEOPLE:
        render(report, speed(model={"title": title, "weights": {"label": note}}, notes=(note,)), memory())


@pytest.fixture(scope="module")
def monkeypatch_module():
    with pytest.MonkeyPatch.context() as patch:
        yield patch


# Width and encoding


@pytest.mark.parametrize(
    ("width", "left_out"),
    [(108, []), (100, ["p90"]), (90, ["p90, cold"]), (80, ["p90, p99, cold", "RSS growth"])],
)
def test_columns_give_way(monkeypatch, width, left_out):
    monkeypatch.setenv("COLUMNS", str(width))
    text = render("console", speed(), memory())

    assert max(map(len, text.splitlines())) <= width
    assert re.findall(r"hidden columns: (.*) \(", text) == left_out
    assert "[21.2, 21.4]" in text


@pytest.mark.parametrize(("width", "is_shown"), [(120, True), (80, False)])
def test_a_phase_goes_with_the_column_that_has_its_only_figure(monkeypatch, width, is_shown):
    monkeypatch.setenv("COLUMNS", str(width))
    result = memory()
    text = render("console", replace(result, summaries=(*result.summaries, summary("rss_growth", "host", 4e6))))

    assert ("RSS growth" in text.splitlines()[-1] or "hidden columns: RSS growth" in text) is not is_shown
    assert bool(re.search(r"^ *host ", text, re.MULTILINE)) is is_shown
    assert all(phase in text for phase in ("load", "prefill", "decode"))


def test_every_remark_begins_as_a_sentence():
    text = render("console", speed(notes=("the weights are mapped from their file",)))

    assert "• The weights are mapped from their file" in text


def test_a_pipe_is_wide(monkeypatch):
    monkeypatch.delenv("COLUMNS")

    assert "hidden columns" not in render("console", speed())


def test_a_terminal_without_unicode():
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="latin-1")
    open_report("console").render(Run(RECORD, (speed(),)), stream)
    stream.flush()

    assert b"TTFT" in raw.getvalue()


# Numbers


@pytest.mark.parametrize(
    ("unit", "value", "reach", "expected"),
    [
        ("ns", 72_134_567.0, 0.02, "72.1 ms [70.7, 73.6]"),
        ("ns", 72_134_567.0, 0.0001, "72.135 ms [72.127, 72.142]"),
        ("ns", 812.0, 0.01, "812 ns [804, 820]"),
        ("ns", 0.0, 0.0, "0 ns [0, 0]"),
        ("bytes", -2048.0 * 1024, 0.1, "-2.00 MiB [-1.80, -2.20]"),
        ("tokens/s", 1502.4, 0.01, "1,502 tokens/s [1,487, 1,517]"),
        (None, 0.5, 0.1, "0.500 [0.450, 0.550]"),
        ("nats/token", 7.42e-12, 0.1, "7.42e-12 nats/token [6.68e-12, 8.16e-12]"),
        (None, -0.0005, 0.0, "-5.00e-4 [-5.00e-4, -5.00e-4]"),
    ],
)
def test_numbers_take_the_digits_their_interval_allows(unit, value, reach, expected):
    found = summary(median=value, reach=reach)
    numbers = numbers_of(found, unit)

    assert f"{numbers.with_unit(value)} {numbers.interval(found.quantiles['p50'])}" == expected


def test_the_interval_of_a_zero_is_in_the_unit_that_stands_beside_it():
    found = summary("rss_growth", "load", median=0.0)
    found = replace(found, quantiles={"p50": Estimate(0.0, 0.0, 131_072.0, "order statistics")})
    numbers = numbers_of(found, "bytes")

    assert f"{numbers.with_unit(0.0)} {numbers.interval(found.headline)}" == "0 KiB [0, 128]"


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (0.0, "", "0.00"),
        (0.6, "fraction", "0.60"),
        (0.00493, "fraction", "0.00493"),
        (-0.000049, "nats/token", "-4.90e-5 nats/token"),
        (7.42e-12, "nats/token", "7.42e-12 nats/token"),
        (0.4, "ns", "0.40 ns"),
        (1502.4, "tokens/s", "1502 tokens/s"),
    ],
)
def test_a_small_figure_is_not_written_as_zero(value, unit, expected):
    assert format_value(value, unit) == expected


def test_a_tiny_share_of_the_harness_is_no_power_of_ten(name):
    record = replace(RECORD, floor={"ttft": {"p50": 0.0064}})

    assert "less than 0.001 % of a median above" in words(render(name, speed(), record=record))


# For machines


@pytest.fixture
def run(tmp_path):
    folder = create_run_folder(tmp_path)
    sink = open_sinks(folder)
    sink.begin(RECORD)
    for result in (speed(), CRASHED):
        sink.write(judged(result, RECORD), RECORD)
    return load_run(folder)


@pytest.mark.parametrize(("name", "file"), [("json", "results.json"), ("csv", "results.csv")])
def test_the_report_is_the_file(run, name, file):
    assert render(name, run=run) == (run.folder / file).read_text()


def test_json_of_a_run_in_memory():
    assert orjson.loads(render("json", speed()))["results"][0]["samples"] is None


# The house's rule


def test_unknown_report_is_named():
    with pytest.raises(UnknownNameError, match="did you mean 'console'"):
        open_report("consol")


def test_reports_know_no_measuring_module():
    code = """
import sys
from inference_bench.plugins import names_in
from inference_bench.reports._report import open_report
from inference_bench.results.sink import open_sinks
[open_report(name) for name in names_in("inference_bench.reports")]
open_sinks(None)
measuring = {"benchmarks", "orchestrator", "worker", "floor", "_native"}
heavy = {"torch", "transformers", "numpy", "pyarrow"}
print(sorted(name for name in sys.modules if name.split(".")[0] in heavy or name.split(".")[1:2] and
    name.split(".")[0] == "inference_bench" and name.split(".")[1] in measuring))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", names_in("inference_bench.reports"))
def test_every_report_renders(name):
    assert render(name, speed(), CRASHED, memory())


def test_setups_stand_side_by_side_with_what_they_gain_and_lose(name):
    right = summary("accuracy_test", "quiz", quantiles={}, score=Estimate(0.5, 0.4, 0.6, "Wilson score"))
    results = [
        speed(),
        BenchmarkResult(case(dtype="bfloat16"), Status.OK, (summary(median=10.65e6), right)),
        BenchmarkResult(case(model="other"), Status.OK, (summary(median=1e6),)),
    ]
    text = words(render(name, *results))

    assert "Summary" in text
    assert "10.65 ms ×0.50" in text
    assert "TTFT: prefill, input length 32" in text


def test_a_model_with_lengths_of_its_own_is_not_left_out(name):
    results = [
        speed(),
        BenchmarkResult(case(dtype="bfloat16"), Status.OK, (summary(),)),
        BenchmarkResult(case(1024, model="other"), Status.OK, (summary(median=21.3e6),)),
        BenchmarkResult(case(1024, model="other", dtype="bfloat16"), Status.OK, (summary(median=10.65e6),)),
    ]
    text = words(render(name, *results))

    assert "TTFT: prefill, input length 32" in text
    assert "10.65 ms° ×0.50" in text
    assert "°: measured with the model's own parameters" in text


def test_headline_metrics_come_first_in_the_order_of_the_benchmark(name):
    result = speed(headline=("prefill_rate", "ttft"))
    text, as_measured = words(render(name, result)), words(render(name, speed()))

    assert text.index("1,502") < text.index("21.3") < text.index("1.500")
    assert as_measured.index("21.3") < as_measured.index("1.500") < as_measured.index("1,502")


def test_every_benchmark_has_its_headline_metrics_in_the_summary(name, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")

    def call(benchmark, median, **setup):
        of = case(benchmark=benchmark, **setup)
        return BenchmarkResult(of, Status.OK, (summary("call_time", "", median),), headline=("call_time",))

    results = [
        speed(headline=("itl", "ttft")),
        call("tokenise", 3e6),
        call("parse_answer", 5e6),
        BenchmarkResult(case(dtype="bfloat16"), Status.OK, (summary(median=10.65e6),), headline=("itl", "ttft")),
        call("tokenise", 6e6, dtype="bfloat16"),
    ]
    text = words(render(name, *results))
    columns = ("ITL: decode", "TTFT: prefill", "call, tokenise: input length", "call, parse answer: input length")

    assert sorted(columns, key=text.index) == list(columns)
    assert "6.00 ms ×2.00" in text


def test_memory_stands_for_serving_and_the_load_by_itself(name, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")

    def held(dtype, load, prefill, decode):
        sizes = {"load": load, "prefill": prefill, "decode": decode}
        found = tuple(summary("rss_peak_hwm", phase, size * 2.0**20) for phase, size in sizes.items())
        return BenchmarkResult(case(dtype=dtype, benchmark="memory_usage"), Status.OK, found)

    text = words(render(name, held("float32", 939, 946, 940), held("bfloat16", 1200, 690, 693)))

    assert "693 MiB ×0.73" in text
    assert "1.172 GiB ×1.28" in text
    assert text.index("serving") < text.index("693 MiB ×0.73")


def test_no_ratio_without_intervals_that_differ(name):
    few = BenchmarkResult(case(dtype="bfloat16"), Status.OK, (summary(median=10e6, n=2),))
    wide = BenchmarkResult(case(dtype="float16"), Status.OK, (summary(median=20e6, reach=0.2),))
    text = words(render(name, speed(), few, wide))

    assert "10.0 ms~" in text
    assert "20.0 ms ×" not in text
    assert "~: too few samples for an interval" in text


def test_a_lone_setup_needs_no_overview(name):
    assert "Summary" not in words(render(name, speed()))


def test_sentences_of_one_shape_are_said_once_with_the_range_of_each_figure():
    sentences = ["waited 7% of 2 threads", "no figure", "waited 1,030.5% of 2 threads", "waited 12% of 2 threads"]

    assert [(group.text, len(group.members)) for group in alike(sentences)] == [
        ("waited 7 to 1,030.5% of 2 threads", 3),
        ("no figure", 1),
    ]


@pytest.mark.parametrize("name", PEOPLE)
def test_a_benchmark_that_never_applies_is_a_line_instead_of_a_table(name):
    cause = Failure("it cannot generate text")
    cases = [speed(status=Status.NOT_APPLICABLE, failure=cause, summaries=()) for _ in range(2)]
    text = words(render(name, *cases))

    assert "Inference speed: not applicable: it cannot generate text" in text
    assert "NOT APPLICABLE" not in text


def test_a_curve_is_named_by_its_model_and_what_tells_it_from_the_models_others():
    short, long, other = speed(32), speed(512), BenchmarkResult(case(64, model="other"), Status.OK)
    places = Places([short, long, other])

    assert places.curve(long.case) == "tiny input length 512"
    assert places.curve(long.case, "input_length") == "tiny"
    assert places.curve(other.case) == "other"
    assert (places.point(long.case), places.point(other.case)) == ("input length 512", "other")


def test_history_names_a_case_in_words_and_a_phase_where_there_are_several():
    point = Point("a", "2026-11-23T20:15:30+00:00", Estimate(21.3e6, None, None))
    metrics = [("ttft", "prefill"), ("rss_peak_hwm", "load"), ("rss_peak_hwm", "decode")]
    content = history_page([Track(case(dtype="bfloat16"), metric, phase, (point,), {}) for metric, phase in metrics])
    (block,) = content.blocks

    assert block.heading.text == "tiny · inference speed · cpu · bfloat16 · threads 2 · input length 32"
    assert [table.title for table in block.tables] == ["TTFT", "peak RSS (kernel), load", "peak RSS (kernel), decode"]
