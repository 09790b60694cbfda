"""A pytest fixture that times a function: cold call apart, an interval on every median, few false alarms.

Pytest loads this module wherever the package is installed, so heavy imports wait until a test uses the fixture.
"""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from inference_bench.errors import InferenceBenchError
from inference_bench.pytest_plugin.session import REPORT_FIELD, TimingSession

if TYPE_CHECKING:
    import argparse
    from collections.abc import Generator

    from inference_bench.benchmark.function_timing import FunctionTiming
    from inference_bench.pytest_plugin.baseline import Baseline
    from inference_bench.pytest_plugin.timed_function import TimedFunction

_FIXTURE = "inference_bench"

_BASELINE: pytest.StashKey[Baseline] = pytest.StashKey()
_COMPARISONS: pytest.StashKey[int] = pytest.StashKey()
_TIMING: pytest.StashKey[FunctionTiming] = pytest.StashKey()
_TIMED: pytest.StashKey[list[TimedFunction]] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options."""
    group = parser.getgroup("inference_bench", "timing with the fixture `inference_bench`")
    group.addoption("--ib-only", action="store_true", help="run only tests that time")
    group.addoption("--ib-skip", action="store_true", help="skip tests that time")
    group.addoption("--ib-budget", type=float, default=2.0, metavar="SECONDS", help="longest time per test (2)")
    group.addoption(
        "--ib-precision",
        type=float,
        default=0.02,
        metavar="FRACTION",
        help="width of the median's interval (0.02)",
    )
    group.addoption(
        "--ib-save", type=Path, metavar="FILE", help="append this run's medians to a file, if all tests pass"
    )
    group.addoption(
        "--ib-compare",
        type=Path,
        metavar="FILE",
        help="compare with the runs in a file; a verdict needs 8 of this machine",
    )
    group.addoption(
        "--ib-fail",
        type=float,
        metavar="FRACTION",
        help="with --ib-compare: fail a test that is SLOWER or SUSPECT, by more than this, such as 0.05",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Refuse contradictory options, and files that cannot be read or written, before anything is timed."""
    _check_options(config.option)
    try:
        _prepare(config)
    except InferenceBenchError as error:
        raise pytest.UsageError(str(error)) from None


def _check_options(option: argparse.Namespace) -> None:
    if option.ib_only and option.ib_skip:
        raise pytest.UsageError("--ib-only and --ib-skip: choose one of the two")
    if option.ib_fail is not None and option.ib_compare is None:
        raise pytest.UsageError("--ib-fail needs --ib-compare FILE")
    if option.ib_fail is not None and not 0 <= option.ib_fail < math.inf:
        raise pytest.UsageError("--ib-fail: 0 or more, such as 0.05")
    if not 0 < option.ib_budget < math.inf or not 0 < option.ib_precision < 1:
        raise pytest.UsageError("--ib-budget: more than 0 seconds; --ib-precision: between 0 and 1")


def _prepare(config: pytest.Config) -> None:
    """Read the baseline, and take part in the session unless this is a worker of pytest-xdist."""
    save, compare = (Path(path) if path else None for path in (config.option.ib_save, config.option.ib_compare))
    is_worker = hasattr(config, "workerinput")
    if save is not None and not is_worker:
        from inference_bench.results.timing_history import check_writable

        check_writable(save)
    if compare is not None:
        from inference_bench.pytest_plugin.baseline import read_baseline
        from inference_bench.pytest_plugin.run_facts import machine_fingerprint

        same = save is not None and save.resolve() == compare.resolve()
        config.stash[_BASELINE] = read_baseline(
            compare, machine_fingerprint(), config.option.ib_fail, may_be_missing=same
        )
    if not is_worker:
        facts = _facts(config) if save else {}
        session = TimingSession(config.stash.get(_BASELINE, None), save, facts)
        config.pluginmanager.register(session, "inference_bench_session")


def _facts(config: pytest.Config) -> dict[str, object]:
    from inference_bench.pytest_plugin.run_facts import describe_run

    return describe_run(config.rootpath)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip tests by ``--ib-only`` and ``--ib-skip``."""
    if not (config.option.ib_only or config.option.ib_skip):
        return
    for item in items:
        times = _FIXTURE in getattr(item, "fixturenames", ())
        if times and config.option.ib_skip:
            item.add_marker(pytest.mark.skip(reason="--ib-skip"))
        if not times and config.option.ib_only:
            item.add_marker(pytest.mark.skip(reason="--ib-only"))


@pytest.fixture(name=_FIXTURE)
def _timing(request: pytest.FixtureRequest) -> FunctionTiming:
    """Time a function: ``inference_bench(function, *args, **kwargs)`` returns the result of its last call.

    A coroutine function is awaited. Each further use in a test is a row of its own.
    """
    from inference_bench.benchmark.function_timing import FunctionTiming
    from inference_bench.spec import Limits
    from inference_bench.units import NS_PER_S

    option = request.config.option
    timing = FunctionTiming(
        Limits(budget_ns=max(1, round(option.ib_budget * NS_PER_S)), relative_width=option.ib_precision)
    )
    request.node.stash[_TIMING] = timing
    request.node.stash[_TIMED] = []
    return timing


def pytest_collection_finish(session: pytest.Session) -> None:
    """Count the tests that time: the more comparisons, the rarer each alone may give a false alarm."""
    times = sum(_FIXTURE in getattr(item, "fixturenames", ()) for item in session.items)
    session.config.stash[_COMPARISONS] = max(1, times)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the timed functions to a test's report, and fail a test that is slower than ``--ib-fail`` allows."""
    report = yield
    timing = item.stash.get(_TIMING, None)
    if timing is None or report.when == "setup":
        return report
    sound = report.passed and not hasattr(report, "wasxfail")
    timed = item.stash[_TIMED]
    fresh = _timed_since(item, timing, len(timed))
    baseline = item.config.stash.get(_BASELINE, None)
    if baseline is not None and sound:
        fresh = [baseline.judge(each, item.config.stash[_COMPARISONS]) for each in fresh]
    timed.extend(fresh)
    failures = [each.failure for each in fresh if each.failure]
    if failures:
        report.outcome = "failed"
        report.longrepr = "\n".join(failures)
    if report.when == "teardown":
        setattr(report, REPORT_FIELD, [asdict(each) for each in timed])
    return report


def _timed_since(item: pytest.Item, timing: FunctionTiming, done: int) -> list[TimedFunction]:
    """Return the timed functions of a test after the first ``done``."""
    from inference_bench.pytest_plugin.timed_function import timed_function

    workers = int(getattr(item.config, "workerinput", {}).get("workercount", 1))
    return [
        timed_function(item.nodeid if number == 1 else f"{item.nodeid} #{number}", summary, workers)
        for number, summary in enumerate(timing.summaries[done:], done + 1)
    ]
