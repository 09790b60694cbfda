"""Export live generations as run folders, which ``report`` and ``compare`` read."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING

import inference_bench._native as _native
from inference_bench.analysis.summaries import summarise_samples
from inference_bench.analysis.trust.case import judged
from inference_bench.live.exporter import Exporter
from inference_bench.live.host import describe_host
from inference_bench.plan import Case
from inference_bench.provenance.reading import describe_server
from inference_bench.result import BenchmarkResult, RunRecord, Samples, Stage, Status
from inference_bench.results.run_folder import create_run_folder
from inference_bench.results.sink import open_sinks
from inference_bench.spec import Setup

if TYPE_CHECKING:
    from inference_bench.live.profiler import Profiler
    from inference_bench.provenance.record import Provenance

_UNCONVERGED = "live traffic has no stopping rule"
_MOST_OPEN = 4_096
"""Limit of generations without an end; the oldest is dropped, because the record of its end may be lost."""


class ParquetExporter(Exporter):
    """Writes a run folder every ``interval_s``, with every observation of every sampled generation of one model.

    The samples are exact, because they come from the records and not from the histograms. An iteration is a generation,
    a step is a token. No folder is written for an interval without a generation.

    Args:
        profiler: the profiler that instruments the model.
        root: parent of the folders.
        model: the name given to ``instrument``.
        setup: how the model was loaded, as in a benchmark; makes folders comparable.
        interval_s: seconds between two folders.
        keep: number of folders of this model to keep under ``root``, those of earlier processes included; older ones
            are deleted.
        queue_records: limit of span records that wait.
    """

    def __init__(
        self,
        profiler: Profiler,
        root: Path,
        model: str = "model",
        *,
        setup: Setup | None = None,
        interval_s: float = 300.0,
        keep: int = 288,
        queue_records: int = 4_000_000,
    ) -> None:
        super().__init__(profiler, "parquet", interval_s, queue_records)
        self._root = Path(root)
        self._case = Case(model, "live", setup or Setup())
        asked_for = f"asked for: {setup.weights}" if setup else "as the server loaded them"
        self._weights = {"source": "live", "label": asked_for}
        self._keep = keep
        self._open: dict[int, _Generation] = {}
        self._open_pid = os.getpid()

    @cached_property
    def _host(self) -> dict[str, object]:
        """The machine and the software, read when the first folder is written."""
        return describe_host()

    @cached_property
    def _provenance(self) -> Provenance:
        """Commit of the folder that the server runs in, command line and host."""
        return describe_server()

    def export(self, batches: list[_native.SpanRecords]) -> None:
        """Write one folder with the generations that ended in these batches."""
        if self._open_pid != os.getpid():  # a fork: those are the parent's
            self._open, self._open_pid = {}, os.getpid()
        columns = _Columns()
        for batch in batches:
            self._follow(batch, columns)
        if columns.value:
            self._write(columns.samples())
            self._rotate()

    def _follow(self, batch: _native.SpanRecords, columns: _Columns) -> None:
        """Match begin, tokens and end of each generation, across batches."""
        table = batch.records()
        names, kinds = table.labels("name") or [], table.labels("kind") or []
        generate, token = f"{self._case.model}.generate", f"{self._case.model}.token"
        wanted = {number for number, name in enumerate(names) if name in (generate, token)}
        rows = zip(*(table.column(name) for name in ("name", "kind", "id", "value", "begin_ns")), strict=True)
        # Records of several threads come chunk by chunk and are ordered by time only.
        for name, kind, number, value, time_ns in sorted((row for row in rows if row[0] in wanted), key=lambda r: r[4]):
            if names[name] == token:
                if value in self._open:
                    self._open[value].token_ns.append(time_ns)
            elif kinds[kind] == "begin":
                self._open[number] = _Generation(time_ns)
                if len(self._open) > _MOST_OPEN:
                    del self._open[next(iter(self._open))]
            elif kinds[kind] == "end" and number in self._open:
                columns.add(self._open.pop(number))

    def _write(self, samples: Samples) -> None:
        """Write a folder; what cannot be finished is deleted, because each interval would leave a further one."""
        folder = create_run_folder(self._root)
        try:
            self._fill(folder, samples)
        except BaseException:
            rmtree(folder, ignore_errors=True)
            raise

    def _fill(self, folder: Path, samples: Samples) -> None:
        recording, metrics = self.profiler.snapshot().recording, set(samples.metric)
        result = BenchmarkResult(
            case=self._case,
            status=Status.OK,
            summaries=summarise_samples(samples, dict.fromkeys(metrics, False), dict.fromkeys(metrics, _UNCONVERGED)),
            model={"weights": self._weights},
            samples=samples,
            workers=({"spans": {"recorded": recording.recorded, "lost": recording.lost + self._dropped.value}},),
            notes=("live traffic: prompts and lengths as received, one process",),
        )
        cases = ({"id": self._case.id, "slug": self._case.slug, "status": Status.OK.value},)
        record = RunRecord(
            id=folder.name,
            created_utc=datetime.now(UTC).isoformat(),
            spec={"models": [self._case.model], "benchmarks": ["live"]},
            environment=self._host | {"load": describe_host()["load"]},
            clock=_native.clock_describe(),
            cases=cases,
            finished=True,
            provenance=self._provenance,
        )
        sinks = open_sinks(folder)
        sinks.begin(record)
        sinks.write(judged(result, record), record)
        sinks.finish(record)

    def _rotate(self) -> None:
        mine = [folder for folder in sorted(self._root.iterdir()) if self._is_mine(folder)]
        for folder in mine[: max(len(mine) - self._keep, 0)]:
            rmtree(folder, ignore_errors=True)

    def _is_mine(self, folder: Path) -> bool:
        """Return whether an exporter wrote this folder for this model; its name begins with its time."""
        try:
            spec = json.loads((folder / "run.json").read_bytes())["spec"]
            return bool(spec["benchmarks"] == ["live"] and spec["models"] == [self._case.model])
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return False


@dataclass(slots=True)
class _Generation:
    """A generation that has not ended yet."""

    begin_ns: int
    token_ns: list[int] = field(default_factory=list)


@dataclass(slots=True)
class _Columns:
    """The columns of ``Samples``, as growing lists."""

    iterations: int = 0
    iteration: list[int] = field(default_factory=list)
    step: list[int] = field(default_factory=list)
    metric: list[str] = field(default_factory=list)
    start_ns: list[int] = field(default_factory=list)
    value: list[int] = field(default_factory=list)

    def add(self, generation: _Generation) -> None:
        """Add the metrics of one generation as ``inference_bench.metrics`` defines them; none without a token."""
        times = generation.token_ns
        if not times:
            return
        self._row("ttft", -1, generation.begin_ns, times[0] - generation.begin_ns)
        for step in range(1, len(times)):
            self._row("itl", step, times[step - 1], times[step] - times[step - 1])
        if len(times) > 1:
            self._row("tpot", -1, times[0], (times[-1] - times[0]) // (len(times) - 1))
        self._row("e2e", -1, generation.begin_ns, times[-1] - generation.begin_ns)
        self.iterations += 1

    def _row(self, metric: str, step: int, start_ns: int, value: int) -> None:
        self.iteration.append(self.iterations)
        self.step.append(step)
        self.metric.append(metric)
        self.start_ns.append(start_ns)
        self.value.append(value)

    def samples(self) -> Samples:
        """Return typed columns. Live traffic has no warm-up stage and no loader."""
        measured = {
            "run": 0,
            "iteration": self.iteration,
            "step": self.step,
            "metric": self.metric,
            "phase": "",
            "stage": Stage.MEASURED.value,
            "start_ns": self.start_ns,
            "value": self.value,
            "loader": "none",
        }
        return Samples.joined([measured])
