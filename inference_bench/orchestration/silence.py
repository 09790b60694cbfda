"""Telling a silent worker that works, or waits for a CPU, from one that hangs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from inference_bench.orchestration.process_state import Waits, cpu_s, thread_waits

_BUSY_SHARE = 0.01
"""Of one CPU: a silent worker that uses at least this much is working; our own memory sampler uses less."""
_LEAST_WAIT_SHARE = 0.02
"""Of a period: a shorter wait for a CPU does not excuse silence."""


@dataclass(frozen=True, slots=True)
class Activity:
    """What a worker had done at one moment.

    Attributes:
        cpu_s: its CPU time in seconds, over all its threads.
        waits: of each live thread.
    """

    cpu_s: float
    waits: Mapping[int, Waits]

    @classmethod
    def of(cls, pid: int) -> Activity:
        """Read that of a process."""
        return cls(cpu_s(pid), thread_waits(pid))


@dataclass(slots=True)
class Silence:
    """Looks at a worker that sends nothing. The first look comes at half of the limit: most workers never see one.

    Args:
        limit_s: seconds of silence after which a worker hangs; those in which it waited for a CPU do not count.
        works_silently: it sends nothing while it works, as in a load: it hangs only if it uses no CPU either.
        activity: reads what the worker has done.

    Attributes:
        period_s: seconds until the next look.
    """

    limit_s: float
    works_silently: bool
    activity: Callable[[], Activity]
    period_s: float = 0.0
    before: Activity | None = None

    def __post_init__(self) -> None:
        self.period_s = self.limit_s / 2

    def hangs(self) -> bool:
        """Look at the worker, a period after the look before; if it does not hang, look again after ``period_s``."""
        before, self.before = self.before, self.activity()
        if before is None:
            return False
        if self.works_silently and self.before.cpu_s - before.cpu_s >= _BUSY_SHARE * self.period_s:
            self.period_s = self.limit_s / 2
            return False
        self.period_s = starved_s(before, self.before, self.period_s)
        return self.period_s < _LEAST_WAIT_SHARE * self.limit_s


def starved_s(before: Activity, after: Activity, elapsed_s: float) -> float:
    """Return for how much of the elapsed time some thread could run but had no CPU, in seconds.

    The kernel adds a wait when it ends: a thread that was ready at both looks and never ran waited all the time.
    """
    waits = [0.0]
    for thread, now in after.waits.items():
        then = before.waits.get(thread, Waits())
        waits.append(now.wait_s - then.wait_s)
        if then.is_ready and now.is_ready and now.turns == then.turns:
            waits.append(elapsed_s)
    return min(max(waits), elapsed_s)
