"""One new run judged by its history: what ``compare`` and ``run --gate`` share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from inference_bench.cli._messages import warn
from inference_bench.cli._outputs import JSON
from inference_bench.errors import UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Sequence

    from inference_bench.cli._outputs import Outputs
    from inference_bench.results.run import Run
    from inference_bench.results.run_comparison import RunSide
    from inference_bench.results.run_figures import RunFigures
    from inference_bench.results.run_judgement import RunJudgement

_TIMED = ".jsonl"


def judge_side(sides: Sequence[RunSide], args: argparse.Namespace) -> RunJudgement | None:
    """Return the judgement of one new run by several old ones; None if the sides are something else.

    Args:
        sides: as ``compare`` read them.
        args: metrics, margin, quantile and whether other machines count.

    Raises:
        UsageError: no old run can be compared with the new one.
    """
    from inference_bench.results.machines import sweep_of

    if len(sides) != 2 or len(sides[1].runs) != 1:
        return None
    new, history = sides[1].runs[0], sides[0].runs
    if any(sweep_of(run.record) for run in (new, *history)):
        return None  # nodes are compared within themselves
    if sum(run.record.id != new.record.id for run in history) < 2:
        return None
    found = judge(new, history, args)
    check_history(found)
    return found


def judge(new: Run, history: Iterable[Run], args: argparse.Namespace) -> RunJudgement:
    """Judge one new run by old ones."""
    from inference_bench.results.run_figures import figures_of_run

    figures = [figures_of_run(run, args.metric, getattr(args, "quantile", "p50")) for run in (new, *history)]
    return _judged(figures[0], figures[1:], args)


def judge_lines(places: Sequence[str], args: argparse.Namespace) -> RunJudgement | None:
    """Return the judgement of the last run of the pytest plugin's files; None if these are no such files.

    Args:
        places: one file, whose last run is judged by the others, or two: the history, and the one with the new run.
        args: as for ``judge``.

    Raises:
        RunFormatError: a line is no run.
        UsageError: a file has no run, or no old run can be compared with the new one.
    """
    from inference_bench.results.run_figures import figures_of_line
    from inference_bench.results.timing_history import read_history

    if not places or len(places) > 2 or not all(place.endswith(_TIMED) for place in places):
        return None
    files = [read_history(Path(place)) for place in places]
    if not files[-1]:
        raise UsageError(f"{places[-1]}: no run in it, expected one line or more that `pytest --ib-save` wrote.")
    history = files[0] if len(files) == 2 else files[0][:-1]
    new = figures_of_line(files[-1][-1], len(files[-1]) if len(files) == 1 else 0)
    found = _judged(new, [figures_of_line(line, number) for number, line in enumerate(history, 1)], args)
    check_history(found)
    return found


def _judged(new: RunFigures, history: Sequence[RunFigures], args: argparse.Namespace) -> RunJudgement:
    from inference_bench.results.noise_store import load_noise
    from inference_bench.results.run_judgement import JudgeOptions, judge_run

    noise = load_noise(new.machine or "unknown")
    # Not all commands that judge have all options.
    quantile, across = getattr(args, "quantile", "p50"), getattr(args, "across_machines", False)
    return judge_run(new, history, JudgeOptions(args.metric, args.margin, quantile, noise, across, warn))


def check_history(found: RunJudgement) -> None:
    """Refuse a history without any run that the new one can be compared with.

    Raises:
        UsageError: there is none.
    """
    if not found.earlier:
        notes = " ".join(found.notes) or "The history is empty."
        raise UsageError(f"nothing to judge the new run by: {notes} Expected earlier runs of this machine.")


def write_judgement(found: RunJudgement, outputs: Outputs, remarks: Sequence[str] = ()) -> None:
    """Write the judgement.

    Args:
        found: the judgement.
        outputs: where it goes.
        remarks: further sentences.
    """
    from inference_bench.reports._pages.judgement import page
    from inference_bench.reports._pages.judgement_json import write_json
    from inference_bench.reports._render import render

    def write(form: str, stream: TextIO) -> None:
        if form == JSON:
            write_json(found, remarks, stream)
        else:
            render(page(found, remarks), form, stream)

    outputs.write(write)
