"""Whether the models of a stored run can still be loaded, asked before anything is measured."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

from inference_bench.errors import UsageError
from inference_bench.spec import ENDPOINT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from inference_bench.results.run import Run


def check_weights(option: str, run: Run, models_dirs: Sequence[Path]) -> None:
    """Refuse to measure what cannot be loaded any more; fetches weights that are missing.

    Args:
        option: that measures, such as ``--prove``.
        run: whose cases are to be measured.
        models_dirs: folders with further models.

    Raises:
        UsageError: the weights, or the model, of a case are gone.
    """
    from inference_bench.orchestration.fetched_weights import missing_weights
    from inference_bench.orchestration.planning import prepare
    from inference_bench.results.serialization import spec_from_plain

    spec = spec_from_plain(run.record.spec, run.folder)
    models = {result.case.model for result in run.results if result.case.setup.device != ENDPOINT}
    if not models:
        return
    prepared = prepare(spec, tuple(models_dirs))
    why = asyncio.run(missing_weights(prepared, models, lambda text: print(text, file=sys.stderr)))
    if why:
        raise UsageError(
            f"{option}: the weights of run {run.record.id} are gone ({why.rstrip('.')}). Nothing was measured: bring "
            "them back, or measure a run with other weights."
        )
