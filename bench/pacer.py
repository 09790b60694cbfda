"""How late does a tick come, and what does waiting for it cost?

Constant ticks at one rate, waited for in each of several ways, in turns, so that the machine's moods fall on all alike.
The error is when the wait ended minus when the tick was due; for the pacer also with the way back into Python.

Run as ``python -m bench.pacer``. A busy machine shows in the upper quantiles: the spinning alone cannot be late by
itself, so its row is what the machine takes away.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from inference_bench._native import Pacer, now_ns

if TYPE_CHECKING:
    from collections.abc import Callable

Errors = list[int] | np.ndarray


def main() -> int:
    """Print quantiles of the error and the CPU share of each way to wait."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rate", type=float, default=1_000.0, help="ticks a second (default: 1000)")
    arguments.add_argument("--seconds", type=float, default=2.0, help="for each way and round (default: 2)")
    arguments.add_argument("--rounds", type=int, default=5, help="default: 5")
    arguments.add_argument("--json", type=Path, help="also write the figures here")
    given = arguments.parse_args()
    ticks = max(1, round(given.rate * given.seconds))
    ways: dict[str, Callable[[float, int], dict[str, Errors]]] = {
        "pacer": _pacer,
        "pacer, asleep only": _asleep,
        "pacer, eventfd and asyncio": _eventfd,
        "spin in Python": _spin,
        "time.sleep to a deadline": _sleep,
        "asyncio.sleep to a deadline": _asyncio_sleep,
    }
    rounds: dict[str, list[dict[str, float]]] = {}
    for _ in range(given.rounds):
        for name, way in ways.items():
            cpu, wall = time.process_time_ns(), time.monotonic_ns()
            errors = way(given.rate, ticks)
            share = (time.process_time_ns() - cpu) / (time.monotonic_ns() - wall)
            for kind, each in errors.items():
                rounds.setdefault(name + kind, []).append(_summary(np.asarray(each) / 1_000, share))
    figures = {name: _over_rounds(each) for name, each in rounds.items()}
    print(_table(figures))
    if given.json:
        given.json.write_text(json.dumps(figures, indent=2) + "\n")
    return 0


def _summary(errors_us: np.ndarray, share: float) -> dict[str, float]:
    p50, p90, p99, p999 = np.quantile(errors_us, [0.5, 0.9, 0.99, 0.999])
    return {"p50_us": p50, "p90_us": p90, "p99_us": p99, "p99.9_us": p999, "max_us": errors_us.max(), "cpu": share}


def _over_rounds(rounds: list[dict[str, float]]) -> dict[str, dict[str, float]]:
    """Return the best and the median round of each figure: the best is the least disturbed."""
    return {
        statistic: {key: float(over([each[key] for each in rounds])) for key in rounds[0]}
        for statistic, over in (("best", min), ("median", np.median))
    }


def _pacer(rate: float, ticks: int) -> dict[str, Errors]:
    return _wait_for(Pacer.constant(rate, ticks))


def _asleep(rate: float, ticks: int) -> dict[str, Errors]:
    return _wait_for(Pacer.constant(rate, ticks, longest_spin_ns=0))


def _wait_for(pacer: Pacer) -> dict[str, Errors]:
    for _ in pacer:
        pass
    return _errors(pacer)


def _errors(pacer: Pacer) -> dict[str, Errors]:
    columns = {name: np.asarray(column) for name, column in pacer.columns().items()}
    return {": wake-up": columns["woken_ns"] - columns["scheduled_ns"], ": in Python": columns["lag_ns"]}


def _eventfd(rate: float, ticks: int) -> dict[str, Errors]:
    async def main() -> Pacer:
        loop = asyncio.get_running_loop()
        over = loop.create_future()
        with Pacer.constant(rate, ticks) as pacer:

            def on_due() -> None:
                pacer.take()
                if pacer.done:
                    over.set_result(None)

            descriptor = pacer.open_eventfd()
            loop.add_reader(descriptor, on_due)
            await over
            loop.remove_reader(descriptor)
        return pacer

    return _errors(asyncio.run(main()))


def _spin(rate: float, ticks: int) -> dict[str, Errors]:
    start, errors = now_ns(), []
    for tick in range(1, ticks + 1):
        due = start + round(tick * 1e9 / rate)
        while (now := now_ns()) < due:
            pass
        errors.append(now - due)
    return {"": errors}


def _sleep(rate: float, ticks: int) -> dict[str, Errors]:
    start, errors = now_ns(), []
    for tick in range(1, ticks + 1):
        due = start + round(tick * 1e9 / rate)
        if (left := due - now_ns()) > 0:
            time.sleep(left / 1e9)
        errors.append(now_ns() - due)
    return {"": errors}


def _asyncio_sleep(rate: float, ticks: int) -> dict[str, Errors]:
    async def main() -> Errors:
        start, errors = now_ns(), []
        for tick in range(1, ticks + 1):
            due = start + round(tick * 1e9 / rate)
            await asyncio.sleep(max(0, due - now_ns()) / 1e9)
            errors.append(now_ns() - due)
        return errors

    return {"": asyncio.run(main())}


def _table(figures: dict[str, dict[str, dict[str, float]]]) -> str:
    head = ["best round / median round", "p50 µs", "p90 µs", "p99 µs", "p99.9 µs", "CPU of a core"]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for name, figure in figures.items():
        best, middle = figure["best"], figure["median"]
        cells = [f"{best[key]:.2f} / {middle[key]:.2f}" for key in ("p50_us", "p90_us", "p99_us", "p99.9_us")]
        lines.append(f"| {name} | {' | '.join(cells)} | {best['cpu']:.1%} / {middle['cpu']:.1%} |")
    return "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(main())
