"""vLLM generates what torch does, alone and together, with as many threads as asked for."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from inference_bench.errors import EngineError, NotApplicableError, WeightsError
from inference_bench.model.prompts import Prompts
from inference_bench.spec import Setup
from tests.place_folders import trained
from tests.served_alone import together
from tests.torch_reference import CONFIGS, IDS, end_at_once, torch_greedy

pytest.importorskip("vllm")

from inference_bench.model.engines.vllm.session import VLLMSession

pytestmark = pytest.mark.filterwarnings("default")  # its imports warn
PROMPT = IDS[:20]
CONFIG = {**CONFIGS["llama"], "head_dim": 32, "num_attention_heads": 2, "num_key_value_heads": 1}
"""Heads of 32, which vLLM's attention on the CPU needs."""
PROMPTS = Prompts(1, 100, IDS.__getitem__)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = trained(tmp_path_factory.mktemp("vllm") / "weights", CONFIG)
    end_at_once(folder, PROMPT)
    return folder


@pytest.fixture(scope="module")
def session(folder):
    session = VLLMSession(folder, Setup(), 100)
    yield session
    session.close()


def test_it_gives_the_tokens_of_torch_and_ignores_the_end(folder, session):
    ticks: list[int] = []
    tokens = session.own_loop(PROMPT, 6, lambda: ticks.append(1))
    assert tokens == torch_greedy(folder, PROMPT, 6)
    assert (tokens[0], len(ticks)) == (0, 6)
    assert session.limit == 100
    assert session.prefill(PROMPT) == 0
    with pytest.raises(NotApplicableError, match="loop of its own"):
        session.decode()


def test_requests_served_together_get_the_tokens_of_torch(folder, session):
    asked = [(IDS[begin : begin + 30], new_tokens) for begin, new_tokens in ((0, 9), (5, 4), (20, 12), (0, 9), (40, 1))]
    assert together(session.server(8, PROMPTS), *asked) == [torch_greedy(folder, *one) for one in asked]


def test_a_request_that_is_cancelled_is_aborted_and_the_others_go_on(folder, session):
    async def cancelled():
        server = session.server(8, PROMPTS)
        stream = server.stream(PROMPT, 75)
        await anext(stream)
        await stream.aclose()
        while session._engine.output_processor.has_unfinished_requests():
            await asyncio.sleep(0.01)
        return [token async for token in server.stream(PROMPT, 5)]

    assert asyncio.run(cancelled()) == torch_greedy(folder, PROMPT, 5)


def test_processes_that_are_killed_fail_every_waiting_request(folder):
    async def killed():
        server = session.server(8, PROMPTS)
        waiting = [asyncio.ensure_future(_all(server)) for _ in range(3)]
        await asyncio.sleep(0.1)
        for child in _children(os.getpid()):
            if "EngineCor" in Path(f"/proc/{child}/comm").read_text():
                os.kill(child, signal.SIGKILL)
        return await asyncio.gather(*waiting, return_exceptions=True)

    async def _all(server):
        while True:
            async for _ in server.stream(PROMPT, 75):
                pass

    session = VLLMSession(folder, Setup(), 100)
    try:
        found = asyncio.run(killed())
    finally:
        session.close()
    assert [type(error) for error in found] == [EngineError] * 3
    assert all(str(error).startswith("vLLM failed while it served: EngineDeadError") for error in found)


def test_what_vllm_does_not_load_is_one_line(tmp_path, folder):
    broken = tmp_path / "weights"
    broken.mkdir()
    (broken / "config.json").write_bytes((folder / "config.json").read_bytes())
    with pytest.raises(WeightsError, match="vLLM does not load them"):
        VLLMSession(broken, Setup(), 0)


def _children(pid):
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for task in tasks for child in (task / "children").read_text().split()]
