"""What a loaded network asks of a machine: by formula from the modules that it calls, beside torch's own counter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from inference_bench.demands import Demands, EncoderDemands, ExpertDemands, WindowDemands
from inference_bench.errors import NotApplicableError
from inference_bench.model.engines.transformers.cache_layers import CacheLayer, cache_layers
from inference_bench.model.engines.transformers.called_modules import Call, recorded_calls
from inference_bench.model.engines.transformers.greedy_steps import takes
from inference_bench.model.engines.transformers.operation_counters import counted_operations, flop_counter
from inference_bench.model.engines.transformers.touched_weights import Experts, Touched, experts_of, touched

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel

    from inference_bench.model.interfaces import TextGenerator
    from inference_bench.model.prompts import Prompts

_LENGTH = 16
"""Positions of the prompt that is counted."""


@dataclass(frozen=True, slots=True)
class _Counted:
    """What one pass did."""

    calls: Sequence[Call]
    flops: int = 0
    operations: int | None = None


def counted_length(prompts: Prompts) -> int:
    """Return the length of the prompt to count."""
    return min(max(_LENGTH, prompts.shortest), prompts.longest)


def generation_demands(
    network: PreTrainedModel, generator: TextGenerator, prompts: Prompts, cache: Callable[[], object]
) -> Demands:
    """Return the demands of a network that generates; runs one prefill and one decode step, uncompiled.

    Args:
        network: loaded.
        generator: that runs it.
        prompts: that it accepts.
        cache: returns its key-value cache.

    Raises:
        NotApplicableError: a cache or weights whose part in a step is unknown.
    """
    length = counted_length(prompts)
    prompt = generator.prompt(length)
    try:
        prefill = _counted_prefill(lambda: generator.prefill(prompt))
        decode = _counted_decode(network, generator.decode)
        layers = cache_layers(cache())
    finally:
        generator.reset()
    return _of_generation(network, length, prefill, decode, layers)


def _of_generation(
    network: PreTrainedModel, length: int, prefill: _Counted, decode: _Counted, layers: Sequence[CacheLayer]
) -> Demands:
    config = network.config.get_text_config(decoder=True)
    experts = experts_of(config)
    head_calls, body_calls = _split(network, decode.calls)
    body, head = touched(body_calls, experts), touched(head_calls, experts)
    kv_bytes, pair_flops = _attention([of for of in layers if of.window is None], config)
    return Demands(
        weight_bytes=body.weight_bytes + head.weight_bytes,
        kv_bytes_per_position=kv_bytes,
        multiplied_parameters=body.multiplied,
        head_parameters=head.multiplied,
        attention_flops_per_pair=pair_flops,
        operations_per_step=decode.operations,
        counted_prefill_flops=prefill.flops or None,
        counted_length=length,
        window=_window(layers, config),
        experts=_experts(body, experts),
        encoder=_encoder(config, _only_in(prefill.calls, decode.calls)) if network.config.is_encoder_decoder else None,
        matrices=() if body.expert_bytes else tuple(sorted(Counter(body.matrices + head.matrices).items())),
    )


def encoding_demands(network: PreTrainedModel, length: int, encode: Callable[[], object]) -> Demands:
    """Return the demands of an encoder; runs it once on a prompt of ``length`` positions, uncompiled.

    Raises:
        NotApplicableError: weights whose part in a pass is unknown.
    """
    config = network.config.get_text_config()
    seen, experts = _counted_prefill(encode), experts_of(config)
    every = touched(seen.calls, experts)
    return Demands(
        weight_bytes=every.weight_bytes,
        kv_bytes_per_position=0,
        multiplied_parameters=touched((call for call in seen.calls if call.rows == 1), experts).multiplied,
        head_parameters=0,
        attention_flops_per_pair=0,
        counted_prefill_flops=seen.flops or None,
        counted_length=length,
        experts=_experts(every, experts),
        encoder=_encoder(config, [call for call in seen.calls if call.rows != 1]),
    )


def _counted_prefill(run: Callable[[], object]) -> _Counted:
    """Run a pass with its calls and floating-point operations counted."""
    import torch

    with torch.compiler.set_stance("force_eager"), recorded_calls() as calls, flop_counter() as flops:
        run()
    return _Counted(calls, flops=flops.get_total_flops())


def _counted_decode(network: PreTrainedModel, run: Callable[[], object]) -> _Counted:
    """Run a pass with its calls and operations counted; those of a compiled network are others, and unknown."""
    import torch

    with torch.compiler.set_stance("force_eager"), recorded_calls() as calls, counted_operations() as found:
        run()
    return _Counted(calls, operations=None if network._compiled_call_impl else found.operations)


def _split(network: PreTrainedModel, calls: Sequence[Call]) -> tuple[list[Call], list[Call]]:
    """Return the calls of a head that a prefill runs on its last position only, and all others."""
    runs_once = network.config.is_encoder_decoder or takes(network, "logits_to_keep")
    of: Any = network  # without annotations of this method
    head = of.get_output_embeddings() if runs_once else None
    return [call for call in calls if call.module is head], [call for call in calls if call.module is not head]


def _only_in(calls: Iterable[Call], others: Iterable[Call]) -> list[Call]:
    """Return the calls of modules that the others do not call, and that see every position."""
    known = {id(call.module) for call in others}
    return [call for call in calls if id(call.module) not in known and call.rows != 1]


def _attention(layers: Sequence[CacheLayer], config: PreTrainedConfig) -> tuple[int, int]:
    """Return the bytes of keys and values per position, and the operations per pair of positions, of all layers.

    Per pair and query head: a product of query and key, and a sum of values, two operations per entry each.
    """
    heads = config.num_attention_heads
    return sum(of.bytes_per_position for of in layers), sum(2 * heads * of.widths for of in layers)


def _window(layers: Sequence[CacheLayer], config: PreTrainedConfig) -> WindowDemands | None:
    windowed = [of for of in layers if of.window is not None]
    sizes = {of.window for of in windowed if of.window is not None}
    if len(sizes) > 1:
        raise NotApplicableError(f"its layers attend to windows of several sizes: {', '.join(map(str, sorted(sizes)))}")
    return WindowDemands(sizes.pop(), *_attention(windowed, config)) if sizes else None


def _experts(found: Touched, experts: Experts | None) -> ExpertDemands | None:
    if experts is None or not found.expert_bytes:
        return None
    return ExpertDemands(found.expert_bytes, experts.taken / experts.count)


def _encoder(config: PreTrainedConfig, calls: Iterable[Call]) -> EncoderDemands:
    """Return what an encoder asks for per position: of an encoder-decoder with the keys and values of its output."""
    layers = getattr(config, "encoder_layers", None) or config.num_hidden_layers
    heads = getattr(config, "encoder_attention_heads", None) or config.num_attention_heads
    size = getattr(config, "d_kv", None) or getattr(config, "head_dim", None) or config.hidden_size // heads
    return EncoderDemands(touched(calls, experts_of(config)).multiplied, 4 * layers * heads * size)
