"""Count the parameters of models from their configurations, on the meta device.

    python -m inference_bench.scaffold.parameter_count AUTO_CLASS < CONFIGURATIONS

Reads a JSON list of configurations, builds each with this auto class of transformers, and prints a JSON list of
numbers. Runs in a separate process, so that the caller imports no framework. It also checks that transformers can
build the model; nothing is allocated.
"""

from __future__ import annotations

import json
import sys

from inference_bench.model.engines.transformers.base import import_transformers
from inference_bench.scaffold.architecture import Config


def parameter_count(auto_class: str, config: Config) -> int:
    """Return the number of parameters; tied ones count once."""
    import torch

    transformers = import_transformers()
    with torch.device("meta"):
        network = getattr(transformers, auto_class).from_config(
            transformers.AutoConfig.for_model(**config), trust_remote_code=False
        )
    return sum(parameter.numel() for parameter in network.parameters())


if __name__ == "__main__":
    try:
        print(json.dumps([parameter_count(sys.argv[1], config) for config in json.load(sys.stdin)]))
    except Exception as error:
        lines = str(error).strip().splitlines()
        sys.exit(lines[0] if lines else type(error).__name__)
