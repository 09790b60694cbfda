"""What a model's demands make of durations: bytes and operations per second. Pure functions."""

from __future__ import annotations

from inference_bench.demands import Demands, Passes


def demand_rates(demands: Demands, passes: Passes) -> dict[str, float]:
    """Return what one duration of these passes is worth, by tag of the derived metric.

    Rates of a prompt are left out where the framework's counter contradicts the formula.
    """
    rates: dict[str, float] = {}
    if demands.knows_prefill:
        tag = "prefill_flop_rate" if passes.new_tokens else "forward_flop_rate"
        rates[tag] = passes.rows * demands.prefill_flops(passes.length)
    if passes.new_tokens > 1:
        rates["achieved_bandwidth"] = demands.decode_bytes(passes.mean_context, passes.rows)
        rates["decode_flop_rate"] = demands.decode_flops(passes.mean_context, passes.rows)
    return rates
