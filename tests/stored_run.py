"""Content of ``results/stored_run``: a run written at commit e1e9a0d, before one table declared all columns."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from inference_bench.plan import Case
from inference_bench.result import (
    BenchmarkResult,
    Estimate,
    MemoryTimeline,
    Mode,
    RunRecord,
    Samples,
    Scores,
    Status,
    Summary,
)
from inference_bench.spec import Setup

FOLDER = Path(__file__).parent / "results" / "stored_run"

CASE = Case("tiny", "inference_speed", Setup(threads=2), {"input_length": 32, "text": "naïve 模型"})
RECORD = RunRecord(
    id=FOLDER.name,
    created_utc="2026-11-23T20:15:30+00:00",
    spec={"models": ["tiny"]},
    environment={},
    clock={"source": "tsc", "resolution_ns": 0.4},
    cases=({"id": CASE.id, "slug": CASE.slug, "status": "ok"},),
    finished=True,
)
SAMPLES = Samples(
    run=np.array([0, 0, 0, 1, 1], np.int32),
    iteration=np.array([0, 1, 1, 0, 1], np.int32),
    step=np.array([-1, -1, 1, -1, 2], np.int32),
    metric=np.array(["ttft", "ttft", "itl", "ttft", "rss"]),
    phase=np.array(["prefill", "prefill", "decode", "prefill", ""]),
    stage=np.array(["cold", "measured", "measured", "warmup", "measured"]),
    start_ns=np.array([1 << 60, 5, 6, 7, -1], np.int64),
    value=np.array([(1 << 53) + 1, 4_000_000, 900, -1, 123_456_789], np.int64),
    loader=np.array(["none", "still", "running", "none", ""]),
    interference=np.array(["", "preempted+gc", "", "disk", ""]),
)
MEMORY = MemoryTimeline(
    run=np.array([0, 0, 1], np.int32),
    time_ns=np.array([10, 20, 30], np.int64),
    phase=np.array(["load", "prefill", ""]),
    rss_bytes=np.array([4096, 8192, 8192], np.int64),
    cgroup_bytes=np.array([-1, 12_288, -1], np.int64),
    probe_cost_ns=np.array([900, 910, 920], np.int64),
)
SCORES = Scores(
    run=np.array([0, 0, 0], np.int32),
    task=np.array(["sample_choice", "sample_choice", "sample_passage"]),
    item=np.array(["1", "zwei", "三"]),
    metric=np.array(["accuracy", "accuracy", "bits_per_byte"]),
    value=np.array([1.0, 0.0, 0.912345678901234]),
    weight=np.array([1.0, 1.0, 1234.0]),
    detail=np.array(['{"answer": "a|b"}', "", ""], dtype=object),
)
SUMMARY = Summary(
    metric="ttft",
    phase="prefill",
    n=40,
    runs=2,
    scope="runs",
    level=0.95,
    cold=9e6,
    minimum=4e6,
    maximum=6e6,
    mean=5.1e6,
    quantiles={"p50": Estimate(5e6, 4.9e6, 5.2e6, "order statistics"), "p99": Estimate(None, None, None, "", 368)},
    autocorrelation=0.1,
    effective_n=40.0,
    outliers_mild=1,
    outliers_severe=0,
    converged=True,
    stop_reason="precise enough",
    steadiness="flat",
    modes=(Mode(4.5e6, 0.4), Mode(5.5e6, 0.6)),
)
RESULT = BenchmarkResult(
    CASE,
    Status.OK,
    summaries=(SUMMARY,),
    samples=SAMPLES,
    memory=MEMORY,
    scores=SCORES,
    model={"title": "Tiny", "weights": {"source": "random", "label": "seeded", "trained": False, "digest": ""}},
    workers=({"run": 0, "pid": 7}, {"run": 1, "pid": 8}),
    notes=("a note",),
)
RESULT_IN_JSON = replace(RESULT, samples=None, memory=None, scores=None)
