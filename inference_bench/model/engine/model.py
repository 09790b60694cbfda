"""A language model in an engine other than that of its own class."""

from __future__ import annotations

import gc
import json
from abc import abstractmethod
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, ClassVar

from inference_bench.errors import NotApplicableError
from inference_bench.model.engine.folder_tokenizer import FolderTokenizer, folder_tokenizer
from inference_bench.model.engine.generator import SessionGenerator
from inference_bench.model.engine.scorer import EngineScorer
from inference_bench.model.model import Model
from inference_bench.model.prompts import Prompts, random_ids

if TYPE_CHECKING:
    from pathlib import Path

    from inference_bench.model.engine.engine import Engine
    from inference_bench.model.engine.session import EngineSession
    from inference_bench.model.interfaces import TextGenerator, TextScorer, TextServer
    from inference_bench.model.load_steps import LoadSteps
    from inference_bench.model.weights.cache import Progress
    from inference_bench.model.weights.references import ResolvedWeights
    from inference_bench.spec import Setup


_KEPT = (
    *("name", "title", "description", "license", "parameters", "published_dtype", "min_input_length"),
    *("max_input_length", "local", "hub", "package", "tokenized"),
)
"""Class attributes that a model keeps in every engine."""


class EngineModel(Model):
    """Loads weights in an engine; ``class_in_engine`` makes the class of one model.

    Class attributes:
        runs_on: the engine.
        own_class: the class of the model's own file.
    """

    runs_on: ClassVar[type[Engine]]
    own_class: ClassVar[type[Model]]
    needs_weights = True

    def __init__(self) -> None:
        self._session: EngineSession | None = None
        self._tokenizer: FolderTokenizer | None = None
        self._setup: Setup | None = None
        self._folder: Path | None = None

    @abstractmethod
    def open(self, path: Path, setup: Setup, steps: LoadSteps) -> EngineSession:
        """Load what the engine reads, under ``steps.step("import")`` and ``steps.step("open")``, and return it ready.

        Args:
            path: the conversion's folder, or that of the weights where nothing is converted.
            setup: dtype, threads and seed.
            steps: names the parts of the load.
        """

    @classmethod
    def reference_class(cls) -> type[Model]:
        """Return the class of the model's own file."""
        return cls.own_class

    @classmethod
    def converted(cls, weights: ResolvedWeights, setup: Setup, progress: Progress) -> ResolvedWeights:
        """Return weights with what the engine loads beside them.

        Raises:
            WeightsError: they cannot be converted.
        """
        from inference_bench.model.weights.converted import converted

        conversion = cls.runs_on.conversion(weights, setup)
        return weights if conversion is None else converted(weights, conversion, progress)

    @classmethod
    def source(cls, weights: ResolvedWeights) -> Path | None:
        """Return what is loaded where nothing is converted: the folder of the weights."""
        return weights.path

    def load(self, setup: Setup, weights: ResolvedWeights, steps: LoadSteps) -> None:
        """Load the tokenizer and the weights.

        Raises:
            WeightsError: the engine does not load these files.
        """
        self._setup, self._folder = setup, weights.path
        with steps.step("tokenizer"):
            if weights.path is not None:
                self._tokenizer = folder_tokenizer(weights.path)
        path = weights.converted.path if weights.converted else self.source(weights)
        assert path is not None, "the orchestrator converts before it loads"
        self._session = self.open(path, setup, steps)

    def unload(self) -> None:
        """Free the engine's memory."""
        if self._session is not None:
            self._session.close()
        self._session = self._tokenizer = None
        gc.collect()

    def describe(self) -> dict[str, object]:
        """Return the engine, its boundary, and what it says of itself."""
        assert self._setup is not None
        return {
            "engine": self.runs_on.name,
            "boundary": asdict(self.runs_on.boundary),
            "device": self._setup.device,
            "threads": self._setup.threads,
            "max_input_length": self._prompts.longest,
            **self.session.describe(),
            "prompt": "English text"
            if self._tokenizer
            else f"token ids drawn with seed {self._setup.seed}: no tokenizer",
        }

    @property
    def session(self) -> EngineSession:
        """The loaded weights.

        Raises:
            RuntimeError: nothing is loaded.
        """
        if self._session is None:
            raise RuntimeError(f"{self.name} is not loaded")
        return self._session

    def generator(self) -> TextGenerator:
        """Return greedy generation of one sequence."""
        return SessionGenerator(self.session, self._prompts, self._config)

    @classmethod
    def require_served(cls) -> None:
        """Refuse loads where the engine does not schedule concurrent requests.

        Raises:
            NotApplicableError: says why.
        """
        super().require_served()
        if "serve" not in cls.runs_on.abilities:
            raise NotApplicableError(f"{cls.engine} serves no concurrent requests: {cls.runs_on.serving}")

    def server(self, max_batch_size: int) -> TextServer:
        """Return the engine's own server.

        Raises:
            EngineError: its scheduler does not open these weights.
        """
        server = self.session.server(max_batch_size, self._prompts)
        server.schedules = self.runs_on.serving
        return server

    def scorer(self) -> TextScorer:
        """Return likelihoods and logits.

        Raises:
            NotApplicableError: the engine gives no logits.
        """
        if not self.session.gives_logits:
            raise NotApplicableError(f"{self.runs_on.name} gives no logits")
        return EngineScorer(self.session, self._tokenizer, self._ids)

    def _config(self) -> dict[str, Any]:
        """Return the ``config.json`` of the weights; empty if they have none."""
        file = None if self._folder is None else self._folder / "config.json"
        return json.loads(file.read_bytes()) if file is not None and file.is_file() else {}

    @property
    def _prompts(self) -> Prompts:
        longest = min(self.session.limit, self.max_input_length or self.session.limit)
        return Prompts(self.min_input_length, longest, self._ids)

    def _ids(self, count: int) -> list[int]:
        assert self._setup is not None
        if self._tokenizer is None:
            return random_ids(self.session.vocabulary, self._setup.seed, count)
        return self._tokenizer.prompt_ids(count)


def class_in_engine(
    base: type[EngineModel], engine: type[Engine], model: type[Model], **facts: Any
) -> type[EngineModel]:
    """Return the class of a model in an engine.

    Args:
        base: loads weights in this engine.
        engine: the engine.
        model: as its own file describes it.
        facts: class attributes that differ from the model's.
    """
    attributes = {
        **{name: getattr(model, name) for name in _KEPT},
        "runs_on": engine,
        "own_class": model,
        "engine": engine.name,
        "devices": engine.devices,
        "dtypes": engine.dtypes,
        "requires": engine.requires,
        "install": engine.install,
        "abilities": tuple(ability for ability in ("generate", "score") if ability in engine.abilities),
        "needs_weights": True,
        "takes_weights": True,
        "__doc__": f"{model.title} in {engine.title}.",
        "__module__": __name__,
        **facts,
    }
    built: type[EngineModel] = type(f"{model.__name__}In{engine.__name__}", (base,), attributes)
    return built
