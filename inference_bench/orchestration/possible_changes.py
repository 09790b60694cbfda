"""What can be changed about a case on this machine: dtypes, engines that are installed, ``torch.compile``, batches."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from inference_bench.analysis.advice.possible import Possible
from inference_bench.errors import InferenceBenchError
from inference_bench.extras import missing_modules
from inference_bench.model.discovery import find_models, load_model, resolve_models
from inference_bench.model.engine.engine import engine_names, in_engine, load_engine
from inference_bench.model.model import Model
from inference_bench.plan import Case
from inference_bench.spec import OWN_ENGINE

_TORCH = "transformers"
"""The engine whose models ``torch.compile`` takes, and whose set-ups have a choice of attention."""
_COMPILERS = ("c++", "g++", "clang++")
"""Any of them is what ``torch.compile`` needs for code on a CPU."""


def possible_changes(models_dirs: Sequence[Path] = ()) -> Callable[[Case], Possible]:
    """Return a function that says what can be changed about a case; of a model that is gone, nothing.

    Args:
        models_dirs: folders with further models.
    """

    def possible(case: Case) -> Possible:
        try:
            known = find_models(models_dirs)
            model = load_model((known | resolve_models([case.model], known))[case.model])
            measured = in_engine(model, case.setup.engine)
        except InferenceBenchError:
            return Possible()
        return Possible(
            dtypes=tuple(measured.dtypes),
            engines=dict(_other_engines(model, measured, case)),
            compiles=measured.engine == _TORCH and any(map(shutil.which, _COMPILERS)),
            batches=_has_batches(measured),
            fuses_attention=measured.engine == _TORCH,
        )

    return possible


def _other_engines(model: type[Model], measured: type[Model], case: Case) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the engines that are installed and run the model on the case's device, with their dtypes."""
    if model.engine == OWN_ENGINE:
        return  # an engine of its own: no other one knows it
    for name in engine_names():
        if name in (measured.engine, case.setup.engine):
            continue
        with suppress(InferenceBenchError):
            engine = load_engine(name)
            if case.setup.device in engine.devices and not missing_modules(engine.requires):
                yield name, tuple(engine.model_class(model).dtypes)


def _has_batches(model: type[Model]) -> bool:
    return "generate" in model.abilities and model.batch_generator is not Model.batch_generator
