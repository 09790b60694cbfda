"""Calls that run at the same time, and fail as one call does."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any


async def together(calls: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Carry out calls at the same time; the first that fails ends the others, and its error is raised."""
    try:
        async with asyncio.TaskGroup() as group:
            for call in calls:
                group.create_task(call)
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from errors
