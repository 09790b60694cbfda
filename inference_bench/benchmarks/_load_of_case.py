"""The load that the parameters of a case describe."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from inference_bench.errors import InvalidValueError, NotApplicableError
from inference_bench.model.offered_load import Load

if TYPE_CHECKING:
    from inference_bench.model.model import Model
    from inference_bench.plan import Case


def load_of(case: Case) -> Load:
    """Return the load of a case; its rate is 0 if it has still to be found.

    Raises:
        InvalidValueError: a rate that is none.
    """
    given = case.parameters
    return Load(
        scenario=str(given["scenario"]),
        requests=case.integer("requests"),
        input_length=case.integer("input_length"),
        new_tokens=case.integer("new_tokens"),
        rate=_rate(case),
        concurrency=int(given.get("concurrency", 1)),
        prefix_cache=str(given.get("prefix_cache", "unique")),
        seed=case.setup.seed,
        timeout_s=int(given.get("request_timeout", 600)),
    )


def check_load(model: type[Model], case: Case) -> None:
    """Refuse a load that cannot be offered.

    Raises:
        UnknownNameError: no such scenario.
        InvalidValueError: a number or a file that cannot be.
        NotApplicableError: a trace, and the model is in this process.
    """
    load = load_of(case)
    if load.trace is not None and model.runs_here:
        raise NotApplicableError(
            f"a trace has prompts of many lengths, which only an endpoint is sent, not {model.name}"
        )
    load.check()


def _rate(case: Case) -> float:
    """Return the requests per second, or 0 for ``auto``.

    Raises:
        InvalidValueError: neither a positive number nor ``auto``.
    """
    given = case.parameters["rate"]
    if given == "auto":
        return 0.0
    try:
        rate = float(given)
    except ValueError:
        rate = math.nan
    if not 0 < rate < 1e6:
        raise InvalidValueError("rate", given, "requests per second, more than 0 and below 1,000,000, or auto")
    return rate
