"""pytest in a process of its own, over a folder of tests that use the fixture."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest

TESTS = """
    import time

    def test_timed(inference_bench):
        assert inference_bench(sum, [1, 2, 3]) == 6
        assert inference_bench.result.n >= 30

    def test_slow(inference_bench):
        inference_bench(time.sleep, 0.001)
        assert inference_bench.result.median_ns > 1_000_000

    def test_plain():
        pass
"""


@pytest.fixture
def suite(tmp_path):
    """Run pytest in a folder of its own; ``tests`` replaces its test file."""
    (tmp_path / "test_it.py").write_text(textwrap.dedent(TESTS))

    def run(*words, tests=None, plugins=(), **variables):
        if tests is not None:
            (tmp_path / "test_it.py").write_text(textwrap.dedent(tests))
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"]
        for plugin in ("inference_bench.pytest_plugin", *plugins):
            command += ["-p", plugin]
        environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "COLUMNS": "250", **variables}
        words = ("--ib-budget", "0.2", *words)
        return subprocess.run([*command, *words], cwd=tmp_path, capture_output=True, text=True, env=environment)

    run.folder = tmp_path  # type: ignore[attr-defined]
    return run
