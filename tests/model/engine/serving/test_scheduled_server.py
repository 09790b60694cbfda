"""A server whose engine schedules in a process of its own: tokens, cancelling, and failures."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from inference_bench.errors import EngineError, InvalidValueError
from inference_bench.model.engine.serving.scheduled_server import ScheduledServer
from inference_bench.model.prompts import Prompts
from tests.schedulers import Counting, unopened

PROMPTS = Prompts(1, 50, lambda length: [length] * length)


@asynccontextmanager
async def serving(**settings):
    server = ScheduledServer("Counting", partial(Counting, **settings), PROMPTS)
    try:
        yield server
    finally:
        await server.close()
    assert server._child.process.poll() is not None


async def answer(server, length, new_tokens):
    return [token async for token in server.stream(server.prompt(length), new_tokens)]


async def until(condition):
    while not condition():
        await asyncio.sleep(0.01)


def lines(log: Path) -> list[str]:
    return log.read_text().splitlines() if log.exists() else []


@pytest.mark.parametrize("at_once", [1, 3])
def test_each_request_gets_its_own_tokens_and_as_many_as_it_asked_for(at_once):
    async def all_of_them():
        async with serving(at_once=at_once) as server:
            return await asyncio.gather(*(answer(server, length, 2 + length) for length in (1, 2, 3, 1)))

    assert asyncio.run(all_of_them()) == [
        [100 * first + number for number in range(2 + first)] for first in (1, 2, 3, 1)
    ]


def test_a_request_joins_those_that_are_under_way(tmp_path):
    async def one_after_the_other():
        async with serving(log=str(log), step_s=0.02) as server:
            first = asyncio.create_task(answer(server, 1, 30))
            await until(lambda: lines(log))
            await answer(server, 2, 2)
            assert not first.done()
            await first

    log = tmp_path / "log"
    asyncio.run(one_after_the_other())
    assert "step 0 1" in lines(log)
    assert lines(log)[0] == lines(log)[-1] == "step 0"


def test_nothing_is_computed_while_no_request_is_under_way(tmp_path):
    async def idle():
        async with serving(log=str(log)) as server:
            await answer(server, 1, 2)
            await asyncio.sleep(0.2)
            await answer(server, 2, 2)

    log = tmp_path / "log"
    asyncio.run(idle())
    assert lines(log) == ["step 0", "step 0", "step 1", "step 1"]


def test_a_stream_that_is_cancelled_ends_at_the_engine_and_the_others_go_on(tmp_path):
    async def cancelled():
        async with serving(log=str(log), step_s=0.01) as server:
            other, ended = (asyncio.create_task(answer(server, *asked)) for asked in ((1, 60), (2, 9999)))
            await until(lambda: "step 0 1" in lines(log))
            ended.cancel()
            assert await other == [100 + number for number in range(60)]
            await until(lambda: "cancelled 1" in lines(log))
            assert await answer(server, 3, 1) == [300]

    log = tmp_path / "log"
    asyncio.run(cancelled())
    assert lines(log)[-1] == "step 2"


@pytest.mark.parametrize(
    ("end", "words"),
    [
        ("raise", "Counting failed while it served: ValueError: the third of thirteen"),
        ("die", "Counting: the process of its scheduler ended by SIGABRT; the worker's log has what it wrote"),
    ],
)
def test_a_failure_reaches_every_waiting_request_and_all_that_follow(end, words):
    async def failing():
        async with serving(end=end, step_s=0.01) as server:
            waiting = (answer(server, 1, 1000), answer(server, 2, 13), answer(server, 3, 1000))
            found = await asyncio.gather(*waiting, return_exceptions=True)
            return [*found, *await asyncio.gather(answer(server, 1, 1), return_exceptions=True)]

    found = asyncio.run(failing())
    assert [(type(error), str(error)) for error in found] == [(EngineError, words)] * 4


def test_an_engine_killed_while_nothing_waits_fails_the_next_request():
    async def killed():
        async with serving() as server:
            await answer(server, 1, 1)
            os.kill(server._child.process.pid, signal.SIGKILL)
            await answer(server, 1, 1)

    with pytest.raises(EngineError, match="ended by SIGKILL"):
        asyncio.run(killed())


def test_closing_ends_the_process_within_a_step_also_while_a_request_is_under_way(tmp_path):
    async def closed():
        async with serving(log=str(log), step_s=0.01) as server:
            request = asyncio.create_task(answer(server, 1, 10**9))
            await until(lambda: lines(log))
        request.cancel()

    log = tmp_path / "log"
    asyncio.run(closed())
    count = len(lines(log))
    time.sleep(0.05)
    assert len(lines(log)) == count


def test_a_scheduler_that_does_not_open_is_one_line():
    with pytest.raises(EngineError, match=r"^Counting does not serve these weights: RuntimeError: no such weights$"):
        ScheduledServer("Counting", unopened, PROMPTS)


def test_a_prompt_that_is_too_long_is_refused_before_it_is_sent():
    async def refused():
        async with serving() as server:
            server.prompt(51)

    with pytest.raises(InvalidValueError, match="1 to 50"):
        asyncio.run(refused())
