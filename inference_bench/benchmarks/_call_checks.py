"""Whether a model can be called as it will be: known from its class, before anything is loaded."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

from inference_bench.benchmarks._lengths import check_length
from inference_bench.errors import InvalidValueError
from inference_bench.model.model import Model
from inference_bench.spec import Setup

if TYPE_CHECKING:
    from inference_bench.plan import Case

_FIXED = ("device", "dtype", "attention", "compile")
"""What a model without ``load`` cannot be told."""


def check_runs(model: type[Model], case: Case) -> None:
    """Refuse a model that can neither generate, encode nor be called, and a case that it does not support.

    Raises:
        NotApplicableError: the model has none of these abilities.
        InvalidValueError: a length beyond its limits, or a ``call`` that cannot be called.
    """
    if "generate" in model.abilities or "encode" in model.abilities:
        check_length(model, case)
    elif "call" in model.abilities:
        check_call(model, case)
    else:
        model.require("generate")


def check_call(model: type[Model], case: Case) -> None:
    """Refuse a model whose ``inputs`` or ``call`` cannot be called as they will be, and a set-up that it cannot have.

    Raises:
        NotApplicableError: the model cannot be called.
        InvalidValueError: other arguments, nothing that a call runs, or a set-up that needs ``load``.
    """
    model.require("call")
    for method, argument in (("inputs", "case"), ("call", "inputs")):
        _check_method(model, method, argument)
    if model.load is Model.load:
        _check_setup(model, case.setup)
    if model.max_input_length and "input_length" in case.parameters:
        check_length(model, case)


def _check_method(model: type[Model], name: str, argument: str) -> None:
    """Refuse a method that does not take exactly one object, or whose call runs nothing of it."""
    found = inspect.getattr_static(model, name)
    method = found.__func__ if isinstance(found, staticmethod | classmethod) else found
    given = ("self",) if not isinstance(found, staticmethod) else ()
    if any(check(method) for check in _NOTHING_RUN):
        raise InvalidValueError(
            f"{model.name}.{name}", "a coroutine or generator function", "a plain function", "Run it to its end inside."
        )
    signature = inspect.signature(method)
    try:
        signature.bind(*given, argument)
    except TypeError as error:
        shown = ", ".join(signature.parameters)
        raise InvalidValueError(
            f"{model.name}.{name}", f"({shown})", f"({', '.join((*given, argument))})", f"{_ADVICE[name]} ({error})"
        ) from error


_NOTHING_RUN = (inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction)

_ADVICE = {
    "inputs": "The values of its axes are in case.parameters.",
    "call": "It gets the one object that inputs() returned: return all of them from there, as a tuple or a mapping.",
}


def _check_setup(model: type[Model], setup: Setup) -> None:
    plain = Setup()
    for name in _FIXED:
        if (given := getattr(setup, name)) != getattr(plain, name):
            raise InvalidValueError(
                f"{name} of {model.name}", given, f"{getattr(plain, name)}: it has no load() that could use another"
            )
