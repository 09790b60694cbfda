from __future__ import annotations

import subprocess
import sys

import orjson
import pytest

from inference_bench.analysis.trust.case import judged
from inference_bench.errors import UnknownNameError
from inference_bench.plugins import names_in
from inference_bench.reports._report import open_report
from inference_bench.results.run import load_run
from inference_bench.results.run_folder import create_run_folder
from inference_bench.results.sink import open_sinks
from tests.report_parts import CRASHED, RECORD, memory, render, speed


@pytest.fixture
def run(tmp_path):
    folder = create_run_folder(tmp_path)
    sink = open_sinks(folder)
    sink.begin(RECORD)
    for result in (speed(), CRASHED):
        sink.write(judged(result, RECORD), RECORD)
    return load_run(folder)


@pytest.mark.parametrize(("name", "file"), [("json", "results.json"), ("csv", "results.csv")])
def test_the_report_is_the_file(run, name, file):
    assert render(name, run=run) == (run.folder / file).read_text()


def test_json_of_a_run_in_memory():
    assert orjson.loads(render("json", speed()))["results"][0]["samples"] is None


def test_unknown_report_is_named():
    with pytest.raises(UnknownNameError, match="did you mean 'console'"):
        open_report("consol")


def test_reports_know_no_measuring_module():
    code = """
import sys
from inference_bench.plugins import names_in
from inference_bench.reports._report import open_report
from inference_bench.results.sink import open_sinks
[open_report(name) for name in names_in("inference_bench.reports")]
open_sinks(None)
measuring = {"benchmarks", "orchestrator", "worker", "floor", "_native"}
heavy = {"torch", "transformers", "numpy", "pyarrow"}
print(sorted(name for name in sys.modules if name.split(".")[0] in heavy or name.split(".")[1:2] and
    name.split(".")[0] == "inference_bench" and name.split(".")[1] in measuring))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", names_in("inference_bench.reports"))
def test_every_report_renders(name):
    assert render(name, speed(), CRASHED, memory())
