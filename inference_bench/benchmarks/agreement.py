"""Agreement with the reference configuration of the same weights: float32, eager attention, not compiled."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from inference_bench.benchmark.accuracy.divergence import compare_logits, first_difference
from inference_bench.benchmark.benchmark import Benchmark
from inference_bench.benchmark.output_difference import FIGURES
from inference_bench.benchmarks._call_agreement import compare_calls
from inference_bench.benchmarks._call_checks import check_call
from inference_bench.benchmarks._calls import with_call_axes
from inference_bench.errors import NotApplicableError
from inference_bench.model.load_steps import LoadSteps
from inference_bench.model.model import Model
from inference_bench.spec import OWN_ENGINE, Axis

if TYPE_CHECKING:
    from inference_bench.benchmark.measurement import Measurement
    from inference_bench.model.interfaces import TextScorer
    from inference_bench.plan import Case

_TASK = "passages"


class AgreementBenchmark(Benchmark):
    """Compare logits and greedy text with those of the reference, passage by passage; or the outputs of calls.

    It needs neither correct answers nor trained weights: it measures what the set-up changes.
    """

    title = "Agreement with float32, eager"
    axes: ClassVar[tuple[Axis, ...]] = (
        Axis("passages", (8,), help="passages that are compared"),
        Axis("input_length", (64,), help="tokens of a passage"),
        Axis("new_tokens", (32,), help="tokens to generate after it; end-of-sequence is ignored"),
        Axis("inputs", (4,), help="different inputs of calls, each by a seed of its own"),
    )
    headline = ("top1_agreement", "kl_divergence", "max_logit_error", "first_divergence", *FIGURES)
    suites = ("accuracy", "full")
    repeats = False

    @classmethod
    def axes_for(cls, model: type[Model]) -> tuple[Axis, ...]:
        """Return the axes of passages, or those of a call's inputs for a model that cannot score text."""
        is_called = _is_called(model)
        axes = tuple(axis for axis in cls.axes if (axis.name == "inputs") is is_called)
        return with_call_axes(axes, model) if is_called else axes

    def check(self, model: type[Model], case: Case) -> None:
        """Refuse a model that can neither score text nor be called, and one that has no set-ups."""
        if not _is_called(model):
            model.require("score")
            return
        check_call(model, case)
        if model.load is Model.load:
            raise NotApplicableError(f"{model.name} has no load(): every set-up computes the same")

    def measure(self, model: Model, case: Case, measurement: Measurement) -> None:
        """Keep both networks loaded, so that only one passage's logits, or one call's outputs, are in memory."""
        with _reference(model, case, measurement) as reference:
            if _is_called(type(model)):
                compare_calls(reference, model, case, measurement)
            else:
                _compare_passages(reference.scorer(), model.scorer(), case, measurement)


def _is_called(model: type[Model]) -> bool:
    return "call" in model.abilities and "score" not in model.abilities


def _compare_passages(reference: TextScorer, scorer: TextScorer, case: Case, measurement: Measurement) -> None:
    length, new_tokens = case.integer("input_length"), case.integer("new_tokens")
    passages = scorer.passages(case.integer("passages"), length)
    for number, ids in enumerate(passages, 1):
        _compare(reference, scorer, ids, new_tokens, f"{number}", measurement)
        measurement.progress(number, len(passages))


@contextmanager
def _reference(model: Model, case: Case, measurement: Measurement) -> Iterator[Model]:
    """Load the reference next to the model for the duration of the block."""
    if measurement.weights is None:
        raise RuntimeError("the worker did not say what the model was loaded from")
    reference = model.reference_class()()
    setup = replace(case.setup, dtype="float32", attention="eager", compile="none", engine=OWN_ENGINE)
    reference.load(setup, measurement.weights, LoadSteps())
    try:
        yield reference
    finally:
        reference.unload()


def _compare(
    reference: TextScorer, scorer: TextScorer, ids: list[int], new_tokens: int, item: str, measurement: Measurement
) -> None:
    logits = compare_logits(reference.logits(ids), scorer.logits(ids))
    for metric in ("top1_agreement", "kl_divergence", "max_logit_error"):
        measurement.score(metric, _TASK, item, getattr(logits, metric), weight=len(ids))
    expected, tokens = reference.greedy(ids, new_tokens), scorer.greedy(ids, new_tokens)
    detail = {"reference": expected, "tokens": tokens}
    measurement.score("first_divergence", _TASK, item, first_difference(expected, tokens), detail=detail)
