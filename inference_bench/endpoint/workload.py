"""A workload: which prompts a load sends, for how many new tokens each, and when."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from inference_bench.endpoint.arrivals import Arrivals
from inference_bench.endpoint.prefix_cache import PrefixCache, Segments
from inference_bench.endpoint.prompt import Prompt
from inference_bench.endpoint.prompt_tokens import Account, PromptMaker

if TYPE_CHECKING:
    from numpy.typing import NDArray

START = -1
"""Stands in ``PlannedRequest.after`` for the start of the load."""


@dataclass(frozen=True, slots=True)
class PlannedRequest:
    """What one request asks for.

    Attributes:
        prompt: text, token ids or messages.
        prompt_tokens: its length as the server should count it; None if it was not counted.
        new_tokens: tokens to generate.
        cached_tokens: the most tokens of the prompt that the server's cache may hold by rights; None for any number.
        after: the earlier request whose end it waits for, or ``START``.
        wait_ns: how long after that end it is planned; 0 without one.
    """

    prompt: Prompt
    prompt_tokens: int | None
    new_tokens: int
    cached_tokens: int | None = None
    after: int = START
    wait_ns: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Workload:
    """Requests and when they are planned.

    Attributes:
        requests: in the order in which those that wait for the start alone are planned.
        arrivals: when those are planned.
        prefix_cache: what prompts have in common.
        account: how the prompts' lengths are known.
        notes: what a reader must know about the requests, one sentence each.
    """

    requests: tuple[PlannedRequest, ...]
    arrivals: Arrivals
    prefix_cache: PrefixCache
    account: Account
    notes: tuple[str, ...] = ()

    @property
    def after(self) -> list[int] | None:
        """The request that each one waits for, or ``START``; None if all wait for the start alone."""
        waits = [request.after for request in self.requests]
        return waits if any(wait != START for wait in waits) else None

    @property
    def offsets_ns(self) -> NDArray[np.int64] | None:
        """When each request is planned, in ns after the start or after the end that it waits for, shape (requests,).

        None if all are sent when a client is free.
        """
        if self.after is None:
            return self.arrivals.offsets_ns
        offsets = np.array([request.wait_ns for request in self.requests], np.int64)
        if self.arrivals.offsets_ns is not None:
            offsets[[request.after == START for request in self.requests]] = self.arrivals.offsets_ns
        return offsets


def sized(
    maker: PromptMaker,
    arrivals: Arrivals,
    *,
    prompt_tokens: int,
    new_tokens: int,
    prefix_cache: PrefixCache | None = None,
) -> Workload:
    """Return a workload of prompts of one length.

    Args:
        maker: makes prompts for this server.
        arrivals: when they are sent.
        prompt_tokens: tokens of each prompt, as the server counts.
        new_tokens: tokens to generate for each.
        prefix_cache: what the prompts have in common; nothing, if not given.

    Raises:
        InvalidValueError: fewer tokens than the server adds by itself.
    """
    cache = prefix_cache or PrefixCache()
    segments = Segments(maker.vocabulary, cache)
    maker.try_lengths([prompt_tokens])
    cached = maker.cached(prompt_tokens, segments)
    prompts = [maker.make(prompt_tokens, partial(segments.request, index)) for index in range(arrivals.requests)]
    requests = tuple(PlannedRequest(prompt.prompt, prompt.tokens, new_tokens, cached) for prompt in prompts)
    return Workload(requests, arrivals, cache, maker.account, segments.notes(arrivals.requests))
