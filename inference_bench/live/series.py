"""Names of recorded series, and bounded tables of them."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from inference_bench.errors import InvalidValueError
from inference_bench.live.exposed_names import check_labels

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,99}")
_LABEL_LENGTH = 200
"""Characters of a label's value that are kept: values may come from outside."""


@dataclass(frozen=True, slots=True)
class SeriesKey:
    """A name with labels, such as ``ttft{model="llama"}``."""

    name: str
    labels: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        inside = ",".join(f'{label}="{value}"' for label, value in self.labels)
        return f"{self.name}{{{inside}}}" if inside else self.name


def make_key(name: str, labels: Mapping[str, object]) -> SeriesKey:
    """Return the key of a series.

    Raises:
        InvalidValueError: Prometheus or OpenTelemetry cannot represent the name or a label.
    """
    for word in (name, *labels):
        if _NAME.fullmatch(word) is None:
            raise InvalidValueError("name of a series", word, "1 to 100 letters, digits, '_' and '.', no digit first")
    check_labels(labels)
    return SeriesKey(name, tuple((label, _sendable(str(value))) for label, value in sorted(labels.items())))


def _sendable(value: str) -> str:
    """Return a label's value without lone surrogates, which would make every later scrape fail."""
    return value[:_LABEL_LENGTH].encode(errors="replace").decode()


class LastSeen:
    """The last observation of a histogram and its request, kept so that setting it needs no look-up.

    Attributes:
        seen: request id, value in nanoseconds and Unix time in nanoseconds; None before the first.
    """

    __slots__ = ("seen",)

    def __init__(self) -> None:
        self.seen: tuple[int, int, int] | None = None


class SeriesLimit:
    """Limit of the series that several tables hold together: label values from outside must not fill memory."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.used = 0

    def take(self, name: object) -> None:
        """Count one more series.

        Raises:
            InvalidValueError: the limit is reached.
        """
        if self.used >= self.most:
            advice = "Use fewer label values, or give Profiler a higher max_series."
            raise InvalidValueError("series", str(name), f"at most {self.most} of them", advice)
        self.used += 1


class SeriesTable(Generic[K, T]):
    """Series of one kind; ``get`` makes each when it is first asked for and takes no lock otherwise."""

    def __init__(self, make: Callable[[K], T], limit: SeriesLimit) -> None:
        self._make = make
        self._limit = limit
        self._lock = threading.Lock()
        self._series: dict[K, T] = {}

    def get(self, key: K) -> T:
        """Return the series of this key.

        Raises:
            InvalidValueError: the limit is reached.
        """
        found = self._series.get(key)
        return self._add(key) if found is None else found

    def items(self) -> list[tuple[K, T]]:
        """Return a copy of all keys and series."""
        with self._lock:
            return list(self._series.items())

    def replace_lock(self) -> None:
        """Replace the lock, which another thread of the parent may have held during a fork."""
        self._lock = threading.Lock()

    def _add(self, key: K) -> T:
        with self._lock:
            if key not in self._series:
                self._limit.take(key)
                try:
                    self._series[key] = self._make(key)
                except InvalidValueError:
                    self._limit.used -= 1
                    raise
            return self._series[key]
