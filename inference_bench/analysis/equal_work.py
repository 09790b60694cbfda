"""Whether two engines did the same work: only then does a ratio of their figures say anything."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from inference_bench.result import BenchmarkResult
from inference_bench.spec import Setup
from inference_bench.units import counted

FEWEST_ALIKE = {"float32": 0.98, "bfloat16": 0.9, "float16": 0.9}
"""dtype → least share of positions with the likeliest token of float32. Measured on SmolLM2-135M with transformers:
bfloat16 0.97."""
FEWEST_QUANTIZED = 0.3
"""The same of every other dtype: what few bits lose is a figure of the table, what damaged weights give is below this.
Measured on SmolLM2-135M with transformers: int8_dynamic 0.41."""

_MOST_CPUS = 1.1
"""Processor time per thread and wall time from which more than the threads asked for must have run at once: the
process has others that use a few per cent."""

_AGREEMENT = "top1_agreement"


def unequal_work(base: Sequence[BenchmarkResult], other: Sequence[BenchmarkResult]) -> tuple[str, ...]:
    """Return why the work of two engines was not the same, a phrase each; nothing if it was, as far as is known.

    Every comparison asks this, and every pair of set-ups has an answer: that of two models, or of one engine, is that
    there is nothing to say.

    Args:
        base: results of one model in one set-up.
        other: of one model in another set-up.
    """
    if not base or not other or not _are_engines_of_one_model(base[0], other[0]):
        return ()
    return (*_garbage(base), *_garbage(other), *_other_inputs(base, other), *_more_threads(base), *_more_threads(other))


def unproven_work(results: Iterable[BenchmarkResult]) -> Iterator[str]:
    """Yield a line that names the engines whose work was compared with nothing, if there are any.

    Args:
        results: those that were measured of several engines.
    """
    engines: dict[tuple[str, Setup], str] = {}
    proven: set[tuple[str, Setup]] = set()
    for result in results:
        if result.summaries:
            engines[key := (result.case.model, result.case.setup)] = engine_of(result)
            if any(summary.metric == _AGREEMENT for summary in result.summaries):
                proven.add(key)
    names = sorted({name for key, name in engines.items() if key not in proven})
    if names:
        yield f"Equal work is not proven for {', '.join(names)}: add --benchmark agreement"


def boundary_lines(results: Iterable[BenchmarkResult]) -> Iterator[str]:
    """Yield what one step of each engine includes, as it was recorded."""
    boundaries = {engine_of(result): result.model.get("boundary") for result in results if result.summaries}
    for engine, boundary in boundaries.items():
        if isinstance(boundary, dict):
            yield f"One step of {engine}: {'; '.join(f'{name} {text}' for name, text in boundary.items())}"


def other_threads(results: Iterable[BenchmarkResult]) -> Iterator[str]:
    """Yield the line on engines of which another number of threads computed than was asked for, if there are any."""
    others = [threads.words for threads in threads_of(results) if threads.seen != threads.asked]
    if others:
        yield f"Threads: {'; '.join(others)}"


def lines_on_engines(results: Sequence[BenchmarkResult]) -> Iterator[str]:
    """Yield what a comparison of several engines rests on: unproven work, and what a step of each includes."""
    if len({result.case.setup.engine for result in results}) > 1:
        yield from unproven_work(results)
        yield from other_threads(results)
        yield from boundary_lines(results)


def _are_engines_of_one_model(base: BenchmarkResult, other: BenchmarkResult) -> bool:
    one, two = base.case, other.case
    return one.model == two.model and one.setup.engine != two.setup.engine


def _garbage(results: Sequence[BenchmarkResult]) -> Iterator[str]:
    """Yield the agreement that is too low even at the upper end of its interval."""
    for result in results:
        fewest = FEWEST_ALIKE.get(result.case.setup.dtype, FEWEST_QUANTIZED)
        for summary in result.summaries:
            found = summary.headline
            if summary.metric != _AGREEMENT or found.value is None:
                continue
            highest = found.value if found.high is None else found.high
            if highest < fewest:
                yield (
                    f"{engine_of(result)}: the likeliest token is that of float32 at {found.value:.0%} of positions, "
                    f"expected {fewest:.0%} or more in {result.case.setup.dtype}"
                )


def _other_inputs(base: Sequence[BenchmarkResult], other: Sequence[BenchmarkResult]) -> Iterator[str]:
    """Yield the cases that got other token ids, or gave another number of tokens."""
    expected = {_place(result): _work(result) for result in base}
    for result in other:
        mine, theirs = expected.get(_place(result), {}), _work(result)
        for name in sorted(mine.keys() & theirs.keys()):
            if mine[name] != theirs[name]:
                yield f"{engine_of(result)}: {name.replace('_', ' ')} {theirs[name]}, not {mine[name]}"


def _more_threads(results: Sequence[BenchmarkResult]) -> Iterator[str]:
    """Yield that more threads computed than were asked for, with more processor time than these could take."""
    for threads in threads_of(results):
        if threads.seen > threads.asked and (threads.cpus is None or threads.cpus > _MOST_CPUS * threads.asked):
            yield threads.words


@dataclass(frozen=True, slots=True)
class Threads:
    """The threads of an engine: those that were asked for, and what was seen in the timed windows.

    Attributes:
        engine: as tables name it.
        asked: by ``--threads``.
        seen: threads that computed; a pool may hand the work of two to three in turn.
        cpus: processor time over wall time; None if unknown.
    """

    engine: str
    asked: int
    seen: int
    cpus: float | None

    @property
    def words(self) -> str:
        """Both, in a phrase."""
        time = "" if self.cpus is None else f" with the time of {self.cpus:.1f} CPUs"
        return f"{self.engine}: {counted(self.seen, 'thread')} computed{time}, asked for {self.asked}"


def threads_of(results: Iterable[BenchmarkResult]) -> list[Threads]:
    """Return the largest number of threads of each engine and number that was asked for, where it is known."""
    found: dict[tuple[str, int], Threads] = {}
    for result in results:
        if result.case.setup.device != "cpu":
            continue
        place = engine_of(result), result.case.setup.threads
        for worker in result.workers:
            seen = Threads(*place, int(worker.get("busy_threads") or 0), _cpus(worker.get("usage") or {}))
            if seen.seen and (place not in found or _size(seen) > _size(found[place])):
                found[place] = seen
    return list(found.values())


def _size(threads: Threads) -> tuple[int, float]:
    return threads.seen, threads.cpus or 0.0


def _cpus(usage: Mapping[str, Any]) -> float | None:
    cpu_ns, wall_ns = usage.get("cpu_ns"), usage.get("wall_ns")
    return cpu_ns / wall_ns if cpu_ns is not None and wall_ns else None


def _work(result: BenchmarkResult) -> Mapping[str, Any]:
    """Return what the processes of a case say of their work, where all say the same."""
    found: list[Mapping[str, Any]] = [worker["work"] for worker in result.workers if worker.get("work")]
    return found[0] if found else {}


def _place(result: BenchmarkResult) -> tuple[object, ...]:
    return result.case.benchmark, tuple(result.case.parameters.items())


def engine_of(result: BenchmarkResult) -> str:
    """Return the engine that a case ran on, as tables name it."""
    return str(result.model.get("engine") or result.case.setup.engine)
