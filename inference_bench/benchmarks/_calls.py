"""Calls of a model that takes anything: their axes, their inputs, and what can be wrong with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from inference_bench.benchmark.breakdown.step_sequence import StepSequence
from inference_bench.benchmark.gpu_calls import finishing
from inference_bench.benchmark.lazy_results import refuse_lazy_result
from inference_bench.benchmark.named_arrays import digest
from inference_bench.benchmarks._lengths import clamped
from inference_bench.errors import UsageError

if TYPE_CHECKING:
    from inference_bench.benchmark.measurement import Measurement
    from inference_bench.model.model import Model
    from inference_bench.plan import Case
    from inference_bench.spec import Axis

BATCH = "batch_size"

_CHANGED = "call() changed its inputs in place, so later calls got other inputs than the first: copy them in call()"


def with_call_axes(axes: tuple[Axis, ...], model: type[Model]) -> tuple[Axis, ...]:
    """Return a benchmark's axes and those of the model's inputs; the benchmark's come first where both have a name.

    Lengths are clamped to the model's limit, if it states one.
    """
    if "call" not in model.abilities:
        return axes
    known = {axis.name for axis in axes}
    own = tuple(axis for axis in model.call_axes if axis.name not in known)
    return (*axes, *(clamped(own, model) if model.max_input_length else own))


def items_of(case: Case) -> int:
    """Return the number of items in one call."""
    return case.integer(BATCH) if BATCH in case.parameters else 1


def inputs_of(model: Model, case: Case) -> object:
    """Return the inputs of one call.

    Raises:
        UsageError: ``inputs`` returned what a first call uses up, such as a generator, or reads an undeclared axis.
    """
    try:
        inputs = model.inputs(case)
    except KeyError as error:
        name = error.args[0] if error.args else None
        if not isinstance(name, str) or name in case.parameters:
            raise
        has = ", ".join(case.parameters) or "none"
        raise UsageError(
            f"{model.name}.inputs() reads the parameter {name!r}; the case has {has}. "
            f'Declare it: call_axes = (Axis("{name}", (…,)),).'
        ) from error
    refuse_lazy_result(model.inputs, inputs)
    return inputs


def call_of(model: Model, inputs: object) -> Callable[[], object]:
    """Return one call, which ends when its work on a GPU has ended."""
    call = finishing(model.call)

    def checked() -> object:
        outputs = call(inputs)
        refuse_lazy_result(model.call, outputs)
        return outputs

    return checked


def call_steps(model: Model, case: Case) -> StepSequence:
    """Return the one step of a model that is called."""
    return StepSequence({"call": partial(finishing(model.call), inputs_of(model, case))})


def time_model_calls(model: Model, inputs: object, items: int, measurement: Measurement) -> object:
    """Time calls until their median is precise, and return the outputs of the last.

    A call that changes its inputs gets a note.

    Raises:
        UsageError: a call failed after an earlier one had changed the inputs.
    """
    measurement.rates |= {"item_rate": items}
    before = digest(inputs)
    try:
        outputs = measurement.time_calls("call_time", model.call, (inputs,))
    except Exception as error:
        if digest(inputs) != before:
            raise UsageError(f"{model.name}: {_CHANGED}. A later one failed: {error!r}") from error
        raise
    if digest(inputs) != before:
        measurement.notes.append(_CHANGED)
    return outputs


def with_batch(case: Case, items: int) -> Case:
    """Return the case with another number of items."""
    return replace(case, parameters={**case.parameters, BATCH: items})
