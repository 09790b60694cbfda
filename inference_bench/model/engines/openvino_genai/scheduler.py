"""OpenVINO GenAI's continuous batching."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from inference_bench.errors import EngineError
from inference_bench.model.engine.serving.scheduler import Scheduler
from inference_bench.model.engines.openvino_genai.generation import as_tensor, greedy


class OpenVINOScheduler(Scheduler):
    """A ``ContinuousBatchingPipeline``: prompts are computed in pieces, together with the tokens of other requests.

    Args:
        path: the folder that ``conversion`` wrote.
        options: of the CPU plugin.
        max_batch_size: most requests in one step.
    """

    def __init__(self, path: Path, options: Mapping[str, object], max_batch_size: int) -> None:
        library: Any = import_module("openvino_genai")
        wanted = library.SchedulerConfig()
        wanted.max_num_seqs = max_batch_size
        wanted.enable_prefix_caching = False  # all requests have the same prompt
        self._over = (library.GenerationStatus.FINISHED, library.GenerationStatus.IGNORED)
        self._pipeline = library.ContinuousBatchingPipeline(str(path), wanted, "CPU", dict(options))
        self._handles: dict[int, Any] = {}

    def add(self, request: int, ids: Sequence[int], new_tokens: int) -> None:
        """Take a request."""
        self._handles[request] = self._pipeline.add_request(request, as_tensor(ids), greedy(new_tokens))

    def cancel(self, request: int) -> None:
        """Forget a request; the next step frees its blocks."""
        self._handles.pop(request).cancel()

    def step(self) -> Iterator[tuple[int, Sequence[int]]]:
        """Compute one step, and yield the tokens of each request."""
        self._pipeline.step()
        for request, handle in list(self._handles.items()):
            tokens: list[int] = []
            while handle.can_read():
                for output in handle.read().values():
                    tokens += output.generated_ids
            if handle.get_status() in self._over:
                del self._handles[request]
                if not tokens:
                    raise EngineError(f"request {request} does not fit into the key-value cache, and was dropped")
            yield request, tokens
