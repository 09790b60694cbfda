from __future__ import annotations

from dataclasses import replace

from inference_bench.ceilings import MachineLoad
from inference_bench.metrics import METRICS, title_of
from inference_bench.reports._pages.case_tables import case_table
from inference_bench.reports._pages.machine_lines import machine_lines
from inference_bench.reports._pages.run import page
from inference_bench.results.ceilings_store import store_ceilings
from inference_bench.testing import make_record, make_result, write_run
from inference_bench.units import NS_PER_MS
from tests.analysis.test_machine_use import CEILINGS, _result


def test_one_line_with_the_rates_and_their_shares():
    (line,) = machine_lines([_result(100_000_000, 20 * NS_PER_MS)], CEILINGS)

    assert "read bandwidth 5.0" in line.text
    assert "GB/s, MBU 50 [4" in line.text
    assert "GFLOP/s, MFU 5 [" in line.text


def test_without_ceilings_there_are_the_rates_alone():
    (line,) = machine_lines([_result(100_000_000, 20 * NS_PER_MS)])

    assert "GB/s" in line.text
    assert "MBU" not in line.text


def test_a_cached_working_set_is_said():
    first, second = machine_lines([_result(100_000_000, 9 * NS_PER_MS)], CEILINGS)

    assert "MBU 111 [" in first.text
    assert "cache" in second.text


def test_nothing_is_said_without_demands():
    assert list(machine_lines([make_result({"itl": [[1, 2, 3]]})])) == []


def test_tables_leave_the_rates_out():
    table = case_table("inference_speed", [_result(1_000_000, NS_PER_MS)])

    shown = {cell.text for rows in table.sections for row in rows for cell in row}
    assert title_of("itl") in shown
    assert not shown & {metric.title for metric in METRICS.values() if metric.of_machine}


def test_a_report_takes_the_ceilings_that_are_stored_of_the_same_machine(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    store_ceilings(replace(CEILINGS, fingerprint="this-machine"))
    result = _result(100_000_000, 20 * NS_PER_MS)

    def said(fingerprint: str) -> str:
        record = make_record(result)
        record = replace(record, environment={**record.environment, "fingerprint": fingerprint})
        blocks = page(write_run(tmp_path, result, record=record)).blocks
        return " ".join(line.text for block in blocks for line in block.remarks)

    assert "MBU 50 [" in said("this-machine")
    assert "GB/s" in said("another-machine")
    assert "MBU" not in said("another-machine")


def test_ceilings_of_a_busy_machine_are_marked():
    result = _result(100_000_000, 20 * NS_PER_MS)
    busy = replace(CEILINGS, load=MachineLoad(others_cpus=0.83))

    _, remark = machine_lines([result], busy)

    assert remark.text == (
        "The ceilings were measured on a busy machine (other processes used 0.83 CPUs): the true ones may be higher, "
        "and MBU and MFU lower."
    )
    assert len(list(machine_lines([result], replace(busy, matmul=(), read=())))) == 1
