from __future__ import annotations

from subprocess import CompletedProcess

import pytest

from inference_bench.machine.subprocesses import last_line, run_python


def test_a_process_reads_and_writes_text():
    done = run_python("-c", "import sys; print(sys.stdin.read().upper()); sys.exit('no luck.')", text="some text")

    assert (done.returncode, done.stdout, last_line(done)) == (1, "SOME TEXT\n", "no luck")


def test_the_environment_is_what_was_given():
    done = run_python("-c", "import os; print(os.environ['OWN'])", environment={"OWN": "value"})

    assert done.stdout == "value\n"


def test_ticks_come_until_the_process_ends(tmp_path):
    mark = tmp_path / "ticked"
    code = f"import os, time\nwhile not os.path.exists({str(mark)!r}): time.sleep(0.01)\nprint('ended')"

    assert run_python("-c", code, tick=mark.touch).stdout == "ended\n"


def test_an_exception_of_a_tick_ends_the_process():
    def fail() -> None:
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        run_python("-c", "import time; time.sleep(600)", tick=fail)


@pytest.mark.parametrize(
    ("stderr", "expected"),
    [
        ("", "exit status 3"),
        ("Traceback\nValueError: odd.\n", "ValueError: odd"),
        ("ERROR: no such package.\nWARNING: an old pip\n", "no such package"),
    ],
)
def test_the_last_line_says_why(stderr, expected):
    assert last_line(CompletedProcess([], 3, "", stderr)) == expected
