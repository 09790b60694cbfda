"""Commands of other tools, and what says the same here. Data, as ``_foreign_names`` is for options."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ForeignCommand:
    """A command of another tool.

    Attributes:
        names: its spellings, with dashes for underscores.
        tools: who has it.
        here: a command that says the same; empty if nothing does.
        note: a sentence after the command, or in its place.
    """

    names: tuple[str, ...]
    tools: str
    here: str = ""
    note: str = ""


FOREIGN_COMMANDS = (
    ForeignCommand(("timeit",), "timeit and pyperf", "time -s SETUP CODE"),
    ForeignCommand(("command",), "pyperf", "time --command CMD"),
    ForeignCommand(("compare-to",), "pyperf", "compare BEFORE AFTER"),
    ForeignCommand(("metadata", "collect-metadata"), "pyperf", "env"),
    ForeignCommand(("system",), "pyperf", "env", "It says what disturbs; nothing is changed on your machine."),
    ForeignCommand(("bench-func",), "pyperf", note="in Python it is inference_bench.time(f)."),
    ForeignCommand(("show", "stats", "hist", "dump", "slowest"), "pyperf", "report RUN"),
    ForeignCommand(("hyperfine",), "hyperfine", "time --command CMD"),
    ForeignCommand(("lm-eval", "eval", "evaluate"), "lm-eval", "run --benchmark accuracy -a task=NAME"),
    ForeignCommand(("ls", "validate"), "lm-eval", "list benchmarks"),
    ForeignCommand(
        ("serve", "bench serve"), "vllm bench", "run --endpoint http://HOST:PORT/v1 --benchmark serving_load"
    ),
    ForeignCommand(("latency", "bench latency"), "vllm bench", "run --model NAME --benchmark inference_speed"),
    ForeignCommand(("throughput", "bench throughput"), "vllm bench", "run --model NAME --benchmark batch_processing"),
    ForeignCommand(("llama-bench",), "llama.cpp", "run --model FILE.gguf"),
    ForeignCommand(("bench", "benchmark", "measure", "profile"), "other tools", "run --model NAME"),
    ForeignCommand(("login", "wandb"), "Weights & Biases", "run --sink wandb", "WANDB_* variables configure it."),
    ForeignCommand(("mlflow",), "MLflow", "run --sink mlflow", "MLFLOW_* variables configure it."),
    ForeignCommand(("diff",), "other tools", "compare BEFORE AFTER"),
    ForeignCommand(("info", "doctor"), "other tools", "env"),
    ForeignCommand(("init", "create"), "other tools", "new model NAME"),
)


def foreign_command(words: Sequence[str]) -> ForeignCommand | None:
    """Return the entry of the command of another tool with which a line begins; two words come before one."""
    for count in (2, 1):
        spelt = " ".join(words[:count]).replace("_", "-")
        if found := next((entry for entry in FOREIGN_COMMANDS if spelt in entry.names), None):
            return found
    return None
