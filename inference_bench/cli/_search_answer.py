"""What a search found: as lines for people, and as a document for programs."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from inference_bench.ceilings import Interval
from inference_bench.spec import Setup
from inference_bench.units import counted

if TYPE_CHECKING:
    from inference_bench.orchestration.search import SearchOutcome

_VERSION = 1


class TriedSetup(TypedDict):
    """One set-up of a search.

    ``time`` is over that of the fastest when it was last compared, None if it was not measured; ``agreement`` the share
    of likeliest tokens that are float32's, None if not measured; ``left`` why it left, None if it was left at the end.
    """

    name: str
    setup: Setup
    time: Interval | None
    rounds: int
    agreement: float | None
    left: str | None


class SearchStep(TypedDict):
    """A search among set-ups that has ended: its folder, why no further round was measured, and what was tried."""

    folder: str
    stop_reason: str
    interrupted: bool
    rounds: int
    tried: Sequence[TriedSetup]


class SearchDocument(TypedDict):
    """What ``advise --search --json`` prints: the last step decides; without a winner ``fastest`` is None."""

    search_version: int
    run: str
    steps: Sequence[SearchStep]
    fastest: str | None
    spec: str | None
    remarks: Sequence[str]


def search_document(
    run: str, outcomes: Sequence[SearchOutcome], spec: Path | None, remarks: Sequence[str]
) -> SearchDocument:
    """Return the answer for a program.

    Args:
        run: id of the run whose model was searched.
        outcomes: of the steps, at least one.
        spec: the file of the winner; None without one.
        remarks: what was not tried, and why.
    """
    return {
        "search_version": _VERSION,
        "run": run,
        "steps": [_step(outcome) for outcome in outcomes],
        "fastest": outcomes[-1].winner,
        "spec": None if spec is None else str(spec),
        "remarks": list(remarks),
    }


def _step(outcome: SearchOutcome) -> SearchStep:
    return {
        "folder": str(outcome.folder),
        "stop_reason": outcome.stop_reason,
        "interrupted": outcome.interrupted,
        "rounds": outcome.rounds,
        "tried": list(_tried(outcome)),
    }


def _tried(outcome: SearchOutcome) -> Iterator[TriedSetup]:
    """Yield the set-ups, the fastest first, then those that left, the last first."""

    def of(name: str, time: Interval | None, rounds: int, left: str | None) -> TriedSetup:
        agreement = outcome.agreements.get(name)
        return TriedSetup(
            name=name, setup=outcome.setups[name], time=time, rounds=rounds, agreement=agreement, left=left
        )

    for name, ratio in outcome.ratios.items():
        yield of(name, ratio, outcome.rounds, None)
    for gone in reversed(outcome.departures):
        yield of(gone.name, gone.ratio, gone.rounds, gone.reason)


def search_lines(document: SearchDocument) -> Iterator[str]:
    """Yield the tables of what was tried, and the command that runs the fastest set-up."""
    for step in document["steps"]:
        yield from _table(step)
    yield from document["remarks"]
    if document["spec"] is not None:
        yield f"\nfastest: {document['fastest']}"
        yield f"python -m inference_bench run --spec {shlex.quote(document['spec'])}"


def _table(step: SearchStep) -> Iterable[str]:
    from inference_bench.cli._columns import aligned

    rows = [("set-up", "time", "95 % interval", "rounds", "agreement", "what became of it")]
    for place, tried in enumerate(step["tried"]):
        agreement = "" if tried["agreement"] is None else f"{tried['agreement']:.3f}"
        rows.append((tried["name"], *_figures(tried["time"]), f"{tried['rounds']}", agreement, _became(tried, place)))
    yield f"Search of {counted(len(step['tried']), 'set-up')} ({step['stop_reason']})"
    yield from aligned(rows)
    yield "time: over that of the fastest at that moment; agreement: share of likeliest tokens that are float32's"


def _became(tried: TriedSetup, place: int) -> str:
    if tried["left"] is not None:
        return f"left: {tried['left']}"
    return "not told apart from the fastest" if place else "the fastest"


def _figures(ratio: Interval | None) -> tuple[str, str]:
    if ratio is None:
        return "", ""
    is_unit = ratio.low == ratio.high
    return f"×{ratio.value:.3f}", "" if is_unit else f"[{ratio.low:.3f}, {ratio.high:.3f}]"
