from __future__ import annotations

from dataclasses import replace

import pytest

from inference_bench.grade import Severity
from tests.judging import RECORD, codes, finding, result


@pytest.mark.parametrize(
    ("environment", "code", "severity"),
    [
        ({"cpu": {"governor": "powersave"}}, "governor", Severity.SERIOUS),
        ({"cpu": {"turbo": True}}, "turbo", Severity.MINOR),
        ({"system": {"hypervisor": "KVM"}}, "virtual", Severity.MINOR),
        ({"memory": {"swap_used_bytes": 4096}}, "swap", Severity.SERIOUS),
        ({"power": {"on_battery": True}}, "battery", Severity.SERIOUS),
        ({"python": {"debug_build": True}}, "debug_build", Severity.SERIOUS),
    ],
)
def test_each_disturbance_of_the_machine_is_found(environment, code, severity):
    assert codes(result(), replace(RECORD, environment=environment)) == {code: severity}


def test_what_kept_the_machine_busy_before_the_run_is_no_finding():
    """It may have been the installation of this program, or the preparation of this run."""
    load = {"average_1min": 64.0, "cpu_waiting_percent_10s": 99.0, "memory_waiting_percent_10s": 50.0}

    assert codes(result(), replace(RECORD, environment={"load": load})) == {}


def test_absent_facts_are_no_findings():
    environment = {"cpu": {"governor": "performance", "turbo": False}, "load": {"cpu_waiting_percent_10s": 0.0}}

    assert codes(result(), replace(RECORD, environment=environment)) == {}
    assert codes(result(), replace(RECORD, environment={"cpu": None, "load": "unreadable"})) == {}


def test_another_clock_than_the_processors_counter_is_found_with_its_cost():
    record = replace(RECORD, clock={"source": "monotonic_raw", "reason": "no TSC", "resolution_ns": 1.0})

    assert codes(result(), record) == {"clock_fallback": Severity.MINOR}
    assert "monotonic_raw (no TSC); one reading costs unknown, the resolution is 1 ns" in (
        finding("clock_fallback", result(), record).evidence
    )


def test_the_clock_is_judged_as_each_process_saw_it():
    clocks = [{"source": "tsc"}, {"source": "tsc", "suspends": 1, "drift": True}]
    of = result(workers=tuple({"clock": clock} for clock in clocks))

    assert codes(of, replace(RECORD, clock={"source": "tsc"})) == {"clock_trouble": Severity.SERIOUS}
    assert "1 suspends, drift" in finding("clock_trouble", of).evidence
