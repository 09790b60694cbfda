"""``--format``, ``--json`` and ``--export``: one spelling in every command that shows something."""

from __future__ import annotations

import json

import pytest

from inference_bench.cli import main
from inference_bench.cli._command import command_names, load_command
from inference_bench.cli._outputs import JSON, PAGE_FORMATS, REPORT_FORMATS
from inference_bench.cli._parser import Parser
from inference_bench.plugins import names_in
from inference_bench.reports._render import check_format
from tests.null_runs import write_null_runs

SHOWING = ["ab", "check", "compare", "env", "list", "noise", "overlap", "query", "report", "run", "verify"]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_null_runs(tmp_path_factory.mktemp("runs"), 2)


def test_every_command_that_shows_something_has_the_three_options_and_no_other_has():
    with_format = [name for name in command_names() if "--format" in Parser(load_command(name)).option_names]

    assert set(SHOWING) <= set(with_format)
    for name in with_format:
        assert {"--json", "--export"} <= set(Parser(load_command(name)).option_names), name


def test_the_formats_that_are_named_are_those_that_exist():
    for form in PAGE_FORMATS:
        check_format(form, JSON)
    assert set(REPORT_FORMATS) == set(names_in("inference_bench.reports"))


@pytest.mark.parametrize(
    "words", [["list", "suites"], ["env"], ["report", "{}"], ["check", "{}"], ["query", "SELECT 1 AS x", "{}"]]
)
def test_json_is_short_for_a_format(root, capsys, words):
    run = sorted(path for path in root.iterdir() if path.is_dir())[0]
    words = [word.format(run) for word in words]

    outputs = []
    for how in (["--json"], ["--format", "json"]):
        assert main([*words, *how]) == 0
        outputs.append(json.loads(capsys.readouterr().out))
    assert type(outputs[0]) is type(outputs[1])
    if words[0] != "env":  # where values change by themselves
        assert outputs[0] == outputs[1]


def test_a_report_is_exported_beside_the_console(root, capsys, tmp_path):
    run = sorted(path for path in root.iterdir() if path.is_dir())[0]
    main(["report", str(run)])
    console = capsys.readouterr().out
    files = {form: tmp_path / f"out.{form}" for form in ("html", "markdown", "csv", "json")}

    assert main(["report", str(run), *(f"--export={form}={path}" for form, path in files.items())]) == 0

    found = capsys.readouterr()
    assert found.out == console
    assert [line for line in found.err.splitlines() if line.startswith("exported to")] == [
        f"exported to {path}" for path in files.values()
    ]
    assert "<html" in files["html"].read_text()
    assert "## " in files["markdown"].read_text()
    assert files["csv"].read_bytes().startswith(b"schema_version,run_id,")
    for form in ("csv", "json"):
        main(["report", str(run), "--format", form])
        assert files[form].read_text() == capsys.readouterr().out


def test_a_run_exports_its_report(tmp_path, capsys):
    words = ["run", "--model", "null", "--benchmark", "inference_speed", "--quick", "--budget", "0.1", "--quiet"]
    words += ["-a", "input_length=8", "-a", "new_tokens=2", "-o", str(tmp_path / "runs")]

    assert main([*words, "--export", f"json={tmp_path / 'run.json'}", "--export", f"html={tmp_path / 'run.html'}"]) == 0

    assert "Inference speed" in capsys.readouterr().out
    assert len(json.loads((tmp_path / "run.json").read_text())["results"]) == 1
    assert "<html" in (tmp_path / "run.html").read_text()


def test_a_comparison_is_exported(root, capsys, tmp_path):
    runs = [str(path) for path in sorted(root.iterdir()) if path.is_dir()][:2]

    code = main(["compare", *runs, f"--export=json={tmp_path / 'c.json'}", f"--export=markdown={tmp_path / 'c.md'}"])

    assert code in (0, 1)  # what two runs of noise say of each other is not of interest
    assert json.loads((tmp_path / "c.json").read_text())["comparison_version"] == 1
    assert "## " in (tmp_path / "c.md").read_text()
    assert "## " not in capsys.readouterr().out


def test_a_query_is_exported_as_parquet(root, tmp_path):
    import pyarrow.parquet as pq

    assert main(["query", "SELECT 1 AS x", str(root), "--export", f"parquet={tmp_path / 'x.parquet'}"]) == 0

    assert pq.read_table(tmp_path / "x.parquet").to_pylist() == [{"x": 1}]


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["--export", "report.html"], ["export: got 'report.html'", "html=report.html"]),
        (["--export", "htlm=x.html"], ["'htlm'", "did you mean 'html'"]),
        (["--export", "html=nowhere/x.html"], ["nowhere/x.html", "a folder that exists"]),
        (["--export", "html=."], ["a file in a folder"]),
        (["--export", "html=x", "--export", "json=x"], ["a file of its own"]),
        (["--json", "--format", "html"], ["not allowed with"]),
    ],
)
@pytest.mark.parametrize("command", [["check"], ["report"], ["run", "--model", "null"]], ids=lambda words: words[0])
def test_what_cannot_be_exported_is_refused_before_anything_is_done(
    tmp_path, monkeypatch, capsys, command, words, parts
):
    monkeypatch.chdir(tmp_path)

    assert main([*command, *words]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert [part for part in parts if part not in err] == [], err
    assert list(tmp_path.iterdir()) == []
