"""Every chart of a run: first what helps to choose a set-up, then how its figures come about."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from inference_bench.reports._figures import (
    against,
    capacity,
    choosing,
    distributions,
    flame,
    loading,
    memory,
    objectives,
    predictions,
    rates,
    request_failures,
    request_stages,
    request_strip,
    roofline,
    schedule,
    scores,
    server_load,
)
from inference_bench.reports._figures.figure import Figure
from inference_bench.reports._figures.setups import Setups

if TYPE_CHECKING:
    from inference_bench.results.run import Run

_MAKERS: tuple[Callable[[Run, Setups], Iterator[Figure]], ...] = (
    choosing.figures,
    rates.figures,
    memory.by_phase,
    scores.figures,
    capacity.figures,
    objectives.figures,
    against.figures,
    request_failures.figures,
    schedule.figures,
    request_strip.figures,
    server_load.figures,
    request_stages.figures,
    distributions.figures,
    loading.figures,
    memory.over_time,
    flame.figures,
    roofline.figures,
    predictions.figures,
)


def figures(run: Run) -> list[Figure]:
    """Return every chart that this run has data for."""
    setups = Setups(run.results)
    return [figure for maker in _MAKERS for figure in maker(run, setups)]
