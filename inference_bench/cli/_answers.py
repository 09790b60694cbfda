"""What commands print with ``--json``: one type per command, of which ``schema`` makes JSON Schemas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, NotRequired, TypedDict

from inference_bench._native_types import ClockDescription
from inference_bench.ceilings import Ceilings
from inference_bench.cli._search_answer import SearchDocument
from inference_bench.facts import Environment
from inference_bench.reports._pages.comparison_json import ComparisonDocument
from inference_bench.reports._pages.findings_json import FindingsDocument, SweepFindingsDocument
from inference_bench.reports._pages.judgement_json import JudgementDocument
from inference_bench.results.advice_file import AdviceDocument
from inference_bench.results.json_schema import Also
from inference_bench.scaffold.verification import Verification
from inference_bench.timing.exports import TimesDocument


class ListedEntry(TypedDict):
    """One entry of ``list``; a broken plugin has a ``problem`` and nothing else besides its name."""

    name: str
    problem: NotRequired[str]
    title: NotRequired[str]
    description: NotRequired[str]


class ListedModel(TypedDict, total=False):
    """A model; what it does not state is None."""

    parameters: int | None
    max_input_length: int | None
    devices: Sequence[str]
    dtypes: Sequence[str]
    abilities: Sequence[str]
    license: str


class ListedBenchmark(TypedDict, total=False):
    """A benchmark; the values of an axis are its default ones."""

    suites: Sequence[str]
    axes: Mapping[str, Sequence[int | str]]
    metrics: Sequence[str]
    file: str | None


class ListedSuite(TypedDict):
    """A suite and its benchmarks."""

    name: str
    benchmarks: Sequence[str]


class ListedMetric(TypedDict):
    """A metric."""

    name: str
    title: str
    unit: str
    better: str
    formula: str
    source: str


class ListedDevice(TypedDict, total=False):
    """A kind of device, and those of it in this machine."""

    found: Sequence[str]


class ListedSink(TypedDict, total=False):
    """A sink, and when it writes."""

    writes: str


class ListAnswer(TypedDict, total=False):
    """What ``list`` prints: all kinds, or the one that was asked for."""

    models: Sequence[Annotated[ListedEntry, Also(ListedModel)]]
    benchmarks: Sequence[Annotated[ListedEntry, Also(ListedBenchmark)]]
    suites: Sequence[ListedSuite]
    metrics: Sequence[ListedMetric]
    devices: Sequence[Annotated[ListedEntry, Also(ListedDevice)]]
    formats: Sequence[ListedEntry]
    sinks: Sequence[Annotated[ListedEntry, Also(ListedSink)]]


class MissingClock(TypedDict):
    """Why there is no clock: the native module cannot be imported."""

    missing: str


class EnvironmentAnswer(TypedDict):
    """What ``env`` prints besides the facts of the machine that every run stores."""

    clock: ClockDescription | MissingClock
    ceilings: Mapping[str, str]
    settings: Sequence[Mapping[str, str]]
    warnings: Sequence[str]


class VerifyAnswer(TypedDict):
    """What ``verify`` prints."""

    models: Sequence[Verification]


ANSWERS: Mapping[str, Any] = {
    "advise": AdviceDocument | SearchDocument,
    "ab": ComparisonDocument,
    "ceilings": Ceilings,
    "check": FindingsDocument | SweepFindingsDocument,
    "compare": ComparisonDocument | JudgementDocument,
    "env": Annotated[EnvironmentAnswer, Also(Environment)],
    "list": ListAnswer,
    "noise": ComparisonDocument,
    "overlap": ComparisonDocument,
    "time": TimesDocument,
    "verify": VerifyAnswer,
}
"""Command → the type of its answer. ``run`` and ``report`` print results.json, ``query`` the rows asked for."""
