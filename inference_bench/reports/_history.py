"""From tracks to a page: a table a case and metric, a row a run, changes marked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference_bench.history import LEAST
from inference_bench.metrics import METRICS, Better
from inference_bench.plain import unit_of
from inference_bench.reports._page import EMPTY, Block, Cell, Column, Page, Table, Tone
from inference_bench.units import format_value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inference_bench.history import Track

_COLUMNS = (
    Column("run"),
    Column("begun (UTC)"),
    Column("median", numeric=True),
    Column("interval", numeric=True, spare=1),
    Column("change"),
)


def page(tracks: Sequence[Track]) -> Page:
    """Say everything about the tracks."""
    cases = dict.fromkeys(track.case.slug for track in tracks)
    blocks = tuple(
        Block(Cell(slug, Tone.STRONG), (), tuple(_table(track) for track in tracks if track.case.slug == slug))
        for slug in cases
    )
    count = sum(len(track.changes) for track in tracks)
    runs = len({point.run for track in tracks for point in track.points})
    outcome = Cell(f"{runs} runs, {len(tracks)} metrics through time: {count} change(s)", _tone(count))
    return Page(
        (outcome,),
        blocks,
        (),
        "A change is a shift between all runs before and all after, beyond 1 % and beyond chance at 95 % over all "
        f"places where it could lie; it needs {LEAST} runs on either side. median and interval are each run's own.",
    )


def _tone(count: int) -> Tone:
    return Tone.WARNING if count else Tone.PLAIN


def _table(track: Track) -> Table:
    unit = unit_of(track.metric)

    def text(value: float | None) -> str:
        return "–" if value is None else format_value(value, unit or "")

    rows = []
    for place, point in enumerate(track.points):
        figure = point.figure
        interval = "–" if figure.low is None else f"[{text(figure.low)}, {text(figure.high)}]"
        rows.append(
            (
                Cell(point.run),
                Cell(point.created_utc.replace("T", " ")[:16]),
                Cell(text(figure.value), Tone.STRONG),
                Cell(interval),
                _change(track, place),
            )
        )
    title = METRICS[track.metric].title if track.metric in METRICS else track.metric
    return Table(f"{title} {track.phase}".strip(), _COLUMNS, (tuple(rows),))


def _change(track: Track, place: int) -> Cell:
    if place not in track.changes:
        return EMPTY
    change = track.changes[place]
    better = METRICS[track.metric].better if track.metric in METRICS else Better.LOWER
    improves = (change < 0) == (better is Better.LOWER)
    return Cell(
        f"{change:+.1%} from here on: {'better' if improves else 'WORSE'}", Tone.GOOD if improves else Tone.ALARM
    )
