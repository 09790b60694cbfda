"""What a run of the suite printed and saved, and histories written for it."""

from __future__ import annotations

import importlib.util
import json

import pytest

needs_xdist = pytest.mark.skipif(importlib.util.find_spec("xdist") is None, reason="no pytest-xdist")


def lines_of(ended, name):
    return next(line for line in ended.stdout.splitlines() if line.startswith(f"test_it.py::{name} "))


def saved(suite, count, *, run=None, **medians):
    """Write a history of slightly different medians."""
    path = suite.folder / "runs.jsonl"
    facts = {} if run is None else {"run": run}
    lines = [
        {f"test_it.py::{name}": median * (1 + number / 1000) for name, median in medians.items()} | facts
        for number in range(count)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return str(path)


def runs_in(suite, name):
    return [json.loads(line) for line in (suite.folder / name).read_text().splitlines()]
