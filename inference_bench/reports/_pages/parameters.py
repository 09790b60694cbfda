"""The parameters of benchmarks in words, and which of them all cases share."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from inference_bench.plan import Case

_WORDS = {
    "input_length": "{:,} tokens",
    "new_tokens": "{:,} new tokens",
    "batch_size": "batch {:,}",
    "items": "{:,} items",
    "passages": "{:,} passages",
    "requests": "{:,} requests",
    "rate": "{:,} requests/s",
    "request_timeout": "timeout {:,} s",
}
"""Words of a parameter that is a number."""

_PLAIN = frozenset({"scenario"})
"""Parameters whose texts are understood alone."""


def parameter_words(name: str, value: object) -> str:
    """Return a parameter so that it is understood without further words: ``128 tokens``."""
    form, number = _WORDS.get(name), _number(value)
    if form is not None and number is not None:
        return form.format(number)
    return str(value) if name in _PLAIN else f"{name.replace('_', ' ')} {value}"


def _number(value: object) -> float | None:
    """Return a value as a number, or None; the command line gives one with a decimal point as a text."""
    if isinstance(value, (int, float)):
        return value
    try:
        return float(str(value))
    except ValueError:
        return None


def parameters_words(parameters: Mapping[str, object]) -> str:
    """Return several parameters in one line."""
    return ", ".join(parameter_words(name, value) for name, value in parameters.items())


def constants(cases: Sequence[Case]) -> dict[str, int | str]:
    """Return the parameters that have one value in all of these cases."""
    names = dict.fromkeys(name for case in cases for name in case.parameters)
    values = {name: {case.parameters.get(name) for case in cases} for name in names}
    return {name: cases[0].parameters[name] for name in names if len(values[name]) == 1}


def benchmark_words(name: str) -> str:
    """Return the name of a benchmark as a title.

    >>> benchmark_words("memory_usage")
    'Memory usage'
    """
    words = name.replace("_", " ")
    return words[:1].upper() + words[1:]
