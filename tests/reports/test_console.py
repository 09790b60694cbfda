"""Tables for terminals and Markdown: what fits, what gives way, what stays text."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference_bench.reports._report import open_report
from inference_bench.results.run import Run
from tests.report_parts import CRASHED, RANDOM, RECORD, memory, render, speed, summary
from tests.reports.conftest import PEOPLE

GOLDEN = """\
Run 20261123T201530Z-3fa9c1 · 2026-11-23 20:15:30 UTC · A Processor · 2 usable of 4 logical CPUs

Tiny-1M · 1.25 M parameters · float32 · cpu · 2 threads · 1 run
weights: Q4_1 of tiny 0.1 · sha256 abcdef012345

Inference speed
 input
length  metric   unit      median   95 % interval    p90        p99    cold             n  conv.  grade
───────────────────────────────────────────────────────────────────────────────────────────────────────
    32  TTFT     ms          21.3    [21.2, 21.4]   23.4  needs 368   213.0            40  ✓      B
        ITL      ms         1.500  [1.492, 1.507]  1.650  needs 368  15.000  1,240 (≈310)  ✓
        prefill  tokens/s   1,502  [1,494, 1,510]  1,652  needs 368  15,020            40  ✓

   128  TTFT     ms          21.3    [21.2, 21.4]   23.4  needs 368   213.0            40  ✓      B
        ITL      ms         1.500  [1.492, 1.507]  1.650  needs 368  15.000  1,240 (≈310)  ✓
        prefill  tokens/s   1,502  [1,494, 1,510]  1,652  needs 368  15,020            40  ✓

   512  CRASHED                                                                                   F

Memory usage
512 tokens
phase           peak RSS (kernel)                RSS growth  n  conv.  grade
────────────────────────────────────────────────────────────────────────────
load                     1.12 GiB                  1.12 GiB  1  ✓      B
prefill  1.220 GiB [1.214, 1.226]  1.220 GiB [1.214, 1.226]  6  ✓
decode   1.229 GiB [1.223, 1.235]  1.229 GiB [1.223, 1.235]  6  ✓

Cases without a complete result
 • inference speed, 512 tokens: crashed: the worker died of SIGSEGV (exit status -11)
 • last stderr line: Fatal [red]error[/red]

Reliability
 • Good to ±0.5 % over this one process (widest: TTFT, inference speed, 32 tokens); a fresh one may differ by more
 (--runs).
 • How good is unknown, for want of an interval: peak RSS (kernel) of load, memory usage.
 • Grade B. Main reason: one run: one process was measured (inference speed, 32 tokens; inference speed, 128 tokens;
 memory usage). Effect: the intervals describe this process; the next one may differ by more. Fix: --runs 6.
 • Harness floor (null model, same path, not subtracted): TTFT 900 ns, at most 0.004 % of a median above.
 • Clock: tsc (invariant), resolution 0.4 ns, one reading costs 9.5 ns.
 • Machine, before the run: the governor is powersave.

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


@pytest.fixture(scope="module")
def monkeypatch_module():
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@settings(deadline=None, max_examples=40)
@given(st.text(), st.text(), st.integers(20, 200))
def test_any_text_renders(monkeypatch_module, title, note, width):
    monkeypatch_module.setenv("COLUMNS", str(width))
    for report in PEOPLE:
        render(report, speed(model={"title": title, "weights": {"label": note}}, notes=(note,)), memory())


def test_random_weights_are_red_on_a_terminal(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    stream = Terminal()
    open_report("console").render(Run(RECORD, (speed(model=RANDOM),)), stream)

    assert "\x1b[1;31mRANDOM WEIGHTS" in stream.getvalue()


@pytest.mark.parametrize(
    ("width", "left_out"),
    [(96, []), (90, ["p90"]), (80, ["p90, cold"]), (70, ["p90, p99, cold", "RSS growth"])],
)
def test_columns_give_way(monkeypatch, width, left_out):
    monkeypatch.setenv("COLUMNS", str(width))
    text = render("console", speed(), memory())

    assert max(map(len, text.splitlines())) <= width
    assert re.findall(r"hidden columns: (.*) \(", text) == left_out
    assert "[21.2, 21.4]" in text


@pytest.mark.parametrize(("width", "is_shown"), [(120, True), (70, False)])
def test_a_phase_goes_with_the_column_that_has_its_only_figure(monkeypatch, width, is_shown):
    monkeypatch.setenv("COLUMNS", str(width))
    result = memory()
    text = render("console", replace(result, summaries=(*result.summaries, summary("rss_growth", "host", 4e6))))

    assert ("RSS growth" in text.splitlines()[-1] or "hidden columns: RSS growth" in text) is not is_shown
    assert bool(re.search(r"^ *host ", text, re.MULTILINE)) is is_shown
    assert all(phase in text for phase in ("load", "prefill", "decode"))


def test_a_pipe_is_wide(monkeypatch):
    monkeypatch.delenv("COLUMNS")

    assert "hidden columns" not in render("console", speed())


def test_a_terminal_without_unicode():
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="latin-1")
    open_report("console").render(Run(RECORD, (speed(),)), stream)
    stream.flush()

    assert b"TTFT" in raw.getvalue()
