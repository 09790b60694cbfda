"""Refuse what a call returned before its work began: a coroutine, a generator, a ``map``."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine
from types import AsyncGeneratorType, CoroutineType, GeneratorType

from inference_bench.errors import UsageError


def refuse_lazy_result(function: Callable[..., object], returned: object) -> None:
    """Refuse a result whose work has not begun, since timing the call would time nothing of it.

    A coroutine or generator that has started, or is exhausted, is an ordinary result.

    Raises:
        UsageError: the call returned an awaitable, or a generator, ``map`` or ``filter`` that nothing has run.
    """
    advice = _advice(returned)
    if advice is None:
        return
    if isinstance(returned, Coroutine):
        returned.close()  # Python warns of coroutines that are never awaited
    name = getattr(function, "__name__", None) or type(function).__name__
    raise UsageError(f"{name} returned a {type(returned).__name__} that nothing has run: {advice}.")


def _advice(returned: object) -> str | None:
    """Return what to time instead, or None for a result that can stand."""
    if isinstance(returned, GeneratorType | map | filter):
        begun = isinstance(returned, GeneratorType) and inspect.getgeneratorstate(returned) != inspect.GEN_CREATED
        return None if begun else "time a function that takes its items, such as lambda: list(...)"
    if isinstance(returned, AsyncGeneratorType):
        return "time a coroutine function (async def) that takes its items with async for"
    if isinstance(returned, CoroutineType) and inspect.getcoroutinestate(returned) != inspect.CORO_CREATED:
        return None
    return "time a coroutine function (async def) that awaits it" if inspect.isawaitable(returned) else None
