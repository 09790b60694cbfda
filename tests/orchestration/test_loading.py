from __future__ import annotations

import asyncio

from inference_bench.model.discovery import find_models
from inference_bench.model.weights.references import ResolvedWeights
from inference_bench.orchestration.loading import Loading
from inference_bench.orchestration.messages import Load
from inference_bench.orchestration.overlap_policy import Overlap, Policy
from inference_bench.orchestration.worker_process import WorkerProcess
from inference_bench.plan import Case
from inference_bench.spec import Limits, Setup
from tests.conftest import write_model
from tests.processes import assert_no_worker_is_left


def loading_for_ever(folder):
    """Return a worker, not yet started, whose load does not end."""
    write_model(folder / "models", "loads_for_ever", load="time.sleep(3600)")
    case = Case("loads_for_ever", "inference_speed", Setup())
    weights = ResolvedWeights("none", "no weights", trained=False)
    file = find_models([folder / "models"])[case.model]
    request = Load(file, case.setup, weights, case, None, Limits(), parks=False)
    return Loading(WorkerProcess(folder / "worker.log", {}, 60), request, Overlap(Policy.OFF, "asked for"))


def test_a_load_is_frozen_thawed_and_discarded(tmp_path):
    async def states():
        loading = loading_for_ever(tmp_path)
        loading.begin_ahead()
        yield loading.state
        await loading.freeze()
        yield loading.state
        loading.thaw()
        yield loading.state
        await loading.discard()
        await loading.discard()  # a second time is allowed

    async def collected():
        return [state async for state in states()]

    assert asyncio.run(collected()) == ["loading", "frozen", "loading"]
    assert_no_worker_is_left()


def test_the_caller_of_discard_can_itself_be_cancelled(tmp_path):
    async def cancelled_while_it_discards():
        loading = loading_for_ever(tmp_path)
        loading.begin_turn()
        await loading.freeze()  # returns when the worker has booted
        discarding = asyncio.create_task(loading.discard())
        await asyncio.sleep(0)  # until it waits for the load to end
        discarding.cancel()
        await asyncio.wait([discarding])
        return discarding.cancelled()

    assert asyncio.run(cancelled_while_it_discards())
    assert_no_worker_is_left()
