"""Build a model from its configuration, and run its small forms: what a skeleton promises.

    python -m inference_bench.scaffold.trial MODULE BASE_CLASS < CONFIGURATIONS

Reads a JSON object with the ``architecture`` and its ``reductions``, and prints a ``Trial``. The full model is built on
the meta device, where nothing is allocated. Runs in a separate process, so that the caller imports no framework.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import TypedDict

from inference_bench.model.engines.transformers.base import TransformersModel
from inference_bench.model.engines.transformers.config_file import Config
from inference_bench.model.engines.transformers.library import import_transformers
from inference_bench.model.load_steps import LoadSteps
from inference_bench.model.weights.references import ResolvedWeights
from inference_bench.plan import Case
from inference_bench.spec import Setup

_LARGEST = 400_000_000
"""Parameters of the largest small form that is run."""

_WEIGHTS = ResolvedWeights("random", "RANDOM weights", trained=False, scale="reduced")


class Trial(TypedDict):
    """What came of it.

    Keys:
        parameters: of the full model; tied ones count once.
        smallest: index of the first of the reductions that runs, or None.
        reason: why the last one tried does not run; empty if it does.
    """

    parameters: int
    smallest: int | None
    reason: str


def trial(base: type[TransformersModel], architecture: Config, reductions: Sequence[Config]) -> Trial:
    """Count the full model's parameters, and find the first reduction that runs."""
    parameters, reason = parameter_count(base.auto_class, architecture), ""
    for index, reduced in enumerate(reductions):
        small = {"architecture": architecture, "reduced": reduced, "max_input_length": 8}
        model: type[TransformersModel] = type("Small", (base,), small)
        try:
            if parameter_count(base.auto_class, model.config("reduced")) > _LARGEST:
                raise ValueError("it is too large to try")
            _run(model())
        except Exception as error:
            reason = reason or one_line(error)
        else:
            return Trial(parameters=parameters, smallest=index, reason="")
    return Trial(parameters=parameters, smallest=None, reason=reason)


def _run(model: TransformersModel) -> None:
    """Load with random weights and take the steps of a benchmark."""
    model.load(Setup(), _WEIGHTS, LoadSteps())
    if "encode" in model.abilities:
        encoder = model.encoder()
        encoder.encode(encoder.prompt(4))
        return
    if "call" in model.abilities:
        smallest = {axis.name: _few(axis.default[0]) for axis in model.call_axes}
        model.call(model.inputs(Case(model.name, "", Setup(), smallest)))
        return
    generator = model.generator()
    prompt = generator.prompt(4)
    steps = [generator.prefill(prompt), *(generator.decode() for _ in range(2))]
    if steps != list(generator.generate(prompt, 3)):
        raise ValueError("its steps give other tokens than generate()")


def _few(value: int | str) -> int | str:
    """Return a value of an axis that the smallest model accepts."""
    return min(value, 4) if isinstance(value, int) else value


def parameter_count(auto_class: str, config: Config) -> int:
    """Return the number of parameters; tied ones count once."""
    import torch

    transformers = import_transformers()
    with torch.device("meta"):
        network = getattr(transformers, auto_class).from_config(
            transformers.AutoConfig.for_model(**config), trust_remote_code=False
        )
    return sum(parameter.numel() for parameter in network.parameters())


def one_line(error: Exception) -> str:
    """Return the whole message of an error in one line: the reason often stands in the last."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 300 else f"{text[:300]}…"


if __name__ == "__main__":
    asked = json.load(sys.stdin)
    try:
        base = getattr(import_module(sys.argv[1]), sys.argv[2])
        print(json.dumps(trial(base, asked["architecture"], asked["reductions"])))
    except Exception as error:
        sys.exit(one_line(error))
