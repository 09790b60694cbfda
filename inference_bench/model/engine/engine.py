"""The interface of an engine: what runs the weights of a language model, by whatever library."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from inference_bench.errors import NotApplicableError, UnknownNameError
from inference_bench.plugins import load_class, plugin_names
from inference_bench.spec import OWN_ENGINE

if TYPE_CHECKING:
    from inference_bench.model.model import Model
    from inference_bench.model.weights.conversion import Conversion
    from inference_bench.model.weights.references import ResolvedWeights
    from inference_bench.spec import Setup

_PACKAGE = "inference_bench.model.engines"
_REFERENCE = "transformers"
"""The engine whose float32 ``agreement`` compares the others with."""


@dataclass(frozen=True, slots=True)
class Boundary:
    """What one timed step of an engine includes, in words that every comparison prints.

    Attributes:
        step: who goes from token to token: this project by one call each, or the engine in a loop of its own.
        sampling: how the next token is chosen, and where.
        copied: what is copied out of the engine per token.
        text: whether tokens become text within a step.
    """

    step: str
    sampling: str
    copied: str
    text: str = "no"


class Engine(ABC):
    """Runs the weights of a language model. Importing its file imports no library of the engine.

    Class attributes:
        name: of its file or folder in ``model/engines``, or of its entry point in the group
            ``inference_bench.engines``; set on discovery.
        title: as its makers write it.
        reads: the forms of weights that it reads, in words.
        requires: modules of its library.
        install: the requirements that bring them, for ``pip install``.
        devices: kinds of device that it runs on.
        dtypes: names of ``spec.DTYPES`` and ``spec.QUANTIZED`` that it has.
        boundary: what one timed step includes.
        abilities: ``generate`` text, ``score`` it, generate in ``batches``, ``serve`` concurrent requests.
        serving: how it schedules concurrent requests, or why it does not serve them.
    """

    name: ClassVar[str] = ""
    title: ClassVar[str]
    reads: ClassVar[str]
    requires: ClassVar[tuple[str, ...]]
    install: ClassVar[tuple[str, ...]]
    devices: ClassVar[tuple[str, ...]] = ("cpu",)
    dtypes: ClassVar[tuple[str, ...]]
    boundary: ClassVar[Boundary]
    abilities: ClassVar[tuple[str, ...]] = ("generate", "score")
    serving: ClassVar[str] = "it has no scheduler of its own"

    @classmethod
    @abstractmethod
    def model_class(cls, model: type[Model]) -> type[Model]:
        """Return the class that loads a model in this engine.

        Args:
            model: as its own file describes it.

        Raises:
            NotApplicableError: the engine does not run this kind of model; says why.
        """

    @classmethod
    def conversion(cls, weights: ResolvedWeights, setup: Setup) -> Conversion | None:
        """Return how the weights become what this engine loads, or None if it loads them as they are.

        Called in the orchestrator, before anything is timed; it imports no library of the engine.

        Raises:
            WeightsError: they cannot.
        """
        return None


def engine_names() -> list[str]:
    """Return the names of all engines, installed or not: files of this project, and entry points.

    The reference comes first: of several engines in one table the others are held against the first.
    """
    return sorted(plugin_names(_PACKAGE), key=lambda name: (name != _REFERENCE, name))


def load_engine(name: str) -> type[Engine]:
    """Return an engine's class.

    Raises:
        UnknownNameError: no such engine.
        PluginError: its file cannot be imported.
    """
    found: type[Engine] = load_class("engine", _PACKAGE, name, Engine)  # type: ignore[type-abstract]
    found.name = name
    return found


def in_engine(model: type[Model], engine: str) -> type[Model]:
    """Return the class that loads a model in an engine; its own class in its own engine.

    Raises:
        UnknownNameError: no such engine.
        NotApplicableError: the engine does not run this kind of model.
    """
    if engine in (OWN_ENGINE, model.engine):
        return model
    found = load_engine(engine).model_class(model)
    if found is model:
        raise NotApplicableError(f"{model.name} does not run on {engine}")
    return found


def check_engine(name: str) -> None:
    """Refuse the name of an engine that there is not.

    Raises:
        UnknownNameError: no such engine.
    """
    if name != OWN_ENGINE and name not in (known := engine_names()):
        raise UnknownNameError("engine", name, known)
