"""Convert weights to a GGUF file of a dtype.

python -m inference_bench.model.engines.llama_cpp.conversion FOLDER_OR_GGUF TARGET_FOLDER DTYPE

A folder is first written as float32, from which llama.cpp's own quantiser makes every other type.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from inference_bench.errors import InferenceBenchError, WeightsError
from inference_bench.model.engines.llama_cpp.files import FTYPES
from inference_bench.model.engines.llama_cpp.gguf_file import write_gguf
from inference_bench.model.engines.llama_cpp.library import load_library

MODEL = "model.gguf"
"""Name of the converted file."""


def convert(source: Path, target: Path, dtype: str) -> None:
    """Write ``model.gguf`` into the target folder.

    Raises:
        WeightsError: an architecture that cannot be written, or llama.cpp refuses the file.
    """
    if not source.is_dir():
        _quantize(source, target / MODEL, dtype)
    elif dtype == "float32":
        write_gguf(source, target / MODEL)
    else:
        with TemporaryDirectory(dir=target.parent) as scratch:
            whole = Path(scratch) / MODEL
            write_gguf(source, whole)
            _quantize(whole, target / MODEL, dtype)


def _quantize(source: Path, target: Path, dtype: str) -> None:
    library = load_library()
    options = library.ffi.new("llama_model_quantize_params *", library.lib.llama_model_quantize_default_params())
    options.ftype = FTYPES[dtype]
    options.allow_requantize = True
    options.nthread = os.cpu_count() or 1
    failed = library.lib.llama_model_quantize(os.fsencode(source), os.fsencode(target), options)
    if failed:
        raise WeightsError(f"{source.name}: llama_model_quantize to {dtype} failed with {failed}: {library.said()}")


if __name__ == "__main__":
    try:
        convert(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
    except InferenceBenchError as error:
        sys.exit(str(error))
