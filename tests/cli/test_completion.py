"""Completion: what the words before allow, and the scripts in real shells."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from inference_bench.cli import main
from inference_bench.cli._command import command_names
from inference_bench.cli._completion import SCRIPTS, candidates
from inference_bench.metrics import QUANTILES
from inference_bench.model.weights.references import SOURCES
from inference_bench.spec import ALL_DTYPES
from tests.null_runs import write_null_runs

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("ru", ["run"]),
        ("help com", ["compare", "completion"]),
        ("--ver", ["--version"]),
        ("run --mod", ["--model", "--models-dir"]),
        ("run --model nul", ["null"]),
        ("run --model null,smol", ["null,smollm2_135m_instruct"]),
        ("run --dtype float32,b", ["float32,bfloat16"]),
        ("run --dtype=float3", ["--dtype=float32"]),
        ("run --dtype = float3", ["float32"]),
        ("run --dtype =", list(ALL_DTYPES)),
        ("run --benchmark inference_", ["inference_speed"]),
        ("run -a batch_", ["batch_size="]),
        ("run --format m", ["markdown"]),
        ("env --format ", ["console", "json"]),
        ("query x --export p", ["parquet="]),
        ("list mod", ["models"]),
        ("check --at-least B", ["B"]),
        ("run --quiet --mode", ["--model", "--models-dir"]),
        ("run --output ", []),
        ("rnu --", []),
        ("completion f", ["fish"]),
    ],
)
def test_what_may_stand_at_the_cursor(line, found):
    assert candidates(line.split(" ")) == found


def test_an_empty_line_offers_every_command():
    assert set(candidates([""])) == {*command_names(), "help", "--help", "--version"}


def test_words_that_other_modules_own():
    assert candidates(["run", "--weights", ""]) == [*SOURCES]
    assert candidates(["compare", "--quantile", ""]) == [*QUANTILES]


def test_runs_are_offered_by_label_and_id(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert candidates(["report", ""]) == []
    write_null_runs(tmp_path / "benchmark_results", 2)
    ids = sorted((path.name for path in (tmp_path / "benchmark_results").iterdir() if path.is_dir()), reverse=True)

    assert candidates(["report", ""]) == ["latest", "latest~1", *ids]
    assert candidates(["run", "--resume", ids[0][:8]]) == ids


def shell_ready(folder: Path) -> dict[str, str]:
    """An environment whose PATH has the installed program."""
    program = folder / "inference-bench"
    program.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m inference_bench "$@"\n')
    program.chmod(0o755)
    return {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "HOME": str(folder)}


def run_in(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a shell in a folder, with the installed program on its PATH."""
    return subprocess.run(
        words, capture_output=True, text=True, env=shell_ready(folder), cwd=folder, timeout=60, check=False
    )


def script(shell: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["completion", shell]) == 0
    return capsys.readouterr().out


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["ru"], ["run"]),
        (["run", "--model", "null,smol"], ["null,smollm2_135m_instruct"]),
        (["run", "--dtype", "=", "float3"], ["float32"]),
        (["run", "--outp"], ["--output"]),
    ],
)
def test_bash_completes(tmp_path, capsys, words, found):
    line = " ".join(f"'{word}'" for word in ["inference-bench", *words])
    lines = [
        script("bash", capsys),
        "complete -p inference-bench >&2",
        f"COMP_WORDS=({line}); COMP_CWORD={len(words)}",
        f"_inference_bench inference-bench '{words[-1]}' '{words[-2] if len(words) > 1 else ''}'",
        "printf '%s\\n' \"${COMPREPLY[@]}\"",
    ]
    done = run_in(tmp_path, "bash", "--norc", "-c", "\n".join(lines))

    assert done.stdout.splitlines() == found, done.stderr
    assert "-F _inference_bench" in done.stderr


@pytest.mark.skipif(shutil.which("fish") is None, reason="no fish")
def test_fish_completes(tmp_path, capsys):
    (tmp_path / "script.fish").write_text(script("fish", capsys))
    done = run_in(tmp_path, "fish", "-c", "source script.fish; complete -C 'inference-bench run --model nul'")

    assert "null" in done.stdout.split(), done.stderr


@pytest.mark.skipif(shutil.which("zsh") is None, reason="no zsh")
def test_zsh_accepts_the_script(tmp_path, capsys):
    (tmp_path / "script.zsh").write_text(script("zsh", capsys))
    body = [
        "autoload -Uz compinit; compinit -D -u",
        "source script.zsh",
        "compadd() { shift; print -l -- $@ }",
        "words=(inference-bench run --model nul); CURRENT=4; _inference_bench",
    ]
    done = run_in(tmp_path, "zsh", "-f", "-c", "\n".join(body))

    assert done.stdout.splitlines() == ["null"], done.stderr


def test_an_unknown_shell_is_refused(capsys):
    assert main(["completion", "tcsh"]) == 2
    assert f"Known: {', '.join(sorted(SCRIPTS))}." in capsys.readouterr().err
