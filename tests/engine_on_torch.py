"""An engine for tests: a network of torch behind the interface that every engine has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from inference_bench.model.engine.session import EngineSession


class TorchSession(EngineSession):
    """Runs the whole sequence again for each token."""

    def __init__(self, network: Any, rows: int = 5) -> None:
        self._network = network
        self._rows = rows
        self._sequence: list[int] = []
        self.limit = network.config.max_position_embeddings
        self.vocabulary = network.config.vocab_size

    def prefill(self, ids: Sequence[int]) -> int:
        self._sequence = list(ids)
        return self.decode()

    def decode(self) -> int:
        token = int(self._logits(self._sequence)[-1].argmax())
        self._sequence.append(token)
        return token

    def logit_rows(self, ids: Sequence[int], begin: int = 0) -> Iterator[NDArray[np.float32]]:
        logits = self._logits(ids)[begin:]
        for first in range(0, len(logits), self._rows):
            yield logits[first : first + self._rows]

    def describe(self) -> dict[str, object]:
        return {}

    def _logits(self, ids: Sequence[int]) -> NDArray[np.float32]:
        with torch.inference_mode():
            found: NDArray[np.float32] = self._network(torch.tensor([list(ids)])).logits[0].numpy()
        return found
