"""Names under which exporters show series. A series whose name clashes there is refused when it is made.

Prometheus replaces dots by underscores and adds suffixes; two series of one resulting name make a whole scrape
unreadable. OpenTelemetry does not distinguish upper and lower case.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping

from inference_bench.errors import InvalidValueError
from inference_bench.live.declared_series import OWN

_TOTAL = "_total"
_SECONDS = "_seconds"
_RESERVED_LABELS = frozenset({"le", "quantile"})


def exposed(name: str) -> str:
    """Return a name or label as Prometheus takes it."""
    return name.replace(".", "_")


def counter_family(name: str) -> str:
    """Return the name of a counter's family; its sample has ``_total`` once, also if the name ends so already."""
    return exposed(name).removesuffix(_TOTAL)


def histogram_family(name: str) -> str:
    """Return the name of a histogram's family, which ends in ``_seconds`` once."""
    return exposed(name).removesuffix(_SECONDS) + _SECONDS


class ExposedNames:
    """Who has which name; ``claim`` refuses a name that another series has."""

    def __init__(self) -> None:
        self._owners: dict[str, tuple[str, str]] = {}
        self.replace_lock()
        for own in OWN:
            self._claim(own.kind, own.name, f"profiler's {own.kind}")

    def replace_lock(self) -> None:
        """Replace the lock, which another thread of the parent may have held during a fork."""
        self._lock = threading.Lock()

    def claim(self, kind: str, name: str) -> None:
        """Claim all names of the series of this kind and name; does nothing if it has them already.

        Args:
            kind: ``counter``, ``gauge`` or ``histogram``; another word for a gauge that is made elsewhere.
            name: name of the series.

        Raises:
            InvalidValueError: another series has one of them.
        """
        if kind == "counter" and name == _TOTAL[1:]:
            raise InvalidValueError("name of a series", name, "a name besides the suffix of every counter")
        self._claim(kind, name, kind)

    def _claim(self, kind: str, name: str, owner: str) -> None:
        wanted = {*_samples(kind, name), f"={name.lower()}"}
        with self._lock:
            for taken in wanted & self._owners.keys():
                if self._owners[taken] != (owner, name):
                    other = " ".join(self._owners[taken])
                    advice = f"The {other} has the name {taken.lstrip('=')!r} in an exporter. Choose another."
                    raise InvalidValueError("name of a series", name, "one that no other series has", advice)
            self._owners |= dict.fromkeys(wanted, (owner, name))


def _samples(kind: str, name: str) -> Iterable[str]:
    """Return the names of the family and its samples in Prometheus."""
    if kind == "counter":
        family = counter_family(name)
        return family, f"{family}{_TOTAL}", f"{family}_created"
    if kind == "histogram":
        family = histogram_family(name)
        return [family + suffix for suffix in ("", "_bucket", "_count", "_sum", "_created")]
    return (exposed(name),)


def check_labels(labels: Mapping[str, object]) -> None:
    """Check that exporters can tell the labels of one series apart.

    Raises:
        InvalidValueError: Prometheus uses the name itself, or two of them become equal there.
    """
    seen: set[str] = set()
    for label in map(exposed, labels):
        if label in _RESERVED_LABELS or label.startswith("__"):
            raise InvalidValueError("label", label, "a name that Prometheus does not use itself")
        if label in seen:
            raise InvalidValueError("label", label, "labels that differ in more than '.' and '_'")
        seen.add(label)
