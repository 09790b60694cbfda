"""An ONNX model in onnxruntime-genai, with one sequence."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from inference_bench.errors import WeightsError
from inference_bench.model.engine.decoder_demands import decoder_demands, sizes_of_config, stored_bytes
from inference_bench.model.engine.session import EngineSession

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from inference_bench.demands import Demands
    from inference_bench.spec import Setup

_PIECE = 512
"""Tokens whose logits are in memory at once."""


class OnnxSession(EngineSession):
    """A model and one generator, whose key-value cache has room for ``limit`` positions from the start.

    The next token is chosen here: ``generate_next_token`` cannot ignore the end of sequence, and after it gives
    padding.

    Args:
        path: the folder that ``conversion`` wrote.
        setup: threads.
        most: most positions; 0 for those that the weights state.

    Raises:
        WeightsError: onnxruntime-genai does not load the folder.
    """

    def __init__(self, path: Path, setup: Setup, most: int) -> None:
        library: Any = import_module("onnxruntime_genai")
        library.disable_telemetry_events()
        stated = json.loads((path / "genai_config.json").read_bytes())["model"]
        self.limit = min(stated["context_length"], most or stated["context_length"])
        self.vocabulary = stated["vocab_size"]
        self._token = 0
        self._path, self._dtype = path, setup.dtype
        try:
            self._generator = self._open(library, path, setup.threads)
        except (RuntimeError, ValueError) as error:
            said = " ".join(str(error).split())
            raise WeightsError(f"weights {path}: onnxruntime-genai does not load them: {said}") from None

    def reset(self) -> None:
        """Forget the sequence."""
        self._generator.rewind_to(0)

    def prefill(self, ids: Sequence[int]) -> int:
        """Run the prompt."""
        self.reset()
        return self._run(ids)

    def decode(self) -> int:
        """Run the last token."""
        return self._run([self._token])

    def logit_rows(self, ids: Sequence[int], begin: int = 0) -> Iterator[NDArray[np.float32]]:
        """Yield the logits after each token from ``begin`` on."""
        self.reset()
        for first in range(0, len(ids), _PIECE):
            self._generator.append_tokens(np.asarray(ids[first : first + _PIECE], np.int32))
            rows = self._generator.get_output("logits")[0][max(0, begin - first) :]
            if len(rows):
                yield np.array(rows, np.float32)

    def demands(self, config: Mapping[str, Any]) -> Demands:
        """Return those of a decoder of these sizes; the key-value cache is float32, with int8 the table as well."""
        sizes = sizes_of_config(config)
        table_bytes = 4 * sizes.table if self._dtype == "int8" else None
        return decoder_demands(sizes, stored_bytes(self._path, "model.onnx", "model.onnx.data"), 4, table_bytes)

    def describe(self) -> dict[str, object]:
        """Return versions, and how the key-value cache is kept."""
        return {
            "onnxruntime_genai": version("onnxruntime-genai"),
            "onnxruntime": version("onnxruntime"),
            "kv_type": "float32",
            "kv_cache": f"one buffer for {self.limit} positions",
        }

    def close(self) -> None:
        """Free the generator and the model that it holds."""
        del self._generator

    def _run(self, ids: Sequence[int]) -> int:
        self._generator.append_tokens(np.asarray(ids, np.int32))
        self._token = int(self._generator.get_logits().argmax())
        return self._token

    def _open(self, library: Any, path: Path, threads: int) -> Any:
        options = {"intra_op_num_threads": threads, "inter_op_num_threads": 1}
        config = library.Config(str(path))
        config.overlay(json.dumps({"model": {"decoder": {"session_options": options}}}))
        model = library.Model(config)
        search = library.GeneratorParams(model)
        search.set_search_options(do_sample=False, max_length=self.limit)
        return library.Generator(model, search)
