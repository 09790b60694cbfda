"""The contract of a report: it renders a run as text.

A report lives in ``inference_bench/reports/<name>.py`` as one subclass of ``Report``, or in another distribution behind
an entry point of the group ``inference_bench.reports``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, TextIO

from inference_bench.plugins import load_class

if TYPE_CHECKING:
    from inference_bench.results.run import Run

PACKAGE = "inference_bench.reports"


class Report(ABC):
    """Renders a run."""

    name: ClassVar[str] = ""

    @abstractmethod
    def render(self, run: Run, stream: TextIO) -> None:
        """Write the run to a text stream."""


def open_report(name: str) -> Report:
    """Return the named report.

    Raises:
        UnknownNameError: no such report.
    """
    return load_class("report", PACKAGE, name, Report)()  # type: ignore[type-abstract]
