"""Options of other tools, and what says the same here.

One table of data: an unknown option is looked up in it, and the documentation renders it. No entry is an alias: a name
that means something slightly else there would mean it silently here.
"""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ForeignName:
    """An option of another tool.

    Attributes:
        options: its spellings, with dashes for underscores.
        tools: who has it.
        here: a command and its options that say the same; empty if nothing does.
        note: a sentence in place of, or after, the command.
    """

    options: tuple[str, ...]
    tools: str
    here: str = ""
    note: str = ""


_LM_EVAL, _HYPERFINE, _PYPERF, _LLAMA = "lm-eval", "hyperfine", "pyperf", "llama-bench"
_VLLM, _OPTIMUM, _MANY = "vllm bench", "optimum-benchmark", "other tools"

FOREIGN_NAMES = (
    ForeignName(("--tasks",), _LM_EVAL, "run --benchmark accuracy -a task=NAME"),
    ForeignName(("--limit",), _LM_EVAL, "run --benchmark accuracy -a items=N"),
    ForeignName(("--num-fewshot",), _LM_EVAL, note="the examples are part of a task's prompts (docs/accuracy.md)."),
    ForeignName(("--model-args",), _LM_EVAL, "run --model NAME --weights SOURCE --dtype float32"),
    ForeignName(("--output-path",), _LM_EVAL, "run --output DIR"),
    ForeignName(
        ("--wandb-args", "--wandb-config-args"), _LM_EVAL, "run --sink wandb", "WANDB_* variables configure it."
    ),
    ForeignName(
        ("--wandb", "--use-wandb", "--wandb-project"), _MANY, "run --sink wandb", "WANDB_* variables configure it."
    ),
    ForeignName(("--mlflow", "--use-mlflow"), _MANY, "run --sink mlflow", "MLFLOW_* variables configure it."),
    ForeignName(("--log-samples",), _LM_EVAL, note="every run keeps its samples and scores (docs/results.md)."),
    ForeignName(("--batch-size",), f"{_LM_EVAL} and {_LLAMA}", "run --benchmark batch_processing -a batch_size=N"),
    ForeignName(
        ("--base-url", "--host", "--url"),
        f"{_VLLM} and others",
        "run --endpoint http://HOST:PORT/v1",
    ),
    ForeignName(("--num-prompts",), _VLLM, "run --benchmark serving_load -a requests=N"),
    ForeignName(("--request-rate",), _VLLM, "run --benchmark serving_load -a rate=N"),
    ForeignName(("--goodput",), _VLLM, "run --benchmark serving_load --slo 'ttft.p99<=300ms'"),
    ForeignName(("--max-concurrency",), _VLLM, "run --benchmark serving_load -a scenario=concurrent -a concurrency=N"),
    ForeignName(
        ("--random-input-len", "--input-len", "--prompt-length", "--sequence-length", "--seq-len"),
        f"{_VLLM} and others",
        "run --input-lengths N",
    ),
    ForeignName(
        ("--random-output-len", "--output-len", "--max-new-tokens", "--max-tokens"),
        f"{_VLLM} and others",
        "run --new-tokens N",
    ),
    ForeignName(("--result-dir",), _VLLM, "run --output DIR"),
    ForeignName(("--save-result",), _VLLM, note="every run is saved; `--output DIR` says where."),
    ForeignName(("--min-runs", "--max-runs"), _HYPERFINE, "run --runs N"),
    ForeignName(("--export-json",), _HYPERFINE, "run --export json=FILE"),
    ForeignName(("--export-csv",), _HYPERFINE, "run --export csv=FILE"),
    ForeignName(("--export-markdown",), _HYPERFINE, "run --export markdown=FILE"),
    ForeignName(("--parameter-scan", "--parameter-list"), _HYPERFINE, "run -a NAME=1..64"),
    ForeignName(("--command-name",), _HYPERFINE, "run --label NAME"),
    ForeignName(("--rigorous",), _PYPERF, "run --thorough"),
    ForeignName(("--fast",), _PYPERF, "run --quick"),
    ForeignName(("--debug-single-value",), _PYPERF, "run --quick --budget 0.1"),
    ForeignName(
        ("--processes", "--num-runs", "--repeat", "--repetitions", "-r"), f"{_PYPERF} and others", "run --runs N"
    ),
    ForeignName(("--values", "--iterations", "--num-iters"), f"{_PYPERF} and others", "run --min-samples N"),
    ForeignName(("--warmups", "--warmup-runs", "--num-warmups"), f"{_PYPERF} and others", "run --warmup N"),
    ForeignName(("--track-memory",), _PYPERF, "run --benchmark memory_usage"),
    ForeignName(("--affinity",), _PYPERF, "run --threads N"),
    ForeignName(("-m",), _LLAMA, "run --model FILE.gguf"),
    ForeignName(("-p", "--n-prompt"), _LLAMA, "run --input-lengths N"),
    ForeignName(("-n", "--n-gen"), _LLAMA, "run --new-tokens N"),
    ForeignName(("-t", "--num-threads"), f"{_LLAMA} and others", "run --threads N"),
    ForeignName(("-b",), _LLAMA, "run --benchmark batch_processing -a batch_size=N"),
    ForeignName(("-ngl", "--n-gpu-layers"), _LLAMA, "run --device cuda", "A model is on one device as a whole."),
    ForeignName(("-fa", "--flash-attn"), _LLAMA, "run --attention flash_attention_2"),
    ForeignName(("--backend",), _OPTIMUM, "new model NAME", "A model's class is its backend."),
    ForeignName(("--config-dir", "--config-name", "--config"), f"{_OPTIMUM} and others", "run --spec FILE"),
    ForeignName(("--cpu",), _MANY, "run --device cpu"),
    ForeignName(("--gpu", "--cuda", "--gpus"), _MANY, "run --device cuda"),
    ForeignName(("--csv",), _MANY, "run --format csv"),
    ForeignName(("--markdown",), _MANY, "run --format markdown"),
    ForeignName(("--html",), _MANY, "run --format html"),
    ForeignName(("--tag",), _MANY, "run --tag KEY=VALUE", "Later `tag:KEY=VALUE` names its runs."),
    ForeignName(("--name", "--run-name"), _MANY, "run --label NAME"),
    ForeignName(("--duration", "--max-time", "--benchmark-time"), _MANY, "run --budget 10"),
    ForeignName(("--timeout",), _MANY, "run --case-limit 600"),
    ForeignName(("--fp16", "--half"), _MANY, "run --dtype float16"),
    ForeignName(("--bf16",), _MANY, "run --dtype bfloat16"),
    ForeignName(("--torch-dtype",), _MANY, "run --dtype float32"),
    ForeignName(("--quantize", "--quantization", "--load-in-8bit"), _MANY, "run --dtype int8_dynamic"),
    ForeignName(("--pretrained", "--model-path", "--checkpoint"), _MANY, "run --model FOLDER"),
    ForeignName(("--torch-compile",), _MANY, "run --compile default"),
    ForeignName(("--baseline",), _MANY, "compare --baseline RUN RUN"),
    ForeignName(("--no-progress", "--silent", "--log-level"), _MANY, "run --quiet"),
    ForeignName(("--list", "--list-models", "--list-tasks"), _MANY, "list"),
)


def answer(option: str, command: str, known: Collection[str]) -> str:
    """Return what says the same as an option of another tool; empty if the table does not name it.

    Args:
        option: as it was given.
        command: the command that does not know it.
        known: the names of the command's options.
    """
    spelt = option.replace("_", "-")
    found = next((name for name in FOREIGN_NAMES if spelt in name.options), None)
    if found is None:
        return ""
    if not found.here:
        return f"an option of {found.tools}; {found.note}"
    name, _, words = found.here.partition(" ")
    has_all = set(options_of(found)) <= set(known)
    here = words if words and (name == command or has_all) else found.here
    return f"an option of {found.tools}; here it is `{here}`. {found.note}".rstrip()


def options_of(name: ForeignName) -> Iterator[str]:
    """Yield the options in what says the same here."""
    return (word for word in shlex.split(name.here) if word.startswith("-"))
