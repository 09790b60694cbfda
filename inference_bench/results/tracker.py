"""The base of sinks that hand a run to an experiment tracker."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from inference_bench.errors import SinkError
from inference_bench.results.sink import Sink
from inference_bench.text import one_line, without_tokens

if TYPE_CHECKING:
    from inference_bench.result import BenchmarkResult, RunRecord
    from inference_bench.results.tracked_case import TrackedCase


class Tracker(Sink):
    """Hands a run to a tracker when the run ends.

    The client of a tracker starts threads and processes. So it is imported only after everything has been measured: it
    can never run beside what is timed. Until then the folder of the run has all that it will write.
    """

    by_default: ClassVar[bool] = False
    settings: ClassVar[dict[str, str]] = {}
    """Variables that the client reads, and their values unless they are set: it reports nothing about its use."""

    def begin(self, record: RunRecord) -> None:
        """Do nothing yet."""

    def write(self, result: BenchmarkResult, record: RunRecord) -> None:
        """Do nothing yet."""

    def finish(self, record: RunRecord) -> None:
        """Hand over all cases that apply; those that the tracker has already are replaced."""
        from inference_bench.result import Status
        from inference_bench.results.run import load_run
        from inference_bench.results.tracked_case import tracked_case

        results = [result for result in load_run(self.folder).results if result.status is not Status.NOT_APPLICABLE]
        try:
            with _variables(self.settings):
                self.track(record.id, [tracked_case(result, record) for result in results])
        except Exception as error:
            cause = without_tokens(one_line(f"{type(error).__name__}: {error}"))
            again = f"`run --resume {self.folder} --sink {self.name}` writes it again"
            raise SinkError(f"sink {self.name}: {cause}. The run is whole in its folder: {again}.") from error

    @property
    def place(self) -> Path:
        """The folder of all runs, where a tracker keeps its files if nothing else is said."""
        return self.folder.absolute().parent

    @abstractmethod
    def track(self, run: str, cases: Sequence[TrackedCase]) -> None:
        """Write the cases of a run."""


@contextmanager
def _variables(values: dict[str, str]) -> Iterator[None]:
    """Set variables of the environment that are not set, for the time of the block."""
    unset = {name: value for name, value in values.items() if name not in os.environ}
    os.environ.update(unset)
    try:
        yield
    finally:
        for name in unset:
            os.environ.pop(name, None)
