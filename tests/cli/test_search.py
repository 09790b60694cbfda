"""``advise --search`` from the command line, on the null model, and the file that it writes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from inference_bench.analysis.elimination import Departure
from inference_bench.ceilings import Interval
from inference_bench.cli import main
from inference_bench.cli._option_sources import read_options
from inference_bench.cli._parser import Parser
from inference_bench.cli._request import spec_of
from inference_bench.cli._search_answer import search_document, search_lines
from inference_bench.cli._spec_writer import spec_text
from inference_bench.cli.run import RunCommand
from inference_bench.orchestration.search import SearchOutcome
from inference_bench.spec import Setup, Spec
from tests.null_runs import write_null_runs

jsonschema = pytest.importorskip("jsonschema")


def test_a_search_ends_with_a_file_that_run_reads(tmp_path, capsys):
    write_null_runs(tmp_path, 1)
    (run,) = tmp_path.iterdir()

    code = main(["advise", str(run), "--search", "--axis", "threads=1,2", "--time", "6", "--quiet"])

    out = capsys.readouterr().out
    assert code == 0
    assert "Search of 2 set-ups" in out
    path = Path(re.search(r"run --spec (\S+)$", out, re.MULTILINE).group(1))
    assert path.parent.parent == run / "searches"
    assert main(["run", "--spec", str(path), "--dry-run"]) == 0


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["-a", "threads=1"], r"search space: 1 set-up .*expected two or more"),
        (["-a", "batch_size=1,2"], "axis of a search 'batch_size'"),
        (["-a", "threads=1", "-a", "threads=2"], "each axis once"),
        (["-a", "threads=1,1"], r"search space: 1 set-up .*expected two or more"),
        (["-a", "threads=many,few"], "threads"),
        (["-a", "threads"], "name=value"),
        (["-a", "dtype=int8,int4"], r"search space: 2 set-ups .*expected two or more"),
        (["-a", "threads=1,2", "--least-agreement", "2"], "least agreement"),
        (["-a", "threads=1,2", "--time", "0"], "time"),
        (["-a", "threads=1,2", "--format", "html"], "html"),
        (["--case", "nothing"], "case: got 'nothing'"),
    ],
)
def test_a_search_space_of_nothing_is_one_line(tmp_path, capsys, words, expected):
    write_null_runs(tmp_path, 1)
    (run,) = tmp_path.iterdir()

    code = main(["advise", str(run), "--search", *words])

    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error")]
    assert code == 2
    assert re.search(expected, line)
    assert [path.name for path in tmp_path.iterdir()] == [run.name]


def test_a_written_spec_says_the_same_when_it_is_read(tmp_path):
    folder = tmp_path / "more, models"
    folder.mkdir()
    setup = Setup(dtype="bfloat16", threads=3, attention="eager", weights="random", scale="reduced", seed=9)
    spec = Spec(("null",), ("inference_speed",), axes={"input_length": (8, 16), "view": ("steps",)})
    path = tmp_path / "fastest.toml"
    path.write_text(spec_text(spec, setup, [folder]))
    command = RunCommand()
    command.name = "run"

    args = read_options(Parser(command), ["--spec", str(path)])
    read = spec_of(args)

    assert (read.models, read.benchmarks, dict(read.axes)) == (spec.models, spec.benchmarks, dict(spec.axes))
    assert read.setups == (setup,)
    assert args.models_dir == [folder]


def test_the_table_has_the_winner_first_and_the_last_to_leave_next():
    setups = {name: Setup(threads=place) for place, name in enumerate("abc", 1)}
    departures = (Departure("c", "killed", None, 0), Departure("b", "slower than the best", Interval(2, 1.5, 3), 1))
    outcome = SearchOutcome(Path(), setups, {"a": Interval(1, 1, 1)}, departures, {"b": 0.99}, 1, "decided", False)

    _, _, *rows, _ = search_lines(search_document("run", [outcome], None, []))

    assert [row.split()[0] for row in rows] == ["a", "b", "c"]
    assert rows[1].split("  ")[1:] != []
    assert "×2.000" in rows[1] and "[1.500, 3.000]" in rows[1] and "0.990" in rows[1]
    assert "left: killed" in rows[2]


def test_a_search_answers_a_program_by_its_schema(tmp_path, capsys):
    write_null_runs(tmp_path, 1)
    (run,) = tmp_path.iterdir()

    assert main(["advise", str(run), "--search", "-a", "threads=1,2", "--time", "0.1", "--quiet", "--json"]) == 0

    document = json.loads(capsys.readouterr().out)
    assert main(["schema", "advise"]) == 0
    jsonschema.validate(document, json.loads(capsys.readouterr().out))
    (step,) = document["steps"]
    assert step["stop_reason"] == "time spent in the first round: 1 of 2 set-ups measured"
    assert [(tried["name"], tried["rounds"]) for tried in step["tried"]] == [("threads=1", 1), ("threads=2", 0)]
    assert step["tried"][0]["setup"]["threads"] == 1
    assert step["tried"][1]["left"] == "the search ended before its turn"
    assert step["tried"][1]["time"] is None
    assert (document["fastest"], document["run"]) == ("threads=1", run.name)
    assert Path(document["spec"]).is_file()


def test_a_run_of_another_benchmark_cannot_be_searched(tmp_path, capsys):
    output = tmp_path / "runs"
    words = ["--model", "null", "--benchmark", "memory_usage", "--input-lengths", "16", "--new-tokens", "4"]
    assert main(["run", *words, "--runs", "1", "--quiet", "-o", str(output)]) == 0
    (run,) = output.iterdir()
    capsys.readouterr()

    assert main(["advise", str(run), "--search"]) == 2
    error = capsys.readouterr().err
    assert "measured memory_usage, expected inference_speed" in error
    assert error.count("\n") == 1
