"""Convert a folder of weights to OpenVINO's intermediate representation.

python -m inference_bench.model.engines.openvino_genai.conversion FOLDER TARGET_FOLDER FORM

The folder is written as GGUF, which OpenVINO GenAI reads and saves as its own.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from inference_bench.errors import InferenceBenchError, WeightsError
from inference_bench.model.engine.source_config import keep_config
from inference_bench.model.engines.llama_cpp.gguf_file import write_gguf

NETWORK = "openvino_model.xml"
"""Name of the saved network."""


def convert(source: Path, target: Path, form: str) -> None:
    """Write the network into the target folder, without a tokenizer.

    Args:
        source: folder of weights.
        target: an empty folder.
        form: of the matrices, as ``write_gguf`` names it.

    Raises:
        WeightsError: an architecture that is not written as GGUF, or OpenVINO GenAI refuses the file.
    """
    import openvino_genai

    with TemporaryDirectory(dir=target.parent) as scratch:
        file = Path(scratch) / "model.gguf"
        write_gguf(source, file, form, numbered=True)
        try:
            openvino_genai.LLMPipeline(str(file), "CPU", enable_save_ov_model=True)
        except (RuntimeError, IndexError) as error:
            said = " ".join(str(error).split())
            raise WeightsError(f"weights {source}: OpenVINO GenAI does not load them as GGUF {form}: {said}") from None
        for saved in Path(scratch).glob("openvino_model.*"):
            shutil.move(saved, target / saved.name)
    keep_config(source, target)


if __name__ == "__main__":
    try:
        convert(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
    except InferenceBenchError as error:
        sys.exit(str(error))
