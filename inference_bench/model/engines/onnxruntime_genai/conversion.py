"""Convert a folder of weights to ONNX by the builder of onnxruntime-genai, without a network.

python -m inference_bench.model.engines.onnxruntime_genai.conversion FOLDER TARGET_FOLDER PRECISION
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from inference_bench.errors import InferenceBenchError, WeightsError


def convert(source: Path, target: Path, precision: str) -> None:
    """Write ``model.onnx``, its data and ``genai_config.json`` into the target folder.

    Raises:
        WeightsError: the folder has no tokenizer.
        NotImplementedError: the builder does not know this architecture.
    """
    if not (source / "tokenizer.json").is_file():
        raise WeightsError(
            f"weights {source}: no tokenizer.json, which the builder of onnxruntime-genai copies. Add it."
        )
    os.environ["HF_HUB_OFFLINE"] = "1"
    from onnxruntime_genai.models.builder import create_model, parse_extra_options

    with TemporaryDirectory(dir=target.parent) as scratch:
        place = ("", str(source), str(target), precision, "cpu", scratch)
        create_model(*place, **parse_extra_options(*place, []))


if __name__ == "__main__":
    try:
        convert(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
    except InferenceBenchError as error:
        sys.exit(str(error))
