"""What commands print with ``--json`` has the schema that ``schema COMMAND`` prints."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from inference_bench.cli import main
from inference_bench.cli._answers import ANSWERS
from inference_bench.cli._command import command_names, load_command
from inference_bench.cli._parser import Parser
from inference_bench.cli.schema import schema_named
from tests.null_runs import write_null_runs
from tests.stored_run import FOLDER

jsonschema = pytest.importorskip("jsonschema")


def errors(name: str, document: object) -> list[str]:
    found = jsonschema.Draft202012Validator(schema_named(name)).iter_errors(document)
    return [f"{error.json_path}: {error.message}" for error in found]


def answer(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    assert main([*words, "--json"]) in (0, 1, 3)
    return json.loads(capsys.readouterr().out)


def history(path: Path, *medians: float) -> str:
    path.write_text("".join(json.dumps({"test_it.py::test_it": median}) + "\n" for median in medians))
    return str(path)


@pytest.fixture
def compared(tmp_path, capsys):
    write_null_runs(tmp_path, 2)
    return answer(capsys, "compare", "latest~1", "latest", "--results", str(tmp_path))


@pytest.fixture
def judged(tmp_path, capsys):
    return answer(capsys, "compare", history(tmp_path / "times.jsonl", 100, 101, 102, 103, 104, 180))


def test_a_comparison_of_runs(compared):
    assert compared["comparisons"][0]["rows"]
    assert errors("compare", compared) == []
    assert errors("ab", compared) == []


def test_a_judgement_of_one_run(judged):
    assert judged["rows"][0]["prediction"]
    assert errors("compare", judged) == []
    assert errors("ab", judged) != []


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("check", ["check", str(FOLDER)]),
        ("list", ["list"]),
        ("list", ["list", "benchmarks", "--model", "smollm2_135m_instruct"]),
        ("env", ["env"]),
        ("verify", ["verify", "--model", "null"]),
        ("time", ["time", "--runs", "2", "1 + 1", "2 + 2"]),
        ("time", ["time", "--runs", "2", "-c", "test {n}", "-L", "n", "1,2"]),
    ],
)
def test_other_answers(name, words, capsys):
    assert errors(name, answer(capsys, *words)) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda document: document.update(comparison_version=2),
        lambda document: document.pop("is_worse"),
        lambda document: document["comparisons"][0].pop("sentence"),
        lambda document: document["comparisons"][0]["rows"][0].pop("word"),
        lambda document: document["comparisons"][0]["rows"][0].update(verdict="good"),
        lambda document: document["comparisons"][0]["rows"][0].update(values=[1.0]),
        lambda document: document["comparisons"][0]["rows"][0]["before"].pop("id"),
        lambda document: document["comparisons"][0].update(environment_differences=[{"name": "cpu"}]),
    ],
)
def test_another_document_is_no_comparison(change, compared):
    document = copy.deepcopy(compared)
    change(document)

    assert errors("compare", document) != []


def test_every_command_that_prints_json_has_a_schema():
    """Those left out print results.json, or rows whose columns the question names."""
    with_json = {name for name in command_names() if "--json" in Parser(load_command(name)).option_names}

    assert with_json - {"query", "report", "run"} == set(ANSWERS)


@pytest.mark.parametrize("name", ANSWERS)
def test_each_schema_is_one_and_its_name_is_in_the_help(name, capsys):
    jsonschema.Draft202012Validator.check_schema(schema_named(name))
    assert main(["schema", name]) == 0
    assert json.loads(capsys.readouterr().out) == schema_named(name)
    assert main(["schema", "--help"]) == 0
    assert f" {name}" in capsys.readouterr().out
