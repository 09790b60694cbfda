"""The options of the plugin: the command line, else the ini file, else a default."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

_BUDGET_S, _PRECISION = 2.0, 0.01
_TRUE, _FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off", "")

_FLAGS = {
    "only": "run only tests that time",
    "skip": "skip tests that time",
    "disable": "call each function once and time nothing",
}
_VALUES = {
    "budget": ("SECONDS", f"longest time per function ({_BUDGET_S:g})"),
    "precision": ("FRACTION", f"distance from the median to each end of its 95 % interval ({_PRECISION:g})"),
    "save": ("FILE", "append this run's medians to a file, if all tests pass"),
    "compare": ("FILE", "compare with the runs in a file; a verdict needs 8 of this machine"),
    "fail": ("FRACTION", "with compare: fail a test that is SLOWER or SUSPECT, by more than this, such as 0.05"),
}


@dataclass(frozen=True, slots=True)
class Options:
    """What the plugin was asked for.

    Attributes:
        only: skip tests that do not time.
        skip: skip tests that time.
        disable: call functions once, untimed.
        budget_s: longest time per function.
        precision: distance from the median to each end of its interval, as a fraction.
        save: file that the run is appended to; None without.
        compare: file of earlier runs; None without.
        fail: change that is allowed; None not to fail.
    """

    only: bool
    skip: bool
    disable: bool
    budget_s: float
    precision: float
    save: Path | None
    compare: Path | None
    fail: float | None


def add_options(parser: pytest.Parser) -> None:
    """Declare each option, and the ini option ``inference_bench_<name>`` of the same meaning."""
    group = parser.getgroup("inference_bench", "timing with the fixture `inference_bench`")
    for name, what in _FLAGS.items():
        group.addoption(f"--ib-{name}", action="store_true", default=None, help=what)
        parser.addini(f"inference_bench_{name}", f"as --ib-{name}: true or false", default="")
    for name, (metavar, what) in _VALUES.items():
        group.addoption(f"--ib-{name}", metavar=metavar, help=what)
        parser.addini(f"inference_bench_{name}", f"as --ib-{name}", default="")


def read_options(config: pytest.Config) -> Options:
    """Return the options of a session.

    Raises:
        pytest.UsageError: a value that is not allowed, or options that have no meaning together.
    """
    save, compare = (_given(config, name)[1] for name in ("save", "compare"))
    found = Options(
        only=_flag(config, "only"),
        skip=_flag(config, "skip"),
        disable=_flag(config, "disable"),
        budget_s=_number(config, "budget", "more than 0 seconds", lambda x: 0 < x < math.inf) or _BUDGET_S,
        precision=_number(config, "precision", "between 0 and 0.5", lambda x: 0 < x < 0.5) or _PRECISION,
        save=Path(save) if save else None,
        compare=Path(compare) if compare else None,
        fail=_number(config, "fail", "0 or more, such as 0.05", lambda x: 0 <= x < math.inf),
    )
    if found.only and found.skip:
        raise pytest.UsageError("--ib-only and --ib-skip: choose one of the two")
    if found.fail is not None and found.compare is None:
        raise pytest.UsageError("--ib-fail needs --ib-compare FILE")
    return found


def _given(config: pytest.Config, name: str) -> tuple[str, str]:
    """Return where an option was given, and its text; empty if it was not."""
    word = config.getoption(f"ib_{name}")
    if word is not None:
        return f"--ib-{name}", str(word)
    return f"inference_bench_{name}", str(config.getini(f"inference_bench_{name}"))


def _flag(config: pytest.Config, name: str) -> bool:
    where, text = _given(config, name)
    if text.lower() not in (*_TRUE, *_FALSE):
        raise pytest.UsageError(f"{where}: got {text!r}, expected true or false")
    return text.lower() in _TRUE


def _number(config: pytest.Config, name: str, expected: str, allows: Callable[[float], bool]) -> float | None:
    where, text = _given(config, name)
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not allows(value):
        raise pytest.UsageError(f"{where}: got {text!r}, expected {expected}")
    return value
