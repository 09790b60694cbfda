"""The contract of a sink: an output for machines that is written while cases are measured.

A sink lives in ``inference_bench/results/sinks/<name>.py`` as one subclass of ``Sink``, or in another distribution
behind an entry point of the group ``inference_bench.sinks``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

from inference_bench.plugins import load_class, plugin_names

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from inference_bench.result import BenchmarkResult, RunRecord

PACKAGE = "inference_bench.results.sinks"


class Sink(ABC):
    """Writes results of one run for machines.

    A sink on a folder that already holds results keeps them; a case that is written again replaces its earlier result.
    The files are readable after every call, because a run may be killed between any two.
    """

    name: ClassVar[str] = ""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @abstractmethod
    def begin(self, record: RunRecord) -> None:
        """Write what is known before the first case; ``record`` is the state of the run."""

    @abstractmethod
    def write(self, result: BenchmarkResult, record: RunRecord) -> None:
        """Write one case that has ended; ``record`` is the state of the run after it."""

    def finish(self, record: RunRecord) -> None:  # noqa: B027 (most sinks have written everything by now)
        """Write what is known only at the end of the run."""


class Sinks(Sink):  # not a plugin: it is outside the package ``sinks``
    """Several sinks as one."""

    def __init__(self, folder: Path, members: Iterable[Sink]) -> None:
        super().__init__(folder)
        self.members = tuple(members)

    def begin(self, record: RunRecord) -> None:
        """Begin every member."""
        for sink in self.members:
            sink.begin(record)

    def write(self, result: BenchmarkResult, record: RunRecord) -> None:
        """Write a case to every member."""
        for sink in self.members:
            sink.write(result, record)

    def finish(self, record: RunRecord) -> None:
        """Finish every member."""
        for sink in self.members:
            sink.finish(record)


def open_sinks(folder: Path, names: Iterable[str] | None = None) -> Sink:
    """Return the named sinks on the folder of a run as one; all installed sinks by default.

    Raises:
        UnknownNameError: there is no such sink.
    """
    wanted = plugin_names(PACKAGE) if names is None else names
    # results.json and run.json name the other files: written last, they never name a missing file.
    ordered = sorted(wanted, key=lambda name: name == "json")
    return Sinks(folder, [load_class("sink", PACKAGE, name, Sink)(folder) for name in ordered])  # type: ignore[type-abstract]
