"""A network of OpenVINO in OpenVINO GenAI, with one sequence."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from inference_bench.errors import WeightsError
from inference_bench.model.engine.decoder_demands import decoder_demands, sizes_of_config, stored_bytes
from inference_bench.model.engine.serving.scheduled_server import ScheduledServer
from inference_bench.model.engine.session import EngineSession
from inference_bench.model.engine.source_config import source_sizes
from inference_bench.model.engines.openvino_genai.conversion import NETWORK
from inference_bench.model.engines.openvino_genai.generation import as_tensor, greedy
from inference_bench.model.engines.openvino_genai.scheduler import OpenVINOScheduler

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from inference_bench.demands import Demands
    from inference_bench.model.interfaces import TextServer
    from inference_bench.model.prompts import Prompts
    from inference_bench.spec import Setup

_PIECE = 512
"""Tokens whose logits are in memory at once."""
_NS_PER_US = 1000


class OpenVINOSession(EngineSession):
    """An ``LLMPipeline`` that generates, and the same network without its loop for logits, compiled when first asked.

    Args:
        path: the folder that ``conversion`` wrote.
        setup: threads.
        most: most positions; 0 for those that the weights state.

    Raises:
        WeightsError: OpenVINO GenAI does not load the folder.
    """

    has_own_loop = True

    def __init__(self, path: Path, setup: Setup, most: int) -> None:
        self._library: Any = import_module("openvino_genai")
        self._openvino: Any = import_module("openvino")
        self._path = path
        stated, self.vocabulary = source_sizes(path)
        self.limit = min(stated, most or stated)
        self._options = {"INFERENCE_NUM_THREADS": setup.threads, "INFERENCE_PRECISION_HINT": "f32"}
        self._metrics: Any = None
        try:
            self._pipeline = self._library.LLMPipeline(str(path), "CPU", ATTENTION_BACKEND="SDPA", **self._options)
        except RuntimeError as error:
            said = " ".join(str(error).split())
            raise WeightsError(f"weights {path}: OpenVINO GenAI does not load them: {said}") from None

    def own_loop(self, ids: Sequence[int], new_tokens: int, on_token: Callable[[], object]) -> list[int]:
        """Generate greedily; no token ends the text."""
        found = self._pipeline.generate(as_tensor(ids), greedy(new_tokens), self._streamer(on_token))
        self._metrics = found.perf_metrics.raw_metrics
        tokens: list[int] = found.tokens[0]
        return tokens

    def own_times(self) -> tuple[int, list[int]] | None:
        """Return the last generation by ``RawPerfMetrics``, which has microseconds."""
        if self._metrics is None:
            return None
        first, later = self._metrics.m_times_to_first_token[0], self._metrics.m_durations
        return round(first * _NS_PER_US), [round(each * _NS_PER_US) for each in later]

    def logit_rows(self, ids: Sequence[int], begin: int = 0) -> Iterator[NDArray[np.float32]]:
        """Yield the logits after each token from ``begin`` on."""
        self._request.reset_state()
        for first in range(0, len(ids), _PIECE):
            piece = ids[first : first + _PIECE]
            end = first + len(piece)
            places = {
                "input_ids": np.asarray([piece], np.int64),
                "attention_mask": np.ones((1, end), np.int64),
                "position_ids": np.arange(first, end)[None],
                "beam_idx": np.zeros(1, np.int32),
            }
            rows = self._request.infer(places)["logits"][0][max(0, begin - first) :]
            if len(rows):
                yield np.array(rows, np.float32)

    def server(self, max_batch_size: int, prompts: Prompts) -> TextServer:
        """Return a server of its continuous batching, which loads the network again in a process of its own."""
        return ScheduledServer(
            "OpenVINO GenAI", partial(OpenVINOScheduler, self._path, self._options, max_batch_size), prompts
        )

    def demands(self, config: Mapping[str, Any]) -> Demands:
        """Return those of a decoder of these sizes; the key-value cache has the CPU plugin's own precision."""
        element: Any = self._openvino.Core().get_property("CPU", "KV_CACHE_PRECISION")
        files = stored_bytes(self._path, "openvino_model.bin")
        return decoder_demands(sizes_of_config(config), files, int(element.get_size()))

    def describe(self) -> dict[str, object]:
        """Return versions and the settings of the CPU plugin."""
        return {
            "openvino_genai": version("openvino-genai"),
            "openvino": version("openvino"),
            "attention_backend": "SDPA",
            **self._options,
        }

    def close(self) -> None:
        """Free the networks."""
        del self._pipeline
        self.__dict__.pop("_request", None)

    @cached_property
    def _request(self) -> Any:
        core = self._openvino.Core()
        return core.compile_model(self._path / NETWORK, "CPU", self._options).create_infer_request()

    def _streamer(self, on_token: Callable[[], object]) -> Any:
        go_on = self._library.StreamingStatus.RUNNING

        class Streamer(self._library.StreamerBase):  # type: ignore[misc, name-defined]
            def write(self, tokens: int | list[int]) -> Any:
                for _ in tokens if isinstance(tokens, list) else [tokens]:
                    on_token()
                return go_on

            def end(self) -> None:
                return

        return Streamer()
