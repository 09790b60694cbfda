"""Figures of trained and of random weights are never joined, whatever ``--weights`` was asked for."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from pathlib import Path

import pytest

from inference_bench.analysis.comparison import compare
from inference_bench.reports._pages.history import page
from inference_bench.reports._pages.setups import Names, key_of
from inference_bench.results.comparison_sides import observe
from inference_bench.results.history import history
from inference_bench.results.run import Run
from inference_bench.spec import Setup
from inference_bench.testing import make_case, make_record, make_result, write_run

SOURCES = {
    "cache": {"source": "cache", "trained": True, "scale": "full"},
    "hub": {"source": "hub", "trained": True, "scale": "full"},
    "package": {"source": "package", "trained": True, "scale": "full"},
    "local": {"source": "local", "trained": True, "scale": "full"},
    "random": {"source": "random", "trained": False, "scale": "full"},
    "reduced": {"source": "random", "trained": False, "scale": "reduced"},
}
"""What a worker says of its weights."""

KIND = {"random": "random", "reduced": "random, reduced"}


def run_with(
    folder: Path, source: str, asked: str = "any", values: tuple[int, ...] = (100, 101, 102), day: int = 1
) -> Run:
    setup = Setup(weights=asked, scale="reduced" if (asked, source) == ("random", "reduced") else "full")
    measured = make_result({"ttft": [list(values)] * 6}, case=make_case(setup=setup))
    result = replace(measured, model={"title": "Example", "weights": {"label": source, **SOURCES[source]}})
    record = replace(make_record(result, id=f"run-{day}"), created_utc=f"2026-01-{day:02d}T00:00:00+00:00")
    return write_run(folder, result, record=record)


@pytest.mark.parametrize("asked", ["any", "auto"])
@pytest.mark.parametrize(("one", "other"), list(combinations(SOURCES, 2)))
def test_only_weights_of_one_kind_are_compared(tmp_path: Path, asked: str, one: str, other: str) -> None:
    """``auto`` never takes random weights, so a stored run that says so was asked for ``random``."""
    runs = [
        run_with(tmp_path, source, asked if asked == "any" or source not in KIND else "random", day=day)
        for day, source in enumerate((one, other), 1)
    ]
    found = compare(observe("A", [runs[0]]), observe("B", [runs[1]]))

    is_joined = KIND.get(one) == KIND.get(other)
    assert [row.metric for row in found.rows] == (["ttft"] if is_joined else [])
    lines = [line for line in found.unmatched if line.startswith("only in")]
    assert len(lines) == (0 if is_joined else 2)
    for source, line in zip((one, other), lines, strict=False):
        assert (f" with {KIND[source]} weights" in line) if source in KIND else (" weights" not in line)


def test_runs_of_one_side_with_both_kinds_are_two_observations(tmp_path: Path) -> None:
    trained, reduced = run_with(tmp_path, "cache"), run_with(tmp_path, "reduced", values=(7, 8, 9), day=2)
    side = observe("A", [trained, reduced])

    assert {of.random_weights: sorted(set(of.values.values())) for of in side.observations} == {
        "": [101.0],
        "random, reduced": [8.0],
    }


def test_a_history_has_a_track_for_each_kind(tmp_path: Path) -> None:
    sources = ("cache", "reduced", "hub", "reduced")
    tracks = history([run_with(tmp_path, source, day=day) for day, source in enumerate(sources, 1)], everything=True)

    assert {track.random_weights: [point.run for point in track.points] for track in tracks} == {
        "": ["run-1", "run-3"],
        "random, reduced": ["run-2", "run-4"],
    }
    headings = [block.heading.text for block in page(tracks).blocks]
    assert [heading.endswith("RANDOM, REDUCED weights · input length 32") for heading in headings] == [False, True]


def test_a_setup_whose_cases_have_both_kinds_says_so() -> None:
    """A run with ``any`` that was resumed when the weights were no longer there."""
    kinds = [
        replace(
            make_result({"ttft": [[1, 2, 3]]}, case=make_case(setup=Setup(weights="any"), input_length=length)),
            model={"title": "Example", "weights": SOURCES[source]},
        )
        for length, source in ((16, "cache"), (32, "reduced"))
    ]
    names = Names([key_of(kinds[0])], kinds)
    assert "random weights in some cases" in names.shared
    assert names.random


@pytest.mark.parametrize(("setup", "kind"), [(Setup(), ""), (Setup(weights="random"), "random")])
def test_a_run_that_does_not_describe_its_weights_is_known_by_what_was_asked_for(setup: Setup, kind: str) -> None:
    assert make_result({"ttft": [[1, 2, 3]]}, case=make_case(setup=setup)).random_weights == kind
