"""Calibrations of nodes with known figures."""

from __future__ import annotations

from datetime import UTC, datetime

from inference_bench.calibration import Calibration, StoredFloor
from inference_bench.ceilings import Ceilings, GemvRate, Interval, MachineLoad, MatmulRate, ReadBandwidth
from inference_bench.machine.cpus import available_cpus
from inference_bench.machine.environment import describe_environment
from inference_bench.results.ceilings_store import store_ceilings
from inference_bench.spec import DTYPES as TORCH_DTYPES
from inference_bench.units import MIB

FIGURES = 7
"""Read bandwidth and float32 products with 1 and 2 threads, operation, floor, clock."""
FACTS = {"cpu.model": "Model 1", "cpu.governor": "performance", "packages.torch": "2.9.1"}
DTYPES = ("float32",)


def calibration(*ratios: float, **facts: str) -> Calibration:
    """Return a calibration.

    Args:
        ratios: of each of the figures over that of the model node; one for all of them.
        facts: instead of ``FACTS``; a double underscore stands for the dot.
    """
    read_one, read_all, one, all_, operation, floor, clock = ratios * FIGURES if len(ratios) < 2 else ratios
    return Calibration(
        fingerprint="machine",
        measured_utc="2030-01-01T00:00:00+00:00",
        facts=FACTS | {name.replace("__", "."): value for name, value in facts.items()},
        clock={"source": "tsc", "resolution_ns": 0.5, "read_cost_ns": 20.0 * clock},
        floor={"e2e": {"p50": 500.0 * floor}},
        ceilings=(
            Ceilings(
                fingerprint="machine",
                device="cpu",
                measured_utc="2030-01-01T00:00:00+00:00",
                read=(
                    ReadBandwidth(1, MIB, _interval(9e10)),  # in a cache: not what nodes are held against
                    ReadBandwidth(1, 512 * MIB, _interval(1e10 * read_one)),
                    ReadBandwidth(2, 512 * MIB, _interval(1.5e10 * read_all)),
                ),
                matmul=(
                    MatmulRate("float32", 1, _interval(1e11 * one)),
                    MatmulRate("float32", 2, _interval(1.8e11 * all_)),
                    MatmulRate("bfloat16", 2, _interval(9e11)),
                ),
                operation_ns=_interval(900.0 * operation),
                load=MachineLoad(others_cpus=0.02),
            ),
        ),
        load=MachineLoad(others_cpus=0.03),
        aa_floors=(StoredFloor("inference_speed", "itl", "", 0.012),),
        aa_measured_utc="2029-12-31T00:00:00+00:00",
    )


def fleet(**speeds: float) -> dict[str, Calibration]:
    """Return node → calibration; a slow node has lower rates and longer times."""
    return {node: calibration(*(speed,) * 4, *(1 / speed,) * 3) for node, speed in speeds.items()}


def _interval(value: float) -> Interval:
    return Interval(value, 0.99 * value, 1.01 * value)


def know_ceilings() -> None:
    """Store ceilings of this machine in the user's state folder, so that a calibration need not measure any."""
    threads = (1, available_cpus())
    store_ceilings(
        Ceilings(
            fingerprint=str(describe_environment()["fingerprint"]),
            device="cpu",
            measured_utc=datetime.now(UTC).isoformat(timespec="seconds"),
            read=tuple(ReadBandwidth(count, 512 * MIB, _interval(1e10)) for count in threads),
            matmul=tuple(MatmulRate(dtype, count, _interval(1e11)) for count in threads for dtype in TORCH_DTYPES),
            gemv=tuple(GemvRate(dtype, count, MIB, _interval(1e10)) for count in threads for dtype in TORCH_DTYPES),
            operation_ns=_interval(900.0),
        )
    )
