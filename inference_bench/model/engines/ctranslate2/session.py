"""Converted weights in CTranslate2, with one sequence."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from inference_bench.errors import WeightsError
from inference_bench.model.engine.decoder_demands import decoder_demands, sizes_of_config, stored_bytes
from inference_bench.model.engine.session import EngineSession
from inference_bench.model.engine.source_config import source_sizes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from inference_bench.demands import Demands
    from inference_bench.spec import Setup


class CTranslate2Session(EngineSession):
    """A ``ctranslate2.Generator`` of one worker.

    Args:
        path: the folder that ``conversion`` wrote.
        setup: threads and dtype.
        most: most positions; 0 for those that the weights state.

    Raises:
        WeightsError: CTranslate2 does not load the folder.
    """

    has_own_loop = True

    def __init__(self, path: Path, setup: Setup, most: int) -> None:
        library: Any = import_module("ctranslate2")
        self._path = path
        stated, self.vocabulary = source_sizes(path)
        self.limit = min(stated, most or stated)
        try:
            self._generator: Any = library.Generator(
                str(path), compute_type=setup.dtype, inter_threads=1, intra_threads=setup.threads
            )
        except (RuntimeError, ValueError) as error:
            raise WeightsError(f"weights {path}: CTranslate2 does not load them: {error}") from None

    def own_loop(self, ids: Sequence[int], new_tokens: int, on_token: Callable[[], object]) -> list[int]:
        """Generate greedily; the engine calls back from its own thread. No token ends the text."""

        def go_on(_: object) -> bool:
            on_token()
            return False  # True would stop

        (result,) = self._generator.generate_batch(
            [list(map(str, ids))],
            max_length=new_tokens,
            end_token=[],
            include_prompt_in_result=False,
            callback=go_on,
        )
        tokens: list[int] = result.sequences_ids[0]
        return tokens

    def logit_rows(self, ids: Sequence[int], begin: int = 0) -> Iterator[NDArray[np.float32]]:
        """Yield the logits after each token from ``begin`` on."""
        yield np.array(self._generator.forward_batch([list(ids)]))[0, begin:]

    def demands(self, config: Mapping[str, Any]) -> Demands:
        """Return those of a decoder of these sizes; the key-value cache is float32."""
        return decoder_demands(sizes_of_config(config), stored_bytes(self._path, "model.bin"), 4)

    def describe(self) -> dict[str, object]:
        """Return the version and the type that it computes in."""
        return {"ctranslate2": version("ctranslate2"), "compute_type": self._generator.compute_type}

    def close(self) -> None:
        """Free the weights."""
        self._generator.unload_model()
