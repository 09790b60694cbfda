"""Workloads of several turns: a turn is planned some time after the one before it has ended.

Requests are prepared before the load begins, so a turn repeats the answers that are recorded or made up, not those that
the server gives during the load. A server's cache can therefore hold the prompts of earlier turns, not its own answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import cycle, islice

from inference_bench.endpoint.arrivals import Arrivals
from inference_bench.endpoint.counters import Counter
from inference_bench.endpoint.prefix_cache import PrefixCache, Segments
from inference_bench.endpoint.prompt import Prompt
from inference_bench.endpoint.prompt_tokens import Account, PromptMaker
from inference_bench.endpoint.sources import Conversation, Turn
from inference_bench.endpoint.vocabulary import CHARACTERS
from inference_bench.endpoint.workload import START, PlannedRequest, Workload
from inference_bench.errors import InvalidValueError

_CODE_CHARACTERS = 12
"""Of 36 characters each: 62 bits, so that no two conversations of two runs begin alike."""


def sized_sessions(
    maker: PromptMaker,
    arrivals: Arrivals,
    *,
    turns: int,
    prompt_tokens: int,
    turn_tokens: int,
    new_tokens: int,
    wait_ns: int = 0,
    prefix_cache: PrefixCache | None = None,
) -> Workload:
    """Return sessions whose prompts grow: each turn's begins with that of the turn before.

    A turn's prompt is longer than the last one by ``new_tokens`` for its answer and ``turn_tokens`` for the next
    question, as the server counts. It is one text, in a chat one message, so that its length is exact by every way.

    Args:
        maker: makes prompts for this server.
        arrivals: when the sessions begin.
        turns: of each session.
        prompt_tokens: of the first turn.
        turn_tokens: that each later turn adds.
        new_tokens: tokens to generate for each turn.
        wait_ns: from the end of a turn to the instant at which the next one is planned.
        prefix_cache: what the sessions have in common; ``shared`` is a fraction of the first prompt.

    Raises:
        InvalidValueError: a number outside of its limits.
    """
    for what, given, least in (("turns", turns, 1), ("turn tokens", turn_tokens, 0), ("wait", wait_ns, 0)):
        if given < least:
            raise InvalidValueError(what, given, f"at least {least}")
    cache = prefix_cache or PrefixCache()
    segments = Segments(maker.vocabulary, cache)
    lengths = [prompt_tokens + turn * (new_tokens + turn_tokens) for turn in range(turns)]
    maker.try_lengths(lengths)
    shared = round(cache.fraction * max(0, prompt_tokens - maker.added(prompt_tokens)))

    requests: list[PlannedRequest] = []
    for session in range(arrivals.requests):
        for turn, length in enumerate(lengths):
            made = maker.make(length, partial(segments.request, session, shared=shared))
            if turn == 0:
                cached = maker.cached(prompt_tokens, segments)
                requests.append(PlannedRequest(made.prompt, made.tokens, new_tokens, cached))
            else:
                after = len(requests) - 1
                requests.append(PlannedRequest(made.prompt, made.tokens, new_tokens, None, after, wait_ns))
    return Workload(tuple(requests), arrivals, cache, maker.account, segments.notes(arrivals.requests))


def conversed(
    conversations: Sequence[Conversation],
    arrivals: Arrivals,
    *,
    new_tokens: int,
    chat: bool,
    counter: Counter | None = None,
    all_turns: bool = True,
    wait_ns: int = 0,
    prefix_cache: PrefixCache | None = None,
) -> Workload:
    """Return the prompts and conversations of a file, in its order and from its beginning again if it has too few.

    With ``unique`` a code of 12 characters stands before the first text of each; with ``warm`` they are sent as they
    are.

    Args:
        conversations: of the file.
        arrivals: when each conversation begins.
        new_tokens: tokens to generate where neither the file nor a recorded answer says.
        chat: whether messages are sent, or one text with a line for each of them.
        counter: counts prompts and recorded answers, if counting is free.
        all_turns: whether later turns follow, or only the first is sent.
        wait_ns: as of ``sized_sessions``.
        prefix_cache: ``unique`` or ``warm``.

    Raises:
        InvalidValueError: ``shared``, which texts of a file do by themselves.
    """
    cache = prefix_cache or PrefixCache()
    if cache.mode == "shared":
        raise InvalidValueError("prefix cache", str(cache), "unique or warm", "Texts of a file share what they share.")
    count = counter.count if counter is not None and counter.free else None
    chosen: Iterator[Conversation] = islice(cycle(conversations), arrivals.requests)
    if cache.mode == "unique":
        chosen = _coded(chosen, Segments(CHARACTERS, cache))
    requests: list[PlannedRequest] = []
    for conversation in chosen:
        for turn in range(len(conversation.turns) if all_turns else 1):
            prompt = _prompt(conversation, turn, chat=chat)
            asked = _new_tokens(conversation.turns[turn], count) or new_tokens
            after = len(requests) - 1 if turn else START
            tokens = count(prompt) if count else None
            requests.append(PlannedRequest(prompt, tokens, asked, None, after, wait_ns if turn else 0))
    counted = len(requests) if count else 0
    account = Account("source", counter.counted if counter else 0, counted, counted)
    return Workload(tuple(requests), arrivals, cache, account)


def _coded(conversations: Iterator[Conversation], segments: Segments) -> Iterator[Conversation]:
    """Put a code of its own before the first text of each conversation."""
    for index, conversation in enumerate(conversations):
        code = CHARACTERS.spelled(segments.segment("request", index, _CODE_CHARACTERS))
        if conversation.system is not None:
            yield Conversation(conversation.turns, f"{code}\n{conversation.system}")
            continue
        first, *others = conversation.turns
        yield Conversation((Turn(f"{code}\n{first.question}", first.answer, first.new_tokens), *others))


def _prompt(conversation: Conversation, turn: int, *, chat: bool) -> Prompt:
    messages = conversation.messages(turn)
    return messages if chat else "\n".join(message["content"] for message in messages)


def _new_tokens(turn: Turn, count: Callable[[Prompt], int] | None) -> int | None:
    """Return how many tokens the file asks for: its own number, or the length of its answer."""
    if turn.new_tokens is not None or turn.answer is None or count is None:
        return turn.new_tokens
    return max(1, count(turn.answer) - count("a") + 1)  # without what the server adds: "a" is one token
