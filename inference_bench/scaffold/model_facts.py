"""Facts about a model before its file is written, from its config.json."""

from __future__ import annotations

import json
import re
import signal
from dataclasses import dataclass, field
from pathlib import Path

from inference_bench.errors import InvalidValueError, UsageError, WeightsError
from inference_bench.extras import require
from inference_bench.machine.subprocesses import last_line, run_python
from inference_bench.model.engines.transformers.architectures import class_for
from inference_bench.model.engines.transformers.base import TransformersModel
from inference_bench.model.engines.transformers.config_file import (
    Config,
    architecture_of,
    published_dtype,
    read_config,
)
from inference_bench.model.engines.transformers.reductions import reductions
from inference_bench.model.weights.hub_download import PROBE_S
from inference_bench.model.weights.references import HubWeights
from inference_bench.scaffold.hub_config import HubConfig
from inference_bench.scaffold.trial import Trial

DEFAULT_CONFIG = Path(__file__).with_name("templates") / "config.json"


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """Facts about a model, for its skeleton.

    Attributes:
        name: name of its folder.
        base: the class that runs its architecture; None for a bare model.
        architecture: see ``TransformersModel.architecture``; empty for a bare model.
        reduced: see ``TransformersModel.reduced``; it builds and runs.
        parameters: number of parameters; 0 for a bare model.
        hub: its repository on the hub, or None.
        license: licence of its weights.
        dtype: dtype of its published weights.
    """

    name: str
    base: type[TransformersModel] | None = None
    architecture: Config = field(default_factory=dict)
    reduced: Config = field(default_factory=dict)
    parameters: int = 0
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


def read_facts(name: str, hub_id: str | None, revision: str, config: Path | None) -> ModelFacts:
    """Read a model's configuration from ``config`` or the hub, and count its parameters.

    Args:
        name: name of its folder.
        hub_id: ``owner/name`` on the hub, or None for a model without weights.
        revision: branch, tag or commit there; it is resolved to a commit.
        config: a ``config.json``, or its folder.

    Raises:
        UsageError: no such configuration, or one that transformers cannot build, or not run in any reduced form.
        WeightsError: the hub does not answer, or refuses.
    """
    hub, license_ = None, ""
    if hub_id is not None:
        if not re.fullmatch(r"[\w.-]+/[\w.-]+", hub_id, re.ASCII):
            raise InvalidValueError("hub id", hub_id, "owner/name, such as Qwen/Qwen3-0.6B")
        hub = HubWeights(hub_id, revision)
    if config is not None or hub is None:
        found = read_config(config or DEFAULT_CONFIG)
    else:
        answer = _ask_hub(hub)
        found, license_ = answer["config"], str(answer["license"])
        hub = HubWeights(hub.repo_id, answer["commit"])
    base, architecture = class_for(found), architecture_of(found)
    small, full = _built(base, architecture)
    return ModelFacts(name, base, architecture, small, full, hub, license_, published_dtype(found) or "float32")


def _ask_hub(hub: HubWeights) -> HubConfig:
    done = run_python("-m", "inference_bench.scaffold.hub_config", hub.repo_id, hub.revision)
    if done.returncode:
        slow = done.returncode == -signal.SIGALRM
        why = f"no answer within {PROBE_S} s" if slow else last_line(done)
        raise WeightsError(
            f"hub {hub.repo_id}: {why}. If you have its config.json, give --config PATH with the same --hub-id."
        )
    answer: HubConfig = json.loads(done.stdout)
    return answer


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
