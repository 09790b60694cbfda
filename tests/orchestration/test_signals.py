from __future__ import annotations

import asyncio
import os
import signal

import pytest

from inference_bench.orchestration.signals import stopped_by_signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_calls_every_stop_and_afterwards_none(number):
    calls = []

    async def interrupted():
        with stopped_by_signals(lambda: calls.append("a"), lambda: calls.append("b")):
            os.kill(os.getpid(), number)
            while not calls:
                await asyncio.sleep(0)
        return asyncio.get_running_loop().remove_signal_handler(number)

    assert asyncio.run(interrupted()) is False  # no handler is left
    assert calls == ["a", "b"]


def test_signals_are_left_alone_unless_enabled():
    async def handled():
        with stopped_by_signals(lambda: None, enabled=False):
            return asyncio.get_running_loop().remove_signal_handler(signal.SIGTERM)

    assert asyncio.run(handled()) is False
