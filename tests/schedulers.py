"""Schedulers for tests, as recipes that another process opens: real ones of this interface, without a model."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence

from inference_bench.model.engine.serving.scheduler import Scheduler


class Counting(Scheduler):
    """Gives each request its first id times 100, plus the number of the token; computes all requests together.

    Args:
        log: gets a line for each step with the requests that it computed, and one for each that was cancelled.
        end: what happens at the step that a request with 13 tokens reaches its third: ``raise`` or ``die``.
        step_s: seconds of one step.
        at_once: tokens of each request in one step.
    """

    def __init__(self, log: str = os.devnull, end: str = "", step_s: float = 0.0, at_once: int = 1) -> None:
        self._log, self._end, self._step_s, self._at_once = log, end, step_s, at_once
        self._given: dict[int, int] = {}
        self._asked: dict[int, tuple[int, int]] = {}

    def add(self, request: int, ids: Sequence[int], new_tokens: int) -> None:
        self._asked[request], self._given[request] = (ids[0], new_tokens), 0

    def cancel(self, request: int) -> None:
        self._write(f"cancelled {request}")
        del self._asked[request], self._given[request]

    def step(self) -> Iterator[tuple[int, Sequence[int]]]:
        time.sleep(self._step_s)
        self._write("step " + " ".join(map(str, self._asked)))
        for request, (first, wanted) in list(self._asked.items()):
            begun = self._given[request]
            if wanted == 13 and begun == 3:
                self._fail()
            self._given[request] = ended = min(wanted, begun + self._at_once)
            if ended == wanted:
                del self._asked[request]
            yield request, [100 * first + number for number in range(begun, ended)]

    def _fail(self) -> None:
        if self._end == "raise":
            raise ValueError("the third\nof thirteen")
        if self._end == "die":
            os.abort()

    def _write(self, line: str) -> None:
        with open(self._log, "a") as log:
            log.write(line + "\n")


def unopened() -> Scheduler:
    """Fail as an engine that refuses weights."""
    raise RuntimeError("no such weights")
