"""A pytest fixture that times a function: cold call apart, an interval on every median, few false alarms.

Pytest loads this module wherever the package is installed, so heavy imports wait until a test uses the fixture.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import pytest

from inference_bench.errors import InferenceBenchError
from inference_bench.pytest_plugin.options import add_options, read_options
from inference_bench.pytest_plugin.session import REPORT_FIELD, TimingSession

if TYPE_CHECKING:
    from collections.abc import Generator

    from inference_bench.pytest_plugin.baseline import Baseline
    from inference_bench.pytest_plugin.options import Options
    from inference_bench.pytest_plugin.timed_function import TimedFunction
    from inference_bench.pytest_plugin.timing_fixture import TimingFixture

_FIXTURE = "inference_bench"

_OPTIONS: pytest.StashKey[Options] = pytest.StashKey()
_BASELINE: pytest.StashKey[Baseline] = pytest.StashKey()
_COMPARISONS: pytest.StashKey[int] = pytest.StashKey()
_TIMING: pytest.StashKey[TimingFixture] = pytest.StashKey()
_TIMED: pytest.StashKey[list[TimedFunction]] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options."""
    add_options(parser)


@pytest.hookimpl(trylast=True)
def pytest_load_initial_conftests(parser: pytest.Parser, args: list[str]) -> None:
    """Answer options of pytest-benchmark that nothing here declares, before pytest refuses them without advice."""
    if not any(word.startswith("--benchmark-") for word in args):
        return
    from inference_bench.pytest_plugin.foreign_options import answers

    _, unknown = parser.parse_known_and_unknown_args(args)
    lines = answers(unknown)
    if lines:
        raise pytest.UsageError(*lines)


def pytest_configure(config: pytest.Config) -> None:
    """Refuse contradictory options, and files that cannot be read or written, before anything is timed."""
    options = config.stash[_OPTIONS] = read_options(config)
    if options.disable:
        return
    try:
        _prepare(config, options)
    except InferenceBenchError as error:
        raise pytest.UsageError(str(error)) from None


def pytest_report_header(config: pytest.Config) -> str | None:
    """Say that nothing is timed, if so."""
    disabled = config.stash[_OPTIONS].disable
    return "inference_bench: functions are called once, nothing is timed (--ib-disable)" if disabled else None


def _prepare(config: pytest.Config, options: Options) -> None:
    """Read the baseline, and take part in the session unless this is a worker of pytest-xdist."""
    save, compare = options.save, options.compare
    is_worker = hasattr(config, "workerinput")
    if save is not None and not is_worker:
        from inference_bench.results.timing_history import check_writable

        check_writable(save)
    if compare is not None:
        from inference_bench.pytest_plugin.baseline import read_baseline
        from inference_bench.pytest_plugin.run_facts import machine_fingerprint

        same = save is not None and save.resolve() == compare.resolve()
        config.stash[_BASELINE] = read_baseline(compare, machine_fingerprint(), options.fail, may_be_missing=same)
    if not is_worker:
        facts = _facts(config) if save else {}
        session = TimingSession(config.stash.get(_BASELINE, None), save, facts)
        config.pluginmanager.register(session, "inference_bench_session")


def _facts(config: pytest.Config) -> dict[str, object]:
    from inference_bench.pytest_plugin.run_facts import describe_run

    return describe_run(config.rootpath)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip tests by ``--ib-only`` and ``--ib-skip``."""
    options = config.stash[_OPTIONS]
    if not (options.only or options.skip):
        return
    for item in items:
        times = _FIXTURE in getattr(item, "fixturenames", ())
        if times and options.skip:
            item.add_marker(pytest.mark.skip(reason="--ib-skip"))
        if not times and options.only:
            item.add_marker(pytest.mark.skip(reason="--ib-only"))


@pytest.fixture(name=_FIXTURE)
def _timing(request: pytest.FixtureRequest) -> TimingFixture:
    """Time a function: ``inference_bench(function, *args, **kwargs)`` returns the result of its last call.

    A coroutine function is awaited. Each further use in a test is a row of its own. ``inference_bench.result`` is the
    last timing; ``inference_bench.with_options(setup=…, group=…)`` gives options to one use.
    """
    from inference_bench.pytest_plugin.timing_fixture import TimingFixture
    from inference_bench.timing.timer import Timer

    options = request.config.stash[_OPTIONS]
    timer = Timer(budget_s=options.budget_s, precision=options.precision, progress=False)
    timing = TimingFixture(timer, enabled=not options.disable)
    request.node.stash[_TIMING] = timing
    request.node.stash[_TIMED] = []
    return timing


def pytest_collection_finish(session: pytest.Session) -> None:
    """Count the tests that time: the more comparisons, the rarer each alone may give a false alarm."""
    times = sum(_FIXTURE in getattr(item, "fixturenames", ()) for item in session.items)
    session.config.stash[_COMPARISONS] = max(1, times)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the timed functions to a test's report, and fail a test that is slower than ``--ib-fail`` allows."""
    report = yield
    _answer_foreign_fixture(call, report)
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


def _answer_foreign_fixture(call: pytest.CallInfo[None], report: pytest.TestReport) -> None:
    """Say below the error what is here in place of a fixture of pytest-benchmark."""
    from inference_bench.pytest_plugin.foreign_options import FIXTURE_ANSWER, FIXTURES

    error = call.excinfo.value if call.excinfo else None
    if isinstance(error, pytest.FixtureLookupError) and error.argname in FIXTURES:
        report.sections.append(("inference_bench", FIXTURE_ANSWER))


def _timed_since(item: pytest.Item, timing: TimingFixture, done: int) -> list[TimedFunction]:
    """Return the timed functions of a test after the first ``done``."""
    from inference_bench.pytest_plugin.timed_function import timed_function

    workers = int(getattr(item.config, "workerinput", {}).get("workercount", 1))
    return [
        timed_function(
            item.nodeid if number == 1 else f"{item.nodeid} #{number}",
            use.timing.summary,
            workers,
            group=use.group,
            extra_info=timing.plain_info,
        )
        for number, use in enumerate(timing.uses[done:], done + 1)
    ]
