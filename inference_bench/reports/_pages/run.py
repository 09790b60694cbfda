"""The page of a run: one block per model and set-up, one table per benchmark, then remarks.

Nothing here knows a metric or a benchmark by name.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Any

from inference_bench.analysis.stopping import ONE_WINDOW
from inference_bench.reports._pages.breakdown import breakdown_blocks
from inference_bench.reports._pages.case_names import Places
from inference_bench.reports._pages.case_tables import case_table
from inference_bench.reports._pages.client_lines import client_lines, floor_lines
from inference_bench.reports._pages.document import Block, Cell, Page, Remarks, Table, Tone
from inference_bench.reports._pages.doubts import doubts
from inference_bench.reports._pages.load_tables import brief_table
from inference_bench.reports._pages.machine_lines import machine_lines
from inference_bench.reports._pages.numbers import figure_heading, level_of
from inference_bench.reports._pages.overview import overview
from inference_bench.reports._pages.parameters import benchmark_words
from inference_bench.reports._pages.slo_lines import slo_lines
from inference_bench.reports._pages.verdict import verdict
from inference_bench.result import BenchmarkResult, Status, Summary
from inference_bench.results.ceilings_store import ceilings_to_show
from inference_bench.spec import ENDPOINT, OWN_ENGINE
from inference_bench.units import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from inference_bench.plan import Case
    from inference_bench.provenance.record import Provenance
    from inference_bench.results.run import Run

RANDOM = "RANDOM WEIGHTS, NOT TRAINED"


def page(run: Run) -> Page:
    """Return the page of a run."""
    return Page(
        lines=tuple(_run_lines(run)),
        blocks=(*_blocks(run), *breakdown_blocks(run)),
        remarks=tuple(remarks for remarks in (_failures(run), _unmeasured(run), doubts(run)) if remarks.lines),
        legend=_legend(run.results),
        verdict=verdict(run.results),
        overview=overview(run.results),
    )


def _run_lines(run: Run) -> Iterator[Cell]:
    created = run.record.created_utc.replace("T", " ")[:19]
    yield Cell(" · ".join((f"Run {run.record.id}", f"{created} UTC", *_machine(run.record.environment))), Tone.QUIET)
    yield from provenance_lines(run.record.provenance)
    if run.is_in_progress:
        yield Cell(f"This run is in progress: {run.progress}.", Tone.WARNING)
    elif not run.record.finished:
        yield Cell("This run is unfinished: some planned cases were not measured.", Tone.WARNING)


def provenance_lines(provenance: Provenance) -> Iterator[Cell]:
    """Yield the commit and the user's marks, and their note, where there are any."""
    tags = (f"{name} {value}" for name, value in provenance.tags.items())
    marks = [*([f"label {provenance.label}"] if provenance.label else []), *tags]
    code = [provenance.code.text] if provenance.code else []
    if code or marks:
        yield Cell(" · ".join((*code, *marks)), Tone.QUIET)
    if provenance.note:
        yield Cell(f"note: {provenance.note}", Tone.QUIET)


def _machine(environment: Mapping[str, Mapping[str, object]]) -> Iterator[str]:
    """Yield the processor, the CPUs, the hypervisor and the framework's version, where known."""
    cpu, system, packages = (environment.get(name) or {} for name in ("cpu", "system", "packages"))
    if cpu.get("model"):
        yield str(cpu["model"])
    if cpu.get("usable"):
        yield f"{cpu['usable']} usable of {cpu.get('logical', '?')} logical CPUs"
    if system.get("hypervisor"):
        yield f"virtual machine ({system['hypervisor']})"
    if packages.get("torch"):
        yield f"torch {packages['torch']}"


def _blocks(run: Run) -> Iterator[Block]:
    results = run.results
    # Not grouped by adjacency: with several runs a crashed case may end before the others of its model.
    keys = list(dict.fromkeys((result.case.model, result.case.setup) for result in results))
    for key in keys:
        members = [result for result in results if (result.case.model, result.case.setup) == key]
        benchmarks: dict[str, list[BenchmarkResult]] = {}
        for result in members:
            benchmarks.setdefault(result.case.benchmark, []).append(result)
        lines = _without_anything(members) or [
            *_weights_lines(members),
            *chain.from_iterable(map(_inapplicable, benchmarks.values())),
        ]
        tables = (_table(name, rows) for name, rows in benchmarks.items() if not any(_inapplicable(rows)))
        remarks = (*slo_lines(members), *machine_lines(members, ceilings_to_show(run.record, key[1].device)))
        yield Block(Cell(_heading(members), Tone.STRONG), tuple(lines), tuple(tables), remarks)


def _table(benchmark: str, results: Sequence[BenchmarkResult]) -> Table:
    table = case_table(benchmark, results)
    below = (*client_lines(results), *floor_lines(results))
    return replace(table, brief=brief_table(table, results), below=below)


def _without_anything(results: Sequence[BenchmarkResult]) -> list[Cell]:
    """Return one line for a set-up in which none of several benchmarks applies, for one cause."""
    causes = {result.failure.cause if result.failure else "" for result in results}
    is_single = len({result.case.benchmark for result in results}) == 1
    if is_single or len(causes) > 1 or any(result.status is not Status.NOT_APPLICABLE for result in results):
        return []
    return [Cell(f"not applicable: {causes.pop()}", Tone.QUIET)]


def _inapplicable(results: Sequence[BenchmarkResult]) -> list[Cell]:
    """Return one line instead of the table if no case of a benchmark applies."""
    if any(result.status is not Status.NOT_APPLICABLE for result in results):
        return []
    causes = dict.fromkeys(result.failure.cause for result in results if result.failure)
    return [Cell(f"{benchmark_words(results[0].case.benchmark)}: not applicable: {'; '.join(causes)}", Tone.QUIET)]


def _heading(results: Sequence[BenchmarkResult]) -> str:
    setup = results[0].case.setup
    model = _model(results)
    is_served = setup.device == ENDPOINT
    # A benchmark of loading has more processes than the others: the heading names the smallest number.
    runs = min((max(s.runs for s in result.summaries) for result in results if result.summaries), default=0)
    parts = [
        str(model.get("title") or results[0].case.model),
        _parameters(model.get("parameters")),
        "" if setup.engine == OWN_ENGINE else f"in {setup.engine}",
        *(("as served",) if is_served else (setup.dtype, setup.device)),
        "" if setup.attention == "auto" else f"{setup.attention} attention",
        "" if setup.compile == "none" else f"compiled ({setup.compile})",
        "" if is_served else counted(setup.threads, "thread"),
        counted(runs, "run") if runs else "",
        "reduced size" if _scale(results) == "reduced" else "",
    ]
    return " · ".join(part for part in parts if part)


def _scale(results: Sequence[BenchmarkResult]) -> str:
    return str((_model(results).get("weights") or {}).get("scale") or results[0].case.setup.scale)


def _model(results: Sequence[BenchmarkResult]) -> Mapping[str, Any]:
    """Return the model's description; a case that crashed while loading has none."""
    return next((result.model for result in results if result.model), {})


def _parameters(count: object) -> str:
    if not isinstance(count, int) or not count:
        return ""
    divisor, unit = next((step for step in ((10**9, " G"), (10**6, " M"), (10**3, " k")) if count >= step[0]), (1, ""))
    return f"{count / divisor:.4g}{unit} parameters"


def _server(model: Mapping[str, Any]) -> str:
    """Return what a server says of itself."""
    software = " ".join(str(model[name]) for name in ("server", "server_version") if model.get(name))
    limit = f"at most {model['most_tokens']:,} tokens" if model.get("most_tokens") else ""
    return "server: " + (" · ".join(filter(None, (software, limit, str(model.get("endpoint") or "")))) or "unknown")


def _weights_lines(results: Sequence[BenchmarkResult]) -> Iterator[Cell]:
    setup = results[0].case.setup
    if setup.device == ENDPOINT:
        yield Cell(_server(_model(results)), Tone.QUIET)
        return
    weights = _model(results).get("weights") or {}
    label = str(weights.get("label") or f"asked for: {setup.weights}")
    source = weights.get("source", "random" if setup.weights == "random" else None)
    if source == "random" or (source != "none" and weights.get("trained") is False):
        yield Cell(f"{RANDOM} (seed {setup.seed}): {label}. Its output is meaningless.", Tone.ALARM)
        return
    digest = weights.get("digest")
    yield Cell(f"weights: {label}" + (f" · sha256 {str(digest)[:12]}" if digest else ""), Tone.QUIET)


def _failures(run: Run) -> Remarks:
    places = Places(run.results)
    failed = [result for result in run.results if result.failure is not None or result.status is not Status.OK]
    found = [line for r in failed if r.status.is_finding for line in _failure_lines(r, places.name(r.case))]
    others: dict[str, list[Case]] = {}
    for result in failed:
        if not result.status.is_finding:
            others.setdefault(_what_happened(result), []).append(result.case)
    lines = [*found, *(Cell(f"{what} ({places.names(cases)})", Tone.QUIET) for what, cases in others.items())]
    return Remarks("Cases without a complete result", tuple(lines))


def _what_happened(result: BenchmarkResult) -> str:
    cause = result.failure.cause if result.failure else "no cause recorded"
    return f"{result.status.value.replace('_', ' ')}: {cause}"


def _failure_lines(result: BenchmarkResult, name: str) -> Iterator[Cell]:
    failure = result.failure
    exit_status = f" (exit status {failure.exit_status})" if failure and failure.exit_status is not None else ""
    yield Cell(f"{name}: {_what_happened(result)}{exit_status}", Tone.ALARM)
    last = failure.stderr_tail.strip().splitlines()[-1:] if failure else []
    yield from (Cell(f"last stderr line: {line}", Tone.QUIET) for line in last)


def _unmeasured(run: Run) -> Remarks:
    measured = {result.case.id for result in run.results}
    names = [str(case.get("slug") or case.get("id")) for case in run.record.cases if case.get("id") not in measured]
    return Remarks("Planned but not measured", tuple(Cell(name, Tone.WARNING) for name in names))


def _legend(results: Sequence[BenchmarkResult]) -> str:
    """Return how to read a row."""
    if not level_of(results):
        return ""
    summaries = [summary for result in results for summary in result.summaries]
    estimates = [summary.headline for summary in summaries]
    methods = dict.fromkeys(estimate.method.split(",")[0] for estimate in estimates if estimate.method)
    named = " / ".join(methods) or "none here"
    return (
        f"[low, high] is the {level_of(results)} interval of the {figure_heading(summaries)} ({named}). "
        "needs N: too few samples, at least N are needed. cold: the case's first call. "
        f"n (≈m): n samples worth m independent ones. conv.: the stopping rule was met{_windows(summaries)}. "
        "grade: how far the case can be trusted, A to F; `check` explains it. More quantiles: results.csv."
    )


def _windows(summaries: Sequence[Summary]) -> str:
    """Return what the table says instead of a load in one process."""
    is_window = any(summary.stop_reason.startswith(ONE_WINDOW) for summary in summaries)
    return "; 1 window: a load in one process, whose interval says nothing of the next" if is_window else ""
