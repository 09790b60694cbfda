"""The weights of a run's models, on disk before anything is timed: a download would disturb what is measured."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from dataclasses import replace

from inference_bench.errors import InferenceBenchError, PluginError
from inference_bench.machine.interruption import InterruptedWorkError, Interruption
from inference_bench.model.model import Model
from inference_bench.model.weights.references import ResolvedWeights
from inference_bench.model.weights.resolution import resolve_weights
from inference_bench.orchestration.planning import Prepared
from inference_bench.plan import Case, Group
from inference_bench.spec import Setup


class FetchedWeights:
    """The weights of each model and setup, or why they are unavailable."""

    def __init__(self, prepared: Prepared) -> None:
        self._prepared = prepared
        self._interrupted: set[tuple[str, Setup]] = set()
        self._found: dict[tuple[str, Setup], ResolvedWeights | InferenceBenchError] = {}

    async def fetch(
        self, group: Group, say: Callable[[str], None], interruption: Interruption, *, reduced: bool = False
    ) -> None:
        """Have a group's weights on disk, or keep the reason why not.

        Args:
            group: names model and setup.
            say: called with what is downloaded, from another thread.
            interruption: ends the fetch.
            reduced: take random weights of reduced size instead of the group's own.
        """
        key = group.model, group.setup
        if key in self._found:
            return
        model = self._prepared.model(group)
        try:
            if isinstance(model, PluginError):
                raise model
            setup = replace(group.setup, weights="random", scale="reduced") if reduced else group.setup
            self._found[key] = await asyncio.to_thread(_resolve, model, setup, say, interruption)
        except InferenceBenchError as error:
            self._found[key] = error
        except InterruptedWorkError:
            self._interrupted.add(key)
        except asyncio.CancelledError:
            interruption.stop()  # otherwise the event loop waits for the thread when it closes
            raise

    def is_interrupted(self, case: Case) -> bool:
        """Whether the fetch of a case's weights was interrupted."""
        return (case.model, case.setup) in self._interrupted

    def of(self, place: Case | Group) -> ResolvedWeights | None:
        """Return the weights of a case or group, or None if they were not fetched or are unavailable."""
        found = self._found.get((place.model, place.setup))
        return found if isinstance(found, ResolvedWeights) else None

    def error(self, case: Case) -> InferenceBenchError | None:
        """Return why a case's weights are unavailable, or None."""
        found = self._found.get((case.model, case.setup))
        return found if isinstance(found, InferenceBenchError) else None


def _resolve(
    model: type[Model], setup: Setup, say: Callable[[str], None], interruption: Interruption
) -> ResolvedWeights:
    with interruption.active():
        return model.converted(resolve_weights(model, setup, say), setup, say)


async def missing_weights(prepared: Prepared, models: Collection[str], say: Callable[[str], None]) -> str:
    """Fetch the weights of some models of a plan, and return why they are unavailable; empty if all are there.

    Args:
        prepared: the plan.
        models: their names; if the plan has none of them, all count.
        say: called with what is downloaded, from another thread.
    """
    weights = FetchedWeights(prepared)
    groups = [group for group in prepared.plan.groups if group.model in models]
    for group in groups or prepared.plan.groups:
        await weights.fetch(group, say, Interruption())
        if (error := weights.error(group.cases[0])) is not None:
            return str(error)
    return ""
