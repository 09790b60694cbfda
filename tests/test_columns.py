"""Columns are declared in one place: what follows from the declaration."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from inference_bench.columns import TABLES, Kind, columns_of
from inference_bench.result import Chunks, MemoryTimeline, Operations, Requests, Samples, Scores, ServerReadings

ROOT = Path(__file__).parent.parent
ROWS = {"metric": ["ttft", "itl"], "phase": ["", "decode"], "stage": ["cold", "measured"], "value": [1, 2]}


@pytest.mark.parametrize("table", [Samples, MemoryTimeline, Scores, Requests, Chunks, ServerReadings])
def test_the_type_of_a_field_is_the_type_of_its_column(table):
    for field, column in zip(fields(table), columns_of(table), strict=True):
        dtype = np.dtype(column.kind.dtype).type
        assert field.type == f"NDArray[np.{dtype.__name__}]", column.name
        assert column.missing is None or np.asarray(column.missing, column.kind.dtype) == column.missing


def test_every_table_has_a_class_in_results():
    assert {
        table.__base__ for table in (Samples, MemoryTimeline, Scores, Requests, Chunks, ServerReadings, Operations)
    } == set(TABLES.values())


def test_parts_are_joined_as_columns():
    parts = [{**ROWS, "run": run, "iteration": [0, 1], "step": [-1, 3]} for run in (0, 1)]

    joined = Samples.joined(parts)

    assert len(joined) == 4
    assert joined.run.tolist() == [0, 0, 1, 1]
    assert joined.step.tolist() == [-1, 3, -1, 3]
    assert joined.metric.tolist() == ["ttft", "itl"] * 2


def test_a_part_without_a_column_counts_as_unknown():
    joined = Samples.joined([{**ROWS, "run": 0, "iteration": [0, 1]}])

    assert joined.step.tolist() == joined.start_ns.tolist() == [-1, -1]
    assert joined.loader.tolist() == ["", ""]
    assert all(getattr(joined, each.name).dtype.kind == np.dtype(each.kind.dtype).kind for each in columns_of(Samples))


def test_a_part_without_a_column_that_always_has_a_value_is_an_error():
    with pytest.raises(KeyError, match="iteration"):
        Samples.joined([{**ROWS, "run": 0}])


def test_long_texts_are_not_padded():
    assert np.dtype(Kind.TEXT.dtype) == np.dtype(object)


ADDED = '    power_mw: NDArray[np.int64] = column(Kind.INT64, "power of the package, milliwatts", missing=-1)\n'
SCRIPT = """
import sys
from pathlib import Path
from runpy import run_path
import inference_bench
assert Path(inference_bench.__path__[0]).parent == Path.cwd(), inference_bench.__path__
from inference_bench.cli import main
words = "run --model null --benchmark inference_speed --input-lengths 8 --new-tokens 4 --quick --budget 0.1"
assert main([*words.split(), "--models-dir", "models", "--output", "out"]) == 0
table = inference_bench.load_runs("out").samples
print(table.schema.field("power_mw").type, table["power_mw"].null_count == table.num_rows > 0)
print(*(line for _, text in run_path("docs/tables.py")["pages"]() for line in text.splitlines() if "power_mw" in line))
"""


# An editable install would import the package from its own place; Python runs this file at each start, in workers, too.
WITHOUT_EDITABLE = """
import sys
sys.meta_path[:] = [finder for finder in sys.meta_path if "Redirecting" not in type(finder).__name__]
"""


def test_a_column_is_added_with_one_line(tmp_path):
    for folder in ("inference_bench", "docs", "models"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "sitecustomize.py").write_text(WITHOUT_EDITABLE)
    source = tmp_path / "inference_bench" / "columns.py"
    before, mark, after = source.read_text().partition("\n\n@table\nclass MemoryColumns")
    source.write_text(before + ADDED + mark + after)

    command = [sys.executable, "-c", SCRIPT]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    assert ended.returncode == 0, ended.stderr
    stored, documented = ended.stdout.splitlines()[-2:]
    assert stored == "int64 True"
    assert documented == "| `power_mw` | int64 | yes | power of the package, milliwatts |"
