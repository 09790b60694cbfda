from __future__ import annotations

import asyncio
import json
import time
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from inference_bench.analysis.trust.case import grade
from inference_bench.analysis.trust.grade import RULES_VERSION
from inference_bench.benchmark.measurement import Measurement
from inference_bench.benchmarks._batcher import Batcher
from inference_bench.benchmarks._load_generator import send
from inference_bench.benchmarks._load_scores import score_load
from inference_bench.benchmarks.serving_load import ServingLoadBenchmark
from inference_bench.errors import InvalidValueError, UnknownNameError
from inference_bench.model.discovery import find_models, load_model
from inference_bench.model.interfaces import BatchGenerator, TextServer
from inference_bench.model.offered_load import Load, ServedLoad
from inference_bench.orchestration.planning import prepare
from inference_bench.result import Status
from inference_bench.spec import Limits, Setup, Spec
from inference_bench.units import NS_PER_MS, NS_PER_S
from tests.factories import run, spec
from tests.served import served_request


class Sleeping(TextServer):
    """Takes a moment for each token, any number of requests at a time; stalls once if told to."""

    def __init__(self, token_s=0.0, stall_at=None, stall_s=0.0):
        self.token_s, self.stall_at, self.stall_s = token_s, stall_at, stall_s
        self.under_way = self.most_under_way = self.begun = 0
        self.free = asyncio.Event()

    def prompt(self, length):
        return length

    async def stream(self, prompt, new_tokens):
        self.begun += 1
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        if self.begun == self.stall_at:
            asyncio.get_running_loop().call_later(self.stall_s, self.free.set)
        if self.stall_at is not None and self.begun >= self.stall_at:
            await self.free.wait()  # everybody behind the stalled one waits too
        for token in range(new_tokens):
            await asyncio.sleep(self.token_s)
            yield token
        self.under_way -= 1


@pytest.mark.parametrize("scenario", ["poisson", "constant", "offline", "single_stream", "concurrent"])
def test_each_answer_is_a_sign_of_life(scenario):
    """A worker that says nothing counts as hung."""
    seen = []
    asyncio.run(send(Sleeping(), Load(scenario, 5, 4, 2, rate=1000.0, concurrency=2), seen.append))
    assert seen == [1, 2, 3, 4, 5]


def sent(server, scenario, requests=20, new_tokens=2, **changes):
    return asyncio.run(send(server, Load(scenario, requests, 8, new_tokens, **changes))).requests


# The generator


def test_an_open_loop_sends_by_the_schedule_and_counts_from_it():
    served = sent(Sleeping(0.001), "constant", requests=50, rate=200.0)
    gaps = np.diff([request.answer.planned_ns for request in served])

    assert gaps == pytest.approx(5 * NS_PER_MS, abs=2)
    assert all(request.lag_ns >= 0 for request in served)
    assert all(request.latency_ns >= request.lag_ns + 2 * NS_PER_MS for request in served)


def test_a_poisson_schedule_is_random_and_repeatable():
    def gaps(seed):
        served = sent(Sleeping(), "poisson", requests=300, rate=2000.0, seed=seed)
        return np.diff([request.answer.planned_ns for request in served])

    first, again, other = gaps(1), gaps(1), gaps(2)
    assert list(first) == list(again)
    assert list(first) != list(other)
    assert np.mean(first) == pytest.approx(NS_PER_S / 2000, rel=0.2)
    assert np.std(first) == pytest.approx(np.mean(first), rel=0.3)


def test_a_stall_is_counted_for_every_request_that_fell_into_it():
    """Coordinated omission: a closed loop would report one slow request of forty."""
    stall_s = 0.2
    open_loop = sent(Sleeping(stall_at=10, stall_s=stall_s), "constant", requests=40, rate=200.0)
    slow = [request for request in open_loop if request.latency_ns > 10 * NS_PER_MS]

    begun = open_loop[9].answer.planned_ns
    fell_into_it = [r for r in open_loop if begun <= r.answer.planned_ns < begun + 0.95 * stall_s * NS_PER_S]
    assert len(fell_into_it) == 31  # the tenth, and all after it
    assert len(slow) >= 29
    for request in fell_into_it:
        left_ns = begun + stall_s * NS_PER_S - request.answer.planned_ns
        assert request.latency_ns >= 0.9 * left_ns
    closed = sent(Sleeping(stall_at=10, stall_s=stall_s), "single_stream", requests=40)
    assert sum(request.latency_ns > 10 * NS_PER_MS for request in closed) < 15


@pytest.mark.parametrize(("scenario", "most"), [("single_stream", 1), ("concurrent", 4), ("offline", 20)])
def test_as_many_requests_are_under_way_as_the_scenario_says(scenario, most):
    server = Sleeping(0.001)
    served = sent(server, scenario, concurrency=4)

    assert server.most_under_way == most
    assert len(served) == 20
    assert [r.answer.planned_ns for r in served] == sorted(r.answer.planned_ns for r in served)
    assert {len(request.answer.pieces) for request in served} == {2}


def test_a_request_that_fails_ends_the_load():
    class Failing(Sleeping):
        async def stream(self, prompt, new_tokens):
            async for token in super().stream(prompt, new_tokens):
                if self.begun >= 5:  # on a busy machine several begin at once
                    raise RuntimeError("the fifth")
                yield token

    with pytest.raises(RuntimeError, match="the fifth"):
        sent(Failing(0.001), "constant", rate=500.0)


# Dynamic batching


class Counting(BatchGenerator):
    """Generates row numbers and remembers its batches."""

    def __init__(self, step_s=0.002):
        self.step_s, self.batches = step_s, []

    def prompts(self, lengths):
        return list(lengths)

    def prefill(self, batch):
        self.batches.append(batch)
        self.step = 0
        return self.decode()

    def decode(self):
        time.sleep(self.step_s)
        self.step += 1
        if self.step > 100:
            raise ValueError("too long")
        return [100 * length + self.step for length in self.batches[-1]]


async def gathered(server, requests):
    async def tokens(length, new_tokens):
        return [token async for token in server.stream(server.prompt(length), new_tokens)]

    try:
        return await asyncio.gather(*(tokens(*request) for request in requests), return_exceptions=True)
    finally:
        await server.close()


def test_who_waits_together_is_computed_together_and_gets_its_own_tokens():
    generator = Counting()
    answers = asyncio.run(gathered(Batcher(generator, 4), [(1, 3), (2, 1), (3, 2), (4, 3), (5, 2)]))

    assert answers == [[101, 102, 103], [201], [301, 302], [401, 402, 403], [501, 502]]
    assert [len(batch) for batch in generator.batches] in ([4, 1], [1, 4])


def test_a_limit_of_one_serves_in_the_order_of_arrival():
    generator = Counting()
    asyncio.run(gathered(Batcher(generator, 1), [(length, 2) for length in (3, 1, 2)]))

    assert generator.batches == [[3], [1], [2]]


def test_tokens_arrive_one_by_one_while_the_loop_goes_on():
    async def arrivals():
        server = Batcher(Counting(0.01), 1)
        times = [time.monotonic() async for _ in server.stream(server.prompt(1), 5)]
        await server.close()
        return times

    times = asyncio.run(arrivals())
    assert times[-1] - times[0] > 0.03
    assert times == sorted(set(times))


def test_a_batch_that_fails_tells_each_of_its_requests_and_the_next_is_served():
    answers = asyncio.run(gathered(Batcher(Counting(0), 1), [(1, 101), (2, 2)]))

    assert isinstance(answers[0], ValueError)
    assert answers[1] == [201, 202]


# The benchmark


_spec = partial(
    spec, "null", benchmarks=("serving_load",), limits=Limits(), requests=(40,), new_tokens=(4,), input_length=(80,)
)


def test_the_whole_path(tmp_path):
    done = run(_spec(scenario=("poisson", "concurrent"), rate=(400,)), tmp_path).run

    poisson, concurrent = done.results
    assert [result.status for result in done.results] == [Status.OK, Status.OK]
    found = {summary.metric: summary for summary in poisson.summaries}
    assert {"request_latency", "request_ttft", "dispatch_lag", "itl", "achieved_rate", "served_tokens"} <= set(found)
    assert found["request_latency"].n == 40
    assert found["offered_rate"].headline.value == pytest.approx(400, rel=0.6)
    assert found["request_latency"].headline.value >= found["request_ttft"].headline.value
    assert "on_schedule" in found
    assert not {"offered_rate", "on_schedule"} & {summary.metric for summary in concurrent.summaries}
    samples = done.samples(poisson).to_pydict()
    assert samples["stage"].count("cold") == 4 + 3  # lag, TTFT, latency, TPOT, and three intervals of the first request


def test_a_real_model_is_served_in_batches(tmp_path):
    axes = {
        "scenario": ("offline",),
        "requests": (6,),
        "new_tokens": (4,),
        "input_length": (16,),
        "max_batch_size": (4,),
    }
    setup = Setup(weights="random", scale="reduced")
    request = Spec(("smollm2_135m_instruct",), ("serving_load",), setups=(setup,), axes=axes)
    (result,) = run(request, tmp_path).run.results

    assert result.status is Status.OK
    assert next(s for s in result.summaries if s.metric == "itl").n == 6 * 3


def served(lags_ms, latency_ms=10, gap_ms=10):
    return ServedLoad(
        tuple(
            served_request(
                number,
                planned_ns=number * 10 * NS_PER_MS,
                lag_ns=int(lag * NS_PER_MS),
                token_ns=[int((number * gap_ms + latency_ms) * NS_PER_MS)],
            )
            for number, lag in enumerate(lags_ms)
        )
    )


def test_a_generator_that_is_late_makes_the_result_invalid():
    measurement = Measurement(Limits())
    score_load(served([0.1] * 90 + [3] * 10), is_open=True, measurement=measurement)

    scores = measurement.scores()
    kept = [v for m, v in zip(scores["metric"], scores["value"], strict=True) if m == "on_schedule"]
    assert (len(kept), sum(kept)) == (100, 90)
    assert any(note.startswith("INVALID: 10 of 100 requests") for note in measurement.notes)


def test_a_model_that_cannot_keep_up_is_noted():
    measurement = Measurement(Limits())
    score_load(served([0] * 100, latency_ms=1, gap_ms=20), is_open=True, measurement=measurement)

    assert any(note.startswith("the queue grew from 1 to") for note in measurement.notes)
    assert not any(note.startswith("INVALID") for note in measurement.notes)


def test_an_invalid_result_is_graded_so(tmp_path):
    done = run(_spec(requests=(30,), rate=(400,)), tmp_path).run
    (result,) = done.results
    (stored,) = json.loads((done.folder / "results.json").read_text())["results"]
    assert (stored["trust"]["grade"], stored["trust"]["rules"]) == (result.grade.letter, RULES_VERSION)
    late = tuple(
        replace(s, score=replace(s.score, value=0.5)) if s.metric == "on_schedule" else s for s in result.summaries
    )
    assert "off_schedule" in {finding.code for finding in grade(replace(result, summaries=late), done.record).findings}


@pytest.mark.parametrize(
    ("axes", "error"),
    [
        ({"scenario": ("burst",)}, UnknownNameError),
        ({"rate": ("fast",)}, InvalidValueError),
        ({"rate": ("-1",)}, InvalidValueError),
        ({"rate": ("nan",)}, InvalidValueError),
    ],
)
def test_what_cannot_be_offered_is_refused_before_anything_is_measured(axes, error):
    with pytest.raises(error):
        prepare(Spec(("null",), ("serving_load",), axes=axes))


def test_a_model_that_does_not_generate_is_no_subject():
    (case,) = prepare(Spec(("all_minilm_l6_v2",), ("serving_load",))).not_applicable

    assert case


def test_a_fraction_of_a_request_a_second_is_a_rate():
    model = load_model(find_models()["null"])
    (case,) = prepare(Spec(("null",), ("serving_load",), axes={"rate": ("0.5",)})).plan.cases

    ServingLoadBenchmark().check(model, case)
