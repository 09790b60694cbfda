"""A workload: which prompts a load sends, for how many new tokens each, and when."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from inference_bench.endpoint.arrivals import Arrivals
from inference_bench.endpoint.prefix_cache import PrefixCache, Segments
from inference_bench.endpoint.prompt import Prompt
from inference_bench.endpoint.prompt_tokens import Account, PromptMaker

START = -1
"""Stands in ``PlannedRequest.after`` for the start of the load."""


@dataclass(frozen=True, slots=True)
class PlannedRequest:
    """What one request asks for.

    Attributes:
        prompt: text, token ids or messages.
        prompt_tokens: its length as the server should count it; None if nobody counted.
        new_tokens: tokens to generate; None leaves it to the server.
        after: the request whose end it waits for, or ``START``.
    """

    prompt: Prompt
    prompt_tokens: int | None
    new_tokens: int | None
    after: int = START


@dataclass(frozen=True, slots=True, eq=False)
class Workload:
    """Requests and when they are planned.

    Attributes:
        requests: in the order of their planned instants.
        arrivals: when each is planned.
        prefix_cache: what prompts have in common.
        nonce: the number that the prompts were drawn from; the same one gives the same prompts.
        account: how the prompts' lengths are known.
    """

    requests: tuple[PlannedRequest, ...]
    arrivals: Arrivals
    prefix_cache: PrefixCache
    nonce: int
    account: Account

    @property
    def after(self) -> list[int] | None:
        """Return for each request the one that it waits for; None if all wait for the start alone."""
        waits = [request.after for request in self.requests]
        return waits if any(request != START for request in waits) else None


def sized(
    maker: PromptMaker,
    arrivals: Arrivals,
    *,
    prompt_tokens: int,
    new_tokens: int,
    prefix_cache: PrefixCache | None = None,
    seed: int = 0,
    nonce: int | None = None,
) -> Workload:
    """Return a workload of prompts of one length.

    Args:
        maker: makes prompts for this server.
        arrivals: when they are sent.
        prompt_tokens: tokens of each prompt, as the server counts.
        new_tokens: tokens to generate for each.
        prefix_cache: what the prompts have in common; nothing, if not given.
        seed: of the prompts, with ``warm``.
        nonce: that of an earlier workload, to send its prompts again.

    Raises:
        InvalidValueError: fewer tokens than the server adds by itself.
    """
    cache = prefix_cache or PrefixCache()
    number = cache.nonce(seed) if nonce is None else nonce
    segments = Segments(maker.vocabulary, number)
    maker.try_lengths([prompt_tokens])
    prompts = [maker.make(prompt_tokens, partial(segments.request, cache, index)) for index in range(arrivals.requests)]
    requests = tuple(PlannedRequest(prompt.prompt, prompt.tokens, new_tokens) for prompt in prompts)
    return Workload(requests, arrivals, cache, number, maker.account)
