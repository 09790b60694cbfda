from __future__ import annotations

from inference_bench.orchestration.aggregation import Tally, _loader_states
from inference_bench.orchestration.messages import Failed
from inference_bench.orchestration.stretches import Activity
from inference_bench.plan import Case
from inference_bench.result import Status
from inference_bench.spec import Limits, Setup


def test_a_sample_is_labelled_by_the_loaders_beside_it():
    samples = {
        "start_ns": [-1, 0, 100, 200, 300, 300],
        "value": [5, 50, 50, 50, 50, 1 << 30],
        "metric": ["ttft", "ttft", "ttft", "ttft", "ttft", "rss_peak_sampled"],
    }
    loaders = Activity(alive=[(120, 320)], running=[(240, 250)])

    # A sample in bytes has no length in time; one that was not timed has no label.
    assert _loader_states(samples, loaders).tolist() == ["", "none", "still", "running", "still", "still"]


def test_the_first_failure_of_a_case_counts():
    tally = Tally(Case("tiny", "inference_speed", Setup()), Limits())
    tally.add(0, Failed(Status.OOM, "out of memory", "Traceback"))
    tally.add(1, Failed(Status.FAILED, "something else", ""))

    result = tally.result()
    assert (result.status, result.failure.cause) == (Status.OOM, "out of memory")
