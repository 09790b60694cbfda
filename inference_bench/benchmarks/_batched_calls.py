"""Calls of several items at once: their time, and whether each row is as it is alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference_bench.benchmark.batch_rows import NoRowsError, row_of
from inference_bench.benchmark.named_arrays import named_arrays
from inference_bench.benchmark.output_difference import differences
from inference_bench.benchmarks._call_checks import check_call
from inference_bench.benchmarks._calls import BATCH, call_of, inputs_of, time_model_calls, with_batch
from inference_bench.benchmarks._memory_guard import refuse_calls_that_cannot_fit
from inference_bench.errors import NotApplicableError

if TYPE_CHECKING:
    from inference_bench.benchmark.measurement import Measurement
    from inference_bench.model.model import Model
    from inference_bench.plan import Case

_CHECKED_ROWS = 4
"""Rows that are compared with a run alone; each costs a whole run of one item."""

_NOT_COMPARED = "rows are not compared with calls of one item"

_SCORED = ("output_error", "same_values")


def check_batches(model: type[Model], case: Case) -> None:
    """Refuse a model whose calls take one item only.

    Raises:
        NotApplicableError: its ``call_axes`` have no ``batch_size``.
        InvalidValueError: a ``call`` that cannot be called.
    """
    check_call(model, case)
    if not any(axis.name == BATCH for axis in model.call_axes):
        raise NotApplicableError(f'{model.name} takes one item a call: its call_axes have no Axis("{BATCH}", (1,))')


def checked_rows(rows: int) -> list[int]:
    """Return the rows of a batch that are compared with a run alone, the first and the last among them."""
    return sorted({(rows - 1) * part // (_CHECKED_ROWS - 1) for part in range(_CHECKED_ROWS)})


def measure_batch_of_calls(model: Model, case: Case, measurement: Measurement) -> None:
    """Time calls of the batch, then compare rows with calls of one item.

    Raises:
        MemoryError: the batch would not fit into memory.
    """
    items, alone = case.integer(BATCH), with_batch(case, 1)
    if items > 1:
        refuse_calls_that_cannot_fit(lambda: call_of(model, inputs_of(model, alone))(), items, case.setup.device)
    inputs = inputs_of(model, case)
    outputs = time_model_calls(model, inputs, items, measurement)
    if items > 1:
        _compare(model, inputs, inputs_of(model, alone), outputs, items, measurement)


def _compare(
    model: Model, inputs: object, inputs_alone: object, outputs: object, items: int, measurement: Measurement
) -> None:
    """Score how far each checked row is from a call of that row alone."""
    together, compared = named_arrays(outputs), False
    for row in checked_rows(items):
        try:
            alone = named_arrays(call_of(model, row_of(inputs, inputs_alone, row, items))())
        except NoRowsError as error:
            measurement.notes.append(f"{_NOT_COMPARED}: {error}")
            return
        for name, expected in alone.items():
            found = together.get(name)
            if found is None or expected.shape[:1] != (1,) or found.shape != (items, *expected.shape[1:]):
                continue
            compared = True
            figures = differences(name, expected, found[row : row + 1])
            for metric in _SCORED:
                if metric in figures:
                    measurement.score(metric, "batch", f"row {row} {name}", figures[metric])
    if not compared:
        measurement.notes.append(f"{_NOT_COMPARED}: no output has a row for each item")
