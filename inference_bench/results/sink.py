"""The contract of a sink: an output for machines that is written while cases are measured.

A sink lives in ``inference_bench/results/sinks/<name>.py`` as one subclass of ``Sink``, or in another distribution
behind an entry point of the group ``inference_bench.sinks``. One that is not ``by_default`` is asked for by its name.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

from inference_bench.errors import SinkError
from inference_bench.plugins import load_class, plugin_names

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from inference_bench.result import BenchmarkResult, RunRecord

PACKAGE = "inference_bench.results.sinks"
_OF_STORES = "storage"
"""The sink that an address names."""


class Sink(ABC):
    """Writes results of one run for machines.

    A sink on a folder that already holds results keeps them; a case that is written again replaces its earlier result.
    The files are readable after every call, because a run may be killed between any two.

    Class attributes:
        name: file name, set when it is found.
        by_default: whether every run is written by it; otherwise those runs that name it.
    """

    name: ClassVar[str] = ""
    by_default: ClassVar[bool] = True

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod  # noqa: B027 (most sinks need nothing)
    def check(cls) -> None:
        """Refuse to be used where something is missing that the sink needs; nothing has been measured yet.

        Raises:
            UsageError: a package that is not installed, or a setting that is not allowed.
        """

    @abstractmethod
    def begin(self, record: RunRecord) -> None:
        """Write what is known before the first case; ``record`` is the state of the run."""

    @abstractmethod
    def write(self, result: BenchmarkResult, record: RunRecord) -> None:
        """Write one case that has ended; ``record`` is the state of the run after it."""

    def finish(self, record: RunRecord) -> None:  # noqa: B027 (most sinks have written everything by now)
        """Write what is known only at the end of the run.

        Raises:
            SinkError: it cannot be written; the folder of the run is whole nevertheless.
        """

    @property
    def missing(self) -> str:
        """Why something that was to be written is not written yet; empty if all is."""
        return ""

    def catch_up(self) -> str:
        """Try again what could not be written yet; called at the end, and again for two minutes while it returns text.

        Returns:
            Why something is still missing; empty if all is written.

        Raises:
            SinkError: it is missing for good; waiting does not help.
        """
        return ""


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
        """Finish every member; one that fails keeps no other from it."""
        failures = []
        for sink in self.members:
            try:
                sink.finish(record)
            except SinkError as error:
                failures.append(str(error))
        if failures:
            raise SinkError(" ".join(failures))

    @property
    def missing(self) -> str:
        """What any member lacks."""
        return " ".join(filter(None, [sink.missing for sink in self.members]))

    def catch_up(self) -> str:
        """Let every member try again; one that fails for good keeps no other from it."""
        missing, lost = [], []
        for sink in self.members:
            try:
                missing.append(sink.catch_up())
            except SinkError as error:
                lost.append(str(error))
        said = " ".join(filter(None, [*lost, *missing]))
        if lost and not any(missing):
            raise SinkError(said)
        return said


def open_sinks(folder: Path, names: Iterable[str] | None = None, *, also: Iterable[str] = ()) -> Sinks:
    """Return sinks on the folder of a run as one.

    Args:
        folder: of the run.
        names: of the sinks; None for all that are used by default.
        also: names of sinks besides these.

    Raises:
        UnknownNameError: there is no such sink.
    """
    inside = [sink for sink in map(load_sink, plugin_names(PACKAGE)) if sink.by_default] if names is None else []
    named = [load_sink(name) for name in (*(names or ()), *also)]
    # results.json and run.json name the other files: written after them, they never name a missing file. A sink that
    # is asked for reads them.
    ordered = sorted(dict.fromkeys([*inside, *named]), key=lambda sink: (not sink.by_default, sink.name == "json"))
    return Sinks(folder, [sink(folder) for sink in ordered])


def check_sinks(names: Iterable[str]) -> None:
    """Refuse sinks that cannot be used, before anything is measured.

    Raises:
        UsageError: there is no such sink, or it lacks something.
    """
    for name in names:
        load_sink(name).check()


def load_sink(name: str) -> type[Sink]:
    """Return a sink; an address, such as ``s3://bucket/prefix``, names the sink of stores for it.

    Raises:
        UnknownNameError: there is no such sink.
        PluginError: its file cannot be used.
    """
    from inference_bench.results.storage import is_address

    if is_address(name):
        of_stores = load_sink(_OF_STORES)
        return type(of_stores.__name__, (of_stores,), {"address": name})
    return load_class("sink", PACKAGE, name, Sink)  # type: ignore[type-abstract]
