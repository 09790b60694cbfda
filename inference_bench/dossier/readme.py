"""``README.md`` of a dossier: the question, the plan, the verdicts, and how to repeat the measurement."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from inference_bench.dossier.layout import COMPARISON, ENVIRONMENT, MANIFEST, NOISE, REPORT, RUNS
from inference_bench.dossier.private_facts import CUT
from inference_bench.errors import RunFormatError
from inference_bench.reports._markdown_page import block_lines, escaped
from inference_bench.reports._pages import comparison as comparison_page
from inference_bench.reports._pages import findings
from inference_bench.reports._pages import run as run_page
from inference_bench.reports._pages.case_names import Places
from inference_bench.reports._pages.document import Block, Cell, Column, Page, Table
from inference_bench.reports._pages.parameters import benchmark_words
from inference_bench.reports._pages.setups import Names, setups_of
from inference_bench.results.serialization import spec_from_plain
from inference_bench.text import one_line
from inference_bench.units import counted, format_ns

if TYPE_CHECKING:
    from inference_bench.provenance.record import Provenance
    from inference_bench.results.run import Run
    from inference_bench.results.run_comparison import RunComparison
    from inference_bench.spec import Spec

_MOST_CASES = 200
"""Cases that the plan lists; run.json has all of them."""

_PYTHON = re.compile(r"python[\d.]*")


def readme(runs: Sequence[Run], found: RunComparison | None) -> str:
    """Return the text.

    Args:
        runs: in the order in which they are compared.
        found: their comparison, or None.
    """
    title = runs[0].record.id if len(runs) == 1 else f"{len(runs)} runs"
    lines = [f"# Dossier: {escaped(title)}", ""]
    lines += _section("Question", (line for run in runs for line in _question(run, several=len(runs) > 1)))
    lines += _section("Verdict", _verdict(runs, found))
    lines += _section("Plan", (line for run in runs for line in _plan(run, several=len(runs) > 1)))
    lines += _section("How far it can be believed", (line for run in runs for line in _trust(run)))
    lines += _section("How to repeat it", (line for run in runs for line in _repeat(run, several=len(runs) > 1)))
    lines += _section("How to check it", _check(found))
    return "".join(f"{line}\n" for line in lines)


def _section(heading: str, lines: Iterable[str]) -> Iterator[str]:
    yield from (f"## {heading}", "", *lines, "")


def _question(run: Run, *, several: bool) -> Iterator[str]:
    """Yield the spec in words."""
    if several:
        yield f"- **{escaped(_name(run))}**"
    indent = "  " * several
    for text in _request(run):
        yield f"{indent}- {escaped(one_line(text))}"


def _request(run: Run) -> Iterator[str]:
    results = run.results
    yield f"models: {', '.join(dict.fromkeys(result.case.model for result in results))}"
    yield f"benchmarks: {', '.join(benchmark_words(name) for name in _distinct(r.case.benchmark for r in results))}"
    keys = setups_of(results)
    if keys:
        names = Names(keys, results)
        each = [name for name in map(names.of, keys) if name]
        yield f"set-ups: {'; '.join(each)}" if each else "set-ups: one"
        if names.shared:
            yield f"all with: {' · '.join(names.shared)}"
    for name, values in _parameters(run).items():
        yield f"{name.replace('_', ' ')}: {', '.join(values)}"
    try:
        yield from _effort(spec_from_plain(run.record.spec, run.record.id))
    except RunFormatError:
        return  # a live run, or one of a later version: run.json has what was asked for


def _distinct(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(texts))


def _parameters(run: Run) -> Mapping[str, list[str]]:
    found: dict[str, dict[str, None]] = {}
    for result in run.results:
        for name, value in result.case.parameters.items():
            found.setdefault(name, {})[str(value)] = None
    return {name: list(values) for name, values in found.items()}


def _effort(spec: Spec) -> Iterator[str]:
    least = f"{spec.least_runs} to " if spec.least_runs not in (None, spec.runs) else ""
    limits = spec.limits
    processes = f"{least}{spec.runs} fresh {'process' if spec.runs == 1 else 'processes'} per case"
    precision = f"a median counts as known at ±{limits.relative_width / 2:.2%}"
    yield f"effort: {processes}; {precision}, and sampling ends after {format_ns(limits.budget_ns)} in any case"


def _verdict(runs: Sequence[Run], found: RunComparison | None) -> Iterator[str]:
    if len(runs) == 1:
        yield from _figures(runs[0])
    if found is not None:
        yield from _page_lines(comparison_page.page(found.compared, found.differences, found.remarks))
    elif len(runs) > 1:
        yield "These runs have nothing in common that could be compared, or come from different machines."
        for run in runs:
            yield from ("", f"### {escaped(_name(run))}", "", *_figures(run))


def _page_lines(page: Page) -> Iterator[str]:
    """Yield the lines of a page, a level of headings lower."""
    yield from (escaped(cell.text) + "  " for cell in page.lines)
    for block in page.blocks:
        yield from _lower(block_lines(block))
    for remarks in page.remarks:
        yield from ("", f"**{escaped(remarks.heading)}**", "")
        yield from (f"- {escaped(cell.text)}" for cell in remarks.lines)
    yield from ("", escaped(page.legend))


def _lower(lines: Iterable[str]) -> Iterator[str]:
    return (f"#{line}" if line.startswith("#") else line for line in lines)


def _figures(run: Run) -> Iterator[str]:
    page = run_page.page(run)
    if page.verdict:
        yield from (escaped(cell.text) + "  " for cell in page.verdict.lines)
        yield ""
        for tile in page.verdict.tiles:
            details = ", ".join(escaped(cell.text) for cell in tile.details)
            yield f"- {escaped(tile.label)}: **{escaped(tile.figure.text)}** ({details})"
    if page.overview:
        yield from _lower(block_lines(page.overview))
    if page.verdict is None and page.overview is None:
        yield f"Its figures are in {REPORT}."
    yield ""


def _plan(run: Run, *, several: bool) -> Iterator[str]:
    places = Places(run.results)
    columns = (Column("case"), Column("ended as"), Column("processes", numeric=True))
    rows = [
        (
            Cell(places.name(result.case)),
            Cell(result.status.value.replace("_", " ")),
            Cell(str(max((summary.runs for summary in result.summaries), default=0))),
        )
        for result in run.results[:_MOST_CASES]
    ]
    heading = Cell(_name(run) if several else counted(len(run.results), "case"))
    yield from _lower(block_lines(Block(heading, (), (Table("", columns, (tuple(rows),)),))))
    if len(run.results) > _MOST_CASES:
        yield from ("", f"and {len(run.results) - _MOST_CASES:,} more, which run.json lists.")
    yield ""


def _trust(run: Run) -> Iterator[str]:
    yield f"- {escaped(findings.page(run).lines[0].text)}"


def _repeat(run: Run, *, several: bool) -> Iterator[str]:
    provenance, packages = run.record.provenance, run.record.environment.get("packages") or {}
    if several:
        yield from (f"**{escaped(_name(run))}**", "")
    commands = [*_checkout(provenance), *_install(packages), *_command(provenance)]
    if provenance.code and provenance.code.changed_files:
        changed = counted(provenance.code.changed_files, "file")
        yield f"The measured code had {changed} changed after that commit (digest {provenance.code.changes_digest}).  "
    yield from _fenced(commands)
    if any(CUT in word for word in commands):
        yield f"`{CUT}` stands for a folder of the machine that measured."
    if not provenance.argv:
        yield f"The command was not recorded; what was asked for is in `{RUNS}/{run.record.id}/run.json`."
    yield ""


def _checkout(provenance: Provenance) -> Iterator[str]:
    code, tool = provenance.code, provenance.tool
    if code:
        yield f"git checkout {code.commit}  # {code.repository or 'the measured code'}"
    if tool and (code is None or tool.commit != code.commit):
        yield f"# inference_bench was at commit {tool.commit}"


def _install(packages: Mapping[str, object]) -> Iterator[str]:
    own = "inference-bench"
    pinned = [shlex.quote(f"{name}=={version}") for name, version in packages.items() if name != own]
    if packages.get(own):
        yield f"# inference-bench {one_line(str(packages[own]))}, with:"
    if pinned:
        yield f"pip install {' '.join(pinned)}"


def _command(provenance: Provenance) -> Iterator[str]:
    if provenance.argv:
        first, *others = provenance.argv
        name = first.rpartition("/")[2]
        yield shlex.join(["python" if _PYTHON.fullmatch(name) else name, *others])


def _fenced(lines: Iterable[str]) -> Iterator[str]:
    """Yield lines of code; the fence is longer than any row of backticks in them."""
    text = [one_line(line) for line in lines]
    longest = max((len(found) for line in text for found in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    yield from (f"{fence}sh", *text, fence)


def _check(found: RunComparison | None) -> Iterator[str]:
    yield from _fenced(["python -m inference_bench check --dossier PLACE"])
    yield (
        f"compares every file with its digest in `{MANIFEST}` and recomputes the figures from the raw columns of "
        f"`{RUNS}/`; no machine is asked. The SHA-256 of `{MANIFEST}` stands for the whole dossier."
    )
    yield ""
    yield f"- `{REPORT}`: charts, tables and findings"
    yield f"- `{ENVIRONMENT}`: the machine and the software"
    if found is not None:
        yield f"- `{COMPARISON}`: the verdicts with their intervals" + (
            f"; `{NOISE}`: A/A floors" if found.noise else ""
        )
    yield f"- `{RUNS}/`: each run with every raw sample"


def _name(run: Run) -> str:
    label = run.record.provenance.label
    return f"{label} ({run.record.id})" if label else run.record.id
