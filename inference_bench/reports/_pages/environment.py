"""Tables of facts: the overhead of measuring, the clock, loading ahead, the machine and its software."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING

from inference_bench.metrics import title_of, unit_of
from inference_bench.reports._pages.document import Cell, Column, Table
from inference_bench.units import format_value

if TYPE_CHECKING:
    from inference_bench.provenance.record import Provenance
    from inference_bench.result import RunRecord


def tables(record: RunRecord) -> list[Table]:
    """Return the tables whose facts are known."""
    found = (_floor(record), *(_facts(title, facts) for title, facts in _groups(record)))
    return [table for table in found if any(table.sections)]


def _groups(record: RunRecord) -> Iterator[tuple[str, Mapping[str, object]]]:
    yield "Provenance", _provenance(record.provenance)
    yield "Clock", record.clock
    yield "Loading ahead", record.overlap
    yield "Machine and software", record.environment


def _provenance(provenance: Provenance) -> dict[str, object]:
    """Return what is known of where the run comes from."""
    states = {"measured code": provenance.code, "inference_bench": provenance.tool}
    code = {name: _known(asdict(state)) for name, state in states.items() if state}
    said = {"command": shlex.join(provenance.argv), "settings": shlex.join(provenance.settings)}
    return {**code, **_known({**said, **_others(provenance)})}


def _others(provenance: Provenance) -> dict[str, object]:
    return {name: getattr(provenance, name) for name in ("host", "label", "note", "tags")}


def _known(facts: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in facts.items() if value not in (None, "", {})}


def _floor(record: RunRecord) -> Table:
    """Return the null model's readings: the harness's own share of each figure."""
    names = list(dict.fromkeys(name for quantiles in record.floor.values() for name in quantiles))
    rows = tuple(
        (
            Cell(title_of(tag)),
            *(Cell(_figure(quantiles.get(name), tag)) for name in names),
        )
        for tag, quantiles in record.floor.items()
    )
    columns = (Column("metric"), *(Column(name, numeric=True) for name in names))
    return Table("Overhead of the harness (a model that does nothing)", columns, (rows,) if rows else ())


def _figure(value: float | None, tag: str) -> str:
    return "–" if value is None else format_value(value, unit_of(tag) or "")


def _facts(title: str, facts: Mapping[str, object]) -> Table:
    rows = tuple((Cell(name), Cell(text)) for name, text in _flat(facts))
    return Table(title, (Column("fact"), Column("value")), (rows,) if rows else ())


def _flat(facts: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in facts.items():
        unit = next((unit for unit in ("ns", "bytes") if name.endswith(f"_{unit}")), "")
        path = prefix + name.removesuffix(f"_{unit}").replace("_", " ")
        if isinstance(value, Mapping):
            yield from _flat(value, f"{path}, ")
        else:
            yield path, _text(value, unit)


def _text(value: object, unit: str) -> str:
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return "; ".join(map(str, value)) or "none"
    if isinstance(value, (int, float)) and unit:
        return format_value(value, unit)
    return f"{value:.6g}" if isinstance(value, float) else str(value)
