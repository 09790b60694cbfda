"""The calibration of a sweep's nodes in its report."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest

from inference_bench.calibration import CalibrationPlan
from inference_bench.orchestration.fleet import judged
from inference_bench.reports._pages.document import Tone
from inference_bench.reports._pages.sweep import page
from inference_bench.reports._render import render
from inference_bench.results.sweep_figures import SweepFigures
from inference_bench.results.sweep_file import NodeRecord, NodeStatus, SweepRecord
from tests.calibrations import calibration, fleet

PLAN = CalibrationPlan(devices=("cpu",), dtypes=("float32",), leave_out_outliers=True)


def swept(calibrations, *more):
    nodes = (*(NodeRecord(node, calibration=of) for node, of in calibrations.items()), *more)
    return judged(SweepRecord("x-sweep", "2030-01-01T00:00:00+00:00", "ray", 0, 1, (), calibration=PLAN, nodes=nodes))


def block_of(record):
    content = page(SweepFigures(record, {}, []))
    return content, next(block for block in content.blocks if block.heading.text == "Calibration")


def test_nodes_stand_side_by_side_with_the_band_and_the_odd_one_is_marked():
    record = swept(fleet(n1=1.0, n2=1.002, n3=0.998, n4=0.8, n5=1.001))
    _, block = block_of(record)
    (table,) = block.tables
    assert [column.heading for column in table.columns] == ["figure", "n1", "n2", "n3", "n4", "n5", "band"]
    read = table.sections[0][0]
    assert [cell.text for cell in read[:5]] == ["read, 1 thread", "10.0 GB/s", "10.0 GB/s", "9.98 GB/s", "8.00 GB/s"]
    assert [cell.tone for cell in read[1:6]] == [Tone.PLAIN] * 3 + [Tone.WARNING, Tone.PLAIN]
    assert read[6].text == "[9.53 GB/s, 10.5 GB/s]"
    conditions = {row[0].text: row[1].text for row in table.sections[1]}
    assert conditions == {"clock": "tsc, 0.50 ns", "CPUs used by others": "0.03", "ceilings measured": "2030-01-01"}
    assert any(line.text.startswith("n4 is outside the band: read, 1 thread 8.00 GB/s") for line in block.remarks)
    assert all(line.text.endswith("it is left out.") for line in block.remarks)


def test_what_is_wrong_with_nodes_is_said():
    lost = NodeRecord("n2", NodeStatus.LOST, cause="no heartbeat")
    odd = replace(calibration(1.0, cpu__governor="powersave"), problems=("ceilings of cuda: none here",))
    _, block = block_of(swept({"n1": calibration(1.0), "n3": odd}, lost, NodeRecord("n4", cause="no room")))
    assert [line.text for line in block.remarks] == [
        "n3: ceilings of cuda: none here",
        "n2 is lost before its first share: no heartbeat",
        "n4 is not calibrated: no room",
        "2 calibrated nodes: a band of the fleet can be drawn from 4 on.",
        "cpu.governor differs: performance (n1); powersave (n3).",
    ]


def test_a_sweep_without_calibration_says_nothing_of_it():
    record = replace(swept({}), calibration=None)
    content = page(SweepFigures(record, {}, []))
    assert "Calibration" not in [block.heading.text for block in content.blocks]


@pytest.mark.parametrize("form", ["console", "markdown", "html"])
def test_every_format_has_the_table(form):
    content, _ = block_of(swept(fleet(n1=1.0, n2=1.002, n3=0.998, n4=0.8, n5=1.001)))
    stream = io.StringIO()
    render(content, form, stream)
    for part in ("harness floor", "smallest operation", "n5", "outside the band"):
        assert part in stream.getvalue()
