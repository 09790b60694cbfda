"""Compare the outputs of a model's calls with those of its reference, input by input."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

from inference_bench.benchmark.named_arrays import digest, named_arrays
from inference_bench.benchmark.output_difference import differences
from inference_bench.benchmarks._calls import call_of, inputs_of
from inference_bench.errors import InvalidValueError, NotApplicableError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from inference_bench.benchmark.measurement import Measurement
    from inference_bench.model.model import Model
    from inference_bench.plan import Case

Arrays: TypeAlias = "dict[str, NDArray[Any]]"

_TASK = "outputs"

_ROUNDING = 0.01
"""More than the rounding of bfloat16 adds to an array, relative to its size."""


def compare_calls(reference: Model, model: Model, case: Case, measurement: Measurement) -> None:
    """Call both with inputs of the same seed, for one seed after the other, and score each output's difference.

    Raises:
        NotApplicableError: the outputs hold no array, tensor or number.
        InvalidValueError: the model's outputs have other shapes, or are not finite where the reference's are.
    """
    total, seen = case.integer("inputs"), set[str]()
    for number in range(total):
        seeded = replace(case, setup=replace(case.setup, seed=case.setup.seed + number))
        inputs = inputs_of(reference, seeded)
        mark = digest(inputs)
        if mark in seen:
            measurement.notes.append(f"{len(seen)} of {total} inputs compared: inputs() gives the same ones again")
            return
        seen.add(mark)
        own = inputs_of(model, seeded)
        _check_same(named_arrays(inputs), named_arrays(own), case)
        expected, found = named_arrays(call_of(reference, inputs)()), named_arrays(call_of(model, own)())
        _score(f"input {number + 1}", expected, found, measurement)
        measurement.progress(number + 1, total)


def _check_same(expected: Arrays, found: Arrays, case: Case) -> None:
    """Refuse inputs that differ by more than rounding: random numbers drawn in another dtype are other numbers."""
    for name, reference in expected.items():
        if name not in found or found[name].shape != reference.shape:
            raise InvalidValueError(f"inputs {name}", "another shape than in the reference", "the same inputs by seed")
        figures = differences(name, reference, found[name])
        if figures.get("output_error", 0) > _ROUNDING or figures.get("same_values", 1) < 1:
            raise InvalidValueError(
                f"inputs {name}",
                f"other values with {case.setup.dtype} than with float32",
                "the same up to rounding",
                "Draw them in float32 by the seed of the set-up, then convert them.",
            )


def _score(item: str, expected: Arrays, found: Arrays, measurement: Measurement) -> None:
    if not expected or not found:
        raise NotApplicableError("call() returns no array, tensor or number, so there is nothing to compare")
    for name, reference in expected.items():
        if name not in found:
            continue
        for metric, value in differences(name, reference, found[name]).items():
            measurement.score(metric, _TASK, f"{item} {name}", value)
