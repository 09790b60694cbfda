from __future__ import annotations

import threading

import pytest

from inference_bench.machine.interruption import (
    InterruptedWorkError,
    Interruption,
    check_interruption,
    interruptible_sleep,
    is_interruptible,
)


def test_without_an_interruption_work_goes_on():
    check_interruption()
    interruptible_sleep(0)

    assert not is_interruptible()


def test_work_in_another_thread_is_interrupted_while_it_sleeps():
    interruption, begun, raised = Interruption(), threading.Event(), []

    def work() -> None:
        with interruption.active(), pytest.raises(InterruptedWorkError) as error:
            assert is_interruptible()
            check_interruption()
            begun.set()
            interruptible_sleep(600)
        raised.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    begun.wait()
    interruption.stop()
    thread.join()

    assert len(raised) == 1
    assert not is_interruptible()


def test_an_interruption_that_came_before_is_seen_too():
    interruption = Interruption()
    interruption.stop()

    with interruption.active():
        with pytest.raises(InterruptedWorkError):
            check_interruption()
        with pytest.raises(InterruptedWorkError):
            interruptible_sleep(600)
    check_interruption()
