"""``--case-limit`` bounds every benchmark, also those that no budget ends."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from inference_bench.orchestration.run import run_benchmarks
from inference_bench.result import Status
from inference_bench.spec import Limits, Spec
from inference_bench.units import NS_PER_S
from tests.processes import assert_no_worker_is_left

_SLOW = """
import sys, time
sys.path.insert(0, {tests!r})

from inference_bench.model.interfaces import BatchGenerator
from inference_bench.model.model import Model
from tests.scorers import BitScorer

class Slow(BitScorer, BatchGenerator):
    def text_likelihood(self, text):
        time.sleep(0.2)
        return super().text_likelihood(text)

    def prompts(self, lengths):
        return list(lengths)

    def prefill(self, batch):
        time.sleep(0.2)
        return [0] * len(batch)

    def decode(self):
        time.sleep(0.2)
        return [0]

    def reset(self): ...

class Plugin(Model):
    title = "slow at everything"
    needs_weights = False
    abilities = ("generate", "score")
    max_input_length = 4096

    def load(self, setup, weights, steps): ...
    def unload(self): ...
    def scorer(self): return Slow()
    def batch_generator(self): return Slow()
"""


@pytest.mark.parametrize(
    ("benchmark", "axes"), [("accuracy", {"task": ("sample_passage",)}), ("serving_load", {"new_tokens": (64,)})]
)
def test_a_case_that_no_budget_ends_is_ended_by_the_limit(
    tmp_path: Path, benchmark: str, axes: dict[str, tuple[int | str, ...]]
) -> None:
    path = tmp_path / "models" / "slow" / "model.py"
    path.parent.mkdir(parents=True)
    path.write_text(_SLOW.format(tests=str(Path(__file__).parents[2])))
    limits = Limits(budget_ns=NS_PER_S // 20, case_ns=NS_PER_S)
    request = Spec(("slow",), (benchmark,), axes=axes, limits=limits)
    outcome = asyncio.run(run_benchmarks(request, output=tmp_path / "out", models_dirs=[tmp_path / "models"]))

    (result,) = outcome.run.results
    assert result.status is Status.TIMEOUT
    assert result.failure is not None
    assert result.failure.cause == "the case took longer than 1 s, and the worker was killed"
    assert_no_worker_is_left()
