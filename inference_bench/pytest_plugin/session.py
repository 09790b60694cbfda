"""The timed functions of one session: collected from the tests' reports, shown and saved when it ends."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from inference_bench.pytest_plugin.timed_function import COLUMNS, TimedFunction, table_lines
from inference_bench.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from inference_bench.pytest_plugin.baseline import Baseline

REPORT_FIELD = "inference_bench_timed"
"""Attribute of a test's report with its timed functions as dicts; pytest-xdist sends it to the controller."""
_NOT_SOUND = "test failed or was skipped: neither saved nor compared"


@dataclass(slots=True, eq=False)  # pluggy keeps plugins in a set
class TimingSession:
    """A plugin of one session that keeps the timed functions of its tests.

    Attributes:
        baseline: the runs of ``--ib-compare``; None without it.
        save: the file of ``--ib-save``; None without it.
        facts: what is saved with the medians.
    """

    baseline: Baseline | None
    save: Path | None
    facts: Mapping[str, object]
    _timed: dict[str, list[TimedFunction]] = field(default_factory=dict)
    _unsound: set[str] = field(default_factory=set)
    _notes: list[str] = field(default_factory=list)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep a test's timed functions; of a test that runs again those of the last time."""
        if report.when == "setup":
            self._unsound.discard(report.nodeid)
        if not report.passed or hasattr(report, "wasxfail"):
            self._unsound.add(report.nodeid)
        rows = getattr(report, REPORT_FIELD, None)
        if rows is not None:
            self._timed[report.nodeid] = [TimedFunction(**row) for row in rows]

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Save this run, unless a test failed."""
        if self.save is None:
            return
        medians_ns = {timed.name: timed.median_ns for timed in self._sound() if timed.median_ns}
        if session.exitstatus != pytest.ExitCode.OK:
            self._notes.append(f"Not saved to {self.save}: only a run whose tests all pass becomes part of a baseline.")
        elif medians_ns:
            self._append(session, self.save, medians_ns)

    def _append(self, session: pytest.Session, path: Path, medians_ns: Mapping[str, float]) -> None:
        from inference_bench.results.timing_history import append_run

        try:
            append_run(path, medians_ns, {**self.facts, "workers": self._workers(), **self._extra_info()})
        except OSError as error:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
            self._notes.append(f"NOT SAVED: {path} cannot be written ({error.strerror}).")

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print one line per timed function, then what was compared, judged and saved."""
        if not self._timed and not self._notes and self.baseline is None:
            return
        terminalreporter.section("inference_bench: time of a call")
        lines = [*self._table(), *self._workers_notes(), *self._baseline_notes(), *self._notes]
        for line in lines:
            terminalreporter.write_line(line)

    def _extra_info(self) -> Mapping[str, object]:
        """Return the tests' own facts by the names of their timed functions; nothing if no test has any."""
        found = {timed.name: timed.extra_info for timed in self._sound() if timed.extra_info and timed.median_ns}
        return {"extra_info": found} if found else {}

    def _table(self) -> list[str]:
        if not self._timed:
            return ["No test timed a function."]
        groups: dict[str, list[TimedFunction]] = {}
        for timed in self._all():
            groups.setdefault(timed.group, []).append(timed)
        lines = [line for name, members in groups.items() for line in self._group(name, members)]
        return [*lines, "Intervals are the median's, at 95 %, of this process; a fresh one may differ by more."]

    def _group(self, name: str, members: Sequence[TimedFunction]) -> list[str]:
        """Return the table of one group; a named one has each median as a multiple of its fastest."""
        fastest = min((timed.median_ns for timed in members if timed.median_ns), default=None)
        heads = [*COLUMNS, *(["× fastest"] if name else []), *(["change"] if self.baseline else [])]
        rows = [tuple(heads)]
        for timed in members:
            ratio = f"{timed.median_ns / fastest:.2f}" if timed.median_ns and fastest else "–"
            change = (timed.change or "–") if self._is_sound(timed) or timed.failure else _NOT_SOUND
            rows.append((*timed.cells(), *([ratio] if name else []), *([change] if self.baseline else [])))
        return [*([f"group {one_line(name)}"] if name else []), *table_lines(rows)]

    def _is_sound(self, timed: TimedFunction) -> bool:
        return any(timed in functions for nodeid, functions in self._timed.items() if nodeid not in self._unsound)

    def _workers_notes(self) -> Iterator[str]:
        if self._workers() > 1:
            yield f"Timed in {self._workers()} processes at once (pytest-xdist), which disturb each other: use -n 0."

    def _baseline_notes(self) -> Iterator[str]:
        if self.baseline is None:
            return
        yield from self.baseline.comparable(self._workers()).notes
        if self.baseline.fraction is None:
            return
        from inference_bench.analysis.prediction_interval import FEWEST_RUNS

        compared = [each for each in self._all() if each.change is not None]
        lacking = [f"{each.name} ({each.earlier} earlier)" for each in compared if not each.judged]
        failed = sum(bool(each.failure) for each in compared)
        judged = len(compared) - len(lacking)
        yield f"--ib-fail judged {judged} of {len(compared)} timed functions: {failed} failed as SLOWER or SUSPECT."
        if lacking:
            yield f"NOT JUDGED, for a verdict needs {FEWEST_RUNS} earlier runs: {', '.join(lacking)}."

    def _all(self) -> Iterator[TimedFunction]:
        for functions in self._timed.values():
            yield from functions

    def _sound(self) -> Iterator[TimedFunction]:
        for nodeid, functions in self._timed.items():
            if nodeid not in self._unsound:
                yield from functions

    def _workers(self) -> int:
        return max((timed.workers for timed in self._all()), default=1)
