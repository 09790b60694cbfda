"""The set-ups that a search goes through: those that may be faster, or the product of axes that are given."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

from inference_bench.errors import InferenceBenchError, InvalidValueError, UnknownNameError
from inference_bench.extras import missing_modules
from inference_bench.model.discovery import find_models, load_model, resolve_models
from inference_bench.model.engine.engine import Engine, engine_names, in_engine, load_engine
from inference_bench.model.model import Model
from inference_bench.spec import DTYPES, OWN_ENGINE, SETUP_AXES, Setup, Spec

_TORCH = "transformers"
"""The engine whose set-ups have a choice of attention and of compilation."""
_COMPILERS = ("c++", "g++", "clang++")
_COMPILED = "default"


def given_space(base: Setup, axes: Mapping[str, Sequence[int | str]]) -> list[Setup]:
    """Return the product of axes; what they do not name is as in ``base``.

    Raises:
        UnknownNameError: an axis that no set-up has.
        InvalidValueError: a value that the axis does not have.
    """
    for name in axes:
        if name not in SETUP_AXES:
            raise UnknownNameError("axis of a search", name, SETUP_AXES)
    if not all(isinstance(threads, int) for threads in axes.get("threads", ())):
        raise InvalidValueError("threads", ",".join(map(str, axes["threads"])), "whole numbers of at least 1")
    return [_changed(base, dict(zip(axes, values, strict=True))) for values in product(*axes.values())]


def likely_space(base: Setup, model: type[Model], cpus: int) -> list[Setup]:
    """Return the set-ups of a model that may be faster than ``base``, which is the first of them.

    Threads in powers of two up to all CPUs; the dtypes that the model has, and both kinds of attention where torch runs
    it; every installed engine that can run it, with each of its dtypes. Compiled ones are left to ``compiled``, since
    each takes long to load.
    """
    threads = list(dict.fromkeys([base.threads, *_powers_of_two(cpus)]))
    own = _own_setups(replace(base, engine=OWN_ENGINE), model)
    others = (each for engine in _installed(model) for each in _engine_setups(base, engine))
    found = [replace(each, threads=count) for each in (*own, *others) for count in threads]
    return list(dict.fromkeys([base, *found]))


def compiled(setup: Setup, model: type[Model]) -> Setup | None:
    """Return a set-up compiled; None if it is already, or cannot be."""
    can = _is_torch(model, setup) and setup.compile == "none" and any(map(shutil.which, _COMPILERS))
    return replace(setup, compile=_COMPILED) if can else None


def model_of(spec: Spec, models_dirs: Sequence[Path]) -> type[Model]:
    """Return the class of the one model of a spec.

    Raises:
        InvalidValueError: it names several.
        UsageError: no such model, or one that cannot be imported.
    """
    if len(spec.models) != 1:
        raise InvalidValueError("models of the run", ", ".join(spec.models), "one", "Search a run of one model.")
    known = find_models(models_dirs)
    return load_model((known | resolve_models(spec.models, known))[spec.models[0]])


def named(setups: Sequence[Setup]) -> dict[str, Setup]:
    """Return set-ups by the axes in which they differ, in the words of ``ab``: ``dtype=bfloat16,threads=2``."""
    varying = [name for name in SETUP_AXES if len({getattr(setup, name) for setup in setups}) > 1]
    shown = varying or ["threads"]
    return {",".join(f"{name}={getattr(setup, name)}" for name in shown): setup for setup in setups}


def _changed(base: Setup, values: dict[str, Any]) -> Setup:
    return replace(base, **values)


def _powers_of_two(most: int) -> Iterator[int]:
    count = 1
    while count < most:
        yield count
        count *= 2
    yield most


def _own_setups(base: Setup, model: type[Model]) -> Iterable[Setup]:
    dtypes = [dtype for dtype in dict.fromkeys((base.dtype, *DTYPES)) if dtype in model.dtypes]
    attentions = dict.fromkeys((base.attention, "auto", "eager")) if _is_torch(model, base) else (base.attention,)
    return (replace(base, dtype=dtype, attention=of) for dtype in dtypes for of in attentions)


def _is_torch(model: type[Model], setup: Setup) -> bool:
    return (model.engine if setup.engine == OWN_ENGINE else setup.engine) == _TORCH


def _installed(model: type[Model]) -> Iterator[type[Engine]]:
    for name in engine_names():
        try:
            engine = load_engine(name)
            if name != model.engine and not missing_modules(engine.requires):
                in_engine(model, name)
                yield engine
        except InferenceBenchError:  # it does not run this model, or is broken: no set-up of it is likely
            continue


def _engine_setups(base: Setup, engine: type[Engine]) -> Iterable[Setup]:
    plain = replace(base, engine=engine.name, attention="auto", compile="none")
    return (replace(plain, dtype=dtype) for dtype in engine.dtypes if base.device.split(":")[0] in engine.devices)
