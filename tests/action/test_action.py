"""The action's steps, executed with the null model: summary, exit code, artifacts, history."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import yaml

from inference_bench.dossier.checking import check_dossier
from tests.action.composite import Job

ROOT = Path(__file__).parents[2]
ARGUMENTS = "--model null --benchmark inference_speed --input-lengths 8 --new-tokens 4 --quick --budget 1 --runs 1"


@pytest.fixture(scope="module")
def use(tmp_path_factory):
    """Return a function that uses the action in a workspace of its own."""

    def use(workspace=None, path="", **inputs):
        folder = tmp_path_factory.mktemp("job")
        workspace = workspace or folder / "workspace"
        workspace.mkdir(exist_ok=True)
        environment = {
            "PATH": os.pathsep.join([*([path] if path else []), os.fspath(Path(sys.executable).parent), os.defpath]),
            "PYTHONPATH": os.fspath(ROOT),
            "HOME": os.fspath(folder),
            "XDG_STATE_HOME": os.fspath(folder / "state"),
            "GITHUB_REPOSITORY": "me/models",
            "GITHUB_WORKFLOW_REF": "me/models/.github/workflows/gate.yml@refs/heads/main",
        }
        given = {
            "arguments": ARGUMENTS,
            "install": "none",
            **{name.replace("_", "-"): of for name, of in inputs.items()},
        }
        return Job(ROOT, given, workspace, folder, environment, {"token": "no-token"}).run()

    return use


@pytest.fixture(scope="module")
def first(use):
    """Return the job of a run without a history."""
    return use()


def said(job):
    return "\n".join(f"{step.name}: {step.code}: {step.said}" for step in job.steps.values())


def history_of(job, folder, factors):
    """Write earlier runs: the job's run with its samples and its figures multiplied."""
    run = job.workspace / job.outputs["run"]
    for number, factor in enumerate(factors):
        record = json.loads((run / "run.json").read_bytes())
        began = datetime.fromisoformat(record["created_utc"]) - timedelta(days=number + 1)
        record |= {"id": f"{began.astimezone(UTC):%Y%m%dT%H%M%SZ}-{number:06x}", "created_utc": began.isoformat()}
        copy = folder / record["id"]
        shutil.copytree(run, copy)
        (copy / "run.json").write_text(json.dumps(record))
        results = json.loads((copy / "results.json").read_bytes())
        for summary in (summary for entry in results["results"] for summary in entry["summaries"]):
            for figure in summary["quantiles"].values():
                figure |= {name: figure[name] and figure[name] * factor for name in ("value", "low", "high")}
        (copy / "results.json").write_text(json.dumps(results))
        for path in copy.glob("samples/*.parquet"):
            table = pq.read_table(path)
            values = pc.cast(pc.multiply(table["value"], float(factor)), "int64", safe=False)
            at = table.column_names.index("value")
            pq.write_table(table.set_column(at, "value", values), path)
    return folder


def test_a_run_without_a_history_is_measured_packed_and_passes(first):
    evidence = first.artifacts["inference-bench"]

    assert first.code == 0, said(first)
    assert first.outputs == {"run": first.outputs["run"], "verdict": "none", "exit-code": "0"}
    assert "TTFT" in first.summary and "<details" in first.summary
    assert sorted(path.name for path in evidence.iterdir()) == ["dossier.zip", "report.html", "runs"]
    assert check_dossier(evidence / "dossier.zip").mismatches == ()
    assert first.steps["Set up Python"].outputs == {"python-version": "3.12"}
    assert re.search(r"^::(notice|warning|error) title=", first.steps["measure"].said, re.MULTILINE)


def test_a_slower_run_fails_and_its_evidence_is_uploaded(use, first, tmp_path):
    history = history_of(first, tmp_path / "history", [0.05 + 0.0005 * number for number in range(10)])

    job = use(history=os.fspath(history))

    assert (job.code, job.outputs["verdict"]) == (1, "slower"), said(job)
    assert "SLOWER" in job.summary and "judged by 10 earlier runs" in job.summary
    assert "::error title=" in job.steps["judge"].said
    assert "dossier.zip" in os.listdir(job.artifacts["inference-bench"])
    assert len(list(history.iterdir())) == 10


def test_a_run_that_is_not_worse_passes_and_is_kept(use, first, tmp_path):
    history = history_of(first, tmp_path / "history", [20 + 0.1 * number for number in range(9)])

    job = use(history=os.fspath(history), keep="true", artifact="")

    assert (job.code, job.outputs["verdict"]) == (0, "ok"), said(job)
    assert job.artifacts == {}
    assert (history / Path(job.outputs["run"]).name / "run.json").is_file()


def test_a_history_in_an_artifact_comes_from_the_default_branch_and_goes_back(use, first, tmp_path):
    """``gh`` is a double: it answers as the real one does and copies instead of downloading."""
    stored = history_of(first, tmp_path / "stored", [20 + 0.1 * number for number in range(9)])
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "gh").write_text(
        f"""#!/usr/bin/env bash
set -euo pipefail
echo "$GH_TOKEN $*" >> {tmp_path}/asked
case "$1 $2" in
  "api repos/me/models") echo trunk ;;
  "run list") echo 77 ;;
  "run download") cp -r {stored}/. "${{@: -1}}" ;;
esac
"""
    )
    (tools / "gh").chmod(0o755)

    job = use(path=os.fspath(tools), history_artifact="past", keep="true")

    asked = (tmp_path / "asked").read_text().splitlines()
    assert (job.code, job.outputs["verdict"]) == (0, "ok"), said(job)
    assert "run list --repo me/models --workflow gate.yml --branch trunk --status success" in asked[1]
    assert asked[2].startswith("no-token run download 77 --repo me/models --name past")
    assert len(list(job.artifacts["past"].iterdir())) == 10


def test_an_invalid_request_fails_whatever_fail_on_says(use):
    job = use(arguments="--model there_is_none", fail_on="never")

    assert job.code == 2
    assert "unknown model" in job.steps["measure"].said


def test_arguments_are_words_and_no_commands(use):
    job = use(arguments="--model null --dry-run --label 'a b' --note '$(touch one)' '--tag=k=`touch two`'; touch three")

    assert job.code == 2
    assert not {"one", "two", "three"} & set(os.listdir(job.workspace))


@pytest.mark.parametrize(
    "inputs",
    [
        {"fail_on": "sometimes"},
        {"keep": "perhaps"},
        {"keep": "true"},
        {"history": "a", "history_artifact": "b"},
    ],
)
def test_inputs_without_meaning_end_the_job_before_anything_is_measured(inputs, use):
    job = use(**inputs)

    assert job.code == 2
    assert "::error title=inference_bench::" in said(job)
    assert job.steps["measure"].code is None
    assert job.steps["Pack the evidence"].code == 0  # it always runs, and has nothing to pack


@pytest.mark.parametrize(
    ("fail_on", "run_code", "verdict", "code"),
    [
        ("slower", "0", "ok", 0),
        ("slower", "0", "none", 0),
        ("slower", "0", "suspect", 0),
        ("slower", "0", "slower", 1),
        ("suspect", "0", "suspect", 3),
        ("suspect", "0", "slower", 1),
        ("never", "0", "slower", 0),
        ("slower", "1", "ok", 1),
        ("never", "1", "ok", 0),
        ("never", "2", "none", 2),
        ("never", "", "", 2),
        ("slower", "130", "none", 130),
    ],
)
def test_the_exit_code_of_the_job(fail_on, run_code, verdict, code):
    words = {"INPUT_FAIL_ON": fail_on, "RUN_CODE": run_code, "VERDICT": verdict}

    ended = subprocess.run(["bash", ROOT / "action" / "decide.sh"], env={**os.environ, **words}, check=False)

    assert ended.returncode == code


def test_scripts_are_files_and_inputs_reach_them_as_variables_only():
    steps = yaml.safe_load((ROOT / "action.yml").read_text())["runs"]["steps"]
    scripts = [
        re.fullmatch(r'bash "\$GITHUB_ACTION_PATH/(action/\w+\.sh)"', step["run"]) for step in steps if "run" in step
    ]

    assert all(scripts)
    assert {found[1] for found in scripts} == {f"action/{path.name}" for path in (ROOT / "action").iterdir()}
    for path in (ROOT / "action").iterdir():
        variables = set(re.findall(r"\$\{?(INPUT_\w+|RUN\b|HISTORY\b|RUN_CODE|VERDICT|GH_TOKEN)", path.read_text()))
        step = next(each for each in steps if f"action/{path.name}" in each.get("run", ""))
        assert variables <= step.get("env", {}).keys()
