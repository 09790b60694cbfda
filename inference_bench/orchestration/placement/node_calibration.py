"""The calibration of a node, as the process on it answers the request."""

from __future__ import annotations

import asyncio
from typing import Protocol

from inference_bench.calibration import CalibrationPlan
from inference_bench.errors import InferenceBenchError
from inference_bench.orchestration.calibrating import calibrate
from inference_bench.orchestration.placement.process_end import REFUSED
from inference_bench.orchestration.placement.share import CALIBRATE, CALIBRATED
from inference_bench.results.reading import read_as
from inference_bench.results.serialization import plain


class Tell(Protocol):
    """Tells the driver of an event."""

    def __call__(self, event: str, **facts: object) -> None:
        """Tell it."""


def calibrate_node(asked: object, tell: Tell) -> int:
    """Calibrate this machine and tell what was found; return the exit code.

    Args:
        asked: a ``CalibrationPlan`` as plain data.
        tell: tells the driver.
    """
    plan = read_as(CalibrationPlan, asked, CALIBRATE)
    try:
        found = asyncio.run(calibrate(plan, lambda text: tell("message", text=f"calibration: {text}")))
    except InferenceBenchError as error:
        tell(REFUSED, text=str(error))
        return error.exit_code
    tell(CALIBRATED, calibration=plain(found))
    return 0
