"""The page of a history: one table per case and metric, one row per run, changes marked."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from inference_bench.analysis.change_points import LEAST
from inference_bench.metrics import METRICS, Better, Statistic, statistic_of, title_of, unit_of
from inference_bench.reports._pages.document import EMPTY, NO_FIGURE, Block, Cell, Column, Page, Table, Tone
from inference_bench.spec import Setup
from inference_bench.units import counted, format_value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inference_bench.results.history import Point, Track


def _columns(track: Track) -> tuple[Column, ...]:
    return (
        Column("run"),
        Column("begun (UTC)", spare=2),
        *([Column("commit")] if _has_commits(track) else []),
        Column((statistic_of(track.metric) or Statistic.MEDIAN).value, numeric=True),
        Column("interval", numeric=True, spare=1),
        Column("change"),
    )


def _has_commits(track: Track) -> bool:
    return any(point.code for point in track.points)


def page(tracks: Sequence[Track]) -> Page:
    """Return the page of a history."""
    of_case: dict[str, list[Track]] = {}
    for track in tracks:
        of_case.setdefault(heading(track), []).append(track)
    blocks = tuple(
        Block(Cell(name, Tone.STRONG), (), tuple(table(track, of_one) for track in of_one))
        for name, of_one in of_case.items()
    )
    count = sum(len(track.changes) for track in tracks)
    runs = len({point.run for track in tracks for point in track.points})
    outcome = Cell(f"{runs} runs, {len(tracks)} metrics over time: {counted(count, 'change')}", _tone(count))
    return Page(
        (outcome,),
        blocks,
        (),
        "A change is a shift between all runs before and all after, of more than 1 %, significant at 95 % over all "
        f"possible places; it needs {LEAST} runs on each side. figure and interval are those of each run."
        + (" + behind a commit: files differed from it." if any(map(_has_commits, tracks)) else ""),
    )


def _tone(count: int) -> Tone:
    return Tone.WARNING if count else Tone.PLAIN


def heading(track: Track) -> str:
    """Return the name of a case, with what differs from the default set-up."""
    case = track.case
    setup, usual = asdict(case.setup), asdict(Setup())
    words = [
        case.model,
        case.benchmark.replace("_", " "),
        setup["device"],
        setup["dtype"],
        f"threads {setup['threads']}",
    ]
    rest = ("attention", "compile", "weights", "scale", "seed", "engine")
    words += [f"{name} {setup[name]}" for name in rest if setup[name] != usual[name]]
    words += [f"{track.random_weights.upper()} weights"] if case.setup.weights == "any" and track.random_weights else []
    words += [f"{name.replace('_', ' ')} {value}" for name, value in case.parameters.items()]
    return " · ".join(words)


def table(track: Track, of_case: Sequence[Track]) -> Table:
    """Return one row per run; the title names the phase if others of these tracks have the same metric."""
    unit = unit_of(track.metric)

    def text(value: float | None) -> str:
        return "–" if value is None else format_value(value, unit or "")

    rows = []
    for place, point in enumerate(track.points):
        figure = point.figure
        interval = "–" if figure.low is None else f"[{text(figure.low)}, {text(figure.high)}]"
        rows.append(
            (
                Cell(f"{point.run} ({point.label})" if point.label else point.run),
                Cell(point.created_utc.replace("T", " ")[:16]),
                *([commit(point)] if _has_commits(track) else []),
                Cell(text(figure.value), Tone.STRONG),
                Cell(interval),
                _change(track, place),
            )
        )
    title = title_of(track.metric)
    in_phases = sum(other.metric == track.metric for other in of_case) > 1
    name = f"{title}, {track.phase}" if in_phases and track.phase else title
    return Table(name, _columns(track), (tuple(rows),), (track.case.id,))


def commit(point: Point) -> Cell:
    """Return the commit; a plus marks files that differed from it."""
    code = point.code
    return NO_FIGURE if code is None else Cell(code.short + "+" * bool(code.changed_files))


def _change(track: Track, place: int) -> Cell:
    if place not in track.changes:
        return EMPTY
    where = _between(track.points[place - 1], track.points[place])
    return Cell(f"{change_text(track, place)}{where}", Tone.GOOD if _improves(track, place) else Tone.ALARM)


def change_text(track: Track, place: int) -> str:
    """Return the change that begins at a run, and whether it is for the better."""
    change = track.changes[place]
    size = f"{change:+.1%}" if track.relative else _signed(change, unit_of(track.metric) or "")
    return f"{size} from here on: {'better' if _improves(track, place) else 'WORSE'}"


def _between(before: Point, after: Point) -> str:
    """Return the commits around a change, in words; empty if one is unknown or both are the same."""
    if before.code is None or after.code is None or before.code == after.code:
        return ""
    return f" (between {commit(before).text} and {commit(after).text})"


def _improves(track: Track, place: int) -> bool:
    better = METRICS[track.metric].better if track.metric in METRICS else Better.LOWER
    return (track.changes[place] < 0) == (better is Better.LOWER)


def _signed(change: float, unit: str) -> str:
    return ("+" if change > 0 else "-") + format_value(abs(change), unit)
