"""The literal ``ab`` command that measures a change of a case."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from inference_bench.plan import Case
from inference_bench.spec import Setup

PAIRS = 6
"""Pairs of an experiment: the fewest whose signed-rank interval exists at 95 % (Conover 1999, two-sided at n = 6)."""
_SETUP = ("device", "dtype", "threads", "attention", "compile", "engine", "weights", "scale", "seed")
_BATCH: Mapping[str, int | str] = {"new_tokens": 16, "lengths": "equal"}


def ab_words(case: Case, baseline: str, change: str, metrics: tuple[str, ...]) -> tuple[str, ...]:
    """Return the words after ``python -m inference_bench`` that compare a case with a change of it."""
    return tuple(_words(case, baseline, change, metrics))


def batch_case(case: Case) -> Case:
    """Return the case of ``batch_processing`` whose rows are like the sequence of another case."""
    length = case.parameters.get("input_length", 1)
    return Case(case.model, "batch_processing", case.setup, {"input_length": length, **_BATCH})


def _words(case: Case, baseline: str, change: str, metrics: tuple[str, ...]) -> Iterator[str]:
    yield from ("ab", baseline, change)
    yield from ("--model", case.model, "--benchmark", case.benchmark, "--metric", ",".join(metrics))
    changed = {word.partition("=")[0] for word in (*baseline.split(","), *change.split(","))}
    yield from _setup_words(case.setup, changed)
    yield from _parameter_words(case.parameters, changed)
    yield from ("--runs", str(PAIRS))


def _setup_words(setup: Setup, changed: set[str]) -> Iterator[str]:
    plain = Setup()
    for name in _SETUP:
        value = getattr(setup, name)
        if name not in changed and (name == "threads" or value != getattr(plain, name)):
            yield from (f"--{name}", str(value))


def _parameter_words(parameters: Mapping[str, int | str], changed: set[str]) -> Iterator[str]:
    for name, value in parameters.items():
        if name not in changed:
            yield from ("--axis", f"{name}={value}")
