"""What serving over HTTP adds to a figure of a model in process, item by item. Pure functions of what was measured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from inference_bench.analysis.serving.stage_durations import STAGES, has_both_sides, stage_durations
from inference_bench.result import Requests, Samples, Stage

_GENERATE = "generate() of the framework, over bare steps"
_ON_SERVER = "the same call on the server: streamer, hooks, event loop"
_SENT = "dispatch and connect"


class Item(NamedTuple):
    """One part of a difference."""

    name: str
    ns: float


@dataclass(frozen=True, slots=True)
class Account:
    """The difference between a figure in process and over HTTP; all medians, in ns.

    Attributes:
        figure: what is compared.
        in_process_ns: of ``inference_speed`` by steps.
        items: what is known of the difference.
        over_http_ns: from the planned instant, as the client measured.
    """

    figure: str
    in_process_ns: float
    items: tuple[Item, ...]
    over_http_ns: float

    @property
    def difference_ns(self) -> float:
        """What serving adds."""
        return self.over_http_ns - self.in_process_ns

    @property
    def residual_ns(self) -> float:
        """What the items leave of the difference: medians do not add up exactly, and the join has its own residual."""
        return self.difference_ns - sum(item.ns for item in self.items)

    @property
    def unexplained(self) -> float:
        """The residual as a share of the difference."""
        return abs(self.residual_ns / self.difference_ns) if self.difference_ns else 0.0


@dataclass(frozen=True, slots=True)
class Speeds:
    """What was measured of one model.

    Attributes:
        steps: samples of ``inference_speed`` by steps.
        generate: the same by the framework's ``generate``.
        requests: over HTTP.
        new_tokens: tokens of each generation.
    """

    steps: Samples
    generate: Samples
    requests: Requests
    new_tokens: int


def accounts(speeds: Speeds) -> Iterator[Account]:
    """Yield the account of TTFT, of the time per later token, and of the whole request.

    Raises:
        ValueError: the server told its stages of no request.
    """
    rows = np.flatnonzero(has_both_sides(speeds.requests) & (speeds.requests.stage == Stage.MEASURED.value))
    if not len(rows):
        raise ValueError("the server told its stages of no request: expected one that mounts RequestsEndpoint")
    yield _ttft(speeds, rows)
    yield _per_token(speeds, rows)
    yield _whole(speeds, rows)


def _ttft(speeds: Speeds, rows: NDArray[np.intp]) -> Account:
    of, stage = speeds.requests, _stages(speeds.requests, rows)
    steps_ns, generate_ns = _median(speeds.steps, "ttft"), _median(speeds.generate, "ttft")
    first_token_ns = (of.server_received_ns + of.queue_ns + of.prefill_ns)[rows]
    items = (
        Item(_GENERATE, generate_ns - steps_ns),
        Item(_ON_SERVER, _middle(stage["prefill"]) - generate_ns),
        *_before(stage),
        Item("first token handed over", _middle(of.server_first_ns[rows] - first_token_ns)),
        Item("to the client", _middle((of.first_content_ns - of.server_first_ns)[rows])),
    )
    return Account("TTFT", steps_ns, items, _middle((of.first_content_ns - of.planned_ns)[rows]))


def _per_token(speeds: Speeds, rows: NDArray[np.intp]) -> Account:
    of, gaps = speeds.requests, max(speeds.new_tokens - 1, 1)
    steps_ns = _median(speeds.steps, "tpot")
    generate_ns = (_median(speeds.generate, "e2e") - _median(speeds.generate, "ttft")) / gaps
    served_ns, arrived_ns = of.decode_ns[rows] / gaps, (of.last_content_ns - of.first_content_ns)[rows] / gaps
    items = (
        Item(_GENERATE, generate_ns - steps_ns),
        Item(_ON_SERVER, _middle(served_ns) - generate_ns),
        Item("from the server to the client", _middle(arrived_ns - served_ns)),
    )
    return Account("later token", steps_ns, items, _middle(arrived_ns))


def _whole(speeds: Speeds, rows: NDArray[np.intp]) -> Account:
    of, stage = speeds.requests, _stages(speeds.requests, rows)
    steps_ns, generate_ns = _median(speeds.steps, "e2e"), _median(speeds.generate, "e2e")
    items = (
        Item(_GENERATE, generate_ns - steps_ns),
        Item(_ON_SERVER, _middle(stage["prefill"] + stage["decode"]) - generate_ns),
        *_before(stage),
        Item("last byte handed over", _middle(stage["hand over"])),
        Item("to the client", _middle(stage["to client"])),
    )
    return Account("whole request", steps_ns, items, _middle((of.ended_ns - of.planned_ns)[rows]))


def _before(stage: dict[str, NDArray[np.int64]]) -> Iterator[Item]:
    """Yield what comes before the generation."""
    yield Item(_SENT, _middle(stage["dispatch"] + stage["connect"]))
    yield Item("to the server: network, HTTP parser", _middle(stage["to server"]))
    yield Item("queue: JSON, chat template, tokenizing, a thread", _middle(stage["queue"]))


def _stages(requests: Requests, rows: NDArray[np.intp]) -> dict[str, NDArray[np.int64]]:
    return dict(zip(STAGES, stage_durations(requests, rows).stages_ns.T, strict=True))


def _median(samples: Samples, metric: str) -> float:
    found = samples.value[(samples.metric == metric) & (samples.stage == Stage.MEASURED.value)]
    if not len(found):
        raise ValueError(f"no sample of {metric} was measured: expected one or more. Give a larger --budget")
    return _middle(found)


def _middle(values: NDArray[np.int64] | NDArray[np.float64]) -> float:
    return float(np.median(values))
