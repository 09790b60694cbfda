"""From the words of ``run`` to a spec, and what can be refused without looking into a plugin."""

from __future__ import annotations

import os
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

from inference_bench.device import check_device
from inference_bench.environment import available_cpus
from inference_bench.errors import InvalidValueError, UnknownNameError
from inference_bench.floor import MODEL as NULL_MODEL
from inference_bench.registry import find_models
from inference_bench.spec import Limits, Setup, Spec, suite_benchmarks
from inference_bench.units import NS_PER_S
from inference_bench.weights import SOURCES

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable


def spec_of(args: argparse.Namespace, default_model: str) -> Spec:
    """Return what was asked for.

    Raises:
        UsageError: a name or value that is refused.
    """
    suite = None if args.benchmark else args.suite
    return Spec(
        models=_models(args, default_model),
        benchmarks=_distinct(args.benchmark) if suite is None else suite_benchmarks(suite),
        setups=_setups(args),
        axes=_axes(args),
        runs=args.runs,
        limits=Limits(
            min_samples=args.min_samples,
            warmup_iterations=args.warmup,
            relative_width=args.precision,
            budget_ns=round(args.budget * NS_PER_S) or 1,
        ),
        suite=suite,
    )


def check_output(folder: Path) -> None:
    """Refuse a folder that could not be created, without creating it.

    Raises:
        InvalidValueError: it could not.
    """
    nearest = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        reason = "is not a folder" if not nearest.is_dir() else "may not be written"
        raise InvalidValueError(
            "output folder",
            str(folder),
            "a folder that can be written",
            f"{nearest} {reason}: choose another with --output.",
        )


def _models(args: argparse.Namespace, default: str) -> tuple[str, ...]:
    if args.all:
        return tuple(name for name in find_models(args.models_dir) if name != NULL_MODEL)
    return _distinct(args.model or [(default,)])


def _setups(args: argparse.Namespace) -> tuple[Setup, ...]:
    _check_weights(args.weights)
    threads = args.threads or (available_cpus(),)
    setups = tuple(
        Setup(device, dtype, count, args.weights, args.scale, args.seed)
        for device, dtype, count in product(*map(dict.fromkeys, (args.device, args.dtype, threads)))
    )
    for device in args.device:
        check_device(device)
    return setups


def _check_weights(given: str) -> None:
    """Refuse a misspelt source; a path is looked into when it is loaded."""
    if given in SOURCES or Path(given).expanduser().exists():
        return
    if os.sep in given:
        raise InvalidValueError("weights", given, "a path that exists", f"Or one of: {', '.join(SOURCES)}.")
    raise UnknownNameError("weights source", given, SOURCES)


def _axes(args: argparse.Namespace) -> dict[str, tuple[int | str, ...]]:
    given: dict[str, tuple[int | str, ...]] = {}
    named = [("input_length", args.input_lengths), ("new_tokens", args.new_tokens)]
    for name, values in [*named, *args.axis]:
        if values is None:
            continue
        if name in given:
            raise InvalidValueError(f"axis {name}", "two lists of values", "one", f"Join them: -a {name}=V,V.")
        given[name] = values
    return given


def _distinct(lists: Iterable[Iterable[str]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for names in lists for name in names))
