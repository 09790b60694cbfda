"""Facts about a model before its file is written, from the place of its weights or its config.json."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from inference_bench.errors import InvalidValueError, UnknownNameError, UsageError
from inference_bench.extras import require
from inference_bench.machine.subprocesses import last_line, run_python
from inference_bench.model.endpoint.place import EndpointPlace
from inference_bench.model.engines.transformers.base import TransformersModel
from inference_bench.model.engines.transformers.config_file import Config, read_config
from inference_bench.model.engines.transformers.from_files import class_of_config
from inference_bench.model.engines.transformers.reductions import reductions
from inference_bench.model.places import FORMS, place_of
from inference_bench.model.weights.references import HubWeights
from inference_bench.model.weights.size import content_of
from inference_bench.scaffold.kinds import KINDS_OF_MODELS
from inference_bench.scaffold.trial import Trial

_CONFIGS = Path(__file__).with_name("templates") / "configs"


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """Facts about a model, for its skeleton.

    Attributes:
        name: name of its folder.
        base: the class that runs its architecture; None for a bare model.
        architecture: see ``TransformersModel.architecture``; empty for a bare model.
        reduced: see ``TransformersModel.reduced``; it builds and runs.
        parameters: number of parameters; 0 for a bare model.
        local: see ``Model.local``; empty if its weights are not on this machine.
        hub: its repository on the hub, or None.
        license: licence of its weights; empty if unknown.
        dtype: dtype of its published weights.
    """

    name: str
    base: type[TransformersModel] | None = None
    architecture: Config = field(default_factory=dict)
    reduced: Config = field(default_factory=dict)
    parameters: int = 0
    local: str = ""
    hub: HubWeights | None = None
    license: str = ""
    dtype: str = "float32"

    @property
    def title(self) -> str:
        """The name on the hub, or that of the folder."""
        return self.hub.repo_id.partition("/")[2] if self.hub else title_of(self.name)


def title_of(name: str) -> str:
    """Return a title for the name of a folder or file."""
    text = name.replace("_", " ")
    return text[:1].upper() + text[1:]


def default_config(kind: str) -> Path:
    """Return the configuration of a small model of this kind.

    Raises:
        UnknownNameError: no such kind.
    """
    if kind not in KINDS_OF_MODELS:
        raise UnknownNameError("kind of model", kind, KINDS_OF_MODELS)
    return _CONFIGS / f"{kind}.json"


def read_facts(name: str, given: str) -> ModelFacts:
    """Read what the files at a place say of a model, and count its parameters.

    Args:
        name: name of its folder.
        given: a ``config.json``, a folder with one, a GGUF file, or ``owner/name[@revision]`` of the hub, whose
            revision is resolved to a commit.

    Raises:
        UsageError: no model there, or one that transformers cannot build, or not run in any reduced form.
    """
    path = Path(given).expanduser()
    if path.suffix == ".json":
        return _facts(name, class_of_config(read_config(path), name))
    place = place_of(given)
    if place is None:
        raise InvalidValueError("place", given, f"a config.json, {FORMS}")
    if isinstance(place, EndpointPlace):
        raise InvalidValueError("place", given, "files that describe a model", "An endpoint needs no model of its own.")
    model = cast(type[TransformersModel], place.load(name, name))
    if place.hub is not None:
        return _facts(name, model, hub=HubWeights(place.hub.repo_id, place.commit or place.hub.revision))
    return _facts(name, model, local=_remembered(place.path) if content_of(place.path) else "")


def _facts(name: str, model: type[TransformersModel], *, local: str = "", hub: HubWeights | None = None) -> ModelFacts:
    base = cast(type[TransformersModel], model.__base__)
    small, full = _built(base, model.architecture)
    license_ = "" if model.license == "unknown" else model.license
    return ModelFacts(name, base, model.architecture, small, full, local, hub, license_, model.published_dtype)


def _remembered(path: Path) -> str:
    """Return an absolute path for a model's file: from the home folder where it is below that."""
    home = Path.home()
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)


def _built(base: type[TransformersModel], architecture: Config) -> tuple[Config, int]:
    """Return what differs in the smallest model that runs, and the parameters of the full one.

    Raises:
        UsageError: transformers is not installed, or cannot build the full model, or run any small one.
    """
    require("new model", base.requires)
    candidates = list(reductions(architecture))
    asked = {"architecture": architecture, "reductions": candidates}
    done = run_python("-m", "inference_bench.scaffold.trial", base.__module__, base.__name__, text=json.dumps(asked))
    if done.returncode:
        kind = architecture["model_type"]
        raise UsageError(f"config.json: transformers cannot build this {kind!r} model: {last_line(done)}")
    found: Trial = json.loads(done.stdout.splitlines()[-1])
    if found["smallest"] is None:
        reason = f"its small form fails: {found['reason']}"
        raise UsageError(f"config.json: this {architecture['model_type']!r} model cannot be run here: {reason}")
    return candidates[found["smallest"]], found["parameters"]
