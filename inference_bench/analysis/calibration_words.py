"""What calibrations say of a fleet, in words. Pure functions."""

from __future__ import annotations

from inference_bench.analysis.calibration_figures import FactDifference, OutsideBand
from inference_bench.analysis.fleet_band import LEAST_FOR_BAND
from inference_bench.units import counted, format_value


def outside_words(outside: OutsideBand) -> str:
    """Return figure, ratio and band."""
    value, low, high = (format_value(each, outside.unit) for each in (outside.value, outside.low, outside.high))
    return f"{outside.figure} {value}, ×{outside.ratio:.2f} of the others, whose band is {low} to {high}"


def difference_words(difference: FactDifference) -> str:
    """Return which nodes have which value."""
    parts = (f"{value} ({', '.join(nodes)})" for value, nodes in difference.nodes.items())
    return f"{difference.name} differs: {'; '.join(parts)}"


def no_band_words(nodes: int) -> str:
    """Return why a fleet has no band."""
    return f"{counted(nodes, 'calibrated node')}: a band of the fleet can be drawn from {LEAST_FOR_BAND} on"
