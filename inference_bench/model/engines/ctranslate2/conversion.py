"""Convert a folder of weights to CTranslate2's format.

python -m inference_bench.model.engines.ctranslate2.conversion FOLDER TARGET_FOLDER DTYPE

CTranslate2 generates from words, not ids. The word of each id is written as its number, so that ids go in and come
out, and no tokenizer is needed.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from inference_bench.model.engine.source_config import keep_config


class _Numbers:
    """Stands in for the tokenizer: the word of an id is its number."""

    bos_token = eos_token = unk_token = pad_token = "0"

    def __init__(self, count: int) -> None:
        self._count = count

    def get_vocab(self) -> dict[str, int]:
        return {str(number): number for number in range(self._count)}


def convert(source: Path, target: Path, dtype: str) -> None:
    """Write ``model.bin`` and what belongs to it into the target folder.

    Raises:
        ValueError, NotImplementedError: CTranslate2 does not convert this architecture, or its positions.
    """
    import torch
    from ctranslate2.converters import TransformersConverter

    class Converter(TransformersConverter):  # type: ignore[misc]
        def load_tokenizer(self, *_: object, **__: object) -> _Numbers:
            return _Numbers(json.loads((source / "config.json").read_bytes())["vocab_size"])

        def load_model(self, network: Any, path: str, **options: Any) -> Any:
            return network.from_pretrained(path, **{**options, "dtype": torch.float32, "local_files_only": True})

    Converter(str(source)).convert(str(target), quantization=dtype, force=True)
    keep_config(source, target)


if __name__ == "__main__":
    convert(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
