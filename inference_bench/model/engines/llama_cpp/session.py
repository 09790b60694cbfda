"""A GGUF file in llama.cpp, with one sequence."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from inference_bench.errors import WeightsError
from inference_bench.model.engine.session import EngineSession
from inference_bench.model.engines.llama_cpp.conversion import MODEL
from inference_bench.model.engines.llama_cpp.cpu_flags import unused_flags
from inference_bench.model.engines.llama_cpp.demands import gguf_demands
from inference_bench.model.engines.llama_cpp.library import VARIABLE, load_library
from inference_bench.units import NS_PER_MS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from inference_bench.demands import Demands
    from inference_bench.spec import Setup

_BATCH = 2048
"""Most tokens of one ``llama_decode``, as llama.cpp's own tools have it."""
_ROWS = 512
"""Rows of logits that are kept at once."""
_F32, _F16 = 0, 1
"""``ggml_type`` of the key-value cache."""


class LlamaSession(EngineSession):
    """Loaded weights and a context, whose logits stay in llama.cpp's memory.

    Args:
        path: the GGUF file, or the folder that it was converted into.
        setup: threads and dtype; the key-value cache is float32 with float32 weights, else float16, which is
            llama.cpp's default.
        most: most positions; 0 for those that the file states.

    Raises:
        WeightsError: llama.cpp refuses the file.
    """

    def __init__(self, path: Path, setup: Setup, most: int) -> None:
        self._library = load_library()
        self._ffi, self._lib = self._library.ffi, self._library.lib
        self._setup = setup
        self._file = file = path / MODEL if path.is_dir() else path
        self._model = self._load(file)
        stated = int(self._lib.llama_model_n_ctx_train(self._model))
        self.limit = min(stated, most or stated)
        self.vocabulary = int(self._lib.llama_vocab_n_tokens(self._lib.llama_model_get_vocab(self._model)))
        self._context = self._open(file)
        self._memory = self._lib.llama_get_memory(self._context)
        self._batch = self._lib.llama_batch_init(_BATCH, 0, 1)
        for place in range(_BATCH):
            self._batch.n_seq_id[place] = 1
            self._batch.seq_id[place][0] = 0
        self._token, self._place = 0, 0

    def reset(self) -> None:
        """Forget the sequence."""
        self._lib.llama_memory_clear(self._memory, False)
        self._lib.llama_perf_context_reset(self._context)
        self._place = 0

    def prefill(self, ids: Sequence[int]) -> int:
        """Run the prompt; only the last token gets logits."""
        self.reset()
        self.push(ids)
        return self._choose()

    def decode(self) -> int:
        """Run the last token."""
        batch = self._batch
        batch.n_tokens = 1
        batch.token[0] = self._token
        batch.pos[0] = self._place
        batch.logits[0] = 1
        self._place += 1
        if self._lib.llama_decode(self._context, batch):
            raise RuntimeError(f"llama_decode: {self._library.said()}")
        return self._choose()

    @property
    def first_token(self) -> int:
        """The token that begins a text; 0 where the file names none."""
        found = int(self._lib.llama_vocab_bos(self._lib.llama_model_get_vocab(self._model)))
        return max(found, 0)

    def push(self, ids: Sequence[int]) -> None:
        """Run tokens after those so far, with logits of the last, and do not wait for them."""
        for begin in range(0, len(ids), _BATCH):
            piece = ids[begin : begin + _BATCH]
            self._run(piece, outputs=range(len(piece) - 1, len(piece)))

    def wait(self) -> None:
        """Wait until everything is computed."""
        self._lib.llama_synchronize(self._context)

    def logit_rows(self, ids: Sequence[int], begin: int = 0) -> Iterator[NDArray[np.float32]]:
        """Yield the logits after each token from ``begin`` on."""
        self.reset()
        for first in range(0, len(ids), _ROWS):
            piece = ids[first : first + _ROWS]
            wanted = range(max(0, begin - first), len(piece))
            self._run(piece, wanted)
            if wanted:
                rows = self._floats(self._lib.llama_get_logits(self._context), len(wanted) * self.vocabulary)
                yield rows.reshape(len(wanted), self.vocabulary).copy()

    def own_times(self) -> tuple[int, list[int]] | None:
        """Return llama.cpp's own times since the last prompt began; it sums those of the further tokens."""
        found = self._lib.llama_perf_context(self._context)
        count = int(found.n_eval)
        each = round(found.t_eval_ms * NS_PER_MS / count) if count else 0
        return round(found.t_p_eval_ms * NS_PER_MS), [each] * count

    def demands(self, config: Mapping[str, Any]) -> Demands:
        """Return those of the file, whatever configuration it was converted from."""
        return gguf_demands(self._file, self.vocabulary, 4 if self._setup.dtype == "float32" else 2)

    def describe(self) -> dict[str, object]:
        """Return versions, the build and its use of this processor, and the types."""
        info = self._library.system_info()
        text = self._ffi.new("char[]", 256)
        self._lib.llama_model_desc(self._model, text, 256)
        return {
            "architecture": self._ffi.string(text).decode(errors="replace"),
            "parameters": int(self._lib.llama_model_n_params(self._model)),
            "parameter_bytes": int(self._lib.llama_model_size(self._model)),
            "parameters_mapped_from_file": self._is_mapped,
            "kv_type": "float32" if self._kv_type == _F32 else "float16",
            "llama_cpp_py_sync": version("llama-cpp-py-sync"),
            "library": os.path.basename(os.environ.get(VARIABLE, "")) or "in the wheel",
            "build": info,
            "cpu_flags_not_used": unused_flags(info),
            "batch": f"{_BATCH} tokens, micro-batch {self._lib.llama_n_ubatch(self._context)}",
        }

    def close(self) -> None:
        """Free context and weights."""
        self._lib.llama_batch_free(self._batch)
        self._lib.llama_free(self._context)
        self._lib.llama_model_free(self._model)

    @property
    def _kv_type(self) -> int:
        return _F32 if self._setup.dtype == "float32" else _F16

    def _load(self, file: Path) -> Any:
        options = self._lib.llama_model_default_params()
        self._is_mapped = _maps_file(self._lib, options)
        model = self._lib.llama_model_load_from_file(os.fsencode(file), options)
        if model == self._ffi.NULL:
            raise WeightsError(f"weights {file}: llama.cpp does not load it: {self._library.said()}")
        return model

    def _open(self, file: Path) -> Any:
        options = self._lib.llama_context_default_params()
        options.n_ctx = self.limit
        options.n_batch = _BATCH
        options.n_threads = options.n_threads_batch = self._setup.threads
        options.type_k = options.type_v = self._kv_type
        options.no_perf = False
        context = self._lib.llama_init_from_model(self._model, options)
        if context == self._ffi.NULL:
            raise WeightsError(f"weights {file}: llama.cpp makes no context: {self._library.said()}")
        return context

    def _run(self, ids: Sequence[int], outputs: range) -> None:
        """Run tokens after those so far; ``outputs`` are the places whose logits are wanted."""
        count, batch = len(ids), self._batch
        batch.n_tokens = count
        self._view(batch.token, count, np.int32)[:] = ids
        self._view(batch.pos, count, np.int32)[:] = range(self._place, self._place + count)
        flags = self._view(batch.logits, count, np.int8)
        flags[:] = 0
        flags[outputs.start : outputs.stop] = 1
        self._place += count
        if self._lib.llama_decode(self._context, batch):
            raise RuntimeError(f"llama_decode of {count} tokens: {self._library.said()}")

    def _choose(self) -> int:
        """Return the likeliest token after the last one; waits for the computation."""
        logits = self._lib.llama_get_logits_ith(self._context, -1)
        self._token = int(self._floats(logits, self.vocabulary).argmax())
        return self._token

    def _floats(self, pointer: Any, count: int) -> NDArray[np.float32]:
        return self._view(pointer, count, np.float32)

    def _view(self, pointer: Any, count: int, dtype: type[np.generic]) -> NDArray[Any]:
        """Return memory of the library as an array, without a copy."""
        return np.frombuffer(self._ffi.buffer(pointer, count * np.dtype(dtype).itemsize), dtype)


def _maps_file(lib: Any, options: Any) -> bool:
    """Return whether weights are mapped from their file, which llama.cpp does by itself where the system can."""
    modes = (lib.LLAMA_LOAD_MODE_AUTO, lib.LLAMA_LOAD_MODE_MMAP)
    return bool(lib.llama_supports_mmap()) and options.load_mode in modes
