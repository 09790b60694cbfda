"""What a client reported of a load, in one form for all clients."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True, slots=True)
class Report:
    """What a client said.

    Attributes:
        ttft_ms: time to the first token as the client counts it, one per request, or what summary it gives.
        itl_ms: time from token to token, likewise.
        tokens: tokens of one answer, on average; None if unknown or not said.
        ok: requests that it counts as successes; None if it does not say.
        failed: requests that it counts as failures.
        says: what else it said: its error, its marks.
    """

    ttft_ms: tuple[float, ...] = ()
    itl_ms: tuple[float, ...] = ()
    tokens: float | None = None
    ok: int | None = None
    failed: int | None = None
    says: str = ""

    def with_slow(self, least_ms: float) -> Report:
        """Return the report with a remark on how many requests were slower."""
        slow = f"{sum(ttft > least_ms for ttft in self.ttft_ms)} over {least_ms:g} ms"
        return replace(self, says="; ".join(filter(None, [slow, self.says])))

    def cells(self) -> list[str]:
        """Return the cells of a row: TTFT, ITL, tokens, successes and failures, remarks."""
        counts = "not said" if self.ok is None else f"{self.ok} / {self.failed or 0}"
        tokens = "–" if self.tokens is None else f"{self.tokens:g}"
        return [_quantiles(self.ttft_ms), _quantiles(self.itl_ms), tokens, counts, self.says]


def _quantiles(values: tuple[float, ...]) -> str:
    """Return median and maximum, or a dash."""
    if not values:
        return "–"
    return f"{np.median(values):.1f} / {max(values):.1f}"
