"""A service-level objective as it is written: ``ttft.p99<=300ms``, ``failures<=1%``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from inference_bench.errors import InvalidValueError, UnknownNameError
from inference_bench.units import NS_PER_MS, NS_PER_S, NS_PER_US

METRICS_OF_SLO = {
    "ttft": "request_ttft",
    "tpot": "request_tpot",
    "e2e": "request_latency",
    "first_byte": "first_byte",
    "first_reasoning": "first_reasoning",
    "dispatch_lag": "dispatch_lag",
}
"""Name in an objective → tag in ``metrics`` of the figure that each request has one of; the tag is a name as well."""

FAILURES = "failures"
"""Name of the share of requests that fail."""

_NAMES = {**METRICS_OF_SLO, **{tag: tag for tag in METRICS_OF_SLO.values()}}
_UNITS = {"ns": 1, "us": NS_PER_US, "µs": NS_PER_US, "ms": NS_PER_MS, "s": NS_PER_S}
_NUMBER = r"[0-9]{1,15}(?:\.[0-9]{1,9})?"
_FORM = re.compile(
    rf"(?P<name>[A-Za-z_]\w*)(?:\.p(?P<percent>{_NUMBER}))?\s*(?P<sign><=|≤|<)\s*(?P<limit>{_NUMBER})\s*(?P<unit>[a-zµ%]*)"
)
_AND = " and "
_EXPECTED = "METRIC.pN<=TIME or failures<=N%, such as ttft.p99<=300ms"


@dataclass(frozen=True, slots=True)
class Slo:
    """An objective: at least this share of all requests must be good.

    A request is good if it was answered, and, where there is a limit, its figure is within the limit.

    Attributes:
        text: as it is written, without blanks.
        metric: tag of the figure; ``failures`` if being answered is enough.
        share: of requests that must be good, between 0 and 1.
        limit_ns: of the figure, in nanoseconds; None if being answered is enough.
        is_strict: whether the figure must be below the limit, not at it.
    """

    text: str
    metric: str
    share: float
    limit_ns: float | None = None
    is_strict: bool = False


def parse_slo(text: str) -> Slo:
    """Return the objective that a text states.

    >>> parse_slo("ttft.p99 <= 300ms").share
    0.99
    >>> parse_slo("failures<=0.1%").share
    0.999

    Raises:
        InvalidValueError: not of the form, or a percentile, unit or limit that has no meaning.
        UnknownNameError: no request has a figure of this name.
    """
    found = _FORM.fullmatch(text.strip())
    if found is None:
        raise InvalidValueError("--slo", text, _EXPECTED)
    name, percent = found["name"], found["percent"]
    if name != FAILURES and name not in _NAMES:
        raise UnknownNameError("metric of --slo", name, (*METRICS_OF_SLO, FAILURES))
    if name == FAILURES:
        return _of_failures(text, found)
    if percent is None or not 0 < Fraction(percent) < 100:
        advice = "" if percent is None else "No number of requests shows that all of them are good."
        raise InvalidValueError("--slo", text, f"a percentile between 0 and 100, such as {name}.p99<=…", advice)
    if found["unit"] not in _UNITS or not Fraction(found["limit"]):
        raise InvalidValueError("--slo", text, f"a time of more than 0 with a unit: {', '.join(_UNITS)}")
    limit_ns = float(Fraction(found["limit"]) * _UNITS[found["unit"]])
    return Slo(_written(found), _NAMES[name], float(Fraction(percent) / 100), limit_ns, found["sign"] == "<")


def joined(slos: Iterable[str]) -> str:
    """Return several objectives as one text, for the value of an axis."""
    return _AND.join(slos)


def parse_slos(text: str) -> list[Slo]:
    """Return the objectives of a text that ``joined`` made.

    Raises:
        UsageError: one of them is no objective.
    """
    return [parse_slo(slo) for slo in text.split(_AND)]


def _of_failures(text: str, found: re.Match[str]) -> Slo:
    limit = Fraction(found["limit"]) / (100 if found["unit"] == "%" else 1)
    if found["percent"] is not None or found["unit"] not in ("%", "") or not 0 < limit < 1:
        advice = "No number of requests shows that none ever fails." if not limit else ""
        raise InvalidValueError("--slo", text, "a share between 0% and 100%, such as failures<=1%", advice)
    return Slo(_written(found), FAILURES, float(1 - limit))


def _written(found: re.Match[str]) -> str:
    percent = f".p{found['percent']}" if found["percent"] else ""
    sign = "<" if found["sign"] == "<" else "<="
    return f"{found['name']}{percent}{sign}{found['limit']}{found['unit']}"
