"""This machine: one node."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence

from inference_bench.errors import InvalidValueError
from inference_bench.orchestration.placement.placement import Placement
from inference_bench.orchestration.placement.share_process import ShareProcess
from inference_bench.results.upload import this_node


class LocalPlacement(Placement):
    """Carries out one share after the other on this machine, each in a fresh process."""

    async def open(self, count: int | None) -> Sequence[str]:
        """Return this machine."""
        if self.address:
            raise InvalidValueError("--on", f"local://{self.address}", "local", "Other machines: --on ray://HOST:PORT.")
        if count not in (None, 1):
            advice = "Shares that run at the same time would disturb each other; other machines: --on ray."
            raise InvalidValueError("--nodes", count, "1 with --on local", advice)
        return [this_node()]

    async def carry_out(self, request: str, node: str) -> AsyncGenerator[str, None]:
        """Carry out a share."""
        share = ShareProcess(request)
        try:
            while (line := await asyncio.to_thread(share.next_line)) is not None:
                yield line
        finally:
            share.end()
