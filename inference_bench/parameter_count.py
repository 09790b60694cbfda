"""Count the parameters of causal language models from their configurations alone, on the meta device.

    python -m inference_bench.parameter_count < CONFIGURATIONS

Reads a JSON list of configurations and prints a JSON list of numbers. A process of its own, so that the caller imports
no framework. A number also says that transformers can build this model: nothing is allocated, but everything is made.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any


def parameter_count(config: Mapping[str, Any]) -> int:
    """Return the number of distinct parameters; tied ones count once."""
    import torch

    transformers: Any = import_module("transformers")
    with torch.device("meta"):
        network = transformers.AutoModelForCausalLM.from_config(
            transformers.AutoConfig.for_model(**config), trust_remote_code=False
        )
    return sum(parameter.numel() for parameter in network.parameters())


if __name__ == "__main__":
    try:
        print(json.dumps([parameter_count(config) for config in json.load(sys.stdin)]))
    except Exception as error:
        lines = str(error).strip().splitlines()
        sys.exit(lines[0] if lines else type(error).__name__)
