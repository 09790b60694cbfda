"""Requests joined over both sides: with times that the test plants, and over real connections."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_bench.analysis.serving.stage_durations import STAGES, stage_rows
from inference_bench.endpoint.clock_offset import RoundTrip
from inference_bench.endpoint.join import Join, JoinedRequest, ids_of, joined
from inference_bench.endpoint.server_requests import ServerRequests
from inference_bench.server_stages import ServerStages
from tests.endpoint.recorded import RecordedLoad, Response, Rows

NAMES = tuple(STAGES)


class PlantedLoad(RecordedLoad):
    """Responses whose requests took the planted stages, each in ns; the double decides times only."""

    def __init__(self, stages, planned_ns):
        super().__init__(*[Response([(b"a", 1)], headers=f"X-Inference-Bench-Request: {n + 7}\r\n") for n in stages])
        self.stages, self.planned_ns = stages, planned_ns

    def requests(self):
        rows = super().requests()
        took = np.array([self.stages[n] for n in sorted(self.stages)]).reshape(-1, len(NAMES))
        planned = np.array(self.planned_ns)
        times = {
            "planned_ns": planned,
            "connect_ns": took[:, 1],
            "sent_ns": planned + took[:, :2].sum(axis=1),
            "ended_ns": planned + took.sum(axis=1),
        }
        return Rows(rows.values | times, rows.texts)

    def server(self, ahead_ns, trips=()):
        """Return what the server tells, by a clock that is ahead."""
        told = {}
        for number, planned_ns in zip(self.stages, self.planned_ns, strict=True):
            ends = planned_ns + ahead_ns + np.cumsum(self.stages[number])
            *_, received, begun, _, generated, last, _ = ends.tolist()
            prefill, decode = self.stages[number][4:6]
            told[number + 7] = ServerStages(number + 7, received, begun, prefill, decode, generated, last, last, last)
        return ServerRequests(told, tuple(trips), {})


def loads(least=0):
    took = st.tuples(*[st.integers(least, 10**9)] * len(NAMES))
    return st.lists(took, min_size=1, max_size=8).map(
        lambda stages: PlantedLoad(dict(enumerate(stages)), [number * 10**9 for number in range(len(stages))])
    )


@given(loads())
def test_on_one_clock_the_stages_are_those_that_were_planted(load):
    found = joined(load, ids_of(load), load.server(0))

    assert [each.durations_ns for each in found.requests] == list(load.stages.values())
    assert {each.residual_ns for each in found.requests} == {each.uncertainty_ns for each in found.requests} == {0}
    assert [each.id for each in found.requests] == [number + 7 for number in load.stages]
    for each, planned_ns, took in zip(found.requests, load.planned_ns, load.stages.values(), strict=True):
        assert each.received_ns == planned_ns + sum(took[:3])
        assert each.first_piece_ns == each.last_piece_ns == planned_ns + sum(took[:7])
    assert not found.left_out


@given(loads(), st.integers(-(10**15), 10**15), st.integers(0, 10**7))
def test_on_two_clocks_the_planted_stages_lie_within_the_uncertainty(load, ahead_ns, leg_ns):
    trips = [RoundTrip(0, ahead_ns + leg_ns, ahead_ns + leg_ns, 3 * leg_ns)]

    found = joined(load, ids_of(load), load.server(ahead_ns, trips))

    for each, planted in zip(found.requests, load.stages.values(), strict=True):
        there, back = NAMES.index("to server"), NAMES.index("to client")
        for stage in (there, back):
            assert abs(each.durations_ns[stage] - planted[stage]) <= each.uncertainty_ns + 1
            assert each.durations_ns[stage] >= -1
        kept = [stage for stage in range(len(NAMES)) if stage not in (there, back)]
        assert [each.durations_ns[stage] for stage in kept] == [planted[stage] for stage in kept]
        assert each.uncertainty_ns <= 2 * leg_ns + 10**6  # the reading's own, and 10 s of drift
        assert each.residual_ns == each.total_ns - sum(each.durations_ns)


def test_a_generation_that_outlives_the_last_byte_counts_to_that_byte():
    load = PlantedLoad({0: (1, 2, 3, 4, 50, 60, 0, 7)}, [0])
    server = load.server(0)
    late = replace(server.stages[7], generated_ns=server.stages[7].last_piece_ns + 9, decode_ns=69)

    (found,) = joined(load, ids_of(load), ServerRequests({7: late}, (), {})).requests

    assert dict(zip(NAMES, found.durations_ns, strict=True))["decode"] == 60
    assert found.residual_ns == 0


def test_time_between_two_generations_is_residual():
    load = PlantedLoad({0: (1, 2, 3, 4, 50, 60, 6, 7)}, [0])
    server = load.server(0)
    parted = replace(server.stages[7], prefill_ns=45, decode_ns=58)

    (found,) = joined(load, ids_of(load), ServerRequests({7: parted}, (), {})).requests

    assert found.residual_ns == 7
    assert found.total_ns == sum(found.durations_ns) + 7


@pytest.mark.parametrize(
    ("response", "told", "why"),
    [
        ({"status": 500}, {}, "failed"),
        ({"outcome": "timeout"}, {}, "failed"),
        ({"headers": ""}, {}, "the response has no number of the request"),
        ({"headers": "x-inference-bench-request: 99\r\n"}, {}, "the server has no records of it"),
        ({}, {"last_piece_ns": None}, "the server has no records of it"),
        ({}, {"prefill_ns": None}, "the server recorded no whole generation"),
    ],
)
def test_what_cannot_be_joined_is_counted_by_its_reason(response, told, why):
    load = PlantedLoad({0: (1, 2, 3, 4, 50, 60, 6, 7)}, [0])
    stages = {7: replace(load.server(0).stages[7], **told)}
    load.responses = (replace(load.responses[0], **response),)

    found = joined(load, ids_of(load), ServerRequests(stages, (), {}))

    assert found == Join((), {why: 1})
    assert stage_rows(found.durations) == []


def test_rows_say_where_the_time_goes():
    took = [(10, 0, 20, 30, 100, 200, 5, 15), (30, 0, 20, 30, 100, 200, 5, 15)]
    join = Join(
        tuple(JoinedRequest(n, n, 0, 0, 0, each, sum(each) + 10, 10, 0) for n, each in enumerate(took * 10)), {}
    )

    rows = {row.stage: row for row in stage_rows(join.durations)}

    assert list(rows) == [*NAMES, "residual", "total"]
    assert (rows["decode"].median_ns.value, rows["decode"].median_ns.low, rows["decode"].median_ns.high) == (200,) * 3
    assert rows["dispatch"].median_ns.value == 10
    assert (rows["dispatch"].median_ns.low, rows["dispatch"].median_ns.high) == (10, 30)
    assert rows["residual"].share == pytest.approx(20 / 800)
    assert sum(row.share for row in rows.values()) == pytest.approx(2)
