"""The stored figures of a run against those that its raw columns give."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any

from inference_bench.analysis.case_summaries import CaseFacts, case_summaries
from inference_bench.analysis.machine_use import has_shares, rate_ceilings
from inference_bench.analysis.stopping import Decision
from inference_bench.analysis.trust.case import grade
from inference_bench.analysis.trust.grade import RULES_VERSION
from inference_bench.ceilings import Interval
from inference_bench.errors import RunFormatError
from inference_bench.metrics import METRICS
from inference_bench.result import BenchmarkResult, Samples, Scores, Stage, Summary
from inference_bench.results.judged_slos import result_with_slos
from inference_bench.results.parquet_table import from_arrow
from inference_bench.results.reading import read_json
from inference_bench.results.run import Run
from inference_bench.results.run_folder import RESULTS
from inference_bench.results.serialization import grade_to_plain, plain, spec_from_plain, summary_to_plain
from inference_bench.spec import Limits
from inference_bench.units import NS_PER_S

TOLERANCE = 1e-9
"""Relative difference up to which two floats are equal: processors add in different orders."""

_MOST_ROWS = 20_000_000
"""Rows of one Parquet file that are read: a small file can claim to have more than fit into memory."""

_ENDING = ("converged", "stop_reason")


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A figure that the raw columns do not give.

    Attributes:
        place: run, case, or file.
        figure: its name, such as ``ttft prefill quantiles.p50.low``.
        stored: as the dossier has it.
        recomputed: as it should be; None if nothing gives it.
    """

    place: str
    figure: str
    stored: object
    recomputed: object


@dataclass(slots=True)
class Findings:
    """What was compared.

    Attributes:
        matched: number of figures that agree.
        mismatches: those that do not.
        unchecked: what cannot be recomputed → number of figures.
    """

    matched: int = 0
    mismatches: list[Mismatch] = field(default_factory=list)
    unchecked: Counter[str] = field(default_factory=Counter)

    def compare(self, place: str, name: str, stored: object, recomputed: object) -> None:
        """Compare plain data, figure by figure; of two objects the keys that the stored one has."""
        for path, one, other in _leaves(stored, recomputed):
            if _is_same(one, other):
                self.matched += 1
            else:
                self.mismatches.append(Mismatch(place, " ".join(filter(None, [name, path])), one, other))


def _leaves(stored: Any, recomputed: Any, path: str = "") -> Iterator[tuple[str, object, object]]:
    """Yield each pair of values with the path to it; lists of different lengths differ as a whole."""
    if isinstance(stored, dict) and isinstance(recomputed, dict):
        for key, value in stored.items():
            yield from _leaves(value, recomputed.get(key), f"{path}.{key}" if path else str(key))
    elif isinstance(stored, list) and isinstance(recomputed, list) and len(stored) == len(recomputed):
        for place, (one, other) in enumerate(zip(stored, recomputed, strict=True)):
            yield from _leaves(one, other, f"{path}[{place}]")
    else:
        yield path, stored, recomputed


def _is_same(one: object, other: object) -> bool:
    numbers = isinstance(one, (int, float)) and isinstance(other, (int, float))
    if numbers and not isinstance(one, bool) and not isinstance(other, bool):
        return math.isclose(float(one), float(other), rel_tol=TOLERANCE)  # type: ignore[arg-type]
    return one == other and type(one) is type(other)


def recompute_run(run: Run, findings: Findings) -> None:
    """Recompute the figures of a run and compare them with the stored ones.

    Raises:
        RunFormatError: a file that results.json names is missing or damaged.
    """
    assert run.folder is not None
    document: Any = read_json(run.folder / RESULTS)
    limits = _limits(run)
    for entry, result in zip(document["results"], run.results, strict=True):
        try:
            _recompute_case(run, entry, result, limits, findings)
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            place, why = f"{run.record.id} {result.case.slug}", f"cannot be computed: {error}"
            findings.mismatches.append(Mismatch(place, "all figures", "stored", why))
    findings.unchecked["harness floor: the samples of the null model are not stored"] += sum(
        map(len, run.record.floor.values())
    )
    findings.unchecked["loading ahead: measured once, by the orchestrator"] += _numbers(run.record.overlap)


def _numbers(facts: Mapping[str, object]) -> int:
    return sum(isinstance(value, (int, float)) and not isinstance(value, bool) for value in facts.values())


def _limits(run: Run) -> Limits | None:
    try:
        return spec_from_plain(run.record.spec, run.folder).limits
    except RunFormatError:
        return None


def _recompute_case(
    run: Run, entry: dict[str, Any], result: BenchmarkResult, limits: Limits | None, findings: Findings
) -> None:
    place = f"{run.record.id} {result.case.slug}"
    samples, scores = (_columns(run, entry, name, kind) for name, kind in (("samples", Samples), ("scores", Scores)))
    facts, is_ended = _facts(result, limits, findings)
    facts = replace(facts, ceilings=_ceilings(run, result, facts.rates))
    summaries = case_summaries(samples, scores, facts)  # type: ignore[arg-type]
    _compare_summaries(place, entry["summaries"], summaries, is_ended, findings)
    if not is_ended:
        stored = {(s.metric, s.phase): s for s in result.summaries}
        summaries = tuple(
            replace(s, converged=old.converged, stop_reason=old.stop_reason)
            if (old := stored.get((s.metric, s.phase)))
            else s
            for s in summaries
        )
    if entry.get("slo"):
        _compare_slo(place, entry, result, run, findings)
    _compare_grade(place, entry.get("trust"), replace(result, summaries=summaries), run, findings)
    if isinstance(samples, Samples):
        rest = int((samples.stage != Stage.MEASURED.value).sum())
        findings.unchecked["cold and warm-up samples: no summary has them, except for the first cold one"] += rest
    findings.unchecked["facts of processes: CPU time, faults, switches, clock"] += sum(
        _numbers(section) for worker in result.workers for section in worker.values() if isinstance(section, Mapping)
    )


def _columns(
    run: Run, entry: Mapping[str, Any], name: str, kind: type[Samples] | type[Scores]
) -> Samples | Scores | None:
    import pyarrow.parquet as pq

    file = entry.get(name)
    if file is None:
        return None
    assert run.folder is not None
    _check_rows(run.folder / file, pq)
    table = run.samples(entry["case"]["id"]) if kind is Samples else run.scores(entry["case"]["id"])
    return from_arrow(table, kind)


def _check_rows(path: Path, pq: Any) -> None:
    import pyarrow as pa

    try:
        rows = pq.read_metadata(path).num_rows
    except (OSError, pa.ArrowException) as error:
        raise RunFormatError(f"{path.name}: not readable Parquet ({error}). Ask for the dossier again.") from error
    if rows > _MOST_ROWS:
        raise RunFormatError(f"{path.name}: {rows:,} rows, expected up to {_MOST_ROWS:,}.")


def _facts(result: BenchmarkResult, limits: Limits | None, findings: Findings) -> tuple[CaseFacts, bool]:
    """Return what the figures follow from, and whether it is stored why sampling ended."""
    decisions = [worker.get("decision") for worker in result.workers]
    known = [Decision(d["converged"], d["reason"], d["targets"]) for d in decisions if d and "targets" in d]
    is_ended = bool(known) and len(known) == len(decisions) and limits is not None
    clock = result.workers[0].get("clock") if result.workers else None
    rates: dict[str, float] = {}
    for worker in result.workers:
        rates |= worker.get("rates") or {}
    if not rates and (derived := _inferred_rates(result.summaries)):  # of a version that judged convergence otherwise
        rates, is_ended = derived, False
        findings.unchecked["tokens per duration: an older version did not store them; taken from the rates"] += len(
            rates
        )
    if not is_ended:
        findings.unchecked["why sampling ended: not stored, as in live runs"] += len(result.summaries)
    resolution_ns = float((clock or {}).get("resolution_ns") or 0)
    facts = CaseFacts(limits or Limits(), known if is_ended else (), rates, resolution_ns=resolution_ns)
    return facts, is_ended


def _ceilings(run: Run, result: BenchmarkResult, rates: Mapping[str, float]) -> dict[str, Interval]:
    """Return the ceilings of rates that the run recorded; none if an older version stored no shares of them."""
    recorded = next((each for each in run.record.ceilings if each.device == result.case.setup.device), None)
    return {} if recorded is None or not has_shares(result) else rate_ceilings(result.case, rates, recorded)


def _inferred_rates(summaries: Sequence[Summary]) -> dict[str, float]:
    """Return, by derived metric, the tokens per duration that most of its figures agree on."""
    found: dict[str, float] = {}
    for base in summaries:
        for rate in summaries:
            metric = METRICS.get(rate.metric)
            if metric and metric.derived_from == base.metric and rate.phase == base.phase:
                products = (
                    rate.minimum * base.maximum,
                    rate.maximum * base.minimum,
                    rate.mean * base.mean,
                    (rate.quantiles["p50"].value or 0) * (base.quantiles["p50"].value or 0),
                )
                # A number of tokens is whole, or a fraction of few digits.
                found[rate.metric] = round(median(products) / NS_PER_S, 6)
    return found


def _compare_summaries(
    place: str, stored: Sequence[dict[str, Any]], summaries: Sequence[Summary], is_ended: bool, findings: Findings
) -> None:
    recomputed = {(summary.metric, summary.phase): summary_to_plain(summary) for summary in summaries}
    for entry in stored:
        name = f"{entry['metric']} {entry['phase']}".strip()
        other = recomputed.pop((entry["metric"], entry["phase"]), None)
        if other is None:
            findings.mismatches.append(Mismatch(place, name, entry.get("mean"), None))
            continue
        kept = {key: value for key, value in entry.items() if is_ended or key not in _ENDING}
        findings.compare(place, name, kept, other)
    for metric, phase in recomputed:
        mean = recomputed[metric, phase]["mean"]
        findings.mismatches.append(Mismatch(place, f"{metric} {phase}".strip(), None, mean))


def _compare_slo(place: str, entry: Mapping[str, Any], result: BenchmarkResult, run: Run, findings: Findings) -> None:
    """Judge the objectives anew by the requests of the case."""
    import pyarrow.parquet as pq

    assert run.folder is not None
    if file := entry.get("requests"):
        _check_rows(run.folder / file, pq)
    judged = result_with_slos(run, result, [verdict["slo"] for verdict in entry["slo"]["verdicts"]])
    findings.compare(place, "slo", entry["slo"], plain(judged.slo))


def _compare_grade(
    place: str, stored: dict[str, Any] | None, result: BenchmarkResult, run: Run, findings: Findings
) -> None:
    if not stored or stored.get("grade") is None:
        return
    if stored.get("rules") != RULES_VERSION:
        name = f"grades by rules {stored.get('rules')}; this version has rules {RULES_VERSION}"
        findings.unchecked[name] += 1
        return
    recomputed = grade_to_plain(grade(result, run.record))
    # Words may change between versions without a change of the rules.
    reasons = [{key: of[key] for key in ("code", "severity")} for of in stored.get("reasons") or ()]
    findings.compare(place, "grade", {**stored, "reasons": reasons}, recomputed)
