"""vLLM's ``AsyncLLM`` with what it reads from environment variables."""

from __future__ import annotations

import json
import math
import os
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inference_bench.errors import EngineError, WeightsError

if TYPE_CHECKING:
    from inference_bench.spec import Setup

_GIB = 1 << 30
_ELEMENT_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
_FULL_BATCH = 2048
"""Positions of each sequence of a full batch for which the key-value cache has room."""


def variables(setup: Setup, cache_gib: int) -> dict[str, str]:
    """Return what vLLM reads from the environment while it starts its processes.

    Its threads are bound to the first CPUs that this process may use, so that there are as many as asked for.
    """
    cpus = sorted(os.sched_getaffinity(0))[: setup.threads]
    return {
        "VLLM_CPU_OMP_THREADS_BIND": ",".join(map(str, cpus)),
        "VLLM_CPU_KVCACHE_SPACE": str(cache_gib),
        "VLLM_WORKER_MULTIPROC_METHOD": "spawn",
        "VLLM_LOGGING_LEVEL": "WARNING",
        "VLLM_NO_USAGE_STATS": "1",
        "HF_HUB_OFFLINE": "1",
    }


def cache_gib(config: Mapping[str, Any], dtype: str, positions: int, sequences: int) -> int:
    """Return the GiB of a key-value cache for one longest sequence, and for a full batch of shorter ones."""
    heads = config["num_attention_heads"]
    width = config.get("head_dim") or config["hidden_size"] // heads
    per_position: int = 2 * config["num_hidden_layers"] * (config.get("num_key_value_heads") or heads) * width
    needed = max(positions, sequences * min(positions, _FULL_BATCH))
    return math.ceil(needed * per_position * _ELEMENT_BYTES[dtype] / _GIB)


def open_engine(path: Path, setup: Setup, positions: int, sequences: int) -> Any:
    """Start vLLM's processes and return their ``AsyncLLM``.

    Args:
        path: folder of weights.
        setup: dtype, threads, seed, and whether it compiles.
        positions: most positions of a sequence.
        sequences: most sequences in one step.

    Raises:
        WeightsError: vLLM does not load them.
    """
    config = json.loads((path / "config.json").read_bytes())
    space = cache_gib(config, setup.dtype, positions, sequences)
    with _environment(variables(setup, space)):
        arguments = import_module("vllm.engine.arg_utils").AsyncEngineArgs(
            model=str(path),
            dtype=setup.dtype,
            seed=setup.seed,
            max_model_len=positions,
            max_num_seqs=sequences,
            skip_tokenizer_init=True,
            generation_config="vllm",
            enable_prefix_caching=False,  # all requests have the same prompt
            enforce_eager=setup.compile == "none",
            disable_log_stats=True,
        )
        try:
            return import_module("vllm.v1.engine.async_llm").AsyncLLM.from_engine_args(arguments)
        except (RuntimeError, ValueError, OSError) as error:
            said = " ".join(str(error).split())
            raise WeightsError(f"weights {path}: vLLM does not load them: {said}") from None


async def greedy(engine: Any, request: str, ids: Sequence[int], new_tokens: int) -> AsyncIterator[list[int]]:
    """Yield the tokens of one request as vLLM gives them, one or several at once; no token ends the text.

    Raises:
        EngineError: vLLM failed.
    """
    sampling: Any = import_module("vllm.sampling_params")
    wanted = sampling.SamplingParams(
        temperature=0.0,
        max_tokens=new_tokens,
        ignore_eos=True,
        detokenize=False,
        output_kind=sampling.RequestOutputKind.DELTA,
    )
    try:
        async for found in engine.generate({"prompt_token_ids": list(ids)}, wanted, request_id=request):
            yield list(found.outputs[0].token_ids)
    except (RuntimeError, ValueError, import_module("vllm.exceptions").VLLMServerError) as error:
        said = " ".join(str(error).split())
        raise EngineError(f"vLLM failed while it served: {type(error).__name__}: {said}") from None


@contextmanager
def _environment(changed: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in changed}
    os.environ.update(changed)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
