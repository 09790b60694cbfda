"""The exceptions of this package.

    InferenceBenchError            base; the command line prints one line and exits with ``exit_code``
    ├── UsageError                 the request cannot be carried out as given (exit 2)
    │   ├── UnknownNameError       a model, benchmark, device … that does not exist
    │   ├── InvalidValueError      a value outside of what is allowed
    │   │   └── UnscorableError    a text that this model cannot score: the other items of a task can be
    │   ├── RunFormatError         a folder or file that is not a readable run
    │   ├── StorageError           an address on object storage that cannot be reached, read or written
    │   ├── EndpointError          a server that does not answer, or not as an OpenAI-compatible one
    │   └── MissingPackageError    a package that is not installed; an ImportError, too
    ├── WeightsError               weights refused, missing or corrupt
    ├── EngineError                an engine that failed while it served requests
    ├── PluginError                a model or benchmark file that cannot be used
    ├── TaskError                  an accuracy task that cannot be read or fetched
    ├── SinkError                  a sink that cannot write a run that has been measured
    ├── NotApplicableError         this benchmark does not apply to this model: a status, not a failure
    └── ProtocolError              a worker that breaks the protocol

Every message states what was given, what was expected, and what to do.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

_NEAR, _NEAR_SHORT, _SHORT = 0.72, 0.66, 4
"""Similarity from which a name is taken for a misspelling of another (``SequenceMatcher.ratio``); in a short one, two
letters that are swapped already make it 0.67."""

_OF_OTHERS = {
    "gpu": "cuda",
    "nvidia": "cuda",
    "fp32": "float32",
    "float": "float32",
    "fp16": "float16",
    "half": "float16",
    "bf16": "bfloat16",
    "int8": "int8_dynamic",
    "8bit": "int8_dynamic",
    "flash_attention": "flash_attention_2",
    "fa2": "flash_attention_2",
    "table": "console",
    "text": "console",
    "terminal": "console",
    "md": "markdown",
}
"""What other tools call a device, number format, attention or format → its name here."""


def nearest(given: str, known: Iterable[str]) -> str:
    """Return the known name that a misspelt one most likely means; empty if none is near.

    >>> nearest("modle", ["model", "dtype"]), nearest("csv", ["spec", "seed"])
    ('model', '')
    """
    names = sorted(known)
    # The beginning of a long name is a better guess than any edit distance to it.
    close = [name for name in names if len(given) > 2 and name.startswith(given)]
    cutoff = _NEAR_SHORT if len(given) <= _SHORT else _NEAR
    return (close or get_close_matches(given, names, n=1, cutoff=cutoff) or [""])[0]


class InferenceBenchError(Exception):
    """Base of all errors that this package raises."""

    exit_code = 1


class UsageError(InferenceBenchError):
    """The request cannot be carried out as given."""

    exit_code = 2


class UnknownNameError(UsageError):
    """An unknown name."""

    def __init__(self, kind: str, given: str, known: Iterable[str], advice: str = "") -> None:
        names = sorted(known)
        close = _OF_OTHERS.get(given.lower())
        close = close if close in names else nearest(given, names)
        guess = f"did you mean {close!r}? " if close else ""
        listed = ", ".join(names) if names else "none"
        super().__init__(f"unknown {kind} {given!r}: {guess}Known: {listed}." + (f" {advice}" if advice else ""))


class InvalidValueError(UsageError):
    """A value outside of what is allowed."""

    def __init__(self, what: str, given: object, expected: str, advice: str = "") -> None:
        super().__init__(f"{what}: got {given!r}, expected {expected}." + (f" {advice}" if advice else ""))


class UnscorableError(InvalidValueError):
    """A text that this model cannot score, such as one longer than its positions."""


class WeightsError(InferenceBenchError):
    """Weights refused, missing or corrupt."""


class EngineError(InferenceBenchError):
    """An engine that failed while it served requests."""


class PluginError(InferenceBenchError):
    """A model or benchmark file that cannot be used."""


class TaskError(InferenceBenchError):
    """An accuracy task that cannot be read or fetched."""


class SinkError(InferenceBenchError):
    """A sink that cannot write a run that has been measured."""


class NotApplicableError(InferenceBenchError):
    """This benchmark does not apply to this model."""


class ProtocolError(InferenceBenchError):
    """A worker that breaks the protocol."""


class RunFormatError(UsageError):
    """A folder or file that is not a readable run."""


class StorageError(UsageError):
    """An address on object storage that cannot be reached, read or written.

    Attributes:
        is_temporary: whether the same request may succeed in a moment.
    """

    def __init__(self, message: str, *, is_temporary: bool = False) -> None:
        super().__init__(message)
        self.is_temporary = is_temporary


class EndpointError(UsageError):
    """A server that does not answer, or not as an OpenAI-compatible one."""


class MissingPackageError(UsageError, ModuleNotFoundError):
    """A package that is not installed; ``name`` is the module. ``extras`` knows what to install."""

    def __init__(self, what: str, module: str, command: str) -> None:
        super().__init__(f"{what} needs {module}, which is not installed: {command}", name=module)
