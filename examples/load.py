"""Send chats to a server on a precomputed schedule, with the ``openai`` client: ``python examples/load.py``.

The load is open: each chat is sent when it is due, even while others wait for answers, and its times count from that
moment. So a slow server shows in the results instead of slowing the load down.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from openai import AsyncOpenAI, OpenAIError

from inference_bench._native import Pacer, now_ns
from inference_bench.analysis.estimates import median_estimate
from inference_bench.units import format_ns

QUESTIONS = (
    "What is the capital of France?",
    "Name three primary colours.",
    "Write one sentence about the sea.",
    "How many legs does a spider have?",
)


@dataclass(slots=True)
class Seen:
    """Times that the clients measured, in nanoseconds after each chat was due."""

    first_piece_ns: list[int] = field(default_factory=list)
    whole_answer_ns: list[int] = field(default_factory=list)
    between_pieces_ns: list[int] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


async def send(client: AsyncOpenAI, pacer: Pacer, tokens: int) -> Seen:
    """Send a chat at every tick, and return the times after the last answer."""
    seen = Seen()
    due_ns = pacer.schedule()
    async with client, asyncio.TaskGroup() as group:
        arrived = asyncio.Event()
        loop, readable = asyncio.get_running_loop(), pacer.open_eventfd()
        loop.add_reader(readable, arrived.set)
        try:
            while not pacer.done:
                await arrived.wait()
                arrived.clear()
                for tick in pacer.take():
                    began_ns = (pacer.start_ns or 0) + due_ns[tick]
                    question = QUESTIONS[tick % len(QUESTIONS)]
                    group.create_task(_chat(client, question, tokens, began_ns, seen))
        finally:
            loop.remove_reader(readable)
            pacer.close()
    return seen


async def _chat(client: AsyncOpenAI, question: str, tokens: int, began_ns: int, seen: Seen) -> None:
    times = [began_ns]
    try:
        stream = await client.chat.completions.create(
            model="any", messages=[{"role": "user", "content": question}], max_tokens=tokens, stream=True
        )
        async for chunk in stream:
            if chunk.choices and chunk.choices[0].delta.content:
                times.append(now_ns())
    except OpenAIError as error:
        seen.failures.append(f"{type(error).__name__}: {error}")
        return
    if len(times) < 2:
        seen.failures.append("an empty answer")
        return
    seen.first_piece_ns.append(times[1] - began_ns)
    seen.whole_answer_ns.append(times[-1] - began_ns)
    seen.between_pieces_ns += np.diff(times[1:]).tolist()


def show(what: str, values_ns: Sequence[int]) -> None:
    """Print one row: the median with its 95 % interval, and the maximum."""
    if not values_ns:
        return
    found = median_estimate(np.array(values_ns))
    if found.value is None or found.low is None or found.high is None:
        print(f"{what:16} too few for an interval of the median, maximum {format_ns(max(values_ns))}")
        return
    interval = f"[{format_ns(found.low)}, {format_ns(found.high)}]"
    print(f"{what:16} median {format_ns(found.value)} {interval}, maximum {format_ns(max(values_ns))}")


def main() -> int:
    """Send the chats, print the times, and return 1 if a chat failed, else 0."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="http://127.0.0.1:8000/v1", help="default: http://127.0.0.1:8000/v1")
    parser.add_argument("--rate", type=float, default=0.5, help="chats per second, as a Poisson process (default: 0.5)")
    parser.add_argument("--count", type=int, default=30, help="number of chats (default: 30)")
    parser.add_argument("--tokens", type=int, default=32, help="limit of tokens per answer (default: 32)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the schedule (default: 0)")
    given = parser.parse_args()
    client = AsyncOpenAI(base_url=given.url, api_key="none", max_retries=0, timeout=600)
    pacer = Pacer.poisson(given.rate, given.count, seed=given.seed)
    seen = asyncio.run(send(client, pacer, given.tokens))
    print(f"{given.count} chats at {given.rate:g} per second (Poisson, seed {given.seed}), {len(seen.failures)} failed")
    show("first piece", seen.first_piece_ns)
    show("between pieces", seen.between_pieces_ns)
    show("whole answer", seen.whole_answer_ns)
    show("sent late by", pacer.columns()["lag_ns"].tolist())
    for failure in sorted(set(seen.failures)):
        print(f"failed: {failure}", file=sys.stderr)
    return int(bool(seen.failures))


if __name__ == "__main__":
    sys.exit(main())
