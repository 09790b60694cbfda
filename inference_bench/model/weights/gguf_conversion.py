"""Convert a GGUF file to a safetensors folder, dequantised to float32, which represents each value exactly.

    python -m inference_bench.model.weights.gguf_conversion SOURCE.gguf FOLDER

Runs in a separate process, since the caller does not import torch. transformers reads a GGUF file with a vocabulary of
49,000 in half a minute and safetensors in a tenth of a second, so the conversion is done once.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from inference_bench.errors import InferenceBenchError
from inference_bench.extras import needed_by


def convert(source: Path, target: Path) -> None:
    """Write the model and its tokenizer as ``save_pretrained`` does."""
    os.environ["HF_HUB_OFFLINE"] = "1"  # read by huggingface_hub when it is imported
    with needed_by("GGUF"):
        import gguf  # noqa: F401 (transformers asks for it late, in several lines)
        import torch

        transformers: Any = import_module("transformers")
    tokenizer = transformers.AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name)
    network = transformers.AutoModelForCausalLM.from_pretrained(
        source.parent, gguf_file=source.name, dtype=torch.float32
    )
    # transformers 5 treats the dequantised model as quantised and refuses to save it.
    network.hf_quantizer = None
    if hasattr(network.config, "quantization_config"):
        del network.config.quantization_config
    network.config._name_or_path = ""
    network.save_pretrained(target, safe_serialization=True)
    tokenizer.save_pretrained(target)


if __name__ == "__main__":
    try:
        convert(Path(sys.argv[1]), Path(sys.argv[2]))
    except InferenceBenchError as error:
        sys.exit(str(error))
