"""The JSON Schema of a request in TOML: what ``run --spec`` reads is valid, and what it refuses is not."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from inference_bench.cli import main
from inference_bench.cli._spec_file import EFFORTS, LIMITS, OPTIONS
from inference_bench.cli._spec_schema import spec_schema
from tests.cli.test_spec_file import FILE, read

jsonschema = pytest.importorskip("jsonschema")
EXAMPLES = sorted((Path(__file__).parents[2] / "examples" / "specs").glob("*.toml"))


def errors(text: str) -> list[str]:
    validator = jsonschema.Draft202012Validator(spec_schema())
    return [error.message for error in validator.iter_errors(tomllib.loads(text))]


def test_it_is_a_schema():
    jsonschema.Draft202012Validator.check_schema(spec_schema())


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_examples_are_valid(path):
    assert errors(path.read_text()) == []


@pytest.mark.parametrize(
    "text",
    [FILE, "", "all = true", "models = 'null'", "effort = 'quick'", "tags = 'a=b'", "[limits]\nprecision = '2%'"],
)
def test_what_is_read_is_valid(text, tmp_path):
    (tmp_path / "spec.toml").write_text(text)

    assert errors(text) == []
    assert read("--spec", str(tmp_path / "spec.toml")).spec


@pytest.mark.parametrize(
    "text",
    [
        "model = 'null'",
        "[axis]\ndtype = 'float32'",
        "[limits]\nbudgets = 3",
        "axes = 3",
        "runs = true",
        "runs = 1.5",
        "all = 1",
        "models = [['null']]",
        "effort = 'fast'",
        "overlap = 'sometimes'",
        "suite = 'all'",
        "[axes]\ninput_length = []",
        "[limits]\nbudget = 0",
        "[limits]\nprecision = 1",
        "all = true\nmodels = 'null'",
        "suite = 'full'\nbenchmarks = 'accuracy'",
    ],
)
def test_what_is_refused_is_invalid(text, tmp_path):
    (tmp_path / "spec.toml").write_text(text)

    assert errors(text) != []
    assert main(["run", "--dry-run", "--spec", str(tmp_path / "spec.toml")]) == 2


def test_every_key_says_what_it_is():
    schema = spec_schema()
    limits = schema["properties"]["limits"]

    assert set(schema["properties"]) == {*OPTIONS, "axes", "limits"}
    assert set(limits["properties"]) == set(LIMITS)
    assert all(each["description"] for key, each in schema["properties"].items() if key in OPTIONS)
    assert schema["properties"]["effort"]["enum"] == list(EFFORTS)


def test_the_command_prints_it(capsys):
    assert main(["schema", "spec.toml"]) == 0
    assert json.loads(capsys.readouterr().out) == spec_schema()
