"""Engines side by side in one run: what computes garbage is marked, and its ratios are withheld."""

from __future__ import annotations

import asyncio
import io
from dataclasses import dataclass
from math import isnan

import pytest
import torch
from transformers import AutoModelForCausalLM

from inference_bench.analysis.comparison_result import Verdict
from inference_bench.model.engine import engine as engines
from inference_bench.model.engine.engine import Boundary, Engine, engine_names, load_engine
from inference_bench.model.engine.model import EngineModel, class_in_engine
from inference_bench.orchestration.interleaved import Question, Variant, measure_interleaved
from inference_bench.orchestration.run import run_benchmarks
from inference_bench.reports._pages.comparison import page
from inference_bench.reports._render import render as render_page
from inference_bench.results.axis_sides import split_by_axis
from inference_bench.results.run_comparison import ComparisonOptions, compare_runs
from inference_bench.spec import Setup, Spec
from inference_bench.testing import QUICK
from inference_bench.units import NS_PER_S
from tests.engine_on_torch import TorchSession
from tests.place_folders import add_tokenizer, trained
from tests.report_parts import render, words


@dataclass
class _Planted:
    """Which rows of the head are swapped."""

    rows: tuple[int, int] | None = None


PLANTED = _Planted()


class Planted(Engine):
    """torch again, with two rows of its weights swapped where that is planted."""

    name = "planted"
    title = "Planted"
    reads = "a folder"
    requires = ("torch",)
    install = ("torch",)
    dtypes = ("float32",)
    boundary = Boundary("one pass over the whole text", "argmax", "the token")

    @classmethod
    def model_class(cls, model):
        return class_in_engine(PlantedModel, cls, model)


class PlantedModel(EngineModel):
    def open(self, path, setup, steps):
        network = AutoModelForCausalLM.from_pretrained(path).train(False)
        if PLANTED.rows:
            one, other = PLANTED.rows
            with torch.no_grad():
                network.lm_head.weight[[one, other]] = network.lm_head.weight[[other, one]]
        return TorchSession(network)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    known, load = engine_names(), load_engine
    monkeypatch.setattr(engines, "engine_names", lambda: [*known, "planted"])
    monkeypatch.setattr(engines, "load_engine", lambda name: Planted if name == "planted" else load(name))
    folder = trained(tmp_path / "weights")
    # A head whose likeliest token is often one of two, as in trained networks.
    network = AutoModelForCausalLM.from_pretrained(folder)
    with torch.no_grad():
        network.lm_head.weight[3:5] *= 40
    network.save_pretrained(folder)
    add_tokenizer(folder)
    return folder


def _page(folder, output):
    request = Spec(
        (str(folder),),
        ("inference_speed", "agreement"),
        (Setup(), Setup(engine="planted")),
        {"input_length": (8,), "new_tokens": (4,), "passages": (8,)},
        limits=QUICK,
        isolation="inline",
    )
    outcome = asyncio.run(run_benchmarks(request, output=output))
    results = outcome.run.results
    return results, words(render("console", *results))


def test_the_same_weights_have_a_ratio_and_each_boundary_is_printed(folder, tmp_path):
    results, page = _page(folder, tmp_path / "run")
    assert {result.model["engine"] for result in results} == {"transformers", "planted"}
    speeds = [result.workers[0]["work"] for result in results if result.case.benchmark == "inference_speed"]
    assert speeds[0] == speeds[1]
    assert (speeds[0]["prompt_tokens"], speeds[0]["new_tokens"]) == (8, 4)
    assert "work not equal" not in page
    assert "One step of planted: step one pass over the whole text" in page


@pytest.fixture
def swapped(monkeypatch):
    monkeypatch.setattr(PLANTED, "rows", (3, 4))


def test_swapped_rows_of_weights_withhold_the_ratio(folder, tmp_path, swapped):
    results, page = _page(folder, tmp_path / "run")
    assert "Work not equal, ratio withheld: planted: the likeliest token is that of float32 at" in page
    assert "work not equal" in page
    top1 = next(
        summary.score.value
        for result in results
        if result.case.setup.engine == "planted"
        for summary in result.summaries
        if summary.metric == "top1_agreement"
    )
    assert top1 < 0.5


def test_without_agreement_equal_work_is_not_proven(folder, tmp_path):
    request = Spec(
        (str(folder),),
        ("inference_speed",),
        (Setup(), Setup(engine="planted")),
        {"input_length": (8,), "new_tokens": (4,)},
        limits=QUICK,
        isolation="inline",
    )
    outcome = asyncio.run(run_benchmarks(request, output=tmp_path / "run"))
    page = words(render("console", *outcome.run.results))
    assert "Equal work is not proven for planted, transformers: add --benchmark agreement" in page


def _ab(folder, output, *benchmarks):
    """Compare the engines with one pair, in this process."""
    axes = {"input_length": (8,), "new_tokens": (4,)} | ({"passages": (8,)} if "agreement" in benchmarks else {})
    variants = [
        Variant(
            f"engine={setup.engine}",
            Spec((str(folder),), benchmarks, (setup,), axes, limits=QUICK, isolation="inline"),
        )
        for setup in (Setup(), Setup(engine="planted"))
    ]
    return asyncio.run(measure_interleaved(variants, Question(), output=output, time_ns=60 * NS_PER_S))


def test_ab_gives_engines_of_equal_work_their_verdicts(folder, tmp_path):
    comparison = _ab(folder, tmp_path, "inference_speed", "agreement").comparison
    assert comparison.rows
    assert not any(row.verdict is Verdict.WITHHELD for row in comparison.rows)
    assert any("One step of planted" in line for line in comparison.on_engines)
    assert not any("not proven" in line for line in comparison.on_engines)


def test_ab_withholds_every_verdict_where_rows_of_weights_are_swapped(folder, tmp_path, swapped):
    outcome = _ab(folder, tmp_path, "inference_speed", "agreement")
    comparison = outcome.comparison
    assert {row.verdict for row in comparison.rows} == {Verdict.WITHHELD}
    assert all("planted: the likeliest token is that of float32 at" in row.reason for row in comparison.rows)
    assert all(isnan(row.change) and row.low is row.p_sign is None for row in comparison.rows)
    assert (comparison.is_worse, comparison.exit_code) == (False, 3)
    assert outcome.stop_reason == "settled, but for work that was not equal"
    printed = io.StringIO()
    render_page(page(comparison.compared, comparison.differences, comparison.on_engines), "markdown", printed)
    assert "no verdict in all" in printed.getvalue()
    assert "Verdict withheld: the work was not equal" in printed.getvalue()


def test_compare_withholds_them_too_by_runs_and_by_the_axis(folder, tmp_path, swapped):
    request = Spec(
        (str(folder),),
        ("inference_speed", "agreement"),
        (Setup(), Setup(engine="planted")),
        {"input_length": (8,), "new_tokens": (4,), "passages": (8,)},
        limits=QUICK,
        isolation="inline",
    )
    run = asyncio.run(run_benchmarks(request, output=tmp_path)).run
    axis = split_by_axis([run], "engine")
    compared = compare_runs(axis.sides, ComparisonOptions(paired=False, by=axis.field))
    assert {row.verdict for row in compared.rows} == {Verdict.WITHHELD}


def test_ab_without_agreement_says_that_equal_work_is_not_proven(folder, tmp_path):
    comparison = _ab(folder, tmp_path, "inference_speed").comparison
    assert "Equal work is not proven for planted, transformers: add --benchmark agreement" in comparison.on_engines
