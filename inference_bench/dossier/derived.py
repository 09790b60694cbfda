"""The files of a dossier that follow from its runs; writing and checking make them in the same way."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from inference_bench.dossier.comparing import comparison_of
from inference_bench.dossier.layout import COMPARISON, ENVIRONMENT, README, REPORT
from inference_bench.dossier.readme import readme
from inference_bench.reports._figures import of_comparison
from inference_bench.reports._html_page import write_page, write_run
from inference_bench.reports._pages import comparison as comparison_page
from inference_bench.reports._pages.comparison_json import write_json
from inference_bench.results.run import Run
from inference_bench.results.run_comparison import RunComparison
from inference_bench.results.run_folder import SUMMARIES
from inference_bench.results.serialization import to_json
from inference_bench.results.summary_table import rows, write_table


def derived_files(folder: Path, runs: Sequence[Run]) -> Mapping[str, bytes]:
    """Return the content of each file that follows from the runs, by its path in the dossier.

    Args:
        folder: of the dossier.
        runs: in the order in which they are compared.
    """
    found = comparison_of(folder, runs)
    return dict(_files(folder, runs, found))


def _files(folder: Path, runs: Sequence[Run], found: RunComparison | None) -> Iterator[tuple[str, bytes]]:
    yield README, readme(runs, found).encode()
    yield ENVIRONMENT, to_json({run.record.id: run.record.environment for run in runs})
    for run in runs:
        assert isinstance(run.folder, Path)
        inside = run.folder.relative_to(folder).as_posix()
        yield f"{inside}/{SUMMARIES}", _table(run)
        yield REPORT if len(runs) == 1 else f"{inside}/{REPORT}", _run_page(run)
    if found is not None:
        yield COMPARISON, _comparison(found)
        if len(runs) > 1:
            yield REPORT, _comparison_page(found)


def _table(run: Run) -> bytes:
    text = io.StringIO(newline="")
    write_table(text, [row for result in run.results for row in rows(result, run.record)])
    return text.getvalue().encode()


def _run_page(run: Run) -> bytes:
    text = io.StringIO()
    write_run(run, text)
    return text.getvalue().encode()


def _comparison(found: RunComparison) -> bytes:
    text = io.StringIO()
    write_json(found.compared, found.differences, found.remarks, text)
    return text.getvalue().encode()


def _comparison_page(found: RunComparison) -> bytes:
    text = io.StringIO()
    page = comparison_page.page(found.compared, found.differences, found.remarks)
    write_page(page, text, of_comparison.figures(found.compared))
    return text.getvalue().encode()
