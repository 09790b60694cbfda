"""JSON Schemas: what a run writes is valid, today's and a stored one, and what cannot be read is not."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest

from inference_bench.cli import main
from inference_bench.results.json_schema import FILES, schema_of_file
from tests.null_runs import write_null_runs
from tests.stored_run import FOLDER

jsonschema = pytest.importorskip("jsonschema")


def errors(name: str, document: object) -> list[str]:
    return [error.message for error in jsonschema.Draft202012Validator(schema_of_file(name)).iter_errors(document)]


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    root = write_null_runs(tmp_path_factory.mktemp("runs"), 1)
    return next(path for path in root.iterdir() if path.is_dir())


@pytest.mark.parametrize("name", FILES)
def test_files_of_runs_are_valid(name, fresh):
    jsonschema.Draft202012Validator.check_schema(schema_of_file(name))
    for folder in (fresh, Path(FOLDER)):
        assert errors(name, json.loads((folder / name).read_bytes())) == []


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("run.json", lambda document: document.pop("cases")),
        ("run.json", lambda document: document.update(finished="yes")),
        ("run.json", lambda document: document["provenance"].update(argv="run")),
        ("results.json", lambda document: document["results"][0].update(status="fine")),
        ("results.json", lambda document: document["results"][0]["case"].pop("id")),
        ("results.json", lambda document: document["results"][0]["summaries"][0].update(n="many")),
    ],
)
def test_what_cannot_be_read_is_invalid(name, change, fresh):
    document = copy.deepcopy(json.loads((fresh / name).read_bytes()))
    change(document)

    assert errors(name, document) != []


def test_the_command_prints_it(capsys):
    assert main(["schema", "run.json"]) == 0
    assert json.loads(capsys.readouterr().out) == schema_of_file("run.json")
    assert main(["schema", "rnu.json"]) == 2
    assert "did you mean 'run.json'" in capsys.readouterr().err
