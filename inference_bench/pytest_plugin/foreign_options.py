"""Options of pytest-benchmark, and what says the same here; as data, which the documentation shows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

PREFIX = "--benchmark-"
FIXTURES = ("benchmark", "benchmark_weave")
FIXTURE_ANSWER = (
    "This is a fixture of pytest-benchmark, which is not installed. Here it is `inference_bench`, called in the same "
    "way: inference_bench(function, *args)."
)


@dataclass(frozen=True, slots=True)
class ForeignOption:
    """Options of pytest-benchmark.

    Attributes:
        names: without ``--benchmark-``.
        here: options that say the same; empty if none does.
        note: a sentence in place of, or after, the options.
    """

    names: tuple[str, ...]
    here: str = ""
    note: str = ""


FOREIGN_OPTIONS = (
    ForeignOption(("only",), "--ib-only"),
    ForeignOption(("skip",), "--ib-skip"),
    ForeignOption(("disable",), "--ib-disable"),
    ForeignOption(("enable",), note="Functions are timed unless --ib-disable is given."),
    ForeignOption(("max-time",), "--ib-budget SECONDS"),
    ForeignOption(
        ("min-time", "min-rounds", "calibration-precision"),
        "--ib-precision FRACTION",
        "The number of calls follows from it.",
    ),
    ForeignOption(("save", "json"), "--ib-save FILE"),
    ForeignOption(("autosave", "save-data", "storage"), "--ib-save FILE", "One file holds all runs."),
    ForeignOption(("compare",), "--ib-compare FILE"),
    ForeignOption(("compare-fail",), "--ib-compare FILE --ib-fail FRACTION", "5 % is 0.05."),
    ForeignOption(("group-by",), note="A test names its group: inference_bench.with_options(group=NAME)."),
    ForeignOption(("warmup", "warmup-iterations"), note="The first call is reported apart, and two more warm up."),
    ForeignOption(("timer", "disable-gc"), note="Clock and garbage collector are left as they are."),
    ForeignOption(
        ("sort", "columns", "name", "time-unit", "verbose", "quiet", "histogram", "csv"),
        note="The table is the same each time; --ib-save FILE keeps the medians for other programs.",
    ),
    ForeignOption(("cprofile", "cprofile-loops", "cprofile-top", "cprofile-dump"), note="Nothing is profiled."),
)


def answers(words: Iterable[str]) -> list[str]:
    """Return a sentence for each word that is an option of pytest-benchmark.

    Args:
        words: of the command line that pytest does not know.
    """
    names = dict.fromkeys(word.partition("=")[0] for word in words if word.startswith(PREFIX))
    return [f"{name} is an option of pytest-benchmark, which is not installed.{_answer(name)}" for name in names]


def _answer(option: str) -> str:
    found = next((each for each in FOREIGN_OPTIONS if option.removeprefix(PREFIX) in each.names), None)
    if found is None:
        return " `pytest --help` shows the options named --ib-…"
    here = f" Here it is {found.here}." if found.here else ""
    return here + (f" {found.note}" if found.note else "")
