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
    """The difference between a figure in process and over HTTP, in ns.

    All are means of the middle half: of the samples in process, and of the requests, half of which are left out by how
    long they took. Unlike medians these add up, and unlike means of all they do not follow the slowest.

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
        """What the items leave of the difference: the time of requests that lies in no stage."""
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
    of = speeds.requests
    yield _ttft(speeds, _typical(rows, of.first_content_ns - of.planned_ns))
    yield _per_token(speeds, _typical(rows, of.last_content_ns - of.first_content_ns))
    yield _whole(speeds, _typical(rows, of.ended_ns - of.planned_ns))


def _ttft(speeds: Speeds, rows: NDArray[np.intp]) -> Account:
    of, stage = speeds.requests, _stages(speeds.requests, rows)
    steps_ns, generate_ns = _in_process(speeds.steps, "ttft"), _in_process(speeds.generate, "ttft")
    first_token_ns = (of.server_received_ns + of.queue_ns + of.prefill_ns)[rows]
    items = (
        Item(_GENERATE, generate_ns - steps_ns),
        Item(_ON_SERVER, _mean(stage["prefill"]) - generate_ns),
        *_before(stage),
        Item("first token handed over", _mean(of.server_first_ns[rows] - first_token_ns)),
        Item("to the client", _mean((of.first_content_ns - of.server_first_ns)[rows])),
    )
    return Account("TTFT", steps_ns, items, _mean((of.first_content_ns - of.planned_ns)[rows]))


def _per_token(speeds: Speeds, rows: NDArray[np.intp]) -> Account:
    of, gaps = speeds.requests, max(speeds.new_tokens - 1, 1)
    steps_ns = _in_process(speeds.steps, "tpot")
    generate_ns = (_in_process(speeds.generate, "e2e") - _in_process(speeds.generate, "ttft")) / gaps
    served_ns, arrived_ns = of.decode_ns[rows] / gaps, (of.last_content_ns - of.first_content_ns)[rows] / gaps
    items = (
        Item(_GENERATE, generate_ns - steps_ns),
        Item(_ON_SERVER, _mean(served_ns) - generate_ns),
        Item("from the server to the client", _mean(arrived_ns - served_ns)),
    )
    return Account("later token", steps_ns, items, _mean(arrived_ns))


def _whole(speeds: Speeds, rows: NDArray[np.intp]) -> Account:
    of, stage = speeds.requests, _stages(speeds.requests, rows)
    steps_ns, generate_ns = _in_process(speeds.steps, "e2e"), _in_process(speeds.generate, "e2e")
    items = (
        Item(_GENERATE, generate_ns - steps_ns),
        Item(_ON_SERVER, _mean(stage["prefill"] + stage["decode"]) - generate_ns),
        *_before(stage),
        Item("last byte handed over", _mean(stage["hand over"])),
        Item("to the client", _mean(stage["to client"])),
    )
    return Account("whole request", steps_ns, items, _mean((of.ended_ns - of.planned_ns)[rows]))


def _before(stage: dict[str, NDArray[np.int64]]) -> Iterator[Item]:
    """Yield what comes before the generation."""
    yield Item(_SENT, _mean(stage["dispatch"] + stage["connect"]))
    yield Item("to the server: network, HTTP parser", _mean(stage["to server"]))
    yield Item("queue: JSON, chat template, tokenizing, a thread", _mean(stage["queue"]))


def _stages(requests: Requests, rows: NDArray[np.intp]) -> dict[str, NDArray[np.int64]]:
    return dict(zip(STAGES, stage_durations(requests, rows).stages_ns.T, strict=True))


def _in_process(samples: Samples, metric: str) -> float:
    rows = np.flatnonzero((samples.metric == metric) & (samples.stage == Stage.MEASURED.value))
    if not len(rows):
        raise ValueError(f"no sample of {metric} was measured: expected one or more. Give a larger --budget")
    return float(samples.value[_typical(rows, samples.value)].mean())


def _typical(rows: NDArray[np.intp], took_ns: NDArray[np.int64]) -> NDArray[np.intp]:
    """Return the rows without the fastest and the slowest quarter."""
    cut = len(rows) // 4
    return rows[np.argsort(took_ns[rows], kind="stable")][cut : len(rows) - cut]


def _mean(values: NDArray[np.int64] | NDArray[np.float64]) -> float:
    return float(values.mean())
