"""``advise --search``: the fastest set-up of a run's model, as a file that ``run --spec`` reads."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from inference_bench.cli import _values as values
from inference_bench.cli._command import INTERRUPTED
from inference_bench.cli._outputs import write_plain
from inference_bench.cli._spec_writer import spec_text
from inference_bench.cli._weights_check import check_weights
from inference_bench.errors import InvalidValueError, RunFormatError, UsageError
from inference_bench.spec import SETUP_AXES
from inference_bench.units import NS_PER_S

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from pathlib import Path

    from inference_bench.analysis.elimination import Chance
    from inference_bench.cli._outputs import Outputs
    from inference_bench.model.model import Model
    from inference_bench.orchestration.search import SearchOutcome, SearchTerms
    from inference_bench.results.run import Run
    from inference_bench.spec import Setup, Spec

_FILE = "fastest.toml"
SEARCHES = "searches"
"""Folder in that of the run, as for proofs."""
SEARCH_TIME_S = 600.0
_KNOWN_FREEDOM = 4.0
"""Degrees of freedom that the noise measured earlier counts for: rounds of a search are shorter, and scatter more."""
_LEAST_SPREAD = 0.01


def add_search_options(parser: argparse.ArgumentParser) -> None:
    """Declare what a search goes through."""
    group = parser.add_argument_group("search for the fastest set-up")
    group.add_argument(
        "--search",
        action="store_true",
        help="measure set-ups in turn, let the slower ones leave round after round, and write the fastest into a file "
        "for `run --spec`",
    )
    group.add_argument(
        "-a",
        "--axis",
        metavar="NAME=VALUE[,VALUE]",
        action="append",
        type=values.axis,
        default=[],
        help=f"search the product of these values only: {', '.join(SETUP_AXES)}; may be repeated (default: threads, "
        "and what the model has of dtypes, kinds of attention, installed engines and compilation)",
    )
    group.add_argument(
        "--least-agreement",
        metavar="FRACTION",
        type=values.fraction("least agreement", or_zero=True),
        default=0.98,
        help="a set-up whose likeliest token is that of float32 less often than this cannot win; 0: do not measure it",
    )


def search_run(run: Run, folder: Path, args: argparse.Namespace, outputs: Outputs) -> int:
    """Search for the fastest set-up of a run's model, show what was tried, and return the exit code.

    Args:
        run: whose model, weights and parameters are taken.
        folder: of the run; results go into a folder of it.
        args: the options of ``add_search_options``, ``models_dir``, ``time`` and ``quiet``.
        outputs: where the answer goes.

    Raises:
        UsageError: the run cannot be searched, or there is nothing to choose from; nothing was measured.
    """
    from inference_bench._native import now_ns
    from inference_bench.machine.cpus import available_cpus
    from inference_bench.orchestration.search_space import given_space, likely_space, model_of

    spec, terms, given = _spec_of(run), _terms(args), _given(args)
    model, base = model_of(spec, terms.models_dirs), spec.setups[0]
    setups = given_space(base, given) if given else likely_space(base, model, available_cpus())
    check_weights("--search", run, args.models_dir)
    deadline_ns = now_ns() + terms.time_ns
    outcomes = [_search(spec, setups, terms, folder, args)]
    remarks: list[str] = []
    if not given:
        rest = replace(terms, time_ns=deadline_ns - now_ns())
        further, remarks = _compiled_beside(outcomes[0], spec, model, rest, folder, args)
        outcomes += further
    _write(run, spec, outcomes, remarks, terms, outputs)
    last = outcomes[-1]
    return INTERRUPTED if last.interrupted else int(last.winner is None)


def _compiled_beside(
    first: SearchOutcome, spec: Spec, model: type[Model], terms: SearchTerms, folder: Path, args: argparse.Namespace
) -> tuple[list[SearchOutcome], list[str]]:
    """Return the winner beside itself compiled, if there is time for both, and what was not tried."""
    from inference_bench.orchestration.search_space import compiled

    if first.winner is None or (faster := compiled(first.setups[first.winner], model)) is None:
        return [], []
    if first.stop_reason != "decided" or terms.time_ns <= 0:
        return [], ["not tried: the fastest set-up compiled, since the search was not decided in its time"]
    return [_search(spec, [first.setups[first.winner], faster], terms, folder, args)], []


def _spec_of(run: Run) -> Spec:
    """Return what the run asked for.

    Raises:
        UsageError: it asked for nothing that set-ups can be compared by.
    """
    from inference_bench.orchestration.search_stages import BENCHMARK
    from inference_bench.results.serialization import spec_from_plain
    from inference_bench.spec import ENDPOINT

    spec = spec_from_plain(run.record.spec, run.folder)
    cases = [result.case for result in run.results]
    if any(case.setup.device == ENDPOINT for case in cases):
        raise UsageError(
            f"--search: run {run.record.id} is of an endpoint, whose set-up is not ours; search its server."
        )
    if not any(case.benchmark == BENCHMARK for case in cases):
        found = ", ".join(dict.fromkeys(case.benchmark for case in cases)) or "nothing"
        raise UsageError(
            f"--search: run {run.record.id} measured {found}, expected {BENCHMARK}: run that benchmark first."
        )
    return spec


def _given(args: argparse.Namespace) -> dict[str, tuple[int | str, ...]]:
    names = [name for name, _ in args.axis]
    if len(set(names)) < len(names):
        raise InvalidValueError("axes", ", ".join(names), "each axis once", "Join its values: --axis NAME=V,V.")
    return {name: tuple(dict.fromkeys(of)) for name, of in args.axis}


def _terms(args: argparse.Namespace) -> SearchTerms:
    from inference_bench.orchestration.search import SearchTerms

    time_ns = round((args.time or SEARCH_TIME_S) * NS_PER_S) or 1
    return SearchTerms(time_ns, args.least_agreement, _chance(), tuple(args.models_dir))


def _chance() -> Chance:
    """Return the chance of a round, by the noise of this machine if it was measured."""
    from inference_bench.analysis.elimination import Chance
    from inference_bench.cli._comparison import known_noise
    from inference_bench.orchestration.search_stages import BENCHMARK

    slot = BENCHMARK, "itl", "decode"
    try:
        noise = known_noise()
    except RunFormatError:
        noise = None
    if noise is None or slot not in noise.cases:
        return Chance()
    of_pair, _ = noise.spread_of(slot)
    return Chance(max(of_pair / 2**0.5, _LEAST_SPREAD), _KNOWN_FREEDOM, noise.floor_of(slot, paired=True))


def _search(
    spec: Spec, setups: Sequence[Setup], terms: SearchTerms, folder: Path, args: argparse.Namespace
) -> SearchOutcome:
    """Search among set-ups."""
    from inference_bench.cli._progress import make_progress
    from inference_bench.orchestration.search import refused_setups, search
    from inference_bench.orchestration.search_space import named

    by_name = named(setups)
    return asyncio.run(
        search(
            spec,
            by_name,
            refused_setups(spec, by_name, terms),
            terms,
            output=folder.absolute() / SEARCHES,
            progress=make_progress(quiet=args.quiet, log_json=False, stream=sys.stderr),
            handle_signals=True,
        )
    )


def _write(
    run: Run,
    spec: Spec,
    outcomes: Sequence[SearchOutcome],
    remarks: Sequence[str],
    terms: SearchTerms,
    outputs: Outputs,
) -> None:
    """Write the winner's file, and the answer."""
    from inference_bench.cli._search_answer import search_document, search_lines
    from inference_bench.results.atomic_file import write_atomically
    from inference_bench.results.serialization import plain

    last, path = outcomes[-1], None
    if last.winner is None:
        print("no set-up is the fastest: all have left, and the table says why", file=sys.stderr)
    else:
        path = last.folder / _FILE
        write_atomically(path, spec_text(spec, last.setups[last.winner], terms.models_dirs).encode())
    document = search_document(run.record.id, outcomes, path, remarks)
    write_plain(plain(document), lambda: search_lines(document), outputs)
