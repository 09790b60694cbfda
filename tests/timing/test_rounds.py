"""Rounds: order, when they end, and how their records compare."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import numpy as np
import pytest

from inference_bench.timing import exports, hyperfine
from inference_bench.timing.contest import compare_records
from inference_bench.timing.record import Floor, ProcessTimes, Record
from inference_bench.timing.report import TimeReport, lines_of, record_notes, text_format
from inference_bench.timing.rounds import RoundLimits, measure_rounds
from inference_bench.units import NS_PER_S


@dataclass
class Known:
    """A subject whose processes take known times; it writes down when it is measured."""

    name: str
    times_ns: list[float]
    log: list[str] = field(default_factory=list)
    parameters: dict[str, str] = field(default_factory=dict)

    def measure(self):
        self.log.append(self.name)
        if not self.times_ns:
            raise KeyboardInterrupt
        return ProcessTimes([self.times_ns.pop(0)], user_ns=1, system_ns=2, peak_rss_bytes=3)


LIMITS = RoundLimits(least=3, most=8, precision=0.02, budget_ns=10 * NS_PER_S)


def record(name, times_ns, **facts):
    processes = {
        number: ProcessTimes([value], user_ns=10, system_ns=20, peak_rss_bytes=1 << 20, **facts)
        for number, value in enumerate(times_ns)
    }
    return Record(name, processes)


def test_subjects_take_turns():
    log = []
    measure_rounds([Known("a", [1] * 4, log), Known("b", [9, 1, 9, 1], log)], RoundLimits(4, 4, 0.01, NS_PER_S))

    assert "".join(log) == "abbaabba"


def test_rounds_end_when_every_median_is_precise():
    found = measure_rounds(
        [Known("a", [100.0] * 9), Known("b", [100.0, 150.0, 100.0, 101.0, 100.5] + [100.0] * 9)], LIMITS
    )

    assert [len(of.processes) for of in found.records] == [8, 8]
    assert [of.converged for of in found.records] == [True, False]
    assert found.records[1].stop_reason == "limit of 8 runs reached"
    even = measure_rounds([Known("a", [100.0] * 9)], LIMITS).records[0]
    assert (len(even.processes), even.converged, even.stop_reason) == (3, True, "interval narrow enough")


def test_a_spent_budget_ends_them_after_the_least_number():
    found = measure_rounds([Known("a", [100.0, 300.0] * 4)], RoundLimits(3, 8, 0.001, 1)).records[0]

    assert (len(found.processes), found.converged, found.stop_reason) == (3, False, "time budget spent")


def test_an_interruption_keeps_what_was_measured():
    found = measure_rounds([Known("a", [1.0] * 9), Known("b", [5.0, 1.0])], LIMITS)

    assert found.interrupted
    assert [len(of.processes) for of in found.records] == [3, 2]
    assert {of.stop_reason for of in found.records} == {"interrupted"}


@pytest.mark.parametrize(
    ("count", "method"), [(10, "interleaved pairs"), (4, "Welch's t")], ids=["pairs", "few rounds"]
)
def test_records_are_compared_by_rounds(count, method):
    drift = 1 + np.arange(count) / 50
    first, second = record("a", 1e6 * drift), record("b", 2e6 * drift)
    none, row = compare_records([first, second], 0.01)

    assert none is None
    assert method in row.method
    assert row.change == pytest.approx(1.0)
    assert row.low <= 1 + 1e-9 and row.high >= 1 - 1e-9
    assert (row.high - row.low < 1e-9) == (count == 10)  # the drift cancels in pairs


def test_blocks_are_compared_as_separate_runs():
    _, row = compare_records([record("a", np.arange(100, 110)), record("b", np.arange(200, 210))], 0.01, in_blocks=True)

    assert "run medians" in row.method
    assert row.verdict.value == "worse"


def report(times=((1e6, 1.01e6, 1.02e6) * 4, (2e6, 2.01e6, 2.02e6) * 4)):
    records = tuple(record(name, values) for name, values in zip("ab", times, strict=False))
    return TimeReport(
        "command", records, compare_records(records, 0.01), "a", Floor("starting an empty shell", 5e5, 2 << 20)
    )


def test_text_has_figures_change_and_floor_in_80_columns():
    lines = list(lines_of(report(), text_format(None)))

    assert lines[0] == "a: 1.01 ms [1.00 ms, 1.02 ms]"
    assert "peak RSS ≤ 1.00 MiB" in " ".join(lines)
    assert lines[-3] == "against a:"
    assert lines[-2].startswith("  b: ×1.99 [1.9") and lines[-2].endswith("] SLOWER")
    assert "starting an empty shell takes 500 µs here" in lines[-1]
    assert max(map(len, lines[:-1])) <= 80


def test_the_fastest_can_come_first_and_keeps_its_change():
    found = report(((2e6, 2.01e6, 2.02e6) * 4, (1e6, 1.01e6, 1.02e6) * 4)).by_time()

    assert [of.name for of in found.records] == ["b", "a"]
    assert found.changes[1] is None and found.changes[0].verdict.value == "better"


@pytest.mark.parametrize(("unit", "text"), [("usec", "1,500 µs"), ("second", "0.0015 s"), (None, "1.50 ms")])
def test_times_are_written_in_the_unit_that_was_asked_for(unit, text):
    assert text_format(unit)(1_500_000) == text


def test_a_slow_first_run_and_outliers_are_told_in_words():
    level = [100 + i % 5 for i in range(20)]

    assert "the first run took 900 ns, far more than the others" in next(record_notes(record("a", [900, *level])))
    assert "a: 1 run of 21 took far more or less time" in next(record_notes(record("a", [*level, 900])))
    assert list(record_notes(record("a", level))) == []
    (failed,) = record_notes(record("a", [1, 2], exit_code=3))
    assert failed == "a: 2 of 2 runs ended with another exit code than 0"


def test_json_has_all_samples_and_the_comparison():
    found = json.loads(exports.json_text(report()))

    assert [of["name"] for of in found["results"]] == ["a", "b"]
    assert found["results"][0]["median_ns"] == 1.01e6
    assert len(found["results"][0]["samples_ns"]) == 12
    (row,) = found["comparisons"]
    assert row["against"] == "a" and row["verdict"] == "SLOWER" and row["interval"][0] <= row["ratio"]
    assert found["floor"]["time_ns"] == 5e5


def test_csv_and_markdown_have_a_line_per_record():
    lines = exports.csv_text(report()).splitlines()
    assert lines[0].startswith("name,median_ns,low_ns,high_ns,level,converged")
    assert len(lines) == 3

    table = exports.markdown_text(report(), text_format("msec")).splitlines()
    assert table[2].startswith("| `a` | 1.01 ms | 1 ms … 1.02 ms | 12 |  |")
    assert "SLOWER" in table[3]


def test_the_files_of_hyperfine_have_its_fields_in_seconds():
    records = report().records
    (first, _) = json.loads(hyperfine.json_text(records))["results"]
    figures = ["mean", "stddev", "median", "user", "system", "min", "max"]
    assert list(first) == ["command", *figures, "times", "memory_usage_byte", "exit_codes"]
    assert first["mean"] == pytest.approx(1.01e-3) and first["min"] == 1e-3 and first["user"] == 1e-8
    assert len(first["times"]) == len(first["exit_codes"]) == 12

    assert hyperfine.csv_text(records).splitlines()[0] == ",".join(["command", *figures])
    table = hyperfine.markdown_text(records).splitlines()
    assert table[0] == "| Command | Mean [ms] | Min [ms] | Max [ms] | Relative |"
    assert table[3] == "| `b` | 2.0 ± 0.0 | 2.0 | 2.0 | 1.99 |"
