"""Why is it slow, what would help, and by how much: a table of rules and the experiments that follow. Pure."""

from inference_bench.analysis.advice.of_run import advise

__all__ = ["advise"]
