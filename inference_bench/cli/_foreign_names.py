"""Options of other tools, and what says the same here.

One table of data: an unknown option is looked up in it, and the documentation renders it. No entry is an alias: a name
that means something slightly else there would mean it silently here.
"""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import chain


@dataclass(frozen=True, slots=True)
class ForeignName:
    """An option of another tool.

    Attributes:
        options: its spellings, with dashes for underscores.
        tools: who has it.
        here: a command and its options that say the same; empty if nothing does. Where two commands have something to
            say, each has an entry.
        note: a sentence in place of, or after, the command.
    """

    options: tuple[str, ...]
    tools: str
    here: str = ""
    note: str = ""


_LM_EVAL, _HYPERFINE, _PYPERF, _LLAMA = "lm-eval", "hyperfine", "pyperf", "llama-bench"
_VLLM, _OPTIMUM, _MANY = "vllm bench", "optimum-benchmark", "other tools"
_WANDB_VARIABLES = "WANDB_* variables configure it."
_MLFLOW_VARIABLES = "MLFLOW_* variables configure it."

FOREIGN_NAMES = (
    ForeignName(("--tasks",), _LM_EVAL, "run --benchmark accuracy -a task=NAME"),
    ForeignName(("--limit",), _LM_EVAL, "run --benchmark accuracy -a items=N"),
    ForeignName(("--num-fewshot",), _LM_EVAL, note="the examples are part of a task's prompts (docs/accuracy.md)."),
    ForeignName(("--model-args",), _LM_EVAL, "run --model NAME --weights SOURCE --dtype float32"),
    ForeignName(("--output-path",), _LM_EVAL, "run --output DIR"),
    ForeignName(("--wandb-args", "--wandb-config-args"), _LM_EVAL, "run --sink wandb", _WANDB_VARIABLES),
    ForeignName(
        ("--wandb", "--use-wandb", "--wandb-project", "--wandb-entity", "--wandb-name"),
        _MANY,
        "run --sink wandb",
        _WANDB_VARIABLES,
    ),
    ForeignName(
        ("--mlflow", "--use-mlflow", "--tracking-uri", "--experiment-name", "--experiment"),
        _MANY,
        "run --sink mlflow",
        _MLFLOW_VARIABLES,
    ),
    ForeignName(
        ("--report-to", "--tracker", "--trackers", "--log-to", "--logger"),
        _MANY,
        "run --sink wandb",
        "Or --sink mlflow.",
    ),
    ForeignName(("--log-samples",), _LM_EVAL, note="every run keeps its samples and scores (docs/results.md)."),
    ForeignName(
        ("--apply-chat-template", "--system-instruction", "--fewshot-as-multiturn", "--gen-kwargs"),
        _LM_EVAL,
        note="prompts and decoding belong to the task (docs/accuracy.md); decoding is greedy.",
    ),
    ForeignName(("--use-cache", "--cache-requests"), _LM_EVAL, note="no answer is reused; each run measures anew."),
    ForeignName(("--verbosity",), _LM_EVAL, "run --verbose"),
    ForeignName(("--batch-size",), f"{_LM_EVAL} and {_LLAMA}", "run --benchmark batch_processing -a batch_size=N"),
    ForeignName(
        ("--base-url", "--host", "--port", "--url"),
        f"{_VLLM} and others",
        "run --endpoint http://HOST:PORT/v1",
    ),
    ForeignName(("--served-model-name",), _VLLM, "run --endpoint http://HOST:PORT/v1 --endpoint-model NAME"),
    ForeignName(("--burstiness",), _VLLM, "run --benchmark serving_load -a scenario=gamma:2"),
    ForeignName(
        ("--dataset-name", "--dataset-path", "--dataset"),
        _VLLM,
        "run --benchmark serving_load -a scenario=trace:FILE",
        "Without one, prompts are of exact length and never alike.",
    ),
    ForeignName(
        ("--percentile-metrics", "--metric-percentiles"),
        _VLLM,
        note="every metric and every percentile that its samples support is shown.",
    ),
    ForeignName(("--ignore-eos",), _VLLM, note="an answer always has as many tokens as were asked for."),
    ForeignName(("--tokenizer",), _VLLM, note="a model's own tokenizer is used; of a server, what it counts itself."),
    ForeignName(
        (
            "--tensor-parallel-size",
            "--gpu-memory-utilization",
            "--max-model-len",
            "--enforce-eager",
            "--kv-cache-dtype",
        ),
        _VLLM,
        "run --endpoint http://HOST:PORT/v1",
        "How a server runs its model is said when it is started.",
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
    ForeignName(("--save-result", "--save-detailed"), _VLLM, note="every run is saved; `--output DIR` says where."),
    ForeignName(("--min-runs", "--max-runs"), _HYPERFINE, "run --runs N"),
    ForeignName(("--export-json",), _HYPERFINE, "run --export json=FILE"),
    ForeignName(("--export-csv",), _HYPERFINE, "run --export csv=FILE"),
    ForeignName(("--export-markdown",), _HYPERFINE, "run --export markdown=FILE"),
    ForeignName(("--parameter-scan", "--parameter-list"), _HYPERFINE, "run -a NAME=1..64"),
    ForeignName(("--command-name",), _HYPERFINE, "run --label NAME"),
    ForeignName(("--rigorous",), _PYPERF, "run --thorough"),
    ForeignName(("--fast",), _PYPERF, "run --quick"),
    ForeignName(("--debug-single-value",), _PYPERF, "run --quick --budget 0.1"),
    ForeignName(("--rigorous",), _PYPERF, "time --precision 0.005 --max-runs 40"),
    ForeignName(("--fast",), _PYPERF, "time --runs 3"),
    ForeignName(("--processes",), _PYPERF, "time --runs N"),
    ForeignName(("--loops",), _PYPERF, "time --number N"),
    ForeignName(("-o", "--append"), _PYPERF, "time --export json=FILE"),
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
    ForeignName(("-hf", "--hf-repo"), _LLAMA, "run --model OWNER/NAME"),
    ForeignName(
        ("-pg", "-ub", "--ubatch-size", "-ctk", "-ctv", "-sm", "-mg", "-ts", "-nkvo", "-mmp", "--mmap"),
        _LLAMA,
        "run --endpoint http://HOST:PORT/v1",
        "These belong to llama.cpp, whose server is measured so.",
    ),
    ForeignName(
        ("--backend",),
        f"{_OPTIMUM} and {_VLLM}",
        "new model NAME",
        "A model's class is its backend; a server is --endpoint.",
    ),
    ForeignName(("--task",), _OPTIMUM, note="what a model does is read from its own files."),
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
    found = _entry(option.replace("_", "-"), command)
    if found is None:
        return ""
    if not found.here:
        return f"an option of {found.tools}; {found.note}"
    words = found.here.partition(" ")[2]
    options = set(options_of(found))
    is_here = command_of(found) == command or (options and options <= set(known))
    return f"an option of {found.tools}; here it is `{words if is_here else found.here}`. {found.note}".rstrip()


def _entry(spelt: str, command: str) -> ForeignName | None:
    """Return the entry of an option: that of the command, else the first."""
    found = [name for name in FOREIGN_NAMES if spelt in name.options]
    return next(chain((name for name in found if command_of(name) == command), found), None)


def command_of(name: ForeignName) -> str:
    """Return the command in what says the same here."""
    return name.here.partition(" ")[0]


def options_of(name: ForeignName) -> Iterator[str]:
    """Yield the options in what says the same here."""
    return (word for word in shlex.split(name.here) if word.startswith("-"))
