"""The spec that the options of ``run`` describe, and the checks that need no plugin."""

from __future__ import annotations

import os
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

from inference_bench.cli._effort import effort_of, limits_of
from inference_bench.cli._run_options import DEFAULT_MODEL
from inference_bench.endpoint.keys import use_variables
from inference_bench.errors import InvalidValueError, UnknownNameError
from inference_bench.machine.cpus import available_cpus
from inference_bench.model.discovery import find_models
from inference_bench.model.engine.engine import engine_names, load_engine
from inference_bench.model.places import is_endpoint
from inference_bench.model.weights.references import SOURCES, hub_reference, names_place
from inference_bench.orchestration.placement.placement import LOCAL
from inference_bench.results.run_group import on_disk
from inference_bench.results.storage import Folder
from inference_bench.spec import (
    ALL_ENGINES,
    DEFAULT_BENCHMARKS,
    ENDPOINT_BENCHMARKS,
    ENGINE_BENCHMARKS,
    SETUP_AXES,
    Setup,
    Spec,
)
from inference_bench.units import NS_PER_S

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence


def spec_of(args: argparse.Namespace) -> Spec:
    """Return the spec that the options describe.

    Raises:
        UsageError: a name or value that is refused.
    """
    take_key(args)
    suite = None if args.benchmark else args.suite
    effort, models, setups = effort_of(args), _models(args), _setups(args)
    time_s = args.time or effort.time_s * len(models) * len(setups)
    return Spec(
        models=models,
        benchmarks=() if suite is not None else _distinct(args.benchmark or [_default_benchmarks(models, setups)]),
        setups=setups,
        axes=_axes(args),
        runs=effort.runs,
        least_runs=effort.least_runs,
        time_ns=round(time_s * NS_PER_S) or 1,
        limits=limits_of(effort, args.load_limit, args.case_limit),
        suite=suite,
        overlap=args.overlap,
        lookahead=args.lookahead,
        park=args.park,
        isolation=args.isolation,
        breakdown=getattr(args, "breakdown", False),
        slos=tuple(getattr(args, "slo", ())),  # `ab`, `noise` and `overlap` compare, and judge no case
    )


def measures_here(args: argparse.Namespace) -> bool:
    """Return whether this machine is to measure, and not others that a placement hands out."""
    return (getattr(args, "on", None) or LOCAL).partition("://")[0] == LOCAL


def check_output(output: Folder) -> None:
    """Refuse an output folder that cannot be created, without creating it; that a store is there is checked later.

    Raises:
        InvalidValueError: it cannot be created.
    """
    folder = on_disk(output)
    nearest = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        reason = "is not a folder" if not nearest.is_dir() else "may not be written"
        raise InvalidValueError(
            "output folder",
            str(folder),
            "a folder that can be written",
            f"{nearest} {reason}: choose another with --output.",
        )


_WITH_RESUME = {
    *("resume", "retry_failed", "force", "models_dir", "benchmarks_dir"),
    *("on", "nodes"),
    *("output", "sink", "endpoint_key_variable", "quiet", "log_json", "format", "verbose"),
}


def check_resumed(args: argparse.Namespace) -> None:
    """Refuse options with ``--resume`` on the command line that would change the settings of the run.

    Raises:
        InvalidValueError: there is one.
    """
    given = sorted("--" + name.replace("_", "-") for name in args.told if name not in _WITH_RESUME)
    if given:
        expected = "only " + ", ".join("--" + name.replace("_", "-") for name in sorted(_WITH_RESUME))
        raise InvalidValueError(
            "options with --resume", " ".join(given), expected, "For other settings start a new run."
        )


def _models(args: argparse.Namespace) -> tuple[str, ...]:
    if args.all:
        return tuple(find_models(args.models_dir))
    endpoints = [tuple(_endpoint(url, args.endpoint_model) for url in args.endpoint)] if args.endpoint else []
    return _distinct([*(args.model or []), *endpoints] or [(DEFAULT_MODEL,)])


def _endpoint(url: str, model: str | None) -> str:
    """Return an endpoint as a value of ``--model``.

    Raises:
        InvalidValueError: no http(s) address.
    """
    if not is_endpoint(url):
        raise InvalidValueError("endpoint", url, "an address such as http://127.0.0.1:8000/v1")
    return f"{url}#{model}" if model else url


def _default_benchmarks(models: Sequence[str], setups: Sequence[Setup]) -> tuple[str, ...]:
    if all(map(is_endpoint, models)):
        return ENDPOINT_BENCHMARKS
    return ENGINE_BENCHMARKS if len({setup.engine for setup in setups}) > 1 else DEFAULT_BENCHMARKS


def take_key(args: argparse.Namespace) -> None:
    """Let the keys of the endpoints be those of the variables that ``--endpoint-key-variable`` names.

    Workers inherit them; nothing else ever sees them.

    Raises:
        InvalidValueError: a variable is not set, or two are for the same endpoint.
    """
    if args.endpoint_key_variable:
        use_variables(args.endpoint_key_variable)


def _setups(args: argparse.Namespace) -> tuple[Setup, ...]:
    weights = args.weights or ("any" if args.all else "auto")
    _check_weights(weights, here=measures_here(args))
    given = dict(args.axis)
    lists = {
        "device": args.device,
        "dtype": args.dtype,
        "threads": args.threads or (available_cpus(),),
        "attention": args.attention,
        "compile": args.compile,
        "engine": args.engine,
    }
    lists |= {name: tuple(map(_value_of(name), given[name])) for name in lists if name in given}
    setups = tuple(
        Setup(**dict(zip(lists, values, strict=True)), weights=weights, scale=args.scale, seed=args.seed)
        for values in product(*map(dict.fromkeys, lists.values()))
    )
    return tuple(dict.fromkeys(of for setup in setups for of in _in_engines(setup, lists["dtype"])))


def _in_engines(setup: Setup, dtypes: Collection[str]) -> Iterator[Setup]:
    """Yield a set-up in each engine that it asks for: in one that has none of the dtypes, with its first."""
    if setup.engine != ALL_ENGINES:
        yield setup
        return
    for name in engine_names():
        own = load_engine(name).dtypes
        if setup.dtype in own:
            yield replace(setup, engine=name)
        elif not set(own) & set(dtypes):
            yield replace(setup, engine=name, dtype=own[0])


def _value_of(name: str) -> Callable[[int | str], int | str]:
    """Return the reader of a set-up's axis: the command line reads digits as a number."""

    def whole(value: int | str) -> int:
        if not isinstance(value, int):
            raise InvalidValueError(name, value, "a whole number of at least 1")
        return value

    return whole if name == "threads" else str


def _check_weights(given: str, *, here: bool) -> None:
    """Refuse a misspelt source, and a path that is not ``here``; its content is checked when it is loaded."""
    if not names_place(given) or hub_reference(given) or Path(given).expanduser().exists():
        return
    if os.sep in given:
        if not here:
            return
        expected = "a path that exists, or owner/name@revision of the hub"
        raise InvalidValueError("weights", given, expected, f"Or one of: {', '.join(SOURCES)}.")
    raise UnknownNameError("weights source", given, SOURCES)


def _axes(args: argparse.Namespace) -> dict[str, tuple[int | str, ...]]:
    given: dict[str, tuple[int | str, ...]] = {}
    named = [("input_length", args.input_lengths), ("new_tokens", args.new_tokens)]
    for name, values in [*named, *args.axis]:
        if values is None or name in SETUP_AXES:
            continue
        if name in given:
            raise InvalidValueError(f"axis {name}", "two lists of values", "one", f"Join them: -a {name}=V,V.")
        given[name] = values
    return given


def _distinct(lists: Iterable[Iterable[str]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for names in lists for name in names))
