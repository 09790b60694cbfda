"""Facts about a model before its file is written, from its config.json."""

from __future__ import annotations

import json
import re
import signal
from dataclasses import dataclass, field
from pathlib import Path

from inference_bench.errors import InvalidValueError, UsageError, WeightsError
from inference_bench.machine.subprocesses import last_line, run_python
from inference_bench.model.engines.transformers.causal_lm import CausalLM
from inference_bench.model.engines.transformers.text_encoder import EmbeddingModel
from inference_bench.model.weights.hub_download import PROBE_S
from inference_bench.model.weights.references import HubWeights
from inference_bench.scaffold.architecture import Config, architecture_of, is_encoder, reductions
from inference_bench.scaffold.hub_config import HubConfig
from inference_bench.scaffold.trial import Trial
from inference_bench.spec import DTYPES

DEFAULT_CONFIG = Path(__file__).with_name("templates") / "config.json"


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """Facts about a model, for its skeleton.

    Attributes:
        name: name of its folder.
        architecture: see ``TransformersModel.architecture``; empty for a bare model.
        reduced: see ``TransformersModel.reduced``; it builds and runs.
        parameters: number of parameters; 0 for a bare model.
        hub: its repository on the hub, or None.
        license: licence of its weights.
        dtype: dtype of its published weights.
    """

    name: str
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
        found = _read_config(config or DEFAULT_CONFIG)
    else:
        answer = _ask_hub(hub)
        found, license_ = answer["config"], str(answer["license"])
        hub = HubWeights(hub.repo_id, answer["commit"])
    architecture = architecture_of(found)
    small, full = _built(architecture)
    dtype = found.get("dtype", found.get("torch_dtype"))
    return ModelFacts(name, architecture, small, full, hub, license_, dtype if dtype in DTYPES else "float32")


def _read_config(path: Path) -> Config:
    file = path / "config.json" if path.is_dir() else path
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidValueError("config", str(file), "a readable config.json", f"{error}.") from error
    if not isinstance(config, dict):
        raise InvalidValueError("config", str(file), "a JSON object")
    return config


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


def _built(architecture: Config) -> tuple[Config, int]:
    """Return what differs in the smallest model that runs, and the parameters of the full one.

    Raises:
        UsageError: transformers cannot build the full model, or run any small one.
    """
    base = EmbeddingModel if is_encoder(architecture) else CausalLM
    candidates = list(reductions(architecture))
    asked = {"architecture": architecture, "reductions": candidates}
    done = run_python("-m", "inference_bench.scaffold.trial", base.__name__, text=json.dumps(asked))
    if done.returncode:
        kind = architecture["model_type"]
        raise UsageError(f"config.json: transformers cannot build this {kind!r} model: {last_line(done)}")
    found: Trial = json.loads(done.stdout.splitlines()[-1])
    if found["smallest"] is None:
        reason = f"its small form fails: {found['reason']}"
        raise UsageError(f"config.json: this {architecture['model_type']!r} model cannot be run here: {reason}")
    return candidates[found["smallest"]], found["parameters"]
