"""The wait for a store: how long, how often, and what the user is told."""

import asyncio
from pathlib import Path

import pytest

from inference_bench.errors import SinkError, StorageError
from inference_bench.orchestration.catching_up import Backlog, catch_up, patiently
from inference_bench.orchestration.progress import Progress
from inference_bench.results.sink import Sink, Sinks


class Lines(Progress):
    def __init__(self):
        self.said = []

    def warn(self, text):
        self.said.append(f"warning: {text}")

    def message(self, text):
        self.said.append(text)


class Clock:
    """A clock that only sleeping, and a test, moves."""

    def __init__(self, monkeypatch):
        self.now_s = 0.0
        monkeypatch.setattr("time.monotonic", lambda: self.now_s)
        monkeypatch.setattr("asyncio.sleep", self._sleep)

    async def _sleep(self, seconds):
        self.now_s += seconds


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


def fails(clock, *, takes_s, until_s=float("inf"), temporary=True):
    tries = []

    async def ask():
        tries.append(clock.now_s)
        clock.now_s += takes_s
        if clock.now_s <= until_s:
            raise StorageError("s3://b: no answer.", is_temporary=temporary)
        return "answer"

    return ask, tries


def test_a_store_is_asked_again_in_longer_pauses_until_it_answers(clock):
    ask, tries = fails(clock, takes_s=0, until_s=9)
    said = []
    assert asyncio.run(patiently(ask, said.append)) == "answer"
    assert tries == [0, 1, 3, 7, 15]
    assert said == ["s3://b: no answer. Trying again for 120 s."]


def test_the_wait_is_as_long_as_it_was_said_to_be(clock):
    ask, tries = fails(clock, takes_s=0)
    with pytest.raises(StorageError, match="no answer"):
        asyncio.run(patiently(ask, lambda text: None))
    assert tries[-1] == 120


def test_tries_that_take_long_are_part_of_the_wait(clock):
    ask, tries = fails(clock, takes_s=50)
    with pytest.raises(StorageError):
        asyncio.run(patiently(ask, lambda text: None))
    assert tries == [0, 51, 103, 157]  # the first failure is known at 50, the last try begins before 50 + 120


def test_what_is_for_good_is_not_waited_for(clock):
    ask, tries = fails(clock, takes_s=0, temporary=False)
    with pytest.raises(StorageError):
        asyncio.run(patiently(ask, pytest.fail))
    assert len(tries) == 1


class Behind(Sink):
    """A sink that lacks something until it has been tried a few times."""

    def __init__(self, tries=0, lost=""):
        super().__init__(Path())
        self.left, self.lost, self.lacks = tries, lost, ""

    def begin(self, record):
        pass

    def write(self, result, record):
        pass

    @property
    def missing(self):
        return self.lacks

    def catch_up(self):
        if self.lost:
            raise SinkError(self.lost)
        self.left -= 1
        return "no answer." if self.left >= 0 else ""


def test_the_end_of_a_run_waits_and_says_why_and_how_long_and_when_it_is_over(clock):
    lines = Lines()
    assert asyncio.run(catch_up(Behind(tries=2), lambda: False, lines)) == ""
    assert lines.said == [
        "warning: no answer. Trying again for 120 s; Ctrl-C ends the wait: the run is on disk.",
        "the store answers again: nothing is missing there",
    ]


def test_ctrl_c_ends_the_wait(clock):
    sink = Behind(tries=99)
    assert "--resume RUN" in asyncio.run(catch_up(sink, lambda: True, Lines()))
    assert sink.left == 98


def test_what_a_sink_lacks_for_good_is_not_waited_for_and_keeps_no_other_from_it(clock):
    other = Behind(tries=1)
    sinks = Sinks(Path(), [Behind(lost="it holds another run."), other])
    with pytest.raises(SinkError, match="another run"):
        asyncio.run(catch_up(sinks, lambda: False, Lines()))
    assert other.left < 0
    assert clock.now_s <= 1.01


def test_a_sink_that_falls_behind_is_told_once_and_so_is_that_it_caught_up(clock):
    sink, lines = Behind(), Lines()
    backlog = Backlog(sink, lines)
    for sink.lacks in ("", "no answer.", "no answer.", "", ""):
        backlog.tell()
    assert lines.said == [
        "warning: no answer. Trying again after later cases, and at the end for 120 s; the run is on disk.",
        "the store answers again: nothing is missing there",
    ]
