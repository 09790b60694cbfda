"""Experiments of an advice, carried out as ``ab`` does it, and held against their predictions."""

from __future__ import annotations

import shlex
import sys
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from inference_bench.cli import _interleaved
from inference_bench.errors import UsageError
from inference_bench.units import NS_PER_S, counted

if TYPE_CHECKING:
    import argparse
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from inference_bench.analysis.advice.advice import Advice, Experiment
    from inference_bench.analysis.advice.proof import Proof
    from inference_bench.orchestration.interleaved import AbOutcome
    from inference_bench.results.advice_file import StoredAdvice

PROOFS = "proofs"
"""Folder in that of the run, so that ``latest`` still names the run that the advice is on."""
Command = tuple[str, ...]
Experiments = list[tuple[str, "Experiment"]]
"""Id of a case and an experiment on it."""


def carry_out(
    stored: StoredAdvice, cases: Collection[str], folder: Path, args: argparse.Namespace
) -> tuple[StoredAdvice, bool]:
    """Carry out the first experiments; each proof is stored as soon as it is known.

    Args:
        stored: the advice on the run.
        cases: ids of the cases whose experiments are meant.
        folder: of the run.
        args: how many, for how long, and with what further folders of models.

    Returns:
        The advice with the proofs, and whether it was interrupted.

    Raises:
        UsageError: there is no experiment.
    """
    from inference_bench._native import now_ns
    from inference_bench.results.advice_file import write_advice

    chosen = first_commands(stored.of_cases(cases), args.prove)
    if not chosen:
        raise UsageError("--prove: no experiment follows from this run, so there is nothing to prove. See `advise`.")
    began_ns = now_ns()
    for place, (command, experiments) in enumerate(chosen.items(), 1):
        if args.time is not None and place > 1 and now_ns() - began_ns >= args.time * NS_PER_S:
            left = len(chosen) - place + 1
            them = "it" if left == 1 else "them"
            print(
                f"{counted(left, 'experiment')} not begun after {args.time:g} s (--time): "
                f"the same command begins with {them}",
                file=sys.stderr,
            )
            break
        print(f"experiment {place} of {len(chosen)}: {shlex.join(command)}", file=sys.stderr)
        outcome = _measured(command, folder.absolute() / PROOFS, args)
        if outcome.interrupted:
            return stored, True
        proofs = list(_held_against(experiments, outcome))
        stored = replace(stored, proofs=(*stored.proofs, *proofs))
        write_advice(folder, stored)
        for proof in proofs:
            print(f"{proof.experiment.change}, {proof.experiment.phase}: {proof.sentence}", file=sys.stderr)
    return stored, False


def first_commands(stored: StoredAdvice, count: int) -> Mapping[Command, Experiments]:
    """Return the first commands with the experiments that each decides: those not carried out so far come first.

    Those that may bring a gain stand before the counterfactual ones, the largest certain gain first.
    """
    done = {proof.experiment.command for proof in stored.proofs}
    ordered = sorted(
        _experiments(stored.advice),
        key=lambda of: (of[1].command in done, of[1].is_counterfactual, -of[1].predicted.low),
    )
    found: dict[Command, Experiments] = {}
    for case, experiment in ordered:
        if experiment.command in found or len(found) < count:
            found.setdefault(experiment.command, []).append((case, experiment))
    return found


def _experiments(advice: Advice) -> Iterator[tuple[str, Experiment]]:
    for case in advice.cases:
        for experiment in case.experiments:
            yield case.case.id, experiment


def _measured(command: Command, output: Path, args: argparse.Namespace) -> AbOutcome:
    """Measure both sides of an ``ab`` command in turn, into a folder of the run.

    There are at least as many pairs as an interval needs: with fewer, nothing would be known after all.
    """
    from inference_bench.analysis.location_shift import needed_runs
    from inference_bench.analysis.quantiles import LEVEL
    from inference_bench.cli._command import load_command
    from inference_bench.cli._option_sources import read_options
    from inference_bench.cli._parser import Parser
    from inference_bench.cli._revisions import Revisions
    from inference_bench.orchestration.interleaved import Question

    name, *words = command
    folders = [word for folder in args.models_dir for word in ("--models-dir", str(folder))]
    own = ["--output", str(output), *(["--quiet"] if args.quiet else [])]
    asked = read_options(Parser(load_command(name)), [*words, *folders, *own])
    with Revisions() as revisions:
        variants = [_interleaved.variant(change, asked, revisions) for change in asked.variants]
        question = Question(asked.metric, may_stop=False, least_rounds=needed_runs(LEVEL, paired=True))
        return _interleaved.measure(variants, question, asked)


def _held_against(experiments: Sequence[tuple[str, Experiment]], outcome: AbOutcome) -> Iterator[Proof]:
    from inference_bench.analysis.advice.proof import prove

    (compared,) = outcome.comparison.compared
    failure = "; ".join((*compared.regressions, *compared.unmatched)) if not compared.rows else ""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    for case, experiment in experiments:
        yield prove(
            case,
            experiment,
            compared.rows,
            level=compared.level,
            folder=outcome.folder.name,
            measured_utc=now,
            failure=failure,
        )
