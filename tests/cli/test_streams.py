"""Standard streams that are closed, full, or whose reader has left: measuring does not depend on them."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import chain, combinations

import pytest

from inference_bench.results.run import load_run

_REQUEST = "run --model null --benchmark inference_speed -a input_length=4 -a new_tokens=2 --quick --budget 0.05"
_SUBSETS = list(chain.from_iterable(combinations((0, 1, 2), count) for count in range(4)))


def _shell(words, redirections, cwd):
    line = f"exec {sys.executable} -P -m inference_bench {words} {redirections}"
    return subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False, cwd=cwd, timeout=300)


def _runs(folder):
    return [load_run(path) for path in sorted((folder / "benchmark_results").iterdir())]


@pytest.mark.parametrize(
    ("closed", "options"),
    [*((closed, "") for closed in _SUBSETS), *(((2,), options) for options in ("--quiet", "--log-json"))],
)
def test_any_stream_may_be_closed(tmp_path, closed, options):
    ended = _shell(f"{_REQUEST} {options} --format json", " ".join(f"{number}>&-" for number in closed), tmp_path)

    assert ended.returncode == 0, ended.stderr
    assert _runs(tmp_path)[0].record.finished
    assert "Traceback" not in ended.stderr
    if 1 not in closed:
        json.loads(ended.stdout)  # nothing that belongs to standard error is in it


@pytest.mark.parametrize("options", ["", "--quiet", "--log-json"])
@pytest.mark.parametrize("redirection", ["2>/dev/full", "2> >(true)"], ids=["full", "no reader"])
def test_standard_error_may_be_lost(tmp_path, options, redirection):
    ended = _shell(f"{_REQUEST} --isolation inline {options} --format json", redirection, tmp_path)

    assert ended.returncode == 0
    assert _runs(tmp_path)[0].record.finished
    json.loads(ended.stdout)


@pytest.mark.parametrize("words", [_REQUEST, "list", "--help", "env", "list --json"])
def test_a_full_standard_output_is_one_clear_line(tmp_path, words):
    ended = _shell(words, "> /dev/full", tmp_path)

    assert ended.returncode == 1
    assert ended.stderr.strip().splitlines()[-1] == "error: standard output: No space left on device."
    assert "unexpected" not in ended.stderr
    assert "Exception ignored" not in ended.stderr
