"""Code timed in fresh processes, as timeit does it."""

from __future__ import annotations

import timeit

import pytest

from inference_bench.errors import InferenceBenchError
from inference_bench.timing.snippet import Snippet
from inference_bench.timing.snippet_process import Ticks, compiled
from inference_bench.units import NS_PER_MS

BUDGET_NS = 20 * NS_PER_MS


def measured(code, setup="", number=None):
    return Snippet(code, setup, number, BUDGET_NS).measure()


def test_short_code_is_executed_many_times_per_sample():
    found = measured("x + 1", "x = 1")

    assert found.executions > 100
    assert len(found.samples_ns) > 10
    assert 0 < found.floor_ns < found.figure_ns < found.cold_ns


def test_long_code_is_a_sample_of_its_own():
    found = measured("time.sleep(0.004)", "import time")

    assert found.executions == 1
    assert min(found.samples_ns) >= 4 * NS_PER_MS


def test_the_number_of_executions_can_be_given():
    assert measured("x + 1", "x = 1", number=7).executions == 7


def test_the_number_that_was_found_holds_for_later_processes():
    snippet = Snippet("x + 1", "x = 1", None, BUDGET_NS)

    assert snippet.measure().executions == snippet.number == snippet.measure().executions


COUNTS: list[int] = []


def test_set_up_runs_once_and_its_variables_can_be_assigned():
    ticks = Ticks(3, NS_PER_MS)
    setup = "from tests.timing.test_snippet import COUNTS\ncount = 0"
    compiled(setup, "count += 1; COUNTS.append(count)")(ticks.samples(), ticks.tick)

    first, warm_up, measured = 1, 2 * 3, 3 * len(ticks.samples_ns)
    assert [*range(1, 1 + first + warm_up + measured)] == COUNTS


def test_statements_may_span_lines_and_hold_text_of_several_lines():
    run = compiled("", 'text = """a\nb"""\nif text:\n    assert text == "a" + chr(10) + "b"')
    ticks = Ticks(1, 1)

    run(ticks.samples(), ticks.tick)
    assert ticks.samples_ns


@pytest.mark.parametrize("code", ["break", "return 3", "x = (", "yield 1"])
def test_what_timeit_refuses_is_refused(code):
    with pytest.raises(SyntaxError):
        timeit.Timer(code)
    with pytest.raises(SyntaxError):
        compiled("", code)


@pytest.mark.parametrize(
    ("code", "setup", "message"),
    [
        ("nowhere", "", "time 'nowhere': NameError: name 'nowhere' is not defined."),
        ("1 +", "", "time '1 +': SyntaxError: invalid syntax"),
        ("1", "1 / 0", "time '1': ZeroDivisionError: division by zero."),
        ("raise SystemExit(3)", "", "time 'raise SystemExit(3)': SystemExit: 3."),
        ("os._exit(3)", "import os", "its process ended with exit code 3 and no times"),
    ],
)
def test_an_error_is_one_line(code, setup, message):
    with pytest.raises(InferenceBenchError) as caught:
        measured(code, setup)

    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_code_prints_does_not_disturb_the_reply():
    assert measured("print('{')").samples_ns


def test_modules_beside_it_can_be_imported(tmp_path, monkeypatch):
    (tmp_path / "beside.py").write_text("answer = 42\n")
    monkeypatch.chdir(tmp_path)

    assert measured("assert beside.answer == 42", "import beside").samples_ns


def test_the_process_imports_nothing_of_weight():
    heavy = "{'numpy', 'scipy', 'torch', 'asyncio'}"

    assert measured(f"assert not {heavy} & set(sys.modules)", "import sys").samples_ns
