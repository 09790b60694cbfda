"""The weights of a run's models, on disk before anything is timed: a download would disturb what is measured."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from inference_bench.errors import InferenceBenchError, PluginError
from inference_bench.model.weights.references import ResolvedWeights
from inference_bench.model.weights.resolution import resolve_weights
from inference_bench.orchestration.planning import Prepared
from inference_bench.plan import Case, Group
from inference_bench.spec import Setup


class FetchedWeights:
    """The weights of each model and setup, or why they are unavailable."""

    def __init__(self, prepared: Prepared) -> None:
        self._models = prepared.models
        self._found: dict[tuple[str, Setup], ResolvedWeights | InferenceBenchError] = {}

    async def fetch(self, group: Group, say: Callable[[str], None]) -> None:
        """Have a group's weights on disk, or keep the reason why not.

        Args:
            group: names model and setup.
            say: called with what is downloaded, from another thread.
        """
        key = group.model, group.setup
        if key in self._found:
            return
        model = self._models[group.model]
        try:
            if isinstance(model, PluginError):
                raise model
            self._found[key] = await asyncio.to_thread(resolve_weights, model, group.setup, say)
        except InferenceBenchError as error:
            self._found[key] = error

    def of(self, place: Case | Group) -> ResolvedWeights | None:
        """Return the weights of a case or group, or None if they were not fetched or are unavailable."""
        found = self._found.get((place.model, place.setup))
        return found if isinstance(found, ResolvedWeights) else None

    def error(self, case: Case) -> InferenceBenchError | None:
        """Return why a case's weights are unavailable, or None."""
        found = self._found.get((case.model, case.setup))
        return found if isinstance(found, InferenceBenchError) else None
