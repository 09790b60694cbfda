"""Checks of a snapshot that another process sent, which may be of any version, or no snapshot at all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

_MOST = 1 << 63
"""Bound of every whole number: counters are 64 bits wide."""

_WHOLE = ("pid", "time_ns", "uptime_ns", "memory_bytes", "memory_limit_bytes")
_COST = {"duty": (int, float), "budget": (int, float), "every": int, "over_budget": bool}
_RECORDING = {"made": int, "lost": int}


def parse_snapshot(line: bytes) -> dict[str, Any]:
    """Return a snapshot of ``WatchSocket`` or ``WatchEndpoint``, with every value that ``watch`` reads checked.

    Raises:
        ValueError: it is none.
    """
    try:
        plain = json.loads(line)
        _check(plain, dict)
        _check(plain["name"], str)
        for name in _WHOLE:
            _check(plain[name], int)
        _check(plain.setdefault("running", True), bool)
        _check_fields(plain["cost"], _COST)
        _check_fields(plain["recording"], _RECORDING)
        _check_each(plain["counters"], int)
        _check_each(plain.setdefault("marks", {}), int)
        _check_each(plain["gauges"], (int, float))
        for kind in ("histograms", "spans"):
            _check_each(plain[kind], dict)
            for row in plain[kind].values():
                _check_row(row)
    except (KeyError, TypeError, RecursionError) as error:
        raise ValueError(str(error)) from None
    found: dict[str, Any] = plain
    return found


def _check_row(row: Mapping[str, object]) -> None:
    _check(row["count"], int)
    _check(row["buckets"], list)
    for bucket in row["buckets"]:  # type: ignore[attr-defined]  # a list, as checked
        _check(bucket, list)
        if len(bucket) != 2:
            raise ValueError("a bucket that is no pair")
        for number in bucket:
            _check(number, int)


def _check_fields(given: object, fields: Mapping[str, Any]) -> None:
    _check(given, dict)
    for name, kind in fields.items():
        _check(given[name], kind)  # type: ignore[index]  # a dict, as checked


def _check_each(given: object, kind: type | tuple[type, ...]) -> None:
    _check(given, dict)
    for value in given.values():  # type: ignore[attr-defined]  # a dict, as checked
        _check(value, kind)


def _check(value: object, kind: type | tuple[type, ...]) -> None:
    right = isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
    if not right or (isinstance(value, int) and abs(value) >= _MOST):
        raise ValueError("a value of another type or size")
