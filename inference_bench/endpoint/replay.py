"""The workload of a trace: its instants and lengths, and prompts that begin alike where its blocks say so."""

from __future__ import annotations

from functools import partial

from inference_bench.endpoint.arrivals import trace
from inference_bench.endpoint.prefix_cache import PrefixCache, Segments
from inference_bench.endpoint.prompt_tokens import PromptMaker
from inference_bench.endpoint.traces import Trace, TraceRequest
from inference_bench.endpoint.workload import PlannedRequest, Workload
from inference_bench.errors import InvalidValueError
from inference_bench.units import counted


def replayed(
    maker: PromptMaker,
    recorded: Trace,
    *,
    speed_up: float = 1.0,
    most_tokens: int | None = None,
    prefix_cache: PrefixCache | None = None,
) -> Workload:
    """Return the workload of a trace.

    Equal block ids give equal stretches of as many tokens as the trace's blocks have; what the blocks do not reach is
    the request's own. A prompt shorter than the server's own tokens becomes the shortest that is possible.

    Args:
        maker: makes prompts for this server.
        recorded: the trace.
        speed_up: 2 plays it twice as fast.
        most_tokens: requests with more tokens, prompt and answer together, are left out; the server's context length.
        prefix_cache: ``unique`` or ``warm``: whether two replays have blocks in common; ``shared`` without blocks only.

    Raises:
        InvalidValueError: no request fits, ``shared`` with blocks, or an invalid speed-up.
    """
    cache = prefix_cache or PrefixCache()
    if cache.mode == "shared" and recorded.block_tokens:
        raise InvalidValueError("prefix cache", f"{cache}", "unique or warm", "The trace says what its prompts share.")
    kept = _fitting(recorded, most_tokens)
    maker.try_lengths(maker.possible(each.prompt_tokens) for each in kept)
    lengths = [maker.possible(each.prompt_tokens) for each in kept]
    segments = Segments(maker.vocabulary, cache)

    def units(index: int, count: int) -> list[int]:
        blocks = kept[index].blocks
        return (
            segments.blocks(blocks, recorded.block_tokens, index, count) if blocks else segments.request(index, count)
        )

    prompts = [maker.make(length, partial(units, index)) for index, length in enumerate(lengths)]
    requests = tuple(
        PlannedRequest(prompt.prompt, length, each.new_tokens, None if each.blocks else maker.cached(length, segments))
        for prompt, length, each in zip(prompts, lengths, kept, strict=True)
    )
    arrivals = trace((each.time_ns for each in kept), speed_up=speed_up)
    return Workload(requests, arrivals, cache, maker.account, _notes(recorded, kept, lengths))


def _fitting(recorded: Trace, most_tokens: int | None) -> list[TraceRequest]:
    if most_tokens is None:
        return list(recorded.requests)
    kept = [each for each in recorded.requests if each.prompt_tokens + each.new_tokens <= most_tokens]
    if not kept:
        least = min(each.prompt_tokens + each.new_tokens for each in recorded.requests)
        raise InvalidValueError("most tokens", most_tokens, f"at least {least:,}, the shortest request of the trace")
    return kept


def _notes(recorded: Trace, kept: list[TraceRequest], lengths: list[int]) -> tuple[str, ...]:
    longer = sum(length > each.prompt_tokens for length, each in zip(lengths, kept, strict=True))
    facts = (
        (recorded.failed, "left out, which the trace records as failed"),
        (len(recorded.requests) - len(kept), "left out, with more tokens than the server takes"),
        (longer, "lengthened to the shortest prompt that is possible"),
    )
    return tuple(f"{counted(number, 'request')} {what}" for number, what in facts if number)
