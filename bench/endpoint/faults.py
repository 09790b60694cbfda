"""What a scripted server plants, one fault at a time, and what of each answer is the truth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from inference_bench.endpoint import scripts
from inference_bench.endpoint.scripts import DONE, Script, Step, delta_event, event, sse_stream, streamed, usage_event
from inference_bench.units import NS_PER_MS, NS_PER_S

TOKENS = 16
PROMPT_TOKENS = 32
FIRST_NS = 50 * NS_PER_MS
GAP_NS = 20 * NS_PER_MS
TEXT = " the"
STOP_NS = 200 * NS_PER_MS
STOP_RATE = 40
SLOW_MS = 100
SLOW = round(STOP_RATE * (STOP_NS - SLOW_MS * NS_PER_MS + FIRST_NS) / NS_PER_S)
"""Requests that are due while the client is stopped and whose first token comes over 100 ms after that."""

Kind = scripts.Kind

_TEXT = delta_event("chat", TEXT)
_LAST = delta_event("chat", TEXT, finish_reason="length")
_ROLE = delta_event("chat", "", role="assistant")
_END = usage_event("chat", PROMPT_TOKENS, TOKENS) + DONE


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is planted.

    Attributes:
        name: as in the table.
        truth: what a truthful client reports.
        script: played for every request.
        texts: for each event with text, the step that completes it and its tokens.
        close: what becomes of the connection.
        is_success: whether an answer may count as one.
        plant: ``stop`` (SIGSTOP for 200 ms), ``hold`` (a thread holds the GIL, 200 ms of each second), or nothing.
        rate: requests a second; None for one at a time.
        twice: the client is run twice with one seed.
    """

    name: str
    truth: str
    script: Script
    texts: Mapping[int, int] = field(default_factory=dict)
    close: str = "keep"
    is_success: bool = True
    plant: str = ""
    rate: float | None = None
    twice: bool = False

    @property
    def tokens(self) -> int:
        """Tokens of one answer."""
        return sum(self.texts.values())


def faults() -> Iterator[Fault]:
    """Yield all faults, in the order of the table."""
    yield _of_texts("nothing", "TTFT 50 ms, ITL 20 ms, 16 tokens", whole_answer())
    yield _of_texts(
        f"client stopped for 200 ms, {STOP_RATE} requests/s",
        f"TTFT over 100 ms for {SLOW} requests: those due in the first 150 ms of the stop, from the planned instant",
        whole_answer(),
        plant="stop",
        rate=STOP_RATE,
    )
    yield _of_texts(
        "interpreter of the client held for 200 ms of each second, 10 requests/s",
        "ITL 20 ms, untouched",
        whole_answer(),
        plant="hold",
        rate=10,
    )
    yield _of_texts(
        "role first, content 150 ms later",
        "TTFT 200 ms",
        sse_stream("chat", TOKENS, 4 * FIRST_NS, GAP_NS, text=TEXT, role_ns=FIRST_NS, prompt_tokens=PROMPT_TOKENS),
    )
    yield _of_texts("300 ms of reasoning first", "TTFT 350 ms, first reasoning 50 ms", _reasoning())
    yield _of_texts(
        "4 tokens per event, 80 ms apart",
        "ITL 20 ms per token or unknown, 16 tokens",
        sse_stream("chat", TOKENS, FIRST_NS, 4 * GAP_NS, text=TEXT, tokens_per_event=4, prompt_tokens=PROMPT_TOKENS),
        tokens_each=4,
    )
    yield Fault(
        "4 events in one segment, 80 ms apart",
        "16 tokens; gaps 0, 0, 0, 80 ms as they arrived",
        _coalesced(),
        dict.fromkeys(range(2, 6), 4),
    )
    yield Fault("each event cut, 10 ms between its halves", "TTFT 60 ms, ITL 20 ms", *_cut())
    yield from _broken()
    yield _of_texts(
        "second run with the same seed",
        "no prompt of the first run again, or a warning",
        whole_answer(),
        twice=True,
    )


def _broken() -> Iterator[Fault]:
    """Yield answers of which none is a success."""
    half = [(0, _ROLE), *_texts(TOKENS // 2)]
    after_ns = FIRST_NS + (TOKENS // 2) * GAP_NS
    error = event({"error": {"message": "out of memory", "type": "server_error", "code": 500}})
    spoiled = b"data: {" + b'"choices": [{"delta"' + b"\n\n"
    rest = [(time_ns + after_ns - FIRST_NS + GAP_NS, text) for time_ns, text in _texts(TOKENS // 2 - 1)]
    failed = "none counted as success"
    yield _of_texts("error event in mid-stream", failed, streamed([*half, (after_ns, error)]), is_success=False)
    whole = [(FIRST_NS, _ROLE), *_texts(TOKENS)]
    yield _of_texts("no [DONE] at the end", f"{failed}, or marked", streamed(whole), is_success=False)
    malformed = [*half, (after_ns, spoiled), *rest, (rest[-1][0], _END)]
    yield _of_texts("an event of malformed JSON", f"{failed}, or marked", streamed(malformed), is_success=False)
    refused = scripts.json_answer({"error": {"message": "too many requests", "code": 429}}, 429, after_ns=FIRST_NS)
    yield Fault("429", failed, refused, is_success=False)
    yield _of_texts("half-closed in mid-stream", failed, streamed(half, ends=False), is_success=False, close="half")


def _of_texts(name: str, truth: str, script: Script, *, tokens_each: int = 1, **options: object) -> Fault:
    """Return a fault whose script has whole events of so many tokens."""
    texts = {step: tokens_each for step, (_, data) in enumerate(script) if TEXT.encode() in data}
    return Fault(name, truth, script, texts, **options)  # type: ignore[arg-type]


def whole_answer() -> Script:
    """Return the script of an answer without a fault."""
    return sse_stream("chat", TOKENS, FIRST_NS, GAP_NS, text=TEXT, prompt_tokens=PROMPT_TOKENS)


def _texts(count: int) -> list[Step]:
    return [(FIRST_NS + index * GAP_NS, _TEXT) for index in range(count)]


def _reasoning() -> Script:
    thought = delta_event("chat", "", reasoning=TEXT.upper())
    thoughts = [(FIRST_NS + index * GAP_NS, thought) for index in range(15)]
    texts = [(time_ns + 300 * NS_PER_MS, text) for time_ns, text in _texts(TOKENS)]
    usage = usage_event("chat", PROMPT_TOKENS, TOKENS + len(thoughts))
    return streamed([(FIRST_NS, _ROLE), *thoughts, *texts, (texts[-1][0], usage + DONE)])


def _coalesced() -> Script:
    """Four chunks of the chunked coding in one step, so that one segment carries four events."""
    four = b"".join([scripts.chunk(_TEXT)] * 4)
    steps = [(0, scripts.head()), (FIRST_NS, scripts.chunk(_ROLE))]
    steps += [(FIRST_NS + index * 4 * GAP_NS, four) for index in range(TOKENS // 4)]
    return (*steps, (steps[-1][0], scripts.chunk(_END) + scripts.LAST_CHUNK))


def _cut() -> tuple[Script, dict[int, int]]:
    """Each event in two chunks, the second 10 ms later; the second completes it."""
    cut = len(_TEXT) // 2
    events: list[Step] = [(FIRST_NS, _ROLE)]
    for time_ns, text in _texts(TOKENS):
        events += [(time_ns, text[:cut]), (time_ns + 10 * NS_PER_MS, text[cut:])]
    script = streamed([*events, (events[-1][0], _END)])
    return script, dict.fromkeys(range(3, 3 + 2 * TOKENS, 2), 1)


def gaps_ns(times_ns: list[int], tokens: list[int]) -> list[float]:
    """Return the time per token from each event to the next, ns."""
    return [(after - before) / count for (before, after), count in zip(pairwise(times_ns), tokens[1:], strict=True)]
